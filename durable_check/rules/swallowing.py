"""Catch-alls around operations."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.modules import own_nodes
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR021",
    name="swallowed-suspension",
    severity="error",
    reported=(
        "`except:` or `except BaseException:` without `raise`, `contextlib.suppress(BaseException)`, "
        "or a `finally` that leaves with `return`, `break` or `continue`, around durable operations."
    ),
    why=(
        "An operation that waits leaves the handler with a BaseException: that is how the execution "
        "is suspended, and how a mismatch with the history is reported. Swallowed, the handler goes "
        "on as if the operation had failed, and records it."
    ),
    fix=("Catch `Exception`, or better the errors you expect. To clean up, re-raise at the end of the handler."),
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    try:
        ctx.step(lambda _: "charged", name="charge")
        ctx.wait(60)
    except:
        ctx.step(lambda _: "refunded", name="refund")
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    try:
        ctx.step(lambda _: "charged", name="charge")
        ctx.wait(60)
    except Exception:
        ctx.step(lambda _: "refunded", name="refund")
""",
    limits=(
        "A handler that contains `raise` anywhere counts as re-raising. Catch-alls inside step bodies "
        "swallow nothing of ours and are not reported."
    ),
)

_JUMPS = ast.Return | ast.Break | ast.Continue


def _check(fact: facts.TryBlock) -> Iterator[Problem]:
    if not fact.operations or not fact.frame.region.orchestration:
        return
    for handler in fact.node.handlers:
        if _reraises(handler):
            if handler.type is not None and "Suspen" in ast.unparse(handler.type):
                return  # the signal was let through before the catch-all
            continue
        if _catches_all(handler):
            caught = "a bare `except`" if handler.type is None else f"`except {text_of(handler.type)}`"
            yield Problem(fact.frame, handler, f"{caught} swallows the signal that suspends the execution")
    for statement in fact.node.finalbody:
        for node in (statement, *own_nodes(statement)):
            if isinstance(node, _JUMPS) and not _inside_loop(statement, node):
                word = type(node).__name__.lower()
                yield Problem(
                    fact.frame, node, f"`{word}` in `finally` swallows the signal that suspends the execution"
                )


def _inside_loop(statement: ast.stmt, node: ast.AST) -> bool:
    return isinstance(statement, ast.For | ast.While) and not isinstance(node, ast.Return)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        isinstance(part, ast.Name | ast.Attribute) and ast.unparse(part).endswith("BaseException") for part in types
    )


def _reraises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in own_nodes(handler))


def _check_block(fact: facts.WithBlock) -> Iterator[Problem]:
    if not fact.path.startswith("contextlib.suppress") or not fact.operations:
        return
    for value in fact.arguments:
        if any(getattr(kind, "path", "") == "BaseException" for kind in value.kinds):
            yield Problem(
                fact.frame, fact.node, "`suppress(BaseException)` swallows the signal that suspends the execution"
            )


CHECKS = {facts.TryBlock: _check, facts.WithBlock: _check_block}
