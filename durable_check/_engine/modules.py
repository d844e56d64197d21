"""The project's files as modules: their names, functions and classes, and how imports lead between them."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from durable_check import _sources
from durable_check._catalogue import ROOTS as CATALOGUED
from durable_check._engine.folders import file_of, recorded_names, search_folders
from durable_check._engine.names import OURS, PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from durable_check._engine.values import Instance, Value

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(eq=False)
class FunctionInfo:
    """A function, method or lambda of the project."""

    node: FunctionNode
    module: ModuleInfo
    name: str
    owner: ClassInfo | None = None
    outer: FunctionInfo | None = None
    role: str | None = None
    role_known: bool = False
    is_static: bool = False
    is_class: bool = False
    package: str = OURS
    parameters: tuple[str, ...] = field(init=False)
    loads: frozenset[str] | None = None
    yields: bool | None = None

    def __post_init__(self) -> None:
        arguments = self.node.args
        self.parameters = tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args))

    @property
    def is_async(self) -> bool:
        """Whether calling it makes a coroutine."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def body(self) -> list[ast.stmt]:
        """The statements of a `def`; empty for a lambda."""
        return [] if isinstance(self.node, ast.Lambda) else self.node.body

    def is_generator(self) -> bool:
        """Whether the function's own body yields."""
        if self.yields is None:
            self.yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(self.node))
        return self.yields

    def loaded_names(self) -> frozenset[str]:
        """Names the function reads anywhere, nested functions included."""
        if self.loads is None:
            self.loads = frozenset(
                node.id for node in ast.walk(self.node) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
            )
        return self.loads


@dataclass(eq=False)
class ClassInfo:
    """A class of the project, with what was seen in its attributes."""

    node: ast.ClassDef
    module: ModuleInfo
    functions: dict[str, FunctionInfo] = field(default_factory=dict)
    assigned: dict[str, ast.expr] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)
    instances: dict[tuple[ast.AST, str], Instance] = field(default_factory=dict)
    initialized: bool = False


@dataclass(eq=False)
class ModuleInfo:
    """One file of the project."""

    path: str
    source: _sources.Source
    root: str
    bindings: dict[str, list[ast.AST]] = field(default_factory=dict)
    stars: list[ast.ImportFrom] = field(default_factory=list)
    statements: list[ast.stmt] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    functions: dict[ast.AST, FunctionInfo] = field(default_factory=dict)
    classes: dict[ast.AST, ClassInfo] = field(default_factory=dict)
    rebound: frozenset[str] | None = None
    split: list[str] | None = None
    aliases: frozenset[str] | None = None  # what the module calls `durable_execution`

    def lines(self) -> list[str]:
        """The lines of the file, as `ast` counts them."""
        if self.split is None:
            self.split = self.source.text.split("\n")
        return self.split

    def rebound_globals(self) -> frozenset[str]:
        """Names that some function declares `global` and can therefore change while the process lives."""
        if self.rebound is None:
            names: set[str] = set()
            if "global " in self.source.text:
                for node in ast.walk(self.source.tree):
                    if isinstance(node, ast.Global):
                        names.update(node.names)
            self.rebound = frozenset(names)
        return self.rebound


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Walk a function without going into the functions and classes nested in it."""
    stack = list(ast.iter_child_nodes(function))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(node))


def flat_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module or class body, also those under `if`, `try` and `with`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While | ast.TryStar):
            for block in _BLOCKS:
                for part in getattr(statement, block, ()):
                    if isinstance(part, ast.ExceptHandler):
                        yield from flat_statements(part.body)
                    elif isinstance(part, ast.stmt):
                        yield from flat_statements((part,))


def index(module: ModuleInfo) -> None:
    """Fill a module's table of names from its top-level statements."""
    for statement in flat_statements(module.source.tree.body):
        module.statements.append(statement)
        if isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
            module.stars.append(statement)
            continue
        for name in bound_names(statement):
            module.bindings.setdefault(name, []).append(statement)


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names a top-level statement binds."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import():
            yield from (alias.asname or alias.name.split(".")[0] for alias in statement.names)
        case ast.ImportFrom():
            yield from (alias.asname or alias.name for alias in statement.names)
        case ast.Assign():
            for target in statement.targets:
                yield from target_names(target)
        case ast.AnnAssign() | ast.AugAssign() | ast.For():
            yield from target_names(statement.target)
        case ast.With():
            for item in statement.items:
                yield from target_names(item.optional_vars)


def imported_names(module: ModuleInfo) -> frozenset[str]:
    """Return the last parts of the modules and names a file imports at its top level."""
    names: set[str] = set()
    for statement in module.statements:
        if isinstance(statement, ast.ImportFrom):
            names.add((statement.module or "").rpartition(".")[2])
            names.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.Import):
            names.update(alias.name.rpartition(".")[2] for alias in statement.names)
    return frozenset(names)


def stem_of(module: ModuleInfo) -> str:
    """Return the name a module is imported by: its file's, or its folder's for a package."""
    path = Path(module.path)
    return path.parent.name if path.stem == "__init__" else path.stem


def target_names(target: ast.AST | None) -> Iterator[str]:
    """Yield the plain names an assignment target binds."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from target_names(element)
    elif isinstance(target, ast.Starred):
        yield from target_names(target.value)


class Project:
    """The files of one check. Modules are read when something needs them."""

    def __init__(self) -> None:
        self.modules: dict[str, ModuleInfo] = {}
        self.troubles: dict[str, _sources.Trouble] = {}
        self.wanted: set[str] = set()  # unreadable files that some import leads to
        self._display: dict[str, str] = {}
        self._bases: dict[tuple[str, str], list[str]] = {}
        self._vendored: dict[str, frozenset[str]] = {}
        self._real: dict[str, str] = {}
        self._found: dict[tuple[str, str], str | None] = {}

    def load(self, path: str, root: str) -> ModuleInfo | None:
        """Return the module of a file, reading it on first use; None when it cannot be read."""
        key = self._real.get(path) or self._real.setdefault(path, os.path.realpath(path))
        if key in self.modules:
            return self.modules[key]
        if key in self.troubles:
            return None
        source = _sources.read(path)
        if isinstance(source, _sources.Trouble):
            self.troubles[key] = source
            self._display[key] = path
            return None
        module = ModuleInfo(path, source, root)
        index(module)
        self.modules[key] = module
        return module

    def forget(self, module: ModuleInfo) -> None:
        """Drop a module nothing refers to; it is read again if an import leads to it."""
        self.modules.pop(os.path.realpath(module.path), None)

    def trouble_path(self, key: str) -> str:
        """Return the path of an unreadable file as the caller spelled it."""
        return self._display[key]

    def resolve(self, module: ModuleInfo, dotted: str, level: int = 0) -> ModuleInfo | None:
        """Return the project's module behind an import statement, or None when it is not in the project."""
        top = dotted.split(".", 1)[0]
        if level == 0 and (top in PACKAGES or top in CATALOGUED):
            return None
        folder = Path(module.path).parent
        if level:
            for _ in range(level - 1):
                folder = folder.parent
            found = self._find(str(folder), dotted)
            return self._imported(found, module.root) if found else None
        key = (str(folder), module.root)
        bases = self._bases.get(key) or self._bases.setdefault(key, search_folders(folder, module.root))
        for base in bases:
            found = self._find(base, dotted)
            if found:
                return None if top in self._vendored_in(base) else self._imported(found, module.root)
        return None

    def _imported(self, path: str, root: str) -> ModuleInfo | None:
        """Load a module for an import; one that cannot be read now matters."""
        module = self.load(path, root)
        if module is None:
            self.wanted.add(os.path.realpath(path))
        return module

    def _vendored_in(self, base: str) -> frozenset[str]:
        """Return the packages an installer put into a folder: third-party code beside the handler's own."""
        if base not in self._vendored:
            records = Path(base).glob("*.dist-info/RECORD")
            self._vendored[base] = frozenset(name for record in records for name in recorded_names(record))
        return self._vendored[base]

    def _find(self, base: str, dotted: str) -> str | None:
        key = (base, dotted)
        if key not in self._found:
            self._found[key] = file_of(base, dotted)
        return self._found[key]
