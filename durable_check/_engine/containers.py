"""Methods of data: containers, mappings, sets, and pure functions that give contents back."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from durable_check._engine.expressions import order_taint
from durable_check._engine.frames import text_of
from durable_check._engine.stores import put_into
from durable_check._engine.values import (
    MAX_ITEMS,
    UNKNOWN,
    ContextRef,
    ObjectRef,
    Value,
    merge,
    union,
)

if TYPE_CHECKING:
    from durable_check._engine.facts import Arguments
    from durable_check._engine.frames import Frame


MUTATORS = frozenset({"append", "add", "extend", "insert", "update", "appendleft", "setdefault", "put_nowait"})


REMOVERS = frozenset({"pop", "clear", "remove", "discard", "popitem", "popleft"})


ORDERING = frozenset({"sorted", "min", "max", "len", "sum", "any", "all", "bool"})


COPYING = frozenset({"list", "tuple", "enumerate", "reversed", "iter", "dict", "zip", "asyncio.gather"})


SPAWNING = frozenset({"asyncio.create_task", "asyncio.ensure_future"})


AS_MAPPING = frozenset({"dataclasses.asdict", "vars"})  # and these methods: pydantic's, a named tuple's
MAPPING_METHODS = frozenset({"model_dump", "dict", "_asdict"})


SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})


def call_on_value(frame: Frame, node: ast.Call, func: ast.Attribute, base: Value, arguments: Arguments) -> Value:
    """A method of something that is data: containers change, sets give sets, everything else passes taints on."""
    if func.attr in MUTATORS:
        return _put(frame, node, func, base, arguments)
    if func.attr == "sort":
        _sorted_in_place(frame, func.value, base)
        return UNKNOWN
    if func.attr in REMOVERS:
        put_into(frame, func.value, base, UNKNOWN, node, how=f"calls `.{func.attr}()` on")
        taints = union(base.taints, order_taint(frame, func.value, base)) if func.attr == "pop" else ()
        inner = merge_items(base)
        return Value(inner.kinds, union(inner.taints, taints), inner.items, inner.fields)
    if func.attr in MAPPING_METHODS and base.first(ObjectRef) is not None:
        return _attributes(base)
    if func.attr in {"get", "items", "values", "keys"} and (base.fields or base.items):
        return _from_mapping(base, func.attr, arguments)
    unordered = base.unordered and func.attr in SET_METHODS
    frame.engine.unresolved_call(frame, node, func.attr, arguments)
    taints = union(base.all_taints(), *(argument.all_taints() for argument in arguments.every()))
    if func.attr == "join":
        for position, argument in enumerate(arguments.positional):
            taints = union(taints, order_taint(frame, node.args[position], argument))
    note_context(frame, node, arguments)
    if not taints and not unordered:
        return UNKNOWN
    text = func.attr in {"format", "join"} and base.literal is not None
    return Value((), taints, unordered=unordered, text=text)


def _put(frame: Frame, node: ast.Call, func: ast.Attribute, base: Value, arguments: Arguments) -> Value:
    for argument in arguments.every():
        spread = argument.items if func.attr in {"extend", "update"} and argument.items else (argument,)
        for value in spread:
            put_into(frame, func.value, base, value, node, how=f"calls `.{func.attr}()` on")
    if func.attr == "setdefault":
        return merge(base.items[0] if base.items else UNKNOWN, arguments.get(1) or UNKNOWN)
    return UNKNOWN


def _sorted_in_place(frame: Frame, container: ast.expr, base: Value) -> None:
    """After ``names.sort()`` the order is fixed, wherever the elements came from."""
    owner = frame.owner(container.id) if isinstance(container, ast.Name) else None
    if owner is None or not isinstance(container, ast.Name):
        return
    taints = tuple(taint for taint in base.taints if taint.kind != "order")
    owner.env[container.id] = replace(base, taints=taints, unordered=False)


def merge_items(base: Value) -> Value:
    """Return what any element of a container may be."""
    result = UNKNOWN
    for item in (*base.items, *(value for _, value in base.fields)):
        result = merge(result, item)
    return result


def _attributes(base: Value) -> Value:
    """Return an object's attributes as a mapping."""
    fields = {
        name: part for kind in base.kinds if isinstance(kind, ObjectRef) for name, part in kind.attributes.items()
    }
    return Value((), base.taints, fields=tuple(fields.items())[:MAX_ITEMS])


def _from_mapping(base: Value, method: str, arguments: Arguments) -> Value:
    if method == "get":
        key = arguments.positional[0].literal if arguments.positional else None
        found = UNKNOWN
        for name, value in base.fields:
            if key is None or name == key:
                found = merge(found, value)
        for item in base.items:
            found = merge(found, item)
        return merge(found, arguments.get(1) or UNKNOWN)
    parts = (*base.items, *(value for _, value in base.fields))
    if method == "items":
        parts = tuple(Value(items=(UNKNOWN, part), keyed=True) for part in parts)
    return Value((), base.taints, parts[:MAX_ITEMS])


def note_context(frame: Frame, node: ast.Call, arguments: Arguments) -> None:
    """Say that code which takes the durable context cannot be seen."""
    if frame.region.kind == "neutral":
        return
    if any(isinstance(kind, ContextRef) for value in arguments.every() for kind in value.kinds):
        text = text_of(node.func)
        frame.engine.note(
            frame.module.path,
            node.lineno,
            f"`{text}` takes the durable context but its code is not among the checked files: not followed",
        )


def shaped(path: str, arguments: Arguments, value: Value) -> Value:
    """Give the result of a well-known pure function its contents back."""
    if path in AS_MAPPING and arguments.positional and arguments.positional[0].first(ObjectRef) is not None:
        return _attributes(arguments.positional[0])
    if path == "dict" and arguments.keywords and not arguments.positional:
        return Value(fields=tuple(arguments.keywords.items())[:MAX_ITEMS])
    if path in COPYING and len(arguments.positional) >= 1:
        source = arguments.positional[0]
        items = tuple(item for argument in arguments.positional for item in argument.items)
        if path == "enumerate":
            items = tuple(Value(items=(UNKNOWN, item), keyed=True) for item in items)
        unordered = source.unordered and path != "dict"
        fields = tuple((dict(source.fields) | arguments.keywords).items()) if path == "dict" else ()
        return Value(value.kinds, value.taints, items[:MAX_ITEMS], fields, unordered)
    if path in SPAWNING:
        return Value(value.kinds, value.taints, tuple(arguments.positional[:1]))
    if path in ORDERING:
        items = arguments.positional[0].items if arguments.positional and path == "sorted" else ()
        taints = tuple(taint for taint in value.taints if taint.kind != "order")
        return Value((), taints, items)
    return value
