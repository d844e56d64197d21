"""Fresh identities in orchestration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.names import OURS
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR003",
    name="identity-in-orchestration",
    severity="error",
    reported=(
        "A fresh identity is made in code that replay runs again: `uuid`, `secrets`, `os.urandom`, "
        "`id()`, salted `hash()`."
    ),
    why=(
        "Every replay makes another identity. The order that was stored under the first one is looked "
        "up, paid or shipped under the second."
    ),
    fix=(
        "Use `ctx.uuid4()`, which returns the same value on every replay, or make the identity inside "
        "a step and use the step's result."
    ),
    bad="""
import uuid

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    order_id = event.get("order_id") or str(uuid.uuid4())
    ctx.step(lambda _: order_id, name="reserve")
    ctx.wait(60)
    ctx.step(lambda _: order_id, name="charge")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    order_id = event.get("order_id") or str(ctx.uuid4())
    ctx.step(lambda _: order_id, name="reserve")
    ctx.wait(60)
    ctx.step(lambda _: order_id, name="charge")
""",
    limits=(
        "`uuid3`, `uuid5` and `hashlib` compute from their arguments and are not reported. `hash()` "
        "of an integer literal is stable and not reported; of anything else it may be text and is."
    ),
    automatic="`uuid.uuid4()` becomes `ctx.uuid4()`, with `durable_runtime`.",
)


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    if fact.entry is None or fact.entry.category != "identity" or not fact.frame.region.orchestration:
        return
    yield Problem(
        fact.frame,
        fact.node,
        f"`{text_of(fact.node)}` {fact.entry.does} in {where(fact.frame)}: every replay gets another one",
        replacement=_replacement(fact),
    )


def _replacement(fact: facts.ExternalUse) -> str | None:
    scope, context = fact.frame.region.scope, fact.frame.handler_context()
    if scope is None or scope.package != OURS or context is None:
        return None
    return f"{context}.uuid4()" if fact.path == "uuid.uuid4" else None


CHECKS = {facts.ExternalUse: _check}
