"""Statements: how a body changes what names stand for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from durable_check._engine import facts, lookup
from durable_check._engine.containers import SPAWNING
from durable_check._engine.expressions import evaluate, function_value
from durable_check._engine.flow import arms, joined, walk_for, walk_while
from durable_check._engine.names import ROLES, canonical
from durable_check._engine.stores import assign
from durable_check._engine.values import (
    UNKNOWN,
    ClassRef,
    External,
    Value,
    is_begun,
    merge,
    of,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from durable_check._engine.frames import Frame
    from durable_check._engine.modules import FunctionInfo


def execute(frame: Frame, body: Sequence[ast.stmt]) -> bool:
    """Walk statements in order; return whether the end of the block is out of reach."""
    for statement in body:
        handler = EXECUTORS.get(type(statement))
        if handler is None:
            _generic(frame, statement)
        elif handler(frame, statement):
            return True
    return False


def _generic(frame: Frame, node: ast.stmt) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(frame, child)


def _expression(frame: Frame, node: ast.Expr) -> bool:
    value = evaluate(frame, node.value)
    if is_begun(value):
        frame.engine.emit(facts.Discarded(frame, node, value, "statement"))
    elif isinstance(node.value, ast.Call) and _is_task(value) and value.items and is_begun(value.items[0]):
        frame.engine.emit(facts.Discarded(frame, node, value.items[0], "task"))
    return False


def _is_task(value: Value) -> bool:
    return any(isinstance(kind, External) and kind.path.removesuffix("()") in SPAWNING for kind in value.kinds)


def _assign(frame: Frame, node: ast.Assign) -> bool:
    value = evaluate(frame, node.value)
    for target in node.targets:
        _unused(frame, target, value)
        assign(frame, target, value)
    return False


def _unused(frame: Frame, target: ast.AST, value: Value) -> None:
    if not (isinstance(target, ast.Name) and frame.function is not None and is_begun(value)):
        return
    if target.id not in frame.function.loaded_names():
        frame.engine.emit(facts.Discarded(frame, target, value, f"variable {target.id}"))


def _annotated(frame: Frame, node: ast.AnnAssign) -> bool:
    if node.value is not None:
        value = evaluate(frame, node.value)
        _unused(frame, node.target, value)
        assign(frame, node.target, value)
    return False


def _augmented(frame: Frame, node: ast.AugAssign) -> bool:
    value = evaluate(frame, node.value)
    target = node.target
    if isinstance(target, ast.Name):
        current = evaluate(frame, ast.copy_location(ast.Name(target.id, ast.Load()), target))
        assign(frame, target, merge(current, value))
    else:
        assign(frame, target, value)
    return False


def _if(frame: Frame, node: ast.If) -> bool:
    condition = evaluate(frame, node.test)
    return arms(frame, node, condition, [node.body, node.orelse])


def _try(frame: Frame, node: ast.Try) -> bool:
    engine = frame.engine
    before = engine.performed
    start = dict(frame.env)
    ended = execute(frame, node.body)
    operations = engine.performed - before
    if not ended:
        ended = execute(frame, node.orelse)
    after = frame.env
    results = [] if ended else [after]
    for handler in node.handlers:
        frame.env = joined(dict(start), [dict(start), dict(after)])
        if handler.type is not None:
            evaluate(frame, handler.type)
        if handler.name:
            frame.env[handler.name] = UNKNOWN
        if not execute(frame, handler.body):
            results.append(frame.env)
    frame.env = joined(after, results)
    before = engine.performed
    frame.finals += bool(operations)
    final_ended = execute(frame, node.finalbody)
    frame.finals -= bool(operations)
    engine.emit(facts.TryBlock(frame, node, operations, engine.performed - before))
    return final_ended or not results


def _with(frame: Frame, node: ast.With | ast.AsyncWith) -> bool:
    entered: list[tuple[ast.AST, Value, tuple[Value, ...]]] = []
    for item in node.items:
        value = evaluate(frame, item.context_expr)
        arguments: tuple[Value, ...] = ()
        if _swallows(value) and isinstance(item.context_expr, ast.Call):
            arguments = tuple(evaluate(frame, part) for part in item.context_expr.args)
        entered.append((item.context_expr, value, arguments))
        if item.optional_vars is not None:
            assign(frame, item.optional_vars, value)
    before = frame.engine.performed
    ended = execute(frame, node.body)
    performed = frame.engine.performed - before
    for expression, value, arguments in entered:
        known = value.first(External)
        if isinstance(known, External):
            frame.engine.emit(facts.WithBlock(frame, expression, known.path, arguments, performed))
    return ended and not any(_swallows(value) for _, value, _ in entered)


def _swallows(value: Value) -> bool:
    known = value.first(External)
    return isinstance(known, External) and known.path.startswith("contextlib.suppress")


def _return(frame: Frame, node: ast.Return) -> bool:
    if node.value is not None:
        value = evaluate(frame, node.value)
        frame.returned = merge(frame.returned, value)
        frame.engine.returned(frame, node.value, value)
    return True


def _raise(frame: Frame, node: ast.Raise) -> bool:
    _generic(frame, node)
    return True


def _jump(_frame: Frame, _node: ast.stmt) -> bool:
    return True


def _match(frame: Frame, node: ast.Match) -> bool:
    subject = evaluate(frame, node.subject)
    condition = subject
    for case in node.cases:
        for child in ast.walk(case.pattern):
            name = getattr(child, "name", None) or getattr(child, "rest", None)
            if isinstance(name, str):
                frame.env[name] = Value((), subject.all_taints())
        if case.guard is not None:
            guard = evaluate(frame, case.guard)
            condition = Value((), union(condition.taints, guard.taints))
    arms(frame, node, condition, [*(case.body for case in node.cases), []])
    return False


def _function(frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for default in (*node.args.defaults, *(part for part in node.args.kw_defaults if part is not None)):
        evaluate(frame, default)
    value = function_value(frame, node, node.name)
    info = frame.module.functions[node]
    if not info.role_known:
        lookup.function_info(frame.engine, frame.module, node)
        if info.role is None:
            _set_local_role(frame, info, node)
    frame.env[node.name] = value
    if info.role == "handler":
        frame.engine.add_root(info, frame)
    return False


def _set_local_role(frame: Frame, info: FunctionInfo, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Find the role when the decorator was imported inside the enclosing function."""
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        known = evaluate(frame, target).first(External)
        if isinstance(known, External):
            role = ROLES.get(canonical(known.path) or "")
            if role is not None:
                info.role, info.package = role, known.path.split(".", 1)[0]


def _class(frame: Frame, node: ast.ClassDef) -> bool:
    frame.env[node.name] = of(ClassRef(lookup.class_info(frame.engine, frame.module, node)))
    return False


def _import(frame: Frame, node: ast.Import) -> bool:
    for alias in node.names:
        name = alias.asname or alias.name.split(".")[0]
        frame.env[name] = lookup.imported_module(frame.engine, frame.module, node, name)
    return False


def _import_from(frame: Frame, node: ast.ImportFrom) -> bool:
    for alias in node.names:
        name = alias.asname or alias.name
        if name != "*":
            frame.env[name] = lookup.imported_name(frame.engine, frame.module, node, name)
    return False


def _global(frame: Frame, node: ast.Global) -> bool:
    frame.globals.update(node.names)
    return False


def _nonlocal(frame: Frame, node: ast.Nonlocal) -> bool:
    frame.nonlocals.update(node.names)
    return False


EXECUTORS: dict[type[ast.stmt], Callable[[Frame, Any], bool]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.For: walk_for,
    ast.AsyncFor: walk_for,
    ast.While: walk_while,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Break: _jump,
    ast.Continue: _jump,
    ast.Match: _match,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
}
