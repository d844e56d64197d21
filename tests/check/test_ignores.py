"""`# durable: ignore[...]` takes away what it names, wants a reason, and is reported when it is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from durable_check import Settings, check_paths

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = """\
import time
from durable_runtime import durable_execution

@durable_execution
def handler(event, ctx):
    {before}
    started = time.time(){after}
    ctx.wait(60)
"""


def rules(folder: Path, *, before: str = "pass", after: str = "", settings: Settings | None = None) -> list[str]:
    file = folder / "handler.py"
    file.write_text(HANDLER.format(before=before, after=after))
    return [finding.rule for finding in check_paths([file], settings=settings).findings]


@pytest.mark.parametrize("name", ["DUR001", "dur001", "clock-in-orchestration", "DUR002, clock-in-orchestration"])
def test_an_ignore_at_the_end_of_the_line_works(tmp_path: Path, name: str) -> None:
    found = rules(tmp_path, after=f"  # durable: ignore[{name}] for the debugger")
    assert "DUR001" not in found
    assert found == (["DUR092"] if "DUR002" in name else [])


def test_an_ignore_alone_on_the_line_above_works(tmp_path: Path) -> None:
    assert rules(tmp_path, before="# durable: ignore[DUR001] for the debugger\n    pass") == ["DUR092", "DUR001"]
    assert rules(tmp_path, before="# durable: ignore[DUR001] for the debugger") == []


def test_an_ignore_for_the_file_works_anywhere(tmp_path: Path) -> None:
    assert rules(tmp_path, before="# durable: ignore-file[DUR001] generated code") == []


def test_a_reason_is_required(tmp_path: Path) -> None:
    assert rules(tmp_path, after="  # durable: ignore[DUR001]") == ["DUR001", "DUR091"]


def test_a_rule_is_required(tmp_path: Path) -> None:
    assert rules(tmp_path, after="  # durable: ignore because I say so") == ["DUR001", "DUR091"]


def test_an_unknown_rule_is_reported(tmp_path: Path) -> None:
    found = rules(tmp_path, after="  # durable: ignore[DUR999] reason")
    assert sorted(found) == ["DUR001", "DUR091"]


def test_an_unused_ignore_is_reported_unless_its_rule_did_not_run(tmp_path: Path) -> None:
    comment = "x = 1  # durable: ignore[DUR002] reason"
    assert rules(tmp_path, before=comment, settings=Settings(ignore=frozenset({"DUR001"}))) == ["DUR092"]
    assert rules(tmp_path, before=comment, settings=Settings(ignore=frozenset({"DUR001", "DUR002"}))) == []


def test_the_text_in_a_string_is_no_comment(tmp_path: Path) -> None:
    assert rules(tmp_path, before="x = '# durable: ignore[DUR002] reason'") == ["DUR001"]


def test_an_ignore_on_another_line_does_nothing_there(tmp_path: Path) -> None:
    assert sorted(rules(tmp_path, before="x = 1  # durable: ignore[DUR001] reason")) == ["DUR001", "DUR092"]
