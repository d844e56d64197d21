"""Loop variables read too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR023",
    name="late-bound-loop-variable",
    severity="error",
    reported=(
        "A function made in a loop reads the loop's variable, and an operation runs it after the loop "
        "has moved on: collected into a list for `ctx.parallel`, or handed to an async operation that "
        "is not awaited at once."
    ),
    why=("All the functions see the last value. Three orders, three branches: the last order is charged three times."),
    fix=(
        "Bind the value: `lambda branch, order=order: ...`, use `functools.partial`, or use "
        "`ctx.map`, which passes the item."
    ),
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    branches = []
    for order in event["orders"]:
        branches.append(lambda branch: branch.step(lambda _: order, name="charge"))
    ctx.parallel(branches)
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    branches = []
    for order in event["orders"]:
        branches.append(lambda branch, order=order: branch.step(lambda _: order, name="charge"))
    ctx.parallel(branches)
""",
    limits=(
        "A lambda that is handed to a blocking or awaited operation inside the loop runs before the "
        "variable changes and is not reported."
    ),
)


def _check(fact: facts.OperationCall) -> Iterator[Problem]:
    frame = fact.frame
    if not frame.region.orchestration:
        return
    later = fact.scope.is_async and not fact.awaited
    for function in fact.functions:
        if not function.loop_names:
            continue
        running = all(loop in frame.engine.active_loops for loop in function.loops)
        if running and not later:
            continue
        names = ", ".join(f"`{name}`" for name in sorted(function.loop_names))
        yield Problem(
            frame,
            function.info.node,
            f"this function reads {names} when `{fact.operation}` runs it, after the loop has moved on: "
            "all of them see the last value",
        )


CHECKS = {facts.OperationCall: _check}
