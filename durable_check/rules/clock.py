"""Clocks in orchestration."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.names import OURS
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR001",
    name="clock-in-orchestration",
    severity="error",
    reported="A clock is read in code that replay runs again: a handler, a child context, a branch, or what they call.",
    why=(
        "After every wait, retry or callback Lambda runs the handler again from the top. A clock gives another value "
        "then: deadlines move, computed names change, and what was returned or passed on no longer fits the history."
    ),
    fix=(
        "Use `ctx.now()`, which returns the same value on every replay and costs no operation, or read the clock "
        "inside a step and use the step's result."
    ),
    bad="""
from datetime import UTC, datetime

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    receipt = ctx.step(lambda _: {"order": event["order"]}, name="charge")
    return {**receipt, "completed_at": datetime.now(UTC).isoformat()}
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    receipt = ctx.step(lambda _: {"order": event["order"]}, name="charge")
    return {**receipt, "completed_at": ctx.now().isoformat()}
""",
    limits=(
        "Clocks behind libraries that are not in the catalogue are not seen. A clock inside a step body is right and "
        "not reported. A naive `datetime.now()` is reported but not fixed automatically, because `ctx.now()` is aware."
    ),
    automatic=(
        "`time.time()` becomes `ctx.now().timestamp()`, and an aware `datetime.now(UTC)` becomes `ctx.now()`, "
        "with `durable_runtime`."
    ),
)
_AWARE = frozenset({"UTC", "timezone.utc", "datetime.UTC", "datetime.timezone.utc", "dt.UTC", "dt.timezone.utc"})


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    if fact.entry is None or fact.entry.category != "clock" or not fact.frame.region.orchestration:
        return
    call = text_of(fact.node)
    yield Problem(
        fact.frame,
        fact.node,
        f"`{call}` reads the clock in {where(fact.frame)}, which runs again on every replay and gets another value",
        replacement=_replacement(fact),
    )


def _replacement(fact: facts.ExternalUse) -> str | None:
    scope, context = fact.frame.region.scope, fact.frame.handler_context()
    if scope is None or scope.package != OURS or context is None or not isinstance(fact.node, ast.Call):
        return None
    if fact.path == "time.time":
        return f"{context}.now().timestamp()"
    zones = [*fact.node.args, *(keyword.value for keyword in fact.node.keywords)]
    if fact.path == "datetime.datetime.now" and len(zones) == 1 and ast.unparse(zones[0]) in _AWARE:
        return f"{context}.now()"
    return None


CHECKS = {facts.ExternalUse: _check}
