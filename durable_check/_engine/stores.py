"""Stores: what assignments and container methods do to names, attributes and elements."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine.expressions import evaluate, iterate, placed, with_taints
from durable_check._engine.values import (
    UNKNOWN,
    ClassRef,
    External,
    ObjectRef,
    Value,
    extended,
    merge,
)

if TYPE_CHECKING:
    from durable_check._engine.frames import Frame


def assign(frame: Frame, target: ast.AST, value: Value) -> None:
    """Store a value in an assignment target."""
    if isinstance(target, ast.Name):
        frame.engine.written(frame, target, target, value, "assigns")
        frame.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(frame, target, value)
    elif isinstance(target, ast.Starred):
        assign(frame, target.value, value)
    elif isinstance(target, ast.Attribute):
        _store_attribute(frame, target, value)
    elif isinstance(target, ast.Subscript):
        key = evaluate(frame, target.slice).literal
        container = evaluate(frame, target.value)
        put_into(frame, target.value, container, value, target, how="sets an item of", key=key)


def _unpack(frame: Frame, target: ast.Tuple | ast.List, value: Value) -> None:
    count = len(target.elts)
    known = value.keyed and len(value.items) == count
    starred = any(isinstance(element, ast.Starred) for element in target.elts)
    rest = iterate(value) if not known or starred else UNKNOWN
    for position, element in enumerate(target.elts):
        part = with_taints(value.items[position], value.taints) if known and not starred else rest
        assign(frame, element, part)


def _store_attribute(frame: Frame, target: ast.Attribute, value: Value) -> None:
    base = evaluate(frame, target.value)
    for kind in base.kinds:
        if isinstance(kind, ObjectRef | ClassRef):
            known = kind.attributes.get(target.attr, UNKNOWN)
            kind.attributes[target.attr] = merge(known, value)
    frame.engine.written(frame, target, target, value, "sets")


def root_name(node: ast.expr) -> str:
    """Return the variable at the start of ``a.b[c].d``, or an empty text when a call is in the way."""
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute | ast.Subscript):
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) else ""


def put_into(
    frame: Frame,
    container: ast.expr,
    current: Value,
    value: Value,
    node: ast.AST,
    *,
    how: str,
    key: str | None = None,
) -> None:
    """Add a value to what an expression names: ``results[k] = v``, ``results.append(v)``."""
    for kind in current.kinds:
        if isinstance(kind, External) and kind.path == "os.environ":
            frame.engine.external_write(frame, node, kind.path)
    name = root_name(container)
    if not name:
        return
    if isinstance(container, ast.Name):
        owner = frame.owner(name)
        if owner is not None:
            owner.env[name] = extended(current, placed(value, node), key)
    elif isinstance(container, ast.Attribute):
        base = evaluate(frame, container.value)
        for kind in base.kinds:
            if isinstance(kind, ObjectRef):
                kind.attributes[container.attr] = extended(current, value, key)
    frame.engine.written(frame, node, container, value, how)
