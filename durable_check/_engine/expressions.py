"""Expressions: what each kind of expression yields. Calls are in `calls`, operators in `operators`."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Any

from durable_check import _catalogue
from durable_check._engine import facts, lookup
from durable_check._engine.frames import Frame, text_of
from durable_check._engine.modules import FunctionInfo
from durable_check._engine.values import (
    MAX_ITEMS,
    MAX_PATH,
    UNKNOWN,
    Begun,
    CallbackHandle,
    ClassRef,
    ContextMethod,
    ContextRef,
    Coroutine,
    External,
    FunctionRef,
    ModuleRef,
    ObjectRef,
    Pending,
    Prepared,
    SagaRef,
    Taint,
    Value,
    merge,
    merge_all,
    of,
    tainted,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BUILTINS = frozenset(vars(builtins))
FALSE = Value(literal="False")
_CONTEXT_DATA = frozenset({"lambda_context"})


def evaluate(frame: Frame, node: ast.AST) -> Value:
    """Return what an expression yields, emitting facts on the way."""
    handler = EVALUATORS.get(type(node))
    if handler is not None:
        return handler(frame, node)
    return _generic(frame, node)


def _generic(frame: Frame, node: ast.AST) -> Value:
    taints: tuple[Taint, ...] = ()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            taints = union(taints, evaluate(frame, child).all_taints())
    return tainted(taints)


def _constant(_frame: Frame, node: ast.Constant) -> Value:
    if isinstance(node.value, str):
        return Value(literal=node.value)
    return FALSE if node.value is False else UNKNOWN


def _name(frame: Frame, node: ast.Name) -> Value:
    name = node.id
    owner = frame
    while True:
        value = owner.env.get(name)
        if value is not None:
            return value
        if owner.parent is None:
            break
        owner = owner.parent
    value = lookup.module_value(frame.engine, owner.module, name)
    if value is not None:
        return frame.engine.read_global(frame, node, name, value) if frame.region.orchestration else value
    return of(External(name)) if name in BUILTINS else UNKNOWN


def _attribute(frame: Frame, node: ast.Attribute) -> Value:
    base = evaluate(frame, node.value)
    return attribute_of(frame, base, node.attr, node)


def attribute_of(frame: Frame, base: Value, name: str, node: ast.AST) -> Value:
    """Return the value of one attribute."""
    if not base.kinds:
        return tainted(base.taints) if base.taints else UNKNOWN
    found = UNKNOWN
    for kind in base.kinds:
        if isinstance(kind, External):
            found = merge(found, _external_attribute(frame, kind, name, node))
        elif isinstance(kind, ContextRef):
            found = merge(found, _context_attribute(kind, name))
        elif isinstance(kind, CallbackHandle | SagaRef):
            prefix = "saga." if isinstance(kind, SagaRef) else "callback."
            found = merge(found, of(ContextMethod(kind.scope, prefix + name)))
        elif isinstance(kind, ModuleRef):
            found = merge(found, lookup.module_member(frame.engine, kind.module, name))
        elif isinstance(kind, ClassRef | ObjectRef):
            found = merge(found, lookup.member(frame, kind, name) or UNKNOWN)
        elif isinstance(kind, Begun):
            frame.engine.emit(facts.Discarded(frame, node, of(kind), "use"))
    return with_taints(found, base.taints)


def _external_attribute(frame: Frame, kind: External, name: str, node: ast.AST) -> Value:
    path = f"{kind.path}.{name}"
    if len(path) > MAX_PATH:
        return UNKNOWN
    entry = _catalogue.lookup_read(path)
    if entry is None:
        return of(External(path))
    return frame.engine.external_read(frame, node, path, entry)


def _context_attribute(kind: ContextRef, name: str) -> Value:
    if name in _CONTEXT_DATA:
        return of(External("lambda_context"))
    if name == "logger":
        return of(External("ctx.logger"))
    return of(ContextMethod(kind.scope, name))


def with_taints(value: Value, taints: tuple[Taint, ...]) -> Value:
    """Return the value with more taints."""
    if not taints:
        return value
    return Value(value.kinds, union(value.taints, taints), value.items, value.fields, value.unordered, value.literal)


def _subscript(frame: Frame, node: ast.Subscript) -> Value:
    base = evaluate(frame, node.value)
    position = evaluate(frame, node.slice)
    if base is UNKNOWN and not position.taints:
        return UNKNOWN
    result = _element(node, base, position)
    for kind in base.kinds:
        if isinstance(kind, External):
            result = merge(result, _external_element(frame, node, kind, position))
        elif isinstance(kind, Begun):
            frame.engine.emit(facts.Discarded(frame, node, of(kind), "use"))
    return with_taints(result, union(base.taints, position.taints))


def _element(node: ast.Subscript, base: Value, position: Value) -> Value:
    if position.literal is not None and base.fields:
        return merge_all(tuple(value for key, value in base.fields if key == position.literal))
    index = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if base.keyed and isinstance(index, int):
        return base.items[index] if -len(base.items) <= index < len(base.items) else UNKNOWN
    if isinstance(node.slice, ast.Slice):
        return Value(items=base.items, unordered=base.unordered)
    return merge_all((*base.items, *(value for _, value in base.fields)))


def _external_element(frame: Frame, node: ast.Subscript, kind: External, position: Value) -> Value:
    path = f"{kind.path}[]"
    entry = _catalogue.lookup_read(path)
    if entry is not None and isinstance(node.ctx, ast.Load):
        return frame.engine.external_read(frame, node, path, entry, position.literal)
    return of(External(path)) if len(path) <= MAX_PATH else UNKNOWN


def _sequence(frame: Frame, node: ast.List | ast.Tuple) -> Value:
    items: list[Value] = []
    taints: tuple[Taint, ...] = ()
    keyed = True
    for element in node.elts[:MAX_ITEMS]:
        if isinstance(element, ast.Starred):
            value = evaluate(frame, element.value)
            items.extend(value.items or ((value,) if value.kinds else ()))
            taints = union(taints, value.taints)
            keyed = False
        else:
            items.append(placed(evaluate(frame, element), element))
    for element in node.elts[MAX_ITEMS:]:
        taints = union(taints, evaluate(frame, element).all_taints())
    if not any(item.kinds or item.taints or item.items or item.fields for item in items):
        return tainted(taints)
    return Value((), taints, tuple(items[:MAX_ITEMS]), keyed=keyed)


def placed(value: Value, node: ast.AST) -> Value:
    """Remember where a function or operation that goes into a container was written."""
    if not any(isinstance(kind, FunctionRef | Pending | Coroutine) for kind in value.kinds):
        return value
    return Value(value.kinds, value.taints, value.items, value.fields, value.unordered, node=node)


def _set(frame: Frame, node: ast.Set) -> Value:
    parts = [evaluate(frame, element) for element in node.elts]
    return Value((), union(*(part.all_taints() for part in parts)), unordered=True)


def _dict(frame: Frame, node: ast.Dict) -> Value:
    fields: list[tuple[str, Value]] = []
    items: list[Value] = []
    taints: tuple[Taint, ...] = ()
    for key, element in zip(node.keys, node.values, strict=True):
        value = evaluate(frame, element)
        if key is None:
            fields.extend(value.fields)
            taints = union(taints, value.taints)
            continue
        key_value = evaluate(frame, key)
        taints = union(taints, key_value.taints)
        if not (value.kinds or value.taints or value.items or value.fields):
            continue
        if key_value.literal is not None:
            fields.append((key_value.literal, value))
        else:
            items.append(value)
    if not fields and not items:
        return tainted(taints)
    return Value((), taints, tuple(items[:MAX_ITEMS]), tuple(fields[:MAX_ITEMS]))


def _joined(frame: Frame, node: ast.JoinedStr) -> Value:
    taints: tuple[Taint, ...] = ()
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            value = evaluate(frame, part.value)
            taints = union(taints, value.all_taints(), order_taint(frame, part.value, value))
            if part.format_spec is not None:
                taints = union(taints, evaluate(frame, part.format_spec).taints)
    return Value((), taints, text=True) if taints else UNKNOWN


def order_taint(frame: Frame, node: ast.AST, value: Value) -> tuple[Taint, ...]:
    """Return the taint of reading an unordered value in some order."""
    if not value.unordered:
        return ()
    return (Taint("order", f"the order of `{text_of(node)}`", frame.module.path, getattr(node, "lineno", 1)),)


def iterate(value: Value) -> Value:
    """Return what one turn of a loop over the value sees."""
    parts = value.items or tuple(part for _, part in value.fields)
    element = merge_all(parts) if parts else UNKNOWN
    for kind in value.kinds:
        if isinstance(kind, External) and len(kind.path) < MAX_PATH:
            element = merge(element, of(External(f"{kind.path}[]")))
    return with_taints(element, value.taints)  # the order itself is judged where the loop is


def _lambda(frame: Frame, node: ast.Lambda) -> Value:
    return function_value(frame, node, "<lambda>")


def function_value(frame: Frame, node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Value:
    """Return the value of a nested function or lambda, remembering which loop names it reads late."""
    info = frame.module.functions.get(node)
    if info is None:
        info = FunctionInfo(node, frame.module, name, outer=frame.function)
        frame.module.functions[node] = info
    late: set[str] = set()
    if frame.loops:
        looped = set().union(*(loop.names for loop in frame.loops))
        late = set(looped & info.loaded_names()) - set(info.parameters)
        late -= {argument.arg for argument in node.args.kwonlyargs}
    loops = tuple(loop.node for loop in frame.loops if loop.names & late)
    reference = FunctionRef(info, frame, loop_names=frozenset(late), loops=loops)
    return Value((reference,), node=node)


def _await(frame: Frame, node: ast.Await) -> Value:
    if isinstance(node.value, ast.Call):
        frame.engine.awaiting = node.value
    value = evaluate(frame, node.value)
    frame.engine.awaiting = None
    for kind in value.kinds:
        if isinstance(kind, Prepared):
            frame.engine.emit(facts.Discarded(frame, node, of(kind), "use"))
    kept = tuple(kind for kind in value.kinds if not isinstance(kind, Pending | Coroutine))
    return Value(kept, value.taints, value.items, value.fields, value.unordered, value.literal)


def _named(frame: Frame, node: ast.NamedExpr) -> Value:
    value = evaluate(frame, node.value)
    if isinstance(node.target, ast.Name):
        frame.bind(node.target.id, value)
    return value


def _starred(frame: Frame, node: ast.Starred) -> Value:
    return evaluate(frame, node.value)


EVALUATORS: dict[type[ast.AST], Callable[[Frame, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _set,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.Lambda: _lambda,
    ast.Await: _await,
    ast.NamedExpr: _named,
    ast.Starred: _starred,
}
