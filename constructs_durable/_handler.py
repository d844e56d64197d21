"""Finds the handler in the source, without importing it."""

from __future__ import annotations

import ast
import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from constructs_durable._checks import Place

__all__ = ["check_entry", "check_handler_exists", "plain_function"]


def check_entry(place: Place, entry: Path) -> None:
    """Refuse an entry that is no folder of code."""
    if entry.is_dir():
        return
    if entry.is_file():
        raise place.error(f"entry is the file {entry}; pass its folder {entry.parent} instead.")
    raise place.error(
        f"entry is {entry}, and there is no such folder. Relative paths count from the directory in which "
        "the app runs; `Path(__file__).parent / ...` is independent of it."
    )


def check_handler_exists(place: Place, entry: Path, handler: str) -> None:
    """Refuse a handler string that names nothing in the source below `entry`."""
    module, _, name = handler.rpartition(".")
    if not all(module.replace("/", ".").split(".")) or not name.isidentifier():
        raise place.error(f"handler is {handler!r}; it is written `module.function`, for example `app.handler`.")
    path = _module_path(entry, module)
    if path is None:
        modules = ", ".join(sorted(p.stem for p in entry.glob("*.py"))) or "none"
        raise place.error(f"handler is {handler!r}, but {entry} has no module `{module}`. Modules there: {modules}.")
    if _binds_at_first_sight(path.read_bytes(), name):
        return
    try:
        names, values = _top_level_names(path, path.stat().st_mtime_ns)
    except SyntaxError as error:
        raise place.error(
            f"handler is {handler!r}, but {path}:{error.lineno} is not valid Python: {error.msg}."
        ) from None
    if name in values:
        raise place.error(
            f"handler is {handler!r}, but {path}:{values[name]} binds `{name}` to something that cannot be called. "
            "Name a function that takes the event and the context."
        )
    if name in names or "*" in names:
        return
    import difflib

    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean `{module}.{near[0]}`?" if near else f"It defines: {_defined(path) or 'no function'}."
    raise place.error(f"handler is {handler!r}, but {path} defines no `{name}`. {hint}")


def _defined(path: Path) -> str:
    body = ast.parse(path.read_bytes(), str(path)).body
    return ", ".join(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def plain_function(entry: Path, handler: str) -> str | None:
    """Return where the handler is defined if it is a function without any decorator, and nothing wraps it later."""
    module, _, name = handler.rpartition(".")
    path = _module_path(entry, module)
    if path is None or re.search(rf"^@[^\n]*\n(?:async\s+)?def\s+{name}\b".encode(), path.read_bytes(), re.MULTILINE):
        return None  # decorated at first sight; a syntax tree is for the rest
    bindings = [node for node in ast.parse(path.read_bytes(), str(path)).body if name in _bound([node])]
    last = bindings[-1] if bindings else None
    if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) and not last.decorator_list:
        return f"{path}:{last.lineno}"
    return None


def _module_path(entry: Path, module: str) -> Path | None:
    base = entry.joinpath(*module.replace("/", ".").split("."))
    candidates = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _binds_at_first_sight(source: bytes, name: str) -> bool:
    """Look for a plain definition; a syntax tree, which costs as much as the whole check, is for the rest."""
    pattern = rf"^(?:async\s+def|def|class)\s+{name}\b"
    return re.search(pattern.encode(), source, re.MULTILINE) is not None


@functools.lru_cache(maxsize=256)
def _top_level_names(path: Path, _stamp: int) -> tuple[frozenset[str], dict[str, int]]:
    """Return the names that a module binds, and those among them that are never bound to anything callable."""
    body = ast.parse(path.read_bytes(), str(path)).body
    values: dict[str, int] = {}
    others: set[str] = set()
    for node in body:
        names = set(_bound([node]))
        if _is_no_function(node):
            values |= dict.fromkeys(names, node.lineno)
        else:
            others |= names
    return frozenset(others | values.keys()), {name: line for name, line in values.items() if name not in others}


def _is_no_function(node: ast.stmt) -> bool:
    """Tell whether a statement imports a module, or assigns what is written as a value."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return isinstance(node.value, VALUES)
    return isinstance(node, ast.Import)


VALUES = (
    ast.Constant,
    ast.Dict,
    ast.DictComp,
    ast.JoinedStr,
    ast.List,
    ast.ListComp,
    ast.Set,
    ast.SetComp,
    ast.UnaryOp,
)
"""Expressions that never give a function; a tuple may be unpacked into some."""


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names a module's body binds, also under `if`, `try` and `with`."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        else:
            for part in ast.iter_child_nodes(node):
                yield from _bound_in_part(part)


def _bound_in_part(part: ast.AST) -> Iterator[str]:
    if isinstance(part, ast.stmt):
        yield from _bound([part])
    elif isinstance(part, ast.ExceptHandler | ast.match_case):
        yield from _bound(part.body)
    else:
        for inner in ast.walk(part):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id
