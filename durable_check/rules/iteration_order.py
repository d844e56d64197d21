"""Unordered collections that feed operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR015",
    name="unstable-order",
    severity="error",
    reported=(
        "Operations are called in the order of a set, of a directory listing, or of another "
        "collection without a fixed order."
    ),
    why=(
        "Operations are matched by position. The order of a set of strings changes with every "
        "process, so the first item of the replay gets the recorded result of another one."
    ),
    fix=(
        "Sort first: `for sku in sorted(skus)`, `ctx.map(sorted(skus), ...)`, or keep a list or dict, "
        "which have an order."
    ),
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    for sku in set(event["skus"]):
        ctx.step(lambda _: sku, name="reserve")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    for sku in sorted(set(event["skus"])):
        ctx.step(lambda _: sku, name="reserve")
""",
    limits=(
        "A set that arrives from a library or as an untyped parameter is not recognised. Loops over "
        "sets that call no operation are not reported."
    ),
)


def _check_loop(fact: facts.Iteration) -> Iterator[Problem]:
    if fact.iterable.unordered and fact.operations and fact.frame.region.orchestration:
        yield Problem(
            fact.frame,
            fact.node,
            f"`{text_of(fact.node, 48)}` has no fixed order, and {where(fact.frame)} calls an operation for each item",
        )


def _check_operation(fact: facts.OperationCall) -> Iterator[Problem]:
    if fact.operation not in {"map", "parallel"} or not fact.frame.region.orchestration:
        return
    names = ("inputs", "items") if fact.operation == "map" else ("functions", "branches")
    given = fact.arguments.get(0, *names)
    if given is None:
        return
    mixed = given.unordered or any(taint.kind == "order" for taint in given.all_taints())
    if mixed:
        yield Problem(
            fact.frame,
            fact.node.args[0] if fact.node.args else fact.node,
            f"the branches of this `{fact.operation}` come from a collection without a fixed order",
        )


CHECKS = {facts.Iteration: _check_loop, facts.OperationCall: _check_operation}
