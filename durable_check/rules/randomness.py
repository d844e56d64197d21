"""Randomness in orchestration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.names import OURS
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR002",
    name="random-in-orchestration",
    severity="error",
    reported="A random value is drawn in code that replay runs again.",
    why=(
        "Replay draws another value: the handler takes another branch, passes other arguments or "
        "returns another result than the one its history was recorded with."
    ),
    fix=("Use `ctx.random()`, a seeded generator that gives the same values on every replay, or draw inside a step."),
    bad="""
import random

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    winner = random.choice(event["tickets"])
    ctx.step(lambda _: winner, name="announce")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    winner = ctx.random().choice(event["tickets"])
    ctx.step(lambda _: winner, name="announce")
""",
    limits=(
        "`random.Random(seed)` with a stable seed is reproducible and not reported. Generators of "
        "libraries outside the catalogue are not seen."
    ),
    automatic="`random.random()` becomes `ctx.random().random()`, with `durable_runtime`.",
)


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    if fact.entry is None or fact.entry.category != "random" or not fact.frame.region.orchestration:
        return
    yield Problem(
        fact.frame,
        fact.node,
        f"`{text_of(fact.node)}` draws a random value in {where(fact.frame)}: replay draws another one",
        replacement=_replacement(fact),
    )


def _replacement(fact: facts.ExternalUse) -> str | None:
    scope, context = fact.frame.region.scope, fact.frame.handler_context()
    if scope is None or scope.package != OURS or context is None:
        return None
    return f"{context}.random().random()" if fact.path == "random.random" else None


CHECKS = {facts.ExternalUse: _check}
