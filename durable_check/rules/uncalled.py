"""Step functions that never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.values import Prepared
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR019",
    name="step-not-called",
    severity="error",
    reported=(
        "A function decorated with `@durable_step`, `@durable_with_child_context` or "
        "`@durable_wait_for_callback` is called and its result is not handed to an operation."
    ),
    why=(
        "Calling a decorated function only binds its arguments. Nothing runs, nothing is recorded, "
        'and the "result" is a function.'
    ),
    fix="Hand it to its operation: `ctx.step(charge(order))`.",
    bad="""
from durable_runtime import durable_execution, durable_step


@durable_step
def charge(step, order):
    return order["total"]


@durable_execution
def handler(event, ctx):
    charge(event["order"])
    return "charged"
""",
    good="""
from durable_runtime import durable_execution, durable_step


@durable_step
def charge(step, order):
    return order["total"]


@durable_execution
def handler(event, ctx):
    ctx.step(charge(event["order"]))
    return "charged"
""",
    limits=("A bound step that is stored in a variable counts as used when the function reads that variable anywhere."),
)

_OPERATIONS = {"step": "ctx.step", "child": "ctx.run_in_child_context", "submitter": "ctx.wait_for_callback"}


def _check(fact: facts.Discarded) -> Iterator[Problem]:
    if fact.how == "result":
        return  # factories return bound steps on purpose
    for kind in fact.value.kinds:
        if isinstance(kind, Prepared):
            name = kind.function.info.name
            operation = _OPERATIONS.get(kind.role, "ctx.step")
            yield Problem(
                fact.frame,
                fact.node,
                f"`{name}` is decorated: calling it only binds its arguments, and nothing here runs it",
                fix=f"Write `{operation}({name}(...))`.",
            )
            return


def _check_bare(fact: facts.OperationCall) -> Iterator[Problem]:
    """Handed over bare, the decorated function would bind the context and return a function."""
    if fact.operation not in {"step", "run_in_child_context", "wait_for_callback"}:
        return
    bare = fact.arguments.get(0, "func", "submitter")
    for kind in bare.kinds if bare is not None else ():
        info = getattr(kind, "info", None)
        if getattr(info, "role", None) in _OPERATIONS and not isinstance(kind, Prepared):
            yield Problem(
                fact.frame,
                fact.node,
                f"`{text_of(fact.node, 48)}` hands over the decorated function without calling it: its body never runs",
                fix=f"Write `{text_of(fact.node.func)}({info.name}(...))`." if info is not None else None,
            )


CHECKS = {facts.Discarded: _check, facts.OperationCall: _check_bare}
