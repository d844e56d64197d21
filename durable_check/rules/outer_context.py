"""The outer context inside a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR010",
    name="outer-context-in-branch",
    severity="error",
    reported=(
        "A child context, a map item or a parallel branch calls an operation on the context of the function around it."
    ),
    why=(
        "Each context counts its own operations. A branch that counts on the outer context takes ids "
        "in the order the branches happen to run, which is another one on replay, and a finished "
        "branch is skipped on replay while the ids it took are missing."
    ),
    fix="Use the context the function receives as its first parameter.",
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    def ship(child):
        return ctx.step(lambda _: "shipped", name="ship")

    ctx.run_in_child_context(ship)
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    def ship(child):
        return child.step(lambda _: "shipped", name="ship")

    ctx.run_in_child_context(ship)
""",
    limits=(
        "Reading `ctx.logger` and the execution's ARN from the outer context is fine and not reported. "
        "`ctx.now()` and its friends belong to one context like operations do, and are reported."
    ),
)


def _check(fact: facts.OperationCall) -> Iterator[Problem]:
    region = fact.frame.region
    if not region.orchestration or region.scope is None or region.scope is fact.scope or region.threaded:
        return
    yield Problem(
        fact.frame,
        fact.node,
        f"`{text_of(fact.node.func)}` uses the context of {fact.scope.describe()} inside {region.scope.describe()}",
    )


CHECKS = {facts.OperationCall: _check}
