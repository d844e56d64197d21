"""Sleeping in orchestration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR005",
    name="sleep-in-orchestration",
    severity="error",
    reported="`time.sleep` or `asyncio.sleep` in code that replay runs again.",
    why=(
        "The sleep is billed as run time, starts again on every replay, and ends with the Lambda "
        "timeout instead of surviving it."
    ),
    fix=("Use `ctx.wait(seconds)`: the execution is suspended, costs nothing meanwhile and can last up to a year."),
    bad="""
import time

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: "started", name="start job")
    time.sleep(300)
    ctx.step(lambda _: "done", name="collect")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: "started", name="start job")
    ctx.wait(300)
    ctx.step(lambda _: "done", name="collect")
""",
    limits=(
        "`asyncio.sleep(0)` only lets other tasks run and is not reported. A sleep inside a step body "
        "is not reported: it is billed, but it replays safely."
    ),
)


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    if fact.entry is None or fact.entry.category != "sleep" or not fact.frame.region.orchestration:
        return
    yield Problem(fact.frame, fact.node, f"`{text_of(fact.node)}` in {where(fact.frame)} {fact.entry.does}")


CHECKS = {facts.ExternalUse: _check}
