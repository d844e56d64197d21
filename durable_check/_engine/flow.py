"""Alternatives and loops: walking blocks from one state, and joining what holds after them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check._engine.expressions import evaluate, iterate
from durable_check._engine.frames import Frame, Loop
from durable_check._engine.modules import target_names
from durable_check._engine.stores import assign
from durable_check._engine.values import External, Value, merge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LEAVING = ast.Return | ast.Raise | ast.Break | ast.Continue


def arms(frame: Frame, node: ast.AST, condition: Value, blocks: Sequence[Sequence[ast.stmt]]) -> bool:
    """Walk alternative blocks from the same state and join what holds after them."""
    engine = frame.engine
    quiet = any(taint.kind == "replay" for taint in condition.taints)
    patched = any(isinstance(kind, External) and kind.path == "ctx.patched()" for kind in condition.kinds)
    frame.quiet += quiet
    frame.patched += patched
    before = engine.performed
    start = frame.env
    results: list[dict[str, Value]] = []
    ended = 0
    for block in blocks:
        frame.env = dict(start)
        if frame.engine.execute(frame, block):
            ended += 1
        else:
            results.append(frame.env)
    frame.env = joined(start, results)
    if not (quiet and 0 < ended < len(blocks)):  # after `if ctx.is_replaying(): return` the rest is quiet, too
        frame.quiet -= quiet
    frame.patched -= patched
    leaves = 0 < ended < len(blocks) or any(_leaves(block) for block in blocks)
    performed = engine.performed - before
    if leaves and condition.taints:  # what the function returns depends on the condition
        frame.returned = merge(frame.returned, Value((), condition.taints))
    if condition.taints and (performed or leaves):
        engine.emit(facts.Branch(frame, node, condition, performed, leaves))
    return ended == len(blocks)


def _leaves(block: Sequence[ast.stmt]) -> bool:
    return any(isinstance(statement, _LEAVING) for statement in block)


def joined(start: dict[str, Value], results: list[dict[str, Value]]) -> dict[str, Value]:
    if not results:
        return start
    joined = results[0]
    for other in results[1:]:
        for name, value in other.items():
            known = joined.get(name)
            joined[name] = value if known is None else merge(known, value)
    return joined


MAX_LOOP_DEPTH = 2  # deeper loops are walked once: their second turn adds nothing but time


def walk_for(frame: Frame, node: ast.For | ast.AsyncFor) -> bool:
    iterable = evaluate(frame, node.iter)
    element = iterate(iterable)
    before = frame.engine.performed

    def turn() -> None:
        assign(frame, node.target, element)
        frame.engine.execute(frame, node.body)

    _loop(frame, Loop(node, frozenset(_bound_in(node))), turn)
    performed = frame.engine.performed - before
    frame.engine.emit(facts.Iteration(frame, node.iter, iterable, performed))
    frame.engine.execute(frame, node.orelse)
    return False


def _bound_in(node: ast.For | ast.AsyncFor | ast.While) -> set[str]:
    names: set[str] = set()
    if not isinstance(node, ast.While):
        names.update(target_names(node.target))
    for statement in node.body:
        for child in ast.walk(statement):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                names.add(child.id)
    return names


def walk_while(frame: Frame, node: ast.While) -> bool:
    condition = evaluate(frame, node.test)
    before = frame.engine.performed

    def turn() -> None:
        nonlocal condition
        frame.engine.execute(frame, node.body)
        condition = merge(condition, evaluate(frame, node.test))

    _loop(frame, Loop(node, frozenset(_bound_in(node))), turn)
    performed = frame.engine.performed - before
    if condition.taints and performed:
        frame.engine.emit(facts.Branch(frame, node, condition, performed, leaves=False))
    frame.engine.execute(frame, node.orelse)
    return isinstance(node.test, ast.Constant) and bool(node.test.value) and not _breaks(node)


def _breaks(node: ast.While) -> bool:
    return any(isinstance(child, ast.Break) for child in ast.walk(node))


def _loop(frame: Frame, loop: Loop, turn: Callable[[], None]) -> None:
    frame.loops.append(loop)
    frame.engine.active_loops.append(loop.node)
    start = frame.env
    frame.env = dict(start)
    turn()
    after = joined(dict(start), [start | {}, frame.env])
    if len(frame.loops) <= MAX_LOOP_DEPTH and _changed(start, after):
        frame.env = dict(after)
        turn()
        after = joined(dict(after), [after, frame.env])
    frame.env = after
    frame.engine.active_loops.pop()
    frame.loops.pop()


def _changed(start: dict[str, Value], after: dict[str, Value]) -> bool:
    return any(after[name] != value for name, value in start.items() if name in after)
