"""Writes that replay forgets."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, is_handle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_check._engine.frames import Frame
    from durable_check._engine.modules import FunctionNode, ModuleInfo


RULE = Rule(
    id="DUR011",
    name="closure-write",
    severity="error",
    reported=(
        "A step body, submitter, condition check, child context or branch changes a variable of the "
        "function around it, an attribute of the object, or a module-level variable, and code outside "
        "reads it."
    ),
    why=(
        "Replay takes the recorded result and does not run the body. The variable keeps its old "
        "value: totals are zero, lists are empty, the compensation list of a saga has nothing in it."
    ),
    fix="Return the value from the body and use the operation's result.",
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    total = 0

    def charge(step):
        nonlocal total
        total += event["amount"]

    ctx.step(charge)
    ctx.wait(60)
    return {"total": total}
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    def charge(step):
        return event["amount"]

    total = ctx.step(charge)
    ctx.wait(60)
    return {"total": total}
""",
    limits=(
        "A change that nobody outside the body reads is not reported, and neither is a module-level "
        "cache that only leaves use. A container handed to the body as an argument and changed there "
        "is not seen."
    ),
)


def _check(fact: facts.OuterWrite) -> Iterator[Problem]:
    region = fact.frame.region
    inside = region.in_leaf or (region.scope is not None and region.scope.parent is not None)
    if not inside or is_handle(fact.value):
        return
    if fact.owner is not None:
        if fact.owner.region is not region and _read_back(fact.frame, fact.owner, fact.name):
            yield _problem(fact, f"of `{fact.owner.where()}`")
    elif "." in fact.name:
        yield from _object(fact)
    elif region.in_leaf:
        key = (fact.frame.module, fact.name)
        problem = _problem(fact, "of the module")
        yield problem._replace(only_if=lambda engine: key in engine.global_reads)


_BODIES = {
    "step": "step body",
    "submitter": "submitter",
    "condition": "condition check",
    "compensation": "compensation",
    "child": "child context",
    "item": "map item",
    "branch": "branch",
}


def _problem(fact: facts.OuterWrite, owner: str) -> Problem:
    region = fact.frame.region
    body = region.leaf or (region.scope.kind if region.scope is not None else "")
    return Problem(
        fact.frame,
        fact.node,
        f"this {_BODIES.get(body, 'body')} {fact.how} `{fact.name}` {owner}: replay skips it, and the change is lost",
    )


def _object(fact: facts.OuterWrite) -> Iterator[Problem]:
    info = fact.frame.function.owner if fact.frame.function is not None else None
    attribute = fact.name.rpartition(".")[2]
    if info is not None and fact.frame.region.in_leaf:
        key = (info, attribute)
        problem = _problem(fact, "of the object")
        yield problem._replace(only_if=lambda engine: key in engine.object_reads)


def _read_back(frame: Frame, owner: Frame, name: str) -> bool:
    """Whether the owning function reads the name outside the body that writes it."""
    inner: Frame = frame
    while inner.parent is not None and inner.parent is not owner:
        inner = inner.parent
    if owner.function is None or inner.function is None:
        return False
    return _reads(owner.function.node, inner.function.node, name) or _rebinds_from_module(owner.module, name)


def _rebinds_from_module(module: ModuleInfo, name: str) -> bool:
    return name in module.rebound_globals()


def _reads(outer: FunctionNode, skipped: FunctionNode, name: str) -> bool:
    stack: list[ast.AST] = list(ast.iter_child_nodes(outer))
    while stack:
        node = stack.pop()
        if node is skipped:
            continue
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            return True
        stack.extend(ast.iter_child_nodes(node))
    return False


CHECKS = {facts.OuterWrite: _check}
