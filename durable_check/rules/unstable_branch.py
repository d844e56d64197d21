"""Branches on unstable values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, source_of, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR013",
    name="branch-on-unstable-value",
    severity="error",
    reported=(
        "A clock, random value, fresh identity, `is_replaying()`, a changing global, the remaining "
        "time or the order of completion decides which operations run."
    ),
    why=(
        "The first run took one arm and recorded its operations. A replay that takes the other arm "
        "finds a history that does not fit, or skips an effect that was promised."
    ),
    fix="Decide on durable values: `ctx.now()`, `ctx.random()`, a step's result, the event.",
    bad="""
import time

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = time.time()
    ctx.step(lambda _: "priced", name="price")
    if time.time() - started > 30:
        ctx.step(lambda _: "escalated", name="escalate")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = ctx.now()
    ctx.step(lambda _: "priced", name="price")
    priced = ctx.step(lambda _: "2026-01-01T00:00:40+00:00", name="clock")
    if priced > started.isoformat():
        ctx.step(lambda _: "escalated", name="escalate")
""",
    limits=(
        "One finding for each source. A condition that guards no operation and leaves no block is not "
        "reported. Decisions taken inside step bodies are right and not reported. Values that came "
        "from I/O are reported where they are read."
    ),
)

_DECIDING = frozenset({"clock", "random", "identity", "replay", "global", "invocation", "machine", "race"})


def _check(fact: facts.Branch) -> Iterator[Problem]:
    frame = fact.frame
    if not frame.region.orchestration:
        return
    if not fact.operations and not (fact.leaves and frame.handler_context() is not None):
        return
    for taint in fact.condition.all_taints():
        if taint.kind not in _DECIDING or (taint.kind == "replay" and not _matters(fact)):
            continue
        test = getattr(fact.node, "test", getattr(fact.node, "subject", fact.node))
        if frame.engine.first_time((RULE.id, taint), (frame.module.path, test)):
            yield Problem(
                frame,
                test,
                f"`{text_of(test, 48)}` depends on {source_of(taint, frame)} and decides what "
                f"{where(frame)} does next: a replay can decide otherwise",
            )
        return


def _matters(fact: facts.Branch) -> bool:
    """Whether a decision by `is_replaying()` does more than keep a log quiet."""
    return bool(fact.operations) or (fact.leaves and fact.frame.outermost)


CHECKS = {facts.Branch: _check}
