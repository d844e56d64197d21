"""Durable operations: which region their functions run in, and what they return."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from durable_check._engine import facts
from durable_check._engine.expressions import evaluate
from durable_check._engine.facts import Arguments
from durable_check._engine.frames import Frame, Region, Scope, text_of
from durable_check._engine.modules import own_nodes
from durable_check._engine.names import (
    AWS,
    CLEAN_METHODS,
    LEAF_REGIONS,
    OPERATIONS,
    OperationShape,
)
from durable_check._engine.values import (
    UNKNOWN,
    CallbackHandle,
    ClassRef,
    ContextMethod,
    ContextRef,
    External,
    FunctionRef,
    Kind,
    LeafContext,
    ObjectRef,
    Pending,
    Prepared,
    SagaRef,
    Taint,
    Value,
    of,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING = Arguments((), {})
_DATA_RETURNS = (
    ast.Constant,
    ast.Dict,
    ast.List,
    ast.Tuple,
    ast.JoinedStr,
    ast.BinOp,
    ast.Compare,
    ast.ListComp,
    ast.DictComp,
)


class Request(NamedTuple):
    """One call of an operation."""

    frame: Frame
    node: ast.Call
    method: ContextMethod
    shape: OperationShape
    arguments: Arguments


def context_call(frame: Frame, node: ast.Call, method: ContextMethod, arguments: Arguments, *, awaited: bool) -> Value:
    """A method of a durable context is called."""
    name = method.name
    shape = OPERATIONS.get(name)
    if shape is not None:
        return perform(Request(frame, node, method, shape, arguments), awaited=awaited)
    if name.startswith("callback."):
        return _callback_call(frame, node, method, awaited=awaited)
    if name == "saga":
        return of(SagaRef(method.scope))
    if name == "is_replaying":
        text = text_of(node)
        return Value((), (Taint("replay", f"`{text}`", frame.module.path, node.lineno),))
    if name in CLEAN_METHODS:
        if frame.region.in_leaf or frame.region.scope is not method.scope:
            engine = frame.engine  # not an operation, but bound to its place like one
            engine.emit(facts.OperationCall(frame, node, name, method.scope, None, arguments, (), awaited=True))
        return of(External(f"ctx.{name}()"))
    return UNKNOWN


def _callback_call(frame: Frame, node: ast.Call, method: ContextMethod, *, awaited: bool) -> Value:
    """A callback's `result()` takes no id, but suspends like an operation, and belongs where operations belong."""
    frame.engine.performed += 1
    if frame.region.in_leaf:
        fact = facts.OperationCall(frame, node, "result", method.scope, None, NOTHING, (), awaited)
        frame.engine.emit(fact)
    if method.scope.is_async and not awaited:
        return Value((Pending("result", method.scope),))
    return UNKNOWN


def perform(request: Request, *, awaited: bool, known_as: str | None = None) -> Value:
    """An operation: report it, walk its functions in their region, return its result."""
    frame, node, method, shape, arguments = request
    engine, scope = frame.engine, method.scope
    engine.performed += 1
    scope.operations += 1
    name = arguments.get(shape.name, "name")
    functions = tuple(functions_of(arguments.get(shape.function, shape.keyword), shape))
    operation = known_as or method.name
    engine.emit(facts.OperationCall(frame, node, operation, scope, name, arguments, functions, awaited))
    if frame.region.orchestration:
        engine.record(frame, node, method, name, functions)
    if not frame.region.in_leaf and shape.function is not None:
        if not functions:
            _unseen(request)
        for position, function in enumerate(functions):
            _walk(request, function, position)
    return _result(method, node, awaited=awaited)


def _result(method: ContextMethod, node: ast.AST, *, awaited: bool) -> Value:
    kinds: tuple[Kind, ...] = ()
    if method.name == "create_callback":
        kinds = (CallbackHandle(method.scope),)
    if method.scope.is_async and not awaited:
        kinds = (Pending(method.name, method.scope), *kinds)
    return Value(kinds, node=node) if kinds else UNKNOWN


def functions_of(value: Value | None, shape: OperationShape) -> Iterator[FunctionRef]:
    """Yield the functions handed to an operation; a parallel takes a list of them."""
    if value is None or shape.function is None:
        return
    for kind in value.kinds:
        if isinstance(kind, FunctionRef):
            yield kind
        elif isinstance(kind, Prepared):
            yield kind.function
    if shape.region == "branch":
        for item in (*value.items, *(part for _, part in value.fields)):
            yield from functions_of(item, shape)


def _walk(request: Request, function: FunctionRef, position: int) -> None:
    """Walk one of the operation's functions in the region the operation gives it."""
    frame, _, method, shape, arguments = request
    engine, scope = frame.engine, method.scope
    label = function.info.name
    if shape.region in LEAF_REGIONS:
        region = Region("leaf", scope, shape.region, _rerunnable(arguments, scope.package))
    else:
        inner = Scope(shape.region, label, scope.is_async, scope.package, scope)
        region = Region("orchestration", inner)
    contexts = [_parameter(letter, region) for letter in shape.receives]
    if shape.region == "item":
        contexts[1] = _element(arguments)
    if shape.region == "branch" and label == "<lambda>" and region.scope is not None:
        region.scope.name = f"branch {position}"
    offset = 1 if function.receiver is not None else 0
    room = len(function.info.parameters) - offset - len(function.bound)
    prefix = contexts[: max(room, 0)] if function.info.node.args.vararg is None else contexts
    given = (*prefix, *function.bound) if function.bound_last else (*function.bound, *prefix)
    whole = FunctionRef(function.info, function.closure, function.receiver, given)
    config = arguments.get(None, "config")
    serdes = "serdes" in arguments.keywords or (config is not None and "serdes" in dict(config.fields))
    engine.call_entry(frame, whole, region, checks_result=not serdes and shape.region == "step")


def _parameter(letter: str, region: Region) -> Value:
    if letter == "l":
        return of(LeafContext())
    if letter == "c" and region.scope is not None:
        return of(ContextRef(region.scope))
    return UNKNOWN


def _element(arguments: Arguments) -> Value:
    inputs = arguments.get(0, "inputs", "items")
    result = UNKNOWN
    if inputs is None:
        return result
    taints = union(inputs.taints, *(item.all_taints() for item in inputs.items))
    return Value((), taints) if taints else result


def _rerunnable(arguments: Arguments, package: str) -> bool:
    """Whether an interrupted attempt can run again.

    Not under at-most-once semantics without retries. AWS's SDK retries by default, ours only when told to.
    """
    config = arguments.get(None, "config")
    options = dict(config.fields) if config is not None else {}
    options.update(arguments.keywords)
    semantics = options.get("step_semantics")
    known = semantics.first(External) if semantics is not None else None
    once = isinstance(known, External) and known.path.endswith("AT_MOST_ONCE_PER_RETRY")
    flag = options.get("at_most_once")
    if not once and (flag is None or flag.literal == "False"):
        return True
    retry = options.get("retry", options.get("retry_strategy"))
    if retry is None:
        return package == AWS
    strategy = retry.first(External)
    return not (isinstance(strategy, External) and strategy.path.endswith("RetryPresets.none()"))


def _unseen(request: Request) -> None:
    """An operation whose function is not a function of the project: early call, or out of sight."""
    frame, node, method, shape, arguments = request
    engine = frame.engine
    argument = _argument_node(node, shape)
    if isinstance(argument, ast.Call) and _returns_data(frame, argument):
        engine.emit(facts.CalledEarly(frame, argument, method.name))
        return
    given = arguments.get(shape.function, shape.keyword)
    if given is not None and any(isinstance(kind, External | ClassRef | ObjectRef) for kind in given.kinds):
        return  # a function of a library, or an object that can be called: nothing to look into
    engine.note(
        frame.module.path, node.lineno, f"the function of `{text_of(node.func)}` cannot be resolved: not followed"
    )


def _argument_node(node: ast.Call, shape: OperationShape) -> ast.expr | None:
    for keyword in node.keywords:
        if keyword.arg == shape.keyword:
            return keyword.value
    if shape.function is not None and shape.function < len(node.args):
        return node.args[shape.function]
    return None


def _returns_data(frame: Frame, node: ast.Call) -> bool:
    """Whether the call is of a project function that visibly returns data, so its result cannot be run."""
    for kind in evaluate(frame, node.func).kinds:
        if not isinstance(kind, FunctionRef) or kind.info.role is not None:
            continue
        info = kind.info
        if info.is_async:
            return True
        if isinstance(info.node, ast.Lambda) or info.is_generator():
            continue
        returns = [part.value for part in own_nodes(info.node) if isinstance(part, ast.Return)]
        return all(value is None or isinstance(value, _DATA_RETURNS) for value in returns)
    return False
