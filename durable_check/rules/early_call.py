"""Functions called before the operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR020",
    name="step-called-early",
    severity="error",
    reported=(
        "An operation gets the result of calling a function where it needs the function: "
        "`ctx.step(charge(order))` with a plain `charge`."
    ),
    why=(
        "The function runs in orchestration, on every replay, before the step exists. The step then "
        "fails because data cannot be called."
    ),
    fix=("Hand over the function: `ctx.step(lambda _: charge(order))`, or decorate it with `@durable_step`."),
    bad="""
from durable_runtime import durable_execution


def charge(order):
    return {"charged": order}


@durable_execution
def handler(event, ctx):
    return ctx.step(charge(event["order"]), name="charge")
""",
    good="""
from durable_runtime import durable_execution


def charge(order):
    return {"charged": order}


@durable_execution
def handler(event, ctx):
    return ctx.step(lambda _: charge(event["order"]), name="charge")
""",
    limits=(
        "Reported only when the function is in the project and visibly returns data. A factory that "
        "returns a function is fine."
    ),
)


def _check(fact: facts.CalledEarly) -> Iterator[Problem]:
    if fact.frame.region.orchestration:
        yield Problem(
            fact.frame,
            fact.node,
            f"`{text_of(fact.node, 48)}` runs here, in {where(fact.frame)}, and `{fact.operation}` gets its result",
            fix=f"Write `lambda _: {text_of(fact.node, 48)}`.",
        )


CHECKS = {facts.CalledEarly: _check}
