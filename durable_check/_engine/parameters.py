"""Parameters: what a function starts with."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine.expressions import evaluate
from durable_check._engine.frames import NEUTRAL, Frame
from durable_check._engine.names import CONTEXT_TYPES, LEAF_CONTEXT_TYPES, canonical
from durable_check._engine.values import (
    MAX_ITEMS,
    UNKNOWN,
    ClassRef,
    ContextRef,
    External,
    FunctionRef,
    Kind,
    LeafContext,
    ObjectRef,
    Value,
)

if TYPE_CHECKING:
    from durable_check._engine.facts import Arguments
    from durable_check._engine.modules import FunctionInfo


def bind_parameters(frame: Frame, kind: FunctionRef, arguments: Arguments) -> dict[str, Value]:
    """Return the names a function starts with."""
    info = kind.info
    spec = info.node.args
    given = list(kind.bound) + list(arguments.positional)
    if kind.receiver is not None:
        given.insert(0, kind.receiver)
    env: dict[str, Value] = dict(zip(info.parameters, given, strict=False))
    if spec.vararg is not None:
        env[spec.vararg.arg] = Value(items=tuple(given[len(info.parameters) :][:MAX_ITEMS]))
    known = {*info.parameters, *(argument.arg for argument in spec.kwonlyargs)}
    extra = []
    for name, value in arguments.keywords.items():
        if name in known:
            env[name] = value
        else:
            extra.append((name, value))
    if spec.kwarg is not None:
        env[spec.kwarg.arg] = Value(fields=tuple(extra))
    _fill_in(frame, info, env)
    return env


def _fill_in(frame: Frame, info: FunctionInfo, env: dict[str, Value]) -> None:
    """Give parameters that got nothing their default, and unknown ones what their annotation says."""
    spec = info.node.args
    home = Frame(frame.engine, info.module, None, NEUTRAL)
    positional = (*spec.posonlyargs, *spec.args)
    pairs = zip(positional[::-1], spec.defaults[::-1], strict=False)
    defaults: dict[str, ast.expr] = {argument.arg: default for argument, default in pairs}
    for argument, keyword_default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if keyword_default is not None:
            defaults[argument.arg] = keyword_default
    for argument in (*positional, *spec.kwonlyargs):
        value = env.get(argument.arg)
        if value is None and argument.arg in defaults:
            value = evaluate(home, defaults[argument.arg])
        value = value or UNKNOWN
        if not value.kinds and argument.annotation is not None:
            known = annotated(frame, home, argument.annotation)
            if known is not None:
                value = Value((known,), value.taints, value.items, value.fields, value.unordered)
        env[argument.arg] = value


def annotated(frame: Frame, home: Frame, annotation: ast.expr) -> Kind | None:
    """Return what a parameter's annotation says about it."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError):
            return None
    if isinstance(annotation, ast.BinOp):
        return annotated(frame, home, annotation.left) or annotated(frame, home, annotation.right)
    if not isinstance(annotation, ast.Name | ast.Attribute):
        return None
    for known in evaluate(home, annotation).kinds:
        if isinstance(known, ClassRef):
            return ObjectRef(known.info)
        if isinstance(known, External):
            name = canonical(known.path)
            if name in CONTEXT_TYPES and frame.region.scope is not None:
                return ContextRef(frame.region.scope) if frame.region.orchestration else None
            if name in LEAF_CONTEXT_TYPES:
                return LeafContext()
            return None if "." not in known.path else External(f"{known.path}()")
    return None
