"""Unstable operation names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, source_of, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR014",
    name="unstable-operation-name",
    severity="error",
    reported=(
        "The name of an operation is built from a clock, a random value, a fresh identity, I/O or an "
        "unordered collection."
    ),
    why=(
        "Replay compares each operation's name with the history. A name that changes between runs "
        "stops the execution with a mismatch, or hides one."
    ),
    fix=("Name operations with constants, or from the event, results of steps and the index of the item."),
    bad="""
import uuid

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: "sent", name=f"send-{uuid.uuid4()}")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: "sent", name=f"send-{event['order_id']}")
""",
    limits=(
        "A name taken from an environment variable is not reported: the variables of a published version are fixed."
    ),
)

_UNSTABLE = frozenset({"clock", "random", "identity", "io", "invocation", "machine", "global", "order", "race"})


def _check(fact: facts.OperationCall) -> Iterator[Problem]:
    if fact.name is None or not fact.frame.region.orchestration:
        return
    for taint in fact.name.all_taints():
        if taint.kind in _UNSTABLE:
            node = next((part.value for part in fact.node.keywords if part.arg == "name"), fact.node)
            yield Problem(
                fact.frame,
                node,
                f"the name of this `{fact.operation}` in {where(fact.frame)} depends on "
                f"{source_of(taint, fact.frame)}: replay looks for another name",
                fix=f"{RULE.fix} Here: `{text_of(node, 40)}`.",
            )
            return


CHECKS = {facts.OperationCall: _check}
