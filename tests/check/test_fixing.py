"""Safe fixes change only the reported place, keep the operations, and can be shown first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check import check_paths
from durable_check._fixing import fixed_files

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = """\
import logging
import random
import time
import uuid
from datetime import UTC, datetime, timezone

from durable_runtime import durable_execution

logger = logging.getLogger(__name__)


def helper(context):
    return str(uuid.uuid4())


@durable_execution
def handler(event, durable):
    größe = "ü"; logger.info("start %s", größe, extra={"a": 1})
    order = [str(uuid.uuid4()), time.time(), random.random()]
    started = datetime.now(UTC)
    again = datetime.now(tz=timezone.utc)
    naive = datetime.now()
    durable.step(lambda _: time.time(), name="stamp")
    return [order, started, again, naive, helper(durable), time.time(
    )]
"""
AFTER = BEFORE.replace('; logger.info("start', '; durable.logger.info("start')
AFTER = AFTER.replace(
    "[str(uuid.uuid4()), time.time(), random.random()]",
    "[str(durable.uuid4()), durable.now().timestamp(), durable.random().random()]",
)
AFTER = AFTER.replace("started = datetime.now(UTC)", "started = durable.now()")
AFTER = AFTER.replace("again = datetime.now(tz=timezone.utc)", "again = durable.now()")
AFTER = AFTER.replace("return str(uuid.uuid4())", "return str(context.uuid4())")


def test_fixes_change_what_is_local_and_leave_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    file.write_text(BEFORE, encoding="utf-8")
    before = check_paths([file])
    (fixed,) = fixed_files(before.findings)
    assert fixed.after == AFTER
    assert file.read_text(encoding="utf-8") == BEFORE
    fixed.write()
    after = check_paths([file])
    assert len(after.findings) == 2  # the naive clock and the one over two lines are left to a person
    assert [operation[2:4] for operation in after.operations] == [operation[2:4] for operation in before.operations]


def test_the_diff_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    file.write_text(BEFORE, encoding="utf-8")
    (fixed,) = fixed_files(check_paths([file]).findings)
    diff = fixed.diff()
    assert "\n-    started = datetime.now(UTC)\n" in diff
    assert "\n+    started = durable.now()\n" in diff
    assert str(file) in diff


def test_with_aws_only_the_logger_is_fixed(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    file.write_text(BEFORE.replace("durable_runtime", "aws_durable_execution_sdk_python"), encoding="utf-8")
    (fixed,) = fixed_files(check_paths([file]).findings)
    assert fixed.applied == 1
    assert "durable.logger.info" in fixed.after


def test_line_ends_and_encoding_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    text = "# -*- coding: latin-1 -*-\r\n" + BEFORE.replace("\n", "\r\n")
    file.write_bytes(text.encode("latin-1"))
    (fixed,) = fixed_files(check_paths([file]).findings)
    fixed.write()
    assert file.read_bytes() == ("# -*- coding: latin-1 -*-\r\n" + AFTER.replace("\n", "\r\n")).encode("latin-1")
