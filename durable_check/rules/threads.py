"""Threads around operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.values import ContextMethod, ContextRef
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR016",
    name="operations-in-threads",
    severity="error",
    reported=(
        "A thread, a thread pool, a process pool or `asyncio.to_thread` runs a function that calls "
        "durable operations, or gets the durable context."
    ),
    why=(
        "Threads reach their operations in an order that nothing records, so ids differ on every "
        "replay; and suspension cannot stop a thread that is still running."
    ),
    fix=(
        "Use `ctx.parallel([...])` or `ctx.map(items, function)`: they run branches at the same time "
        "and give each an id space of its own."
    ),
    bad="""
from concurrent.futures import ThreadPoolExecutor

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    def reserve(sku):
        return ctx.step(lambda _: sku, name="reserve")

    with ThreadPoolExecutor() as pool:
        return list(pool.map(reserve, event["skus"]))
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    def reserve(branch, sku, index, skus):
        return branch.step(lambda _: sku, name="reserve")

    return ctx.map(event["skus"], reserve).get_results()
""",
    limits=(
        "Threads that touch no operation are not reported by this rule; what they do is checked as "
        "orchestration. Threads inside step bodies are fine."
    ),
)


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    if fact.entry is None or fact.entry.category != "thread" or not fact.frame.region.orchestration:
        return
    given = fact.arguments.every() if fact.arguments is not None else ()
    parts = [*given, *(item for value in given for item in value.items)]
    handed = any(isinstance(kind, ContextRef | ContextMethod) for value in parts for kind in value.kinds)
    if fact.operations or handed:
        yield Problem(
            fact.frame,
            fact.node,
            f"`{text_of(fact.node, 48)}` takes durable operations of {where(fact.frame)} into another thread",
        )


CHECKS = {facts.ExternalUse: _check}
