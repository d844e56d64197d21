"""What runs operations for the user: `with_retry`, sagas, and the threads that must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine.facts import Arguments
from durable_check._engine.frames import Frame, Region
from durable_check._engine.names import OPERATIONS, OperationShape
from durable_check._engine.operations import Request, perform
from durable_check._engine.values import (
    UNKNOWN,
    ContextMethod,
    ContextRef,
    FunctionRef,
    Prepared,
    Value,
)

if TYPE_CHECKING:
    import ast

_BLOCK = OperationShape(1, "func", "child", "c.", 3)  # the function form takes the context first


def with_retry(frame: Frame, node: ast.Call, arguments: Arguments, *, awaited: bool) -> Value:
    """`with_retry(ctx, block)` runs a block of operations in a child context."""
    context = arguments.get(0, "context", "ctx")
    known = context.first(ContextRef) if context is not None else None
    if not isinstance(known, ContextRef):
        return UNKNOWN
    method = ContextMethod(known.scope, "run_in_child_context")
    return perform(Request(frame, node, method, _BLOCK, arguments), awaited=awaited, known_as="with_retry")


def saga_call(frame: Frame, node: ast.Call, method: ContextMethod, arguments: Arguments, *, awaited: bool) -> Value:
    """A saga registers compensations (they become steps) and may run steps itself."""
    name = method.name.removeprefix("saga.")
    shape = OPERATIONS.get(name)
    if shape is not None:
        value = perform(Request(frame, node, ContextMethod(method.scope, name), shape, arguments), awaited=awaited)
        rest = tuple(arguments.keywords.values()) + arguments.positional[1:]
    else:
        value, rest = UNKNOWN, arguments.every()
    region = Region("leaf", method.scope, "compensation")
    for position, argument in enumerate(rest):
        for kind in argument.kinds:
            function = kind.function if isinstance(kind, Prepared) else kind
            if isinstance(function, FunctionRef) and not frame.region.in_leaf:
                given = (*function.bound, *rest[position + 1 :])
                whole = FunctionRef(function.info, function.closure, function.receiver, given)
                frame.engine.call_entry(frame, whole, region, checks_result=False)
    return value


def call_in_thread(frame: Frame, arguments: Arguments) -> None:
    """Walk functions that another thread or process will run."""
    region = Region(frame.region.kind, frame.region.scope, frame.region.leaf, frame.region.rerunnable, threaded=True)
    given = list(arguments.positional)
    target = arguments.keywords.get("target")
    extra = arguments.keywords.get("args")
    if target is not None:
        given = [target, *(extra.items if extra is not None else ())]
    for position, value in enumerate(given):
        for kind in value.kinds:
            if isinstance(kind, FunctionRef) and kind.info.role is None:
                rest = Arguments(tuple(given[position + 1 :]), {})
                frame.engine.call_function(frame, kind, rest, region)
