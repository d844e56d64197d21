"""Whether `durable_runtime.logging.install()` makes ordinary `logging` calls replay-aware in a project."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_check._engine.modules import ModuleInfo, Project

_PACKAGE = "durable_runtime"
_MODULE = "durable_runtime.logging"
_FUNCTION = "install"


def logging_installed(project: Project) -> bool:
    """Whether a checked module, or one it imports, calls `install`, under whatever name and in whatever function.

    Which handler imports which module is not told apart: silence is better than a false alarm.
    """
    waiting = list(project.modules.values())
    seen = set(waiting)
    while waiting:
        module = waiting.pop()
        if _calls_install(module):
            return True
        found = set(_imported(project, module)) - seen
        seen |= found
        waiting.extend(found)
    return False


def _calls_install(module: ModuleInfo) -> bool:
    text = module.source.text
    if _PACKAGE not in text or _FUNCTION not in text:
        return False
    nodes = list(ast.walk(module.source.tree))
    names = {name for node in nodes for name in _names_of_install(node)}
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) in names for node in nodes)


def _names_of_install(node: ast.AST) -> Iterator[str]:
    """Yield what `install` is called after an import statement."""
    if isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            if node.module == _MODULE and alias.name in {_FUNCTION, "*"}:
                yield alias.asname or _FUNCTION
            elif node.module == _PACKAGE and alias.name == "logging":
                yield f"{alias.asname or alias.name}.{_FUNCTION}"
    elif isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name == _MODULE:
                yield f"{alias.asname or alias.name}.{_FUNCTION}"
            elif alias.name == _PACKAGE:
                yield f"{alias.asname or alias.name}.logging.{_FUNCTION}"


def _imported(project: Project, module: ModuleInfo) -> Iterator[ModuleInfo]:
    """Yield the project's modules that a module imports at its top level."""
    for statement in module.statements:
        wanted: list[tuple[str, int]] = []
        if isinstance(statement, ast.Import):
            wanted = [(alias.name, 0) for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            base = statement.module or ""
            wanted = [(base, statement.level)]
            wanted += [(f"{base}.{alias.name}".lstrip("."), statement.level) for alias in statement.names]
        for dotted, level in wanted:
            found = project.resolve(module, dotted, level)
            if found is not None:
                yield found
