"""What cannot be read is reported with file and line, the rest is checked, and nothing ends in a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from durable_check import check_handler, check_paths
from durable_check._sources import MAX_BYTES

GOOD = (
    "from durable_runtime import durable_execution\n\n@durable_execution\ndef handler(event, ctx):\n    ctx.wait(5)\n"
)
BAD = "import time\n" + GOOD + "    return time.time()\n"


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"def broken(:\n    pass\n", 1, "syntax error"),
        (b"x = 1\n\nif True\n    pass\n", 3, "syntax error"),
        (b"# -*- coding: klingon -*-\n", 1, "decoded"),
        (b"x = 1\ny = '\xff\xfe'\n", 2, "decoded"),
        (b"x = 1\x00\n", 1, "null bytes"),
        (b"x = " + b"(" * 5000 + b")" * 5000, 1, ""),
        (b"#" * (MAX_BYTES + 1), 1, "over the limit"),
    ],
)
def test_an_unreadable_file_is_reported_and_the_rest_is_checked(
    tmp_path: Path, data: bytes, line: int, words: str
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_bytes(data)
    (tmp_path / "handler.py").write_text(BAD)
    report = check_paths([broken, tmp_path / "handler.py"])
    first, second = report.findings
    assert (first.rule, first.path, first.line) == ("DUR090", str(broken), line)
    assert words in first.message
    assert second.rule == "DUR001"


def test_an_unreadable_file_nothing_durable_depends_on_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def broken(:\n")
    (tmp_path / "handler.py").write_text(GOOD)
    report = check_paths([tmp_path])
    assert report.findings == []
    (note,) = report.notes
    assert (note.path, note.line) == (str(tmp_path / "broken.py"), 1)


def test_an_unreadable_workflow_in_a_folder_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("from durable_runtime import durable_execution\ndef broken(:\n")
    (finding,) = check_paths([tmp_path]).findings
    assert (finding.rule, finding.line) == ("DUR090", 2)


def test_an_unreadable_module_that_a_handler_imports_is_a_finding(tmp_path: Path) -> None:
    code = tmp_path / "handler.py"
    code.write_text("import helpers\n" + GOOD + "    helpers.go(ctx)\n")
    (tmp_path / "helpers.py").write_text("def go(:\n")
    (finding,) = check_paths([code]).findings
    assert (finding.rule, Path(finding.path).name) == ("DUR090", "helpers.py")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-8"])
def test_other_encodings_are_read_and_columns_count_characters(tmp_path: Path, encoding: str) -> None:
    head = "# coding: latin-1\n" if encoding == "latin-1" else ""
    file = tmp_path / "handler.py"
    file.write_bytes((head + BAD.replace("return time", 'größe = "ü"; return time')).encode(encoding))
    (finding,) = check_paths([file]).findings
    assert finding.column == len('    größe = "ü"; return ') + 1


def test_a_missing_module_is_a_note_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    file.write_text("from .helpers import go\n" + GOOD + "    go(ctx)\n")
    report = check_paths([file])
    assert report.findings == []
    assert report.notes[0][1:] == (1, "module `.helpers` is not there: not followed")
    assert "takes the durable context" in report.notes[1].message


def test_import_cycles_and_recursion_end(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from b import two\nimport time\ndef one(n):\n    return two(n) or time.time()\n")
    (tmp_path / "b.py").write_text("from a import one\nX = Y\nY = X\ndef two(n):\n    return one(n - 1) or two(n)\n")
    (tmp_path / "handler.py").write_text("from a import one\n" + GOOD + "    return one(5)\n")
    (finding,) = check_paths([tmp_path]).findings
    assert (Path(finding.path).name, finding.line) == ("a.py", 4)


def test_code_nested_beyond_pythons_limits_is_a_note(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    (tmp_path / "other.py").write_text(BAD)
    for depth in (2900, 50_000):  # the first is too deep for the walk, the second for Python's parser
        file.write_text(GOOD + "    return " + " + ".join(["x"] * depth) + "\n")
        report = check_paths([tmp_path])
        messages = [finding.message for finding in report.findings] + [note.message for note in report.notes]
        assert any("too deeply" in message for message in messages)
        assert "DUR001" in [finding.rule for finding in report.findings]


def test_a_handler_that_reaches_too_much_code_is_a_note(tmp_path: Path) -> None:
    lines = ["from durable_runtime import durable_execution", "@durable_execution", "def handler(event, ctx):"]
    for depth in range(14):
        pad = "    " * (depth + 1)
        lines += [f"{pad}def f{depth}(x):", f"{pad}    y = x"]
    pad = "    " * 15
    lines.append(f"{pad}return y")
    for depth in reversed(range(14)):
        pad = "    " * (depth + 1)
        lines += [f"{pad}f{depth}(1)", f"{pad}f{depth}(2)", f"{pad}f{depth}(3)"]
    file = tmp_path / "handler.py"
    file.write_text("\n".join(lines) + "\n")
    report = check_paths([file])
    assert report.findings == []
    assert any("reaches too much code" in note.message for note in report.notes)


def test_a_path_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    (finding,) = check_paths([tmp_path / "none.py"]).findings
    assert finding.rule == "DUR090"
    assert "cannot be read" in finding.message


@pytest.mark.parametrize(
    ("handler", "words"),
    [("app.missing", "defines no such name"), ("nowhere.handler", "not there"), ("handler", "not there")],
)
def test_a_handler_string_that_names_nothing_is_a_finding(tmp_path: Path, handler: str, words: str) -> None:
    (tmp_path / "app.py").write_text(GOOD)
    (finding,) = check_handler(tmp_path, handler)
    assert finding.rule == "DUR090"
    assert words in finding.message


def test_an_empty_folder_gives_an_empty_report(tmp_path: Path) -> None:
    report = check_paths([tmp_path])
    assert (report.findings, report.notes, report.files) == ([], [], 0)


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "handler.py").write_text(BAD)
    assert [finding.rule for finding in check_paths([tmp_path]).findings] == ["DUR001"]


def test_containers_that_double_with_every_line_are_walked_in_bounded_time(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    lines = "    tree = {'left': tree, 'right': [tree, tree]}\n" * 60
    file.write_text(BAD.replace("    ctx.wait", f"    tree = [time.time()]\n{lines}    ctx.wait"))
    assert {finding.rule for finding in check_paths([file]).findings} == {"DUR001"}
