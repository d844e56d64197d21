"""`durable check`: its outputs, options and exit codes."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest

from durable_cli.main import main

BAD = """\
import time
from durable_runtime import durable_execution

@durable_execution
def handler(event, ctx):
    ctx.wait(60)
    print("x")
    return time.time()
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(BAD)
    return tmp_path


def run(*arguments: str) -> int:
    return main(["check", *arguments])


def test_text_shows_place_line_caret_why_and_fix(capsys) -> None:
    assert run("app.py") == 1
    text = capsys.readouterr().out
    assert "app.py:8:12: error: DUR001 clock-in-orchestration\n" in text
    assert "    8 |     return time.time()\n      |            ^^^^^^^^^^^\n  why: " in text
    assert "\n  fix: " in text
    assert text.endswith("1 file, 1 durable handler: 2 findings.\n")


def test_a_clean_project_says_so_and_ends_with_zero(capsys, project: Path) -> None:
    (project / "app.py").write_text("x = 1\n")
    assert run() == 0
    assert capsys.readouterr().out == "1 file, 0 durable handlers: no findings.\n"


def test_json_is_a_list_of_seven_members(capsys) -> None:
    assert run("--format", "json") == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["rule"] for row in rows] == ["DUR008", "DUR001"]
    for row in rows:
        assert list(row) == ["rule", "severity", "path", "line", "column", "message", "fix"]


def test_sarif_names_every_rule_and_points_at_the_place(capsys) -> None:
    assert run("--format", "sarif") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == "2.1.0"
    (only,) = document["runs"]
    known = [rule["id"] for rule in only["tool"]["driver"]["rules"]]
    for result in only["results"]:
        assert known[result["ruleIndex"]] == result["ruleId"]
    last = only["results"][-1]["locations"][0]["physicalLocation"]
    assert last["artifactLocation"]["uri"] == "app.py"
    assert last["region"] == {"startLine": 8, "startColumn": 12, "endColumn": 23}


def test_github_annotations_escape_their_parts(capsys) -> None:
    assert run("--format", "github") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("::warning file=app.py,line=7,col=5,title=DUR008 logger-in-orchestration::")
    assert lines[1].startswith("::error file=app.py,line=8,col=12,title=DUR001 clock-in-orchestration::")


def test_the_report_can_go_to_a_file(capsys, project: Path) -> None:
    assert run("--format", "json", "--output", "report.json") == 1
    assert capsys.readouterr().out == ""
    assert len(json.loads((project / "report.json").read_text())) == 2


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--select", "DUR008"], 1),
        (["--select", "DUR008", "--fail-on", "error"], 0),
        (["--fail-on", "never"], 0),
        (["--ignore", "DUR001,logger-in-orchestration"], 0),
        (["--exclude", "app.py"], 0),
        (["--select", "unreadable-source"], 0),
    ],
)
def test_options_decide_the_exit_code(options: list[str], code: int) -> None:
    assert run(*options) == code


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--select", "DUR777"], "there is no rule `DUR777`"),
        (["--explain", "clock"], "there is no rule `clock`"),
        (["missing.py"], "there is no such file or folder"),
        (["--config", "none.toml"], "cannot be read"),
        (["--baseline", "none.json"], "there is no such file"),
    ],
)
def test_wrong_usage_ends_with_two_and_says_why(capsys, options: list[str], words: str) -> None:
    assert run(*options) == 2
    assert words in capsys.readouterr().err


def test_pyproject_is_read_unless_told_otherwise(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.durable-check]\nignore = ["DUR001", "DUR008"]\n')
    assert run() == 0
    assert run("--no-config") == 1


def test_explain_and_list(capsys) -> None:
    assert run("--explain", "clock-in-orchestration") == 0
    assert capsys.readouterr().out.startswith("DUR001 clock-in-orchestration (error)\n")
    assert run("--list-rules") == 0
    assert "DUR012  unstable-effect-identity" in capsys.readouterr().out


def test_the_baseline_is_recorded_and_compared(capsys, project: Path) -> None:
    options = ["--ignore", "DUR001,DUR008"]
    assert run(*options, "--write-baseline", "baseline.json") == 0
    assert run(*options, "--baseline", "baseline.json") == 0
    (project / "app.py").write_text(BAD.replace("ctx.wait(60)", "ctx.invoke('f', {})"))
    capsys.readouterr()
    assert run(*options, "--baseline", "baseline.json", "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)[0]["rule"] == "DUR025"


def test_diff_shows_and_fix_applies(capsys, project: Path) -> None:
    assert run("--diff") == 1
    assert "+    return ctx.now().timestamp()" in capsys.readouterr().out
    assert (project / "app.py").read_text() == BAD
    assert run("--fix", "--fail-on", "error") == 0
    assert "+    return ctx.now().timestamp()" in capsys.readouterr().out
    assert "return ctx.now().timestamp()" in (project / "app.py").read_text()


def test_json_stays_json_with_a_diff(capsys) -> None:
    assert run("--diff", "--format", "json") == 1
    printed = capsys.readouterr()
    assert len(json.loads(printed.out)) == 2
    assert "+    return ctx.now()" in printed.err


def test_notes_go_to_standard_error_and_can_be_silenced(capsys, project: Path) -> None:
    (project / "broken.py").write_text("def x(:\n")
    run()
    assert "note: ./broken.py:1: syntax error" in capsys.readouterr().err.replace("note: broken", "note: ./broken")
    run("--quiet")
    assert capsys.readouterr().err == ""


def test_the_precommit_hook_runs_this_command() -> None:
    hooks = (Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml").read_text()
    assert "entry: durable check\n" in hooks


def test_a_report_that_cannot_be_written_is_wrong_usage(capsys) -> None:
    assert run("--output", "missing/report.txt") == 2
    assert "missing/report.txt: cannot be written: No such file or directory." in capsys.readouterr().err
    assert run("--write-baseline", "missing/baseline.json") == 2


def test_sarif_spells_paths_as_uris(capsys, project: Path) -> None:
    folder = project / "a b,é"
    folder.mkdir()
    (folder / "app.py").write_text(BAD)
    uris = []
    for path in ("a b,é", str(folder)):
        run(path, "--format", "sarif")
        (log,) = json.loads(capsys.readouterr().out)["runs"]
        uris.append(log["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
    assert uris == ["a%20b%2C%C3%A9/app.py", folder.joinpath("app.py").as_uri()]


def test_source_lines_are_shown_in_their_encoding_without_control_characters(capsys, project: Path) -> None:
    text = BAD.replace('print("x")', 'print("é\x1b[31m")')
    (project / "app.py").write_bytes(("# coding: latin-1\n" + text).encode("latin-1"))
    run("app.py")
    assert '    8 |     print("é [31m")\n' in capsys.readouterr().out


def test_a_terminal_that_cannot_show_a_character_gets_an_escape(monkeypatch, project: Path) -> None:
    (project / "app.py").write_text(BAD.replace('"x"', '"日本"'))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    assert run("app.py") == 1
    stream.seek(0)
    assert r'print("\u65e5\u672c")' in stream.read()


def test_a_source_in_another_file_is_named_with_its_file(capsys, project: Path) -> None:
    (project / "ids.py").write_text("import uuid\n\ndef fresh():\n    return str(uuid.uuid4())\n")
    (project / "app.py").write_text(
        "import boto3\nfrom durable_runtime import durable_execution\nfrom ids import fresh\n\n"
        'jobs = boto3.client("batch")\n\n@durable_execution\ndef handler(event, ctx):\n'
        "    ctx.wait_for_callback(lambda token, _: jobs.submit_job(jobName=fresh()))\n"
    )
    run("app.py")
    message = "gets `uuid.uuid4()` (ids.py:4): when the submitter in the handler `handler` runs again"
    assert message in capsys.readouterr().out


def test_a_file_named_by_itself_finds_what_its_folder_finds(capsys, project: Path) -> None:
    for folder in ("src/handlers", "src/common"):
        (project / folder).mkdir(parents=True)
    (project / "src/common/ids.py").write_text("import uuid\n\ndef fresh():\n    return uuid.uuid4()\n")
    (project / "src/handlers/orders.py").write_text(
        "from common.ids import fresh\nfrom durable_runtime import durable_execution\n\n"
        "@durable_execution\ndef handler(event, ctx):\n    return fresh()\n"
    )
    for path in ("src", "src/handlers/orders.py", str(project / "src/handlers/orders.py")):
        assert run(path, "--format", "json") == 1
        (row,) = json.loads(capsys.readouterr().out)
        assert (row["rule"], Path(row["path"]).name) == ("DUR003", "ids.py")


def test_a_full_disk_behind_standard_output_ends_in_words(capsys, monkeypatch) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert run() == 2
        with contextlib.suppress(OSError):
            full.close()
    assert "the report cannot be printed: No space left on device." in capsys.readouterr().err
