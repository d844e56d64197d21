"""Ignores without a reason, or of a rule that does not exist."""

from __future__ import annotations

from durable_check.rules._base import Rule

RULE = Rule(
    id="DUR091",
    name="bad-ignore",
    severity="warning",
    reported="A `# durable: ignore[...]` without a reason, without a rule, or with a rule that does not exist.",
    why="An ignore without a reason cannot be reviewed, and one with a misspelled rule ignores nothing.",
    fix="Write `# durable: ignore[DUR001] the reason`; several rules are separated by commas.",
    bad="""
import time

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = time.time()  # durable: ignore[DUR001]
    ctx.wait(60)
""",
    good="""
import time

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = time.time()  # durable: ignore[DUR001] only for a debugger
    ctx.wait(60)
""",
    limits="An ignore without a reason ignores nothing: the finding it meant is reported as well.",
)
