"""No valid Python makes the checker fail, and what it says does not depend on spelling or surroundings."""

from __future__ import annotations

import ast
import gc
import os
import re
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from cases import Case, all_cases

from durable_check import RULES, Report, check_paths
from durable_check._engine.modules import Project
from durable_check._engine.roots import functions
from durable_check._engine.run import Engine
from durable_check._problems import Collector
from durable_check._settings import Settings

STDLIB = Path(sysconfig.get_path("stdlib"))
CASES = [case for case in all_cases() if case.spelling == "async" and case.recorded is None]
PACKAGES = ("json", "asyncio", "concurrent", "email", "importlib", "logging", "unittest")
SAMPLE = int(os.environ.get("DURABLE_CHECK_SAMPLE", "24"))  # files walked; the benchmark's --deep walks all of them


@pytest.fixture
def no_collection():
    """Syntax trees of the library's imports are big; collecting garbage between them doubles the time."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_every_function_of_the_standard_library_can_be_walked_as_a_handler() -> None:
    files = sorted(path for path in STDLIB.rglob("*.py") if "site-packages" not in path.parts)
    project, walked = Project(), 0
    for path in files[7 :: max(len(files) // SAMPLE, 1)]:
        engine = Engine(project, Collector(Settings()).listen)
        module = project.load(str(path), str(STDLIB))
        if module is None:
            continue
        for info in functions(engine, module):
            engine.add_root(info, None)
            walked += 1
        engine.drain()
    assert walked > SAMPLE * 5


@pytest.mark.usefixtures("no_collection")
def test_code_without_a_durable_function_has_no_findings() -> None:
    report = check_paths([STDLIB / package for package in PACKAGES])
    assert report.findings == []
    assert report.files > 100


def check_text(files: dict[str, str]) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        report = check_paths([folder])
        report.findings = [
            finding.__class__(finding.rule, finding.severity, Path(finding.path).name, *place(finding), "", "")
            for finding in report.findings
        ]
        return report


def place(finding) -> tuple[int, int]:
    return finding.line, finding.column


def lines_of(report: Report) -> set[tuple[str, str, int]]:
    return {(finding.path, RULES[finding.rule].name, finding.line) for finding in report.findings}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data(), case=st.sampled_from(CASES))
def test_mangled_workflows_are_checked_without_a_failure(data, case: Case) -> None:
    """Lines of one case are dropped, repeated and mixed with another's; whatever still parses is checked."""
    lines = case.files["handler.py"].split("\n")
    other = data.draw(st.sampled_from(CASES)).files["handler.py"].split("\n")
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "repeat", "mix", "indent"])):
            case "drop":
                del lines[position]
            case "repeat":
                lines.insert(position, lines[position])
            case "mix":
                lines.insert(position, data.draw(st.sampled_from(other)))
            case "indent":
                lines[position] = "    " + lines[position]
        assume(lines)
    text = "\n".join(lines)
    try:
        ast.parse(text)
    except SyntaxError:
        assume(False)
    check_text({**case.files, "handler.py": text})


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from(CASES), name=st.sampled_from(["context", "durable", "größe", "self_", "c"]))
def test_the_context_may_have_any_name(case: Case, name: str) -> None:
    files = {path: re.sub(r"\bctx\b", name, text) for path, text in case.files.items()}
    assert lines_of(check_text(files)) == case.expected_lines()


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from(CASES), other=st.sampled_from(CASES))
def test_another_workflow_beside_it_changes_nothing(case: Case, other: Case) -> None:
    assume(len(other.files) == 1)
    assume("install()" not in str(case.files) + str(other.files))  # it speaks for the whole project
    both = check_text({**case.files, "neighbour.py": other.files["handler.py"]})
    neighbours = {("neighbour.py", rule, line) for _, rule, line in other.expected_lines()}
    assert lines_of(both) == case.expected_lines() | neighbours


@settings(max_examples=30, deadline=None)
@given(case=st.sampled_from(CASES))
def test_the_same_project_gives_the_same_report_twice(case: Case) -> None:
    assert check_text(case.files).findings == check_text(case.files).findings


HEAD = "\n@durable_execution\nasync def handler(event, ctx):\n"
ABOUT_FILES = {"unreadable-source", "bad-ignore", "unused-ignore"}
HANDLERS = [case for case in CASES if HEAD in case.files["handler.py"] and case.rule not in ABOUT_FILES]


@settings(max_examples=100, deadline=None)
@given(case=st.sampled_from(HANDLERS), bug=st.sampled_from(["clock", "random", "identity", "io", "logger", "sleep"]))
def test_a_bug_put_into_any_workflow_is_found(case: Case, bug: str) -> None:
    """Recall: whatever else a handler does, a call it must not make is reported, and nothing else changes."""
    code = {
        "clock": "__import_time.time()",
        "random": "__import_random.random()",
        "identity": "__import_uuid.uuid4()",
        "io": "open('/tmp/x')",
        "logger": "print('x')",
        "sleep": "__import_time.sleep(1)",
    }[bug]
    imports = "import random as __import_random, time as __import_time, uuid as __import_uuid\n"
    text = imports + case.files["handler.py"]
    position = text.index(HEAD) + len(HEAD)
    text = text[:position] + f"    {code}\n" + text[position:]
    line = text[:position].count("\n") + 1
    moved = {
        (path, rule, number + (path == "handler.py") + (path == "handler.py" and number + 1 >= line))
        for path, rule, number in case.expected_lines()
    }
    found = lines_of(check_text({**case.files, "handler.py": text}))
    assert found == moved | {("handler.py", f"{bug}-in-orchestration", line)}
