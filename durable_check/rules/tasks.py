"""Tasks whose order is not recorded."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.names import OURS
from durable_check._engine.values import Coroutine, External, Pending, Value
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR017",
    name="unstable-task-order",
    severity="error",
    reported=(
        "The real clock steers operations: `asyncio.wait_for`, `asyncio.timeout`, `asyncio.wait(..., "
        "timeout=...)` around them. `asyncio.as_completed` over coroutines that use operations. In an "
        "async handler of another SDK than ours also: tasks that interleave several operations on one "
        "context, `as_completed`, `FIRST_COMPLETED`."
    ),
    why=(
        "A real-time timeout fires on the first run and not on the replay, where the operation is "
        "answered from history at once: the two take different arms. `as_completed` puts coroutines into "
        "a set and begins them in the order of their addresses, in which they take their ids. Where the "
        "runtime does not deliver results in recorded order, interleaved tasks take their ids in the order "
        "they happen to finish."
    ),
    fix=(
        "Use the operation's own timeout, or race the operation against `ctx.wait(...)`: "
        "`durable_runtime` delivers results in the order of the history, so `gather`, tasks and races "
        "take the same turns on every replay. Give `as_completed` operations, or tasks made with "
        "`asyncio.create_task`, which begin in the order of the code. With another SDK give each task a "
        "child context."
    ),
    bad="""
import asyncio

from durable_runtime import durable_execution


@durable_execution
async def handler(event, ctx):
    try:
        return await asyncio.wait_for(ctx.wait_for_callback(lambda callback_id, _: None), timeout=30)
    except TimeoutError:
        return await ctx.step(lambda _: "escalated", name="escalate")
""",
    good="""
from datetime import timedelta

from durable_runtime import CallbackTimeoutError, durable_execution


@durable_execution
async def handler(event, ctx):
    try:
        return await ctx.wait_for_callback(lambda callback_id, _: None, timeout=timedelta(seconds=30))
    except CallbackTimeoutError:
        return await ctx.step(lambda _: "escalated", name="escalate")
""",
    limits=(
        "`asyncio.gather`, `TaskGroup`, races, and `as_completed` over operations and tasks, are safe "
        "with `durable_runtime` and not reported. Coroutines of libraries are not looked into."
    ),
)
_SPAWNERS = ("asyncio.create_task", "asyncio.ensure_future", "asyncio.TaskGroup().create_task")
_TOGETHER = "asyncio.gather"
_FROM_A_SET = "asyncio.as_completed"


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    frame, arguments = fact.frame, fact.arguments
    if arguments is None or not frame.region.orchestration:
        return
    values = [*arguments.every(), *(item for value in arguments.every() for item in value.items)]
    call = text_of(fact.node, 48)
    if _on_the_clock(fact, arguments) and any(_durable(value) for value in values):
        yield Problem(frame, fact.node, f"`{call}` runs on the real clock: a replay sees another outcome")
    elif fact.path == _FROM_A_SET and (begun := _busiest(values, least=1)):
        yield Problem(
            frame,
            fact.node,
            f"`{call}` begins coroutines like `{begun.name}` in the order of their addresses: their operations "
            "take other ids on a replay",
        )
    elif frame.region.scope is not None and frame.region.scope.package != OURS:
        yield from _unordered_delivery(fact, arguments, values, call)


def _on_the_clock(fact: facts.ExternalUse, arguments: facts.Arguments) -> bool:
    if fact.entry is not None and fact.entry.category == "timer":
        return True
    return fact.path in {"asyncio.wait", "asyncio.as_completed"} and "timeout" in arguments.keywords


def _unordered_delivery(
    fact: facts.ExternalUse, arguments: facts.Arguments, values: list[Value], call: str
) -> Iterator[Problem]:
    """What only a runtime that delivers results in recorded order makes safe."""
    if fact.path in _SPAWNERS or (fact.path == _TOGETHER and _several(fact.node)):
        busy = _busiest(values)
        if busy is not None:
            yield Problem(
                fact.frame,
                fact.node,
                f"`{call}` interleaves the operations of `{busy.name}` with others on the same context: "
                "their ids depend on which task is faster",
            )
    elif _races(fact, arguments) and any(_durable(value) for value in values):
        yield Problem(
            fact.frame,
            fact.node,
            f"`{call}` hands out operations in the order they finish: a replay sees another order",
        )


def _races(fact: facts.ExternalUse, arguments: facts.Arguments) -> bool:
    if fact.entry is not None and fact.entry.category == "race":
        return True
    if fact.path != "asyncio.wait":
        return False
    when = arguments.get(None, "return_when")
    known = when.first(External) if when is not None else None
    name = known.path if isinstance(known, External) else (when.literal if when is not None else None) or ""
    return name.endswith(("FIRST_COMPLETED", "FIRST_EXCEPTION"))


def _check_block(fact: facts.WithBlock) -> Iterator[Problem]:
    if fact.path in {"asyncio.timeout()", "asyncio.timeout_at()"} and fact.operations:
        yield Problem(
            fact.frame,
            fact.node,
            f"`{text_of(fact.node)}` runs on the real clock around durable operations: a replay sees another outcome",
        )


def _several(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and (
        len(node.args) > 1 or any(isinstance(part, ast.Starred) for part in node.args)
    )


def _busiest(values: list[Value], *, least: int = 2) -> Coroutine | None:
    for value in values:
        for kind in value.kinds:
            if isinstance(kind, Coroutine) and kind.operations >= least:
                return kind
    return None


def _durable(value: Value) -> bool:
    return any(isinstance(kind, Pending) or (isinstance(kind, Coroutine) and kind.operations) for kind in value.kinds)


CHECKS = {facts.ExternalUse: _check, facts.WithBlock: _check_block}
