"""Comprehensions and generator expressions: a loop with a frame of its own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from durable_check._engine import facts
from durable_check._engine.expressions import evaluate, iterate, placed
from durable_check._engine.frames import Frame, Loop
from durable_check._engine.modules import target_names
from durable_check._engine.stores import assign
from durable_check._engine.values import (
    Taint,
    Value,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def comprehension(frame: Frame, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
    inner = Frame(
        frame.engine,
        frame.module,
        frame.function,
        frame.region,
        frame,
        loops=list(frame.loops),
        quiet=frame.quiet,
        patched=frame.patched,
    )
    iterables: list[Value] = []
    before = frame.engine.performed
    taints: tuple[Taint, ...] = ()
    conditions: list[tuple[ast.expr, Value]] = []
    for generator in node.generators:
        iterable = evaluate(inner, generator.iter)
        iterables.append(iterable)
        assign(inner, generator.target, iterate(iterable))
        inner.loops.append(Loop(node, frozenset(target_names(generator.target))))
        frame.engine.active_loops.append(node)
        for condition in generator.ifs:
            decision = evaluate(inner, condition)
            conditions.append((condition, decision))
            taints = union(taints, decision.taints)
    if isinstance(node, ast.DictComp):
        taints = union(taints, evaluate(inner, node.key).all_taints())
        element = evaluate(inner, node.value)
    else:
        element = evaluate(inner, node.elt)
    del frame.engine.active_loops[-len(node.generators) :]
    performed = frame.engine.performed - before
    for generator, iterable in zip(node.generators, iterables, strict=True):
        frame.engine.emit(facts.Iteration(frame, generator.iter, iterable, performed))
    if performed:
        for condition, decision in conditions:
            frame.engine.emit(facts.Branch(frame, condition, decision, performed, leaves=False))
    unordered = isinstance(node, ast.SetComp) or any(iterable.unordered for iterable in iterables)
    keep = bool(element.kinds or element.taints or element.items or element.fields)
    items = (placed(element, node),) if keep else ()
    return Value((), taints, items, unordered=unordered)


EVALUATORS: dict[type[ast.AST], Callable[[Frame, Any], Value]] = dict.fromkeys(
    (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), comprehension
)
