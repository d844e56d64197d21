"""Where the walk starts: durable handlers, and decorated functions that nobody in the project calls."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine import lookup
from durable_check._engine.facts import Arguments
from durable_check._engine.frames import NEUTRAL, Frame, Region, Scope
from durable_check._engine.names import OURS, canonical
from durable_check._engine.parameters import annotated
from durable_check._engine.values import (
    UNKNOWN,
    ClassRef,
    ContextRef,
    External,
    FunctionRef,
    LeafContext,
    of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_check._engine.modules import FunctionInfo, ModuleInfo
    from durable_check._engine.run import Engine

_LEAVES = {"step": (LeafContext(),), "submitter": (None, LeafContext())}


def scan(engine: Engine, module: ModuleInfo) -> None:
    """Find the handlers of a module: decorated, wrapped by a call, in classes, or made by a factory."""
    for info in functions(engine, module):
        if info.role == "handler":
            engine.add_root(info, None)
        elif info.role is None and _makes_handlers(engine, info):
            engine.guarded(info, lambda info=info: _run_factory(engine, info))  # type: ignore[misc]
        elif info.role is None:
            _apply_decorators(engine, info)
    frame = Frame(engine, module, None, NEUTRAL)
    for statement in module.statements:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
            try:
                engine.evaluate(frame, value)
            except RecursionError:
                engine.note(module.path, statement.lineno, "this statement is nested too deeply: not checked")


def functions(engine: Engine, module: ModuleInfo) -> Iterator[FunctionInfo]:
    """Yield the functions of a module and the methods of its classes."""
    for name in module.bindings:
        value = lookup.module_value(engine, module, name) or UNKNOWN
        for kind in value.kinds:
            if isinstance(kind, FunctionRef) and (kind.info.module is module or kind.info.role == "handler"):
                yield kind.info  # a handler counts wherever it was imported from: this file may be its entry
            elif isinstance(kind, ClassRef) and kind.info.module is module:
                yield from kind.info.functions.values()


def _makes_handlers(engine: Engine, info: FunctionInfo) -> bool:
    """Whether a function that is not durable itself may make a durable one inside: its text names the decorator."""
    module, node = info.module, info.node
    if module.aliases is None:
        found = (name for name in module.bindings if _is_alias(engine, module, name))
        module.aliases = frozenset({"durable_execution", *found})
    lines = module.lines()[node.lineno - 1 : node.end_lineno]
    return any(name in line for line in lines for name in module.aliases)


def hands_on_decorator(engine: Engine, module: ModuleInfo) -> bool:
    """Whether a module has the durable decorator, or one made from it, for others to import, and no handlers."""
    mine = list(functions(engine, module))
    if any(info.role == "handler" for info in mine):
        return False
    named = any(_is_alias(engine, module, name) for name in module.bindings)
    return named or bool(module.stars) or any(_makes_handlers(engine, info) for info in mine)


def _is_alias(engine: Engine, module: ModuleInfo, name: str) -> bool:
    known = (lookup.module_value(engine, module, name) or UNKNOWN).first(External)
    return isinstance(known, External) and canonical(known.path) == "durable_execution"


def _apply_decorators(engine: Engine, info: FunctionInfo) -> None:
    """A decorator of the project may be the one that makes a function durable: `def workflow(f): return …(f)`."""
    frame = Frame(engine, info.module, None, NEUTRAL)
    for decorator in getattr(info.node, "decorator_list", ()):
        for kind in engine.evaluate(frame, decorator).kinds:
            if isinstance(kind, FunctionRef) and _makes_handlers(engine, kind.info):
                engine.call_function(frame, kind, Arguments((of(FunctionRef(info)),), {}), NEUTRAL)


def _run_factory(engine: Engine, info: FunctionInfo) -> None:
    frame = Frame(engine, info.module, None, NEUTRAL)
    engine.call_function(frame, FunctionRef(info), None, NEUTRAL)


def walk_leftovers(engine: Engine, module: ModuleInfo) -> None:
    """Walk decorated and annotated functions that no handler of the project reached."""
    for info in functions(engine, module):
        if info in engine.walked:
            continue
        if info.role in _LEAVES:
            contexts = [of(kind) if kind is not None else UNKNOWN for kind in _LEAVES[info.role]]
            engine.enter(info, engine.leaf_region(info.role), None, contexts)
        elif info.role in {"child", "branch"}:
            scope = Scope("child", info.name, info.is_async, info.package)
            engine.enter(info, Region("orchestration", scope), None, (of(ContextRef(scope)),))
        elif info.role is None:
            _walk_annotated(engine, info)


def _walk_annotated(engine: Engine, info: FunctionInfo) -> None:
    """A function whose annotation asks for a durable context is orchestration, whoever calls it."""
    scope = Scope("helper", info.name, info.is_async, OURS)
    region = Region("orchestration", scope)
    home = Frame(engine, info.module, None, NEUTRAL)
    frame = Frame(engine, info.module, None, region)
    spec = info.node.args
    for argument in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs):
        if argument.annotation is None:
            continue
        known = annotated(frame, home, argument.annotation)
        if isinstance(known, ContextRef):
            engine.enter(info, region, None, ())
            return
