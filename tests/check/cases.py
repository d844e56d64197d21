"""Reads the cases in `tests/check_cases` and spells them three ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "check_cases"
SPELLINGS = ("async", "ours", "aws")
PREAMBLE = """\
from durable_runtime import (
    DurableContext,
    StepContext,
    durable_execution,
    durable_parallel_branch,
    durable_step,
    durable_wait_for_callback,
    durable_with_child_context,
    with_retry,
)
from durable_runtime.config import ParallelBranch, StepConfig, StepSemantics
from durable_runtime.retries import RetryPresets
"""
_CASE = re.compile(r"^# case: (.+)$", re.MULTILINE)
_FILE = re.compile(r"^# file: (\S+)$", re.MULTILINE)
_NOW = "# now:\n"
_ONLY = re.compile(r"^# only: (.+)$", re.MULTILINE)
_MARK = re.compile(r" ?#!(async|sync|aws)?\s+([a-z, -]+?)\s*$")


class Case(NamedTuple):
    """One case in one spelling: its files and what must be reported in them."""

    rule: str
    title: str
    spelling: str
    files: dict[str, str]
    expected: set[tuple[str, int, str]]
    recorded: dict[str, str] | None = None  # the project as it was when the baseline was recorded

    def expected_lines(self) -> set[tuple[str, str, int]]:
        """Return what must be reported as file, rule and line."""
        return {(name, rule, line) for name, line, rule in self.expected}

    def __str__(self) -> str:
        return f"{self.rule}-{self.spelling}-{self.title.replace(' ', '_')}"


def spelled(text: str, spelling: str) -> str:
    """Return the text in one of the three spellings."""
    if spelling != "async":
        text = re.sub(r"\basync (?=def |with |for )", "", text)
        text = re.sub(r"\bawait ", "", text)
    if spelling == "aws":
        text = text.replace("durable_runtime", "aws_durable_execution_sdk_python")
    return text


def _files(body: str) -> dict[str, str]:
    parts = _FILE.split(body)
    files = {"handler.py": PREAMBLE + parts[0]}
    files.update(dict(zip(parts[1::2], parts[2::2], strict=True)))
    return files


def _expected(files: dict[str, str], spelling: str) -> set[tuple[str, int, str]]:
    expected = set()
    for name, text in files.items():
        for number, line in enumerate(text.split("\n"), start=1):
            found = _MARK.search(line)
            if found is None:
                continue
            kind = found[1]
            if kind is None or kind == spelling or (kind == "sync" and spelling != "async"):
                expected |= {(name, number, rule.strip()) for rule in found[2].split(",")}
    return expected


def load(file: Path) -> list[Case]:
    """Return the cases of one file in all their spellings."""
    parts = _CASE.split(file.read_text(encoding="utf-8"))
    cases = []
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        only = _ONLY.search(body)
        for spelling in SPELLINGS if only is None else only[1].split(", "):
            versions = [_version(text, spelling) for text in body.split(_NOW)]
            recorded = _unmarked(versions[0]) if len(versions) > 1 else None
            expected = _expected(versions[-1], spelling)
            cases.append(Case(file.stem, title, spelling, _unmarked(versions[-1]), expected, recorded))
    return cases


def _version(body: str, spelling: str) -> dict[str, str]:
    return {name: spelled(text, spelling) for name, text in _files(body).items()}


def _unmarked(files: dict[str, str]) -> dict[str, str]:
    """Take the marks out: in a comment they would be part of an ignore's reason."""
    return {name: "\n".join(_MARK.sub("", line) for line in text.split("\n")) for name, text in files.items()}


def all_cases() -> list[Case]:
    """Return every case of every rule."""
    return [case for file in sorted(FOLDER.glob("*.py")) for case in load(file)]
