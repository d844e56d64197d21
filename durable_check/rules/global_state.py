"""Global state in orchestration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, is_handle, source_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR007",
    name="global-state-in-orchestration",
    severity="error",
    reported=(
        "Code that replay runs again writes a module-level variable, or reads one that was made from "
        "a clock, a random value or a fresh identity at import."
    ),
    why=(
        "Module state lives as long as one sandbox. A replay in a new sandbox starts with the initial "
        "value, a replay in a warm one sees the writes of other executions."
    ),
    fix=(
        "Keep the value in a local variable, return it from a step, or pass it in the event. A client "
        "or pool that is made once and looked up is fine and not reported."
    ),
    bad="""
from durable_runtime import durable_execution

attempts = 0


@durable_execution
def handler(event, ctx):
    global attempts
    attempts += 1
    if attempts > 3:
        ctx.step(lambda _: "escalated", name="escalate")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    attempts = event["attempts"] + 1
    if attempts > 3:
        ctx.step(lambda _: "escalated", name="escalate")
""",
    limits=(
        "State that other modules change is not followed. Writes to attributes of imported objects "
        "are not seen. A container that is filled only in step bodies counts as a cache and is left "
        "alone unless orchestration reads it."
    ),
)

_IMPORT_TIME = frozenset({"clock", "random", "identity", "machine"})


def _check_write(fact: facts.OuterWrite) -> Iterator[Problem]:
    frame = fact.frame
    if not frame.region.orchestration or fact.owner is not None or "." in fact.name:
        return
    if is_handle(fact.value):
        return
    yield Problem(
        frame,
        fact.node,
        f"{where(frame)} {fact.how} the module-level `{fact.name}`: "
        "another sandbox does not have this value, and other executions in this sandbox do",
    )


def _check_read(fact: facts.GlobalRead) -> Iterator[Problem]:
    for taint in fact.value.taints:
        if taint.kind in _IMPORT_TIME:
            yield Problem(
                fact.frame,
                fact.node,
                f"`{fact.name}` holds {source_of(taint, fact.frame)} from import time: "
                "a replay in another sandbox has another value",
            )
            return


CHECKS = {facts.OuterWrite: _check_write, facts.GlobalRead: _check_read}
