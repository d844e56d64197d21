"""Ignores that ignore nothing."""

from __future__ import annotations

from durable_check.rules._base import Rule

RULE = Rule(
    id="DUR092",
    name="unused-ignore",
    severity="warning",
    reported="A `# durable: ignore[...]` on a line where the rule reports nothing.",
    why="A left-over ignore hides the next real finding on its line.",
    fix="Delete the comment, or the rule from its list.",
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = ctx.now()  # durable: ignore[DUR001] was time.time() once
    ctx.wait(60)
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = ctx.now()
    ctx.wait(60)
""",
    limits="Not reported for rules that were not run: with `--select` or `--ignore`, and in files nothing reached.",
)
