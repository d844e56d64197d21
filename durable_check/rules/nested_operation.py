"""Operations inside leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR009",
    name="operation-in-leaf",
    severity="error",
    reported=(
        "A durable operation is called inside a step body, a callback submitter, a condition check or "
        "a compensation, directly or through a helper."
    ),
    why=(
        "The body of a step is recorded as one result. An operation inside it takes an id when the "
        "body runs and none when the body is skipped on replay: every later operation of that context "
        "shifts."
    ),
    fix=(
        "Call the operation in the handler, before or after the step, or turn the step into a child "
        "context: `ctx.run_in_child_context(...)`."
    ),
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    def charge(step):
        ctx.wait(5)
        return "charged"

    ctx.step(charge)
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    def charge(step):
        return "charged"

    ctx.wait(5)
    ctx.step(charge)
""",
    limits=(
        "A context that reaches the leaf through a library or an untyped container is not recognised. "
        "The runtime refuses those on the first run."
    ),
)

_LEAVES = {
    "step": "a step body",
    "submitter": "a callback submitter",
    "condition": "a condition check",
    "compensation": "a compensation",
}


def _check(fact: facts.OperationCall) -> Iterator[Problem]:
    region = fact.frame.region
    if not region.in_leaf:
        return
    leaf = _LEAVES.get(region.leaf, "a step body")
    yield Problem(
        fact.frame,
        fact.node,
        f"`{text_of(fact.node.func)}` is a durable operation inside {leaf} (`{fact.frame.where()}`): "
        "replay skips the body and every later operation takes another id",
    )


CHECKS = {facts.OperationCall: _check}
