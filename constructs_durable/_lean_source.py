"""What of the runtime's source goes into the layer: all that runs, at the line where it stood.

Docstrings, comments and what only type checkers read are a third of the bytes that a cold start has to unpack
and compile. They become empty lines, so that tracebacks name the right ones.
"""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TypeGuard

__all__ = ["lean_source"]

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def lean_source(text: str) -> str:
    """Return a module's source with docstrings, comments and type-checking blocks blanked, line by line."""
    lines = text.split("\n")
    tree = ast.parse(text)
    for node in _outside_type_checking(tree):
        if _is_type_checking(node):
            _blank(lines, node)
        elif isinstance(node, _WITH_DOCSTRING):
            for statement in node.body:
                if _is_text(statement):
                    _blank(lines, statement, "pass" if len(node.body) == 1 else "")
    without_comments = _without_comments("\n".join(lines))
    ast.parse(without_comments)  # a mistake of this module must show at synth, not at the first invocation
    return without_comments.rstrip() + "\n"


def _outside_type_checking(tree: ast.AST) -> list[ast.AST]:
    """Return all nodes but those inside of `if TYPE_CHECKING:` blocks."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not _is_type_checking(node):
            waiting += ast.iter_child_nodes(node)
    return found


def _is_type_checking(node: ast.AST) -> TypeGuard[ast.If]:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
        and not node.orelse
    )


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _blank(lines: list[str], node: ast.stmt, instead: str = "") -> None:
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    kept = " " * node.col_offset + instead if instead else ""
    lines[first:last] = [kept] + [""] * (last - first - 1)


def _without_comments(text: str) -> str:
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() if line.isspace() or line.endswith(" ") else line for line in lines)
