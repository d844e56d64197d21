"""Operators: arithmetic, `and` and `or`, comparisons, and conditional expressions."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from durable_check import _catalogue
from durable_check._engine import facts
from durable_check._engine.expressions import evaluate, with_taints
from durable_check._engine.values import (
    MAX_ITEMS,
    UNKNOWN,
    External,
    Kind,
    Value,
    is_begun,
    merge,
    of,
    tainted,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_check._engine.frames import Frame


def _operator(frame: Frame, node: ast.BinOp) -> Value:
    left = evaluate(frame, node.left)
    right = evaluate(frame, node.right)
    if left is UNKNOWN and right is UNKNOWN:
        return UNKNOWN
    for side in (left, right):
        if is_begun(side):
            frame.engine.emit(facts.Discarded(frame, node, of(side.kinds[0]), "use"))
    if isinstance(node.op, ast.BitOr) and (left.fields or right.fields):
        return _merged_mappings(left, right)
    kinds: tuple[Kind, ...] = ()
    path = left.first(External)
    if isinstance(node.op, ast.Div) and isinstance(path, External) and path.path.startswith("pathlib."):
        kinds = (path,)
    unordered = (left.unordered or right.unordered) and isinstance(
        node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor
    )
    items = left.items + right.items if isinstance(node.op, ast.Add) else ()
    text = isinstance(node.op, ast.Add | ast.Mod) and any(side.text or side.literal for side in (left, right))
    taints = union(left.all_taints(), right.all_taints())
    return Value(kinds, taints, items[:MAX_ITEMS], unordered=unordered, text=text and bool(taints))


def _merged_mappings(left: Value, right: Value) -> Value:
    """``defaults | {"id": fresh}``: the keys of both, the right one's last word."""
    fields = tuple((dict(left.fields) | dict(right.fields)).items())
    return Value((), union(left.taints, right.taints), (left.items + right.items)[:MAX_ITEMS], fields[:MAX_ITEMS])


def _boolean(frame: Frame, node: ast.BoolOp) -> Value:
    first = evaluate(frame, node.values[0])
    before = frame.engine.performed
    result = first
    for part in node.values[1:]:
        result = merge(result, evaluate(frame, part))
    performed = frame.engine.performed - before
    if performed:
        frame.engine.emit(facts.Branch(frame, node, first, performed, leaves=False))
    return result


def _compare(frame: Frame, node: ast.Compare) -> Value:
    parts = [evaluate(frame, node.left), *(evaluate(frame, part) for part in node.comparators)]
    for operation, part in zip(node.ops, parts[1:], strict=True):
        if isinstance(operation, ast.In | ast.NotIn):
            parts.append(_membership(frame, node, parts[0], part))
    taints = union(*(part.all_taints() for part in parts))
    return tainted(taints)


def _membership(frame: Frame, node: ast.Compare, key: Value, container: Value) -> Value:
    """``"DEBUG" in os.environ`` reads as much as ``os.environ["DEBUG"]`` does."""
    result = UNKNOWN
    for kind in container.kinds:
        entry = _catalogue.lookup_read(f"{kind.path}[]") if isinstance(kind, External) else None
        if entry is not None and isinstance(kind, External):
            result = merge(result, frame.engine.external_read(frame, node, f"{kind.path}[]", entry, key.literal))
    return result


def _conditional(frame: Frame, node: ast.IfExp) -> Value:
    condition = evaluate(frame, node.test)
    before = frame.engine.performed
    value = merge(evaluate(frame, node.body), evaluate(frame, node.orelse))
    performed = frame.engine.performed - before
    if performed:
        frame.engine.emit(facts.Branch(frame, node, condition, performed, leaves=False))
    return with_taints(value, condition.taints)


EVALUATORS: dict[type[ast.AST], Callable[[Frame, Any], Value]] = {
    ast.BinOp: _operator,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
}
