"""Tasks whose order is not recorded."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.values import Coroutine, External, Pending, Value
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR017",
    name="unstable-task-order",
    severity="error",
    reported=(
        "Tasks interleave operations on one context (`asyncio.gather`, `create_task` or a `TaskGroup` "
        "over coroutines that call several operations), or the real clock or the order of completion "
        "steers them (`asyncio.wait_for`, `asyncio.timeout`, `as_completed`, `FIRST_COMPLETED`)."
    ),
    why=(
        "Operations take their ids when they are called. Two coroutines that each call a second "
        "operation do so in the order their first ones finish, and replay finishes in another order. "
        "A real-time timeout fires on the first run and not on the replay."
    ),
    fix=(
        "Give each task an id space: `ctx.parallel`, `ctx.map` or "
        "`asyncio.gather(ctx.run_in_child_context(...), ...)`. Gathering single operations is fine. "
        "For time limits use the operation's own timeout or a `ctx.wait` beside it."
    ),
    bad="""
import asyncio

from durable_runtime import durable_execution


async def fulfil(ctx, sku):
    await ctx.step(lambda _: sku, name="reserve")
    await ctx.step(lambda _: sku, name="ship")


@durable_execution
async def handler(event, ctx):
    await asyncio.gather(*[fulfil(ctx, sku) for sku in event["skus"]])
""",
    good="""
from durable_runtime import durable_execution


async def fulfil(ctx, sku, index, skus):
    await ctx.step(lambda _: sku, name="reserve")
    await ctx.step(lambda _: sku, name="ship")


@durable_execution
async def handler(event, ctx):
    await ctx.map(event["skus"], fulfil)
""",
    limits=(
        "A coroutine that calls one operation, before it awaits anything else, is safe to gather and "
        "not reported. Coroutines of libraries are not looked into."
    ),
)

_SPAWNERS = ("asyncio.create_task", "asyncio.ensure_future", "asyncio.TaskGroup().create_task")
_TOGETHER = "asyncio.gather"


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    frame, arguments = fact.frame, fact.arguments
    if arguments is None or not frame.region.orchestration:
        return
    values = [*arguments.every(), *(item for value in arguments.every() for item in value.items)]
    call = text_of(fact.node, 48)
    if fact.path in _SPAWNERS or (fact.path == _TOGETHER and _several(fact.node)):
        busy = _busiest(values)
        if busy is not None:
            yield Problem(
                frame,
                fact.node,
                f"`{call}` interleaves the operations of `{busy.name}` with others on the same context: "
                "their ids depend on which task is faster",
            )
    elif _steers(fact, arguments) and any(_durable(value) for value in values):
        reason = (
            "runs on the real clock"
            if fact.entry is not None and fact.entry.category == "timer"
            else "hands out operations in the order they finish"
        )
        yield Problem(frame, fact.node, f"`{call}` {reason}: a replay sees another outcome")


def _steers(fact: facts.ExternalUse, arguments: facts.Arguments) -> bool:
    if fact.entry is not None and fact.entry.category in {"race", "timer"}:
        return True
    if fact.path != "asyncio.wait":
        return False
    when = arguments.get(None, "return_when")
    known = when.first(External) if when is not None else None
    literal = when.literal if when is not None else None
    name = known.path if isinstance(known, External) else literal or ""
    return name.endswith(("FIRST_COMPLETED", "FIRST_EXCEPTION")) or "timeout" in arguments.keywords


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


def _busiest(values: list[Value]) -> Coroutine | None:
    for value in values:
        for kind in value.kinds:
            if isinstance(kind, Coroutine) and kind.operations > 1:
                return kind
    return None


def _durable(value: Value) -> bool:
    return any(isinstance(kind, Pending) or (isinstance(kind, Coroutine) and kind.operations) for kind in value.kinds)


CHECKS = {facts.ExternalUse: _check, facts.WithBlock: _check_block}
