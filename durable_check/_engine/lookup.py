"""Names of modules and classes: resolved on demand, once."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine.frames import NEUTRAL, Frame
from durable_check._engine.modules import ClassInfo, FunctionInfo
from durable_check._engine.names import ROLES, canonical
from durable_check._engine.values import (
    UNKNOWN,
    ClassRef,
    External,
    FunctionRef,
    ModuleRef,
    ObjectRef,
    Value,
    merge,
    of,
)

if TYPE_CHECKING:
    from durable_check._engine.modules import ModuleInfo
    from durable_check._engine.run import Engine

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_PROPERTIES = frozenset({"property", "functools.cached_property"})


def module_value(engine: Engine, module: ModuleInfo, name: str) -> Value | None:
    """Return the value of a module's top-level name, or None when the module does not bind it."""
    known = module.values.get(name)
    if known is not None:
        return known
    statements = module.bindings.get(name)
    if statements is None:
        return _from_stars(engine, module, name)
    module.values[name] = UNKNOWN  # what an import cycle or a name defined by itself sees
    value = UNKNOWN
    for statement in statements:
        value = merge(value, _bound(engine, module, statement, name))
    module.values[name] = value
    return value


def _from_stars(engine: Engine, module: ModuleInfo, name: str) -> Value | None:
    for statement in module.stars:
        source = engine.project.resolve(module, statement.module or "", statement.level)
        if source is not None and source is not module:
            found = module_value(engine, source, name)
            if found is not None:
                return found
        elif source is None and statement.module and canonical(f"{statement.module}.{name}") in ROLES:
            return of(External(f"{statement.module}.{name}"))
    return None


def _bound(engine: Engine, module: ModuleInfo, statement: ast.AST, name: str) -> Value:
    if isinstance(statement, _FUNCTIONS):
        return of(FunctionRef(function_info(engine, module, statement)))
    if isinstance(statement, ast.ClassDef):
        return of(ClassRef(class_info(engine, module, statement)))
    if isinstance(statement, ast.Import):
        return imported_module(engine, module, statement, name)
    if isinstance(statement, ast.ImportFrom):
        return imported_name(engine, module, statement, name)
    frame = Frame(engine, module, None, NEUTRAL)
    engine.execute(frame, [statement] if isinstance(statement, ast.stmt) else [])
    return frame.env.get(name, UNKNOWN)


def imported_module(engine: Engine, module: ModuleInfo, statement: ast.Import, name: str) -> Value:
    """Return what `import a.b` or `import a.b as c` binds to a name."""
    for alias in statement.names:
        if alias.asname == name:
            found = engine.project.resolve(module, alias.name)
            return of(ModuleRef(found) if found else External(alias.name))
        if alias.asname is None and alias.name.split(".")[0] == name:
            found = engine.project.resolve(module, name)
            return of(ModuleRef(found) if found else External(name))
    return UNKNOWN


def imported_name(engine: Engine, module: ModuleInfo, statement: ast.ImportFrom, name: str) -> Value:
    """Return what `from a import b as c` binds to a name."""
    dotted = statement.module or ""
    for alias in statement.names:
        if (alias.asname or alias.name) != name:
            continue
        source = engine.project.resolve(module, dotted, statement.level)
        if source is not None and source is not module:
            found = module_value(engine, source, alias.name)
            if found is not None:
                return found
        submodule = f"{dotted}.{alias.name}" if dotted else alias.name
        inner = engine.project.resolve(module, submodule, statement.level)
        if inner is not None:
            return of(ModuleRef(inner))
        if statement.level:
            if source is None:
                text = "." * statement.level + dotted
                engine.note(module.path, statement.lineno, f"module `{text}` is not there: not followed")
            return UNKNOWN
        return of(External(submodule))
    return UNKNOWN


def module_member(engine: Engine, module: ModuleInfo, name: str) -> Value:
    """Return ``module.name``, which may be a submodule."""
    found = module_value(engine, module, name)
    if found is not None:
        return found
    inner = engine.project.resolve(module, name, 1) if module.path.endswith("__init__.py") else None
    return of(ModuleRef(inner)) if inner is not None else UNKNOWN


def function_info(
    engine: Engine, module: ModuleInfo, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: ClassInfo | None = None
) -> FunctionInfo:
    """Return the record of a function, with its durable role."""
    info = module.functions.get(node)
    if info is None:
        info = FunctionInfo(node, module, node.name, owner)
        module.functions[node] = info
    if not info.role_known:
        info.role_known = True
        _set_role(engine, info, node)
        decorators = {_decorator_path(engine, module, part) for part in node.decorator_list}
        info.is_static = "staticmethod" in decorators
        info.is_class = "classmethod" in decorators
    return info


def _decorator_path(engine: Engine, module: ModuleInfo, node: ast.expr) -> str:
    frame = Frame(engine, module, None, NEUTRAL)
    target = node.func if isinstance(node, ast.Call) else node
    known = engine.evaluate(frame, target).first(External)
    return known.path if isinstance(known, External) else ""


def _set_role(engine: Engine, info: FunctionInfo, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for decorator in node.decorator_list:
        path = _decorator_path(engine, info.module, decorator)
        role = ROLES.get(canonical(path) or "")
        if role is not None:
            info.role, info.package = role, path.split(".", 1)[0]


def class_info(engine: Engine, module: ModuleInfo, node: ast.ClassDef) -> ClassInfo:
    """Return the record of a class, with its methods and class-level names."""
    info = module.classes.get(node)
    if info is None:
        info = ClassInfo(node, module)
        module.classes[node] = info
        for statement in node.body:
            if isinstance(statement, _FUNCTIONS):
                info.functions[statement.name] = function_info(engine, module, statement, info)
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        info.assigned[target.id] = statement.value
            elif isinstance(statement, ast.AnnAssign) and statement.value and isinstance(statement.target, ast.Name):
                info.assigned[statement.target.id] = statement.value
    return info


def bases(engine: Engine, info: ClassInfo) -> list[ClassInfo]:
    """Return the project's classes a class inherits from."""
    frame = Frame(engine, info.module, None, NEUTRAL)
    found = []
    for base in info.node.bases:
        known = engine.evaluate(frame, base).first(ClassRef)
        if isinstance(known, ClassRef) and known.info is not info:
            found.append(known.info)
    return found


def find_method(engine: Engine, info: ClassInfo, name: str, depth: int = 8) -> FunctionInfo | None:
    """Return a method, looking through base classes."""
    found = info.functions.get(name)
    if found is not None or depth == 0:
        return found
    for base in bases(engine, info):
        found = find_method(engine, base, name, depth - 1)
        if found is not None:
            return found
    return None


def member(frame: Frame, kind: ClassRef | ObjectRef, name: str) -> Value | None:
    """Return an attribute of a class of the project or of its instance."""
    engine, info = frame.engine, kind.info
    method = find_method(engine, info, name)
    if method is not None:
        receiver = of(kind) if isinstance(kind, ObjectRef) and not method.is_static else None
        if method.is_class:
            receiver = of(ClassRef(info))
        reference = FunctionRef(method, receiver=receiver)
        if isinstance(kind, ObjectRef) and _is_property(engine, method):
            return engine.call_function(frame, reference, None, frame.region)
        return of(reference)
    engine.initialize(info)
    if frame.region.orchestration:
        engine.object_reads.add((info, name))
    value = kind.attributes.get(name) or _stored(engine, info, name, 8)
    if value is None:
        return None
    if isinstance(kind, ObjectRef):
        function = value.first(FunctionRef)
        if isinstance(function, FunctionRef) and function.info.owner is info:
            return of(FunctionRef(function.info, receiver=of(kind)))
    return value


def _stored(engine: Engine, info: ClassInfo, name: str, depth: int) -> Value | None:
    if name in info.attributes:
        return info.attributes[name]
    if name in info.assigned:
        frame = Frame(engine, info.module, None, NEUTRAL)
        value = engine.evaluate(frame, info.assigned[name])
        info.attributes[name] = value
        return value
    if depth == 0:
        return None
    for base in bases(engine, info):
        engine.initialize(base)
        found = _stored(engine, base, name, depth - 1)
        if found is not None:
            return found
    return None


def _is_property(engine: Engine, method: FunctionInfo) -> bool:
    if isinstance(method.node, ast.Lambda) or not method.node.decorator_list:
        return False
    return any(
        _decorator_path(engine, method.module, decorator) in _PROPERTIES for decorator in method.node.decorator_list
    )
