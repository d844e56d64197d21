"""Calls: into the project's functions, out of the project, and on containers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check import _catalogue
from durable_check._engine import helpers, lookup, operations
from durable_check._engine.containers import call_on_value, merge_items, note_context, shaped
from durable_check._engine.expressions import attribute_of, evaluate
from durable_check._engine.facts import Arguments
from durable_check._engine.frames import NEUTRAL, Frame, Region
from durable_check._engine.names import ROLES, canonical
from durable_check._engine.values import (
    UNKNOWN,
    ClassRef,
    ContextMethod,
    Coroutine,
    External,
    FunctionRef,
    Instance,
    Kind,
    ObjectRef,
    Prepared,
    Taint,
    Value,
    merge,
    of,
    tainted,
    union,
)
from durable_check._engine.wrappers import wrapped

if TYPE_CHECKING:
    from typing import Protocol, TypeGuard

    class _Field(Protocol):
        target: ast.Name


SETS = frozenset({"set", "frozenset"})
HIGHER_ORDER = frozenset({"map", "filter", "sorted", "min", "max", "functools.reduce"})
SEEDED = frozenset({"random.Random", "numpy.random.default_rng"})  # reproducible when given a seed
BRANCHING = frozenset({"ParallelBranch"})


def evaluate_call(frame: Frame, node: ast.Call) -> Value:
    """Return what a call yields, after walking what it runs."""
    engine = frame.engine
    awaited = engine.awaiting is node
    engine.awaiting = None
    if isinstance(node.func, ast.Attribute):
        base = evaluate(frame, node.func.value)
        callee = attribute_of(frame, base, node.func.attr, node.func)
        if not callee.kinds:
            return call_on_value(frame, node, node.func, base, evaluate_arguments(frame, node))
    else:
        callee = evaluate(frame, node.func)
    arguments = evaluate_arguments(frame, node)
    if not callee.kinds:
        return _unknown(frame, node, arguments, callee)
    result: Value | None = None
    for kind in _in_place(frame, callee.kinds):
        part = _call_kind(frame, node, kind, arguments, awaited=awaited)
        result = part if result is None else merge(result, part)
    result = result or UNKNOWN
    if callee.taints:
        result = Value(result.kinds, union(result.taints, callee.taints), result.items, result.fields, result.unordered)
    return result


def _in_place(frame: Frame, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Drop the contexts of other handlers that the same attribute or variable also held."""
    here = tuple(kind for kind in kinds if isinstance(kind, ContextMethod) and kind.scope is frame.region.scope)
    if not here:
        return kinds
    return tuple(kind for kind in kinds if kind in here or not isinstance(kind, ContextMethod))


def evaluate_arguments(frame: Frame, node: ast.Call) -> Arguments:
    """Evaluate the arguments of a call, left to right."""
    positional: list[Value] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            value = evaluate(frame, argument.value)
            positional.extend(value.items or (value,))
        else:
            value = evaluate(frame, argument)
            if isinstance(argument, ast.GeneratorExp | ast.ListComp):
                value = Value(value.kinds, value.taints, value.items, value.fields, value.unordered, node=argument)
            positional.append(value)
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluate(frame, keyword.value)
        if keyword.arg is None:
            keywords.update(value.fields)
        else:
            keywords[keyword.arg] = value
    return Arguments(tuple(positional), keywords)


def _unknown(frame: Frame, node: ast.Call, arguments: Arguments, callee: Value) -> Value:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    frame.engine.unresolved_call(frame, node, name, arguments)
    note_context(frame, node, arguments)
    return tainted(union(callee.taints, *(argument.all_taints() for argument in arguments.every())))


def _call_kind(frame: Frame, node: ast.Call, kind: Kind, arguments: Arguments, *, awaited: bool) -> Value:
    if isinstance(kind, External):
        return _external(frame, node, kind, arguments, awaited=awaited)
    if isinstance(kind, FunctionRef):
        return _project_function(frame, node, kind, arguments, awaited=awaited)
    if isinstance(kind, ClassRef):
        return construct(frame, node, kind, arguments)
    if isinstance(kind, ContextMethod) and kind.name.startswith("saga."):
        return helpers.saga_call(frame, node, kind, arguments, awaited=awaited)
    if isinstance(kind, ContextMethod):
        return operations.context_call(frame, node, kind, arguments, awaited=awaited)
    if isinstance(kind, ObjectRef):
        method = lookup.find_method(frame.engine, kind.info, "__call__")
        if method is not None:
            return call_function(frame, FunctionRef(method, receiver=of(kind)), arguments, frame.region)
    return tainted(union(*(argument.all_taints() for argument in arguments.every())))


def _project_function(frame: Frame, node: ast.Call, kind: FunctionRef, arguments: Arguments, *, awaited: bool) -> Value:
    role = kind.info.role
    if role == "handler":
        return UNKNOWN
    if role is not None and role != "branch":
        bound = _bind_positions(kind, arguments, skip=2 if role == "submitter" else 1)
        return Value((Prepared(bound, role),), node=node)
    kind = wrapped(frame.engine, kind)
    if not kind.info.is_async:
        return call_function(frame, kind, arguments, frame.region)
    scope = frame.region.scope
    before = scope.operations if scope else 0
    value = call_function(frame, kind, arguments, frame.region)
    if awaited or frame.region.kind == "neutral":
        return value
    performed = (scope.operations if scope else 0) - before
    return Value((Coroutine(kind.info.name, performed), *value.kinds), value.taints, value.items, value.fields)


def _bind_positions(kind: FunctionRef, arguments: Arguments, skip: int) -> FunctionRef:
    """Remember the arguments of a decorated function in the order of its parameters, contexts left out."""
    offset = skip + (1 if kind.receiver is not None else 0)
    names = kind.info.parameters[offset:]
    values = list(arguments.positional)
    values.extend(arguments.keywords.get(name, UNKNOWN) for name in names[len(values) :])
    given = (*kind.bound, *values)
    return FunctionRef(kind.info, kind.closure, kind.receiver, given, kind.loop_names, kind.loops, bound_last=True)


def construct(frame: Frame, node: ast.Call, kind: ClassRef, arguments: Arguments) -> Value:
    """Make an instance of a project class: run `__init__`, or the defaults of a dataclass."""
    engine, info = frame.engine, kind.info
    made = info.instances.setdefault((node, frame.region.kind), Instance())
    value = of(ObjectRef(info, made))
    method = lookup.find_method(engine, info, "__init__")
    if method is not None:
        call_function(frame, FunctionRef(method, receiver=value), arguments, frame.region)
        return value
    fields = [part.target.id for part in info.node.body if _is_field(part)]
    given = dict(zip(fields, arguments.positional, strict=False)) | arguments.keywords
    for name, default in info.assigned.items():
        if name not in given:
            given[name] = tainted(_default_factory(frame, node, kind, default))
    for name, part in given.items():
        if part is not UNKNOWN and name in fields:
            made.attributes[name] = merge(made.attributes.get(name, UNKNOWN), part)
    loose = (*arguments.positional[len(fields) :], *(part for name, part in given.items() if name not in fields))
    return Value(value.kinds, union(*(part.all_taints() for part in loose)))


def _is_field(statement: ast.stmt) -> TypeGuard[_Field]:
    return isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)


def _default_factory(frame: Frame, node: ast.Call, kind: ClassRef, default: ast.expr) -> tuple[Taint, ...]:
    if not isinstance(default, ast.Call):
        return ()
    for keyword in default.keywords:
        if keyword.arg != "default_factory":
            continue
        home = Frame(frame.engine, kind.info.module, None, NEUTRAL)
        factory = evaluate(home, keyword.value)
        for part in factory.kinds:
            if isinstance(part, External | FunctionRef):
                made = _call_kind(frame, node, part, Arguments((), {}), awaited=True)
                return made.all_taints()
    return ()


def _external(frame: Frame, node: ast.Call, kind: External, arguments: Arguments, *, awaited: bool) -> Value:
    engine = frame.engine
    if canonical(kind.path) is not None:
        return _durable(frame, node, kind.path, arguments, awaited=awaited)
    path = _catalogue.canonical(kind.path)
    if path in SETS:
        return Value((), union(*(value.all_taints() for value in arguments.every())), unordered=True)
    if path in SEEDED and arguments.every():
        return tainted(union(*(value.all_taints() for value in arguments.every())))
    if path == "functools.partial" and arguments.positional:
        return _partial(arguments)
    before = engine.performed
    if path in HIGHER_ORDER:
        _call_back(frame, arguments)
        _call_external(frame, node, arguments)
    elif engine.runs_elsewhere(path):
        helpers.call_in_thread(frame, arguments)
        _call_external(frame, node, arguments)
    value = engine.external_call(frame, node, path, arguments, engine.performed - before)
    return shaped(path, arguments, value)


def _partial(arguments: Arguments) -> Value:
    target = arguments.positional[0]
    kinds: list[Kind] = []
    for kind in target.kinds:
        if isinstance(kind, FunctionRef):
            bound = (*kind.bound, *arguments.positional[1:])
            kinds.append(FunctionRef(kind.info, kind.closure, kind.receiver, bound))
        else:
            kinds.append(kind)
    return Value(tuple(kinds), target.taints)


def _call_back(frame: Frame, arguments: Arguments) -> None:
    element = UNKNOWN
    for argument in arguments.positional:
        element = merge(element, merge_items(argument))
    for argument in arguments.every():
        for kind in argument.kinds:
            if isinstance(kind, FunctionRef) and kind.info.role is None:
                call_function(frame, kind, Arguments((element,), {}), frame.region)


def _call_external(frame: Frame, node: ast.Call, arguments: Arguments) -> None:
    """A function of a library is handed over to be called: ``executor.map(requests.get, urls)``."""
    for argument in arguments.every():
        for kind in argument.kinds:
            if isinstance(kind, External) and not kind.path.endswith("()"):
                frame.engine.external_call(frame, node, kind.path, Arguments((), {}), 0)


def _durable(frame: Frame, node: ast.Call, path: str, arguments: Arguments, *, awaited: bool) -> Value:
    """A call of the durable package itself: its decorators used as functions, and its helpers."""
    name = canonical(path) or ""
    role = ROLES.get(name.removesuffix("()"))
    functions = [kind for value in arguments.every() for kind in value.kinds if isinstance(kind, FunctionRef)]
    if role == "handler":
        for kind in functions:
            kind.info.package = path.split(".", 1)[0]
            frame.engine.add_root(kind.info, kind.closure)
        return of(External(path)) if not functions else UNKNOWN
    if role == "branch":
        return Value(tuple(functions)) if functions else of(External(path))
    if role is not None:
        for kind in functions:
            kind.info.role, kind.info.role_known = role, True
        return Value(tuple(functions))
    if name == "with_retry":
        return helpers.with_retry(frame, node, arguments, awaited=awaited)
    if name in BRANCHING:
        return merge_items(Value(items=arguments.every()))
    fields = tuple(arguments.keywords.items())
    return Value((External(f"{path}()"),), union(*(value.taints for value in arguments.every())), fields=fields)


def call_function(frame: Frame, kind: FunctionRef, arguments: Arguments | None, region: Region) -> Value:
    """Walk a project function with these arguments in a region and return its result."""
    return frame.engine.call_function(frame, kind, arguments, region)
