"""Operations in `finally`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR022",
    name="operation-in-finally",
    severity="error",
    reported="A durable operation runs in the `finally` of a `try` that contains durable operations.",
    why=(
        "Suspension leaves through `finally` too: each time the execution pauses, the clean-up runs, "
        "although the work is not over. The runtime refuses operations at that point."
    ),
    fix=(
        "Call the operation after the `try`, and in an `except Exception` arm for the failure, or "
        "register it with `ctx.saga()`."
    ),
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: "locked", name="lock")
    try:
        ctx.wait(3600)
    finally:
        ctx.step(lambda _: "unlocked", name="unlock")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: "locked", name="lock")
    try:
        ctx.wait(3600)
    except Exception:
        ctx.step(lambda _: "unlocked", name="unlock after failure")
        raise
    ctx.step(lambda _: "unlocked", name="unlock")
""",
    limits=(
        "Clean-up in `__exit__` methods is not looked into. A `finally` whose `try` calls no operation is not reported."
    ),
)


def _check(fact: facts.OperationCall) -> Iterator[Problem]:
    if fact.frame.finals and fact.frame.region.orchestration:
        yield Problem(
            fact.frame,
            fact.node,
            f"`{text_of(fact.node.func)}` in `finally` runs each time the execution suspends, not only at the end",
        )


CHECKS = {facts.OperationCall: _check}
