"""Operations that are never awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.values import Coroutine, Pending
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR018",
    name="operation-not-awaited",
    severity="error",
    reported=(
        "An async handler calls an operation, or a helper that calls operations, and never awaits "
        "what it returns, hands it to a task that nothing keeps, or uses the awaitable as if it were the "
        "result."
    ),
    why=(
        "The handler goes on, and may finish, before the operation has. Its error is lost, its result "
        "is an awaitable where a value is expected, and a replay may suspend somewhere else."
    ),
    fix="Write `await` in front of the call, or keep the awaitable or its task in a variable and await it later.",
    bad="""
from durable_runtime import durable_execution


@durable_execution
async def handler(event, ctx):
    ctx.step(lambda _: "charged", name="charge")
    return "done"
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: "charged", name="charge")
    return "done"
""",
    limits=(
        "An awaitable that is stored in a variable counts as awaited when the function reads that variable anywhere."
    ),
)


def _check(fact: facts.Discarded) -> Iterator[Problem]:
    if not fact.frame.region.orchestration:
        return
    for kind in fact.value.kinds:
        if isinstance(kind, Pending):
            what = f"the `{kind.operation}`"
        elif isinstance(kind, Coroutine) and kind.operations:
            what = f"`{kind.name}`, which calls durable operations,"
        else:
            continue
        yield Problem(fact.frame, fact.node, f"{what} {_told(fact)}")
        return


def _told(fact: facts.Discarded) -> str:
    if fact.how == "result":
        return "is returned without being awaited: the result is an awaitable"
    if fact.how == "statement":
        return "is called and never awaited"
    if fact.how == "task":
        return "is handed to a task that nothing keeps or awaits"
    if fact.how.startswith("variable "):
        return f"is stored in `{fact.how.removeprefix('variable ')}`, which nothing reads or awaits"
    return f"is used in `{text_of(fact.node, 40)}` before it is awaited"


CHECKS = {facts.Discarded: _check}
