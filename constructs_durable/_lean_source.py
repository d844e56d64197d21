"""What of the runtime's source goes into the layer: all that runs, at the line where it stood.

Docstrings, comments, deep indents and what only type checkers read are more than half of the bytes that a cold start
has to unpack and compile. They go, and every line that stays keeps its number, so that tracebacks name the right ones.
"""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TypeGuard

__all__ = ["lean_source"]

_FLAG = "TYPE_CHECKING"
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def lean_source(text: str) -> str:
    """Return a module's source without docstrings, comments, type-checking blocks and hints that nothing evaluates."""
    tree = ast.parse(text)
    lines = _without_hints(text, tree).split("\n")
    nodes = _outside_type_checking(tree)
    flag_is_read = any(
        isinstance(node, ast.Name) and node.id == _FLAG and isinstance(node.ctx, ast.Load) for node in nodes
    )
    for node in nodes:
        if _is_type_checking(node) or (_sets_flag(node) and not flag_is_read):
            _blank(lines, node)
        elif isinstance(node, _WITH_DOCSTRING):
            for statement in node.body:
                if _is_text(statement):
                    _blank(lines, statement, "pass" if len(node.body) == 1 else "")
    dense = _dense("\n".join(lines))
    ast.parse(dense)  # a mistake of this module must show at synth, not at the first invocation
    return dense.rstrip() + "\n"


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
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == _FLAG and not node.orelse


def _sets_flag(node: ast.AST) -> TypeGuard[ast.Assign]:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [_FLAG]


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _without_hints(text: str, tree: ast.Module) -> str:
    """Take the annotations of functions and variables out; those of classes are the fields of records."""
    if not any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body):
        return text  # without the future import they are evaluated, and may matter
    lines = [line.encode() for line in text.split("\n")]
    cuts: list[tuple[int, int, int, int]] = []
    fields = {id(item) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for item in node.body}
    for node in _outside_type_checking(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            cuts.append((node.lineno, node.col_offset + len(node.arg.encode()), *_end(node.annotation)))
        elif isinstance(node, ast.AnnAssign) and node.value is not None and id(node) not in fields:
            if node.target.end_lineno == node.annotation.end_lineno:
                cuts.append((*_end(node.target), *_end(node.annotation)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            line, column = node.returns.lineno, node.returns.col_offset
            if line == node.returns.end_lineno:
                cuts.append((line, lines[line - 1].rindex(b" ->", 0, column), *_end(node.returns)))
    for first, start, last, stop in sorted(cuts, reverse=True):
        tail = lines[last - 1][stop:]
        lines[first - 1] = lines[first - 1][:start] + (tail if first == last else b"")
        if first != last:
            lines[first : last - 1] = [b""] * (last - first - 1)
            lines[last - 1] = tail
    return b"\n".join(lines).decode()


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _blank(lines: list[str], node: ast.stmt, instead: str = "") -> None:
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    kept = " " * node.col_offset + instead if instead else ""
    lines[first:last] = [kept] + [""] * (last - first - 1)


def _dense(text: str) -> str:
    """Take comments and trailing blanks out, and indent by one blank where there were four."""
    lines = text.split("\n")
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    blanks = 1 if any(len(_indent(token.string)) % 4 for token in tokens if token.type == tokenize.INDENT) else 4
    begin_in_text, end_in_text = _rows_of_text(tokens)
    for row, line in enumerate(lines, 1):
        kept = line if row in end_in_text else line.rstrip()
        if row not in begin_in_text:
            indent = _indent(kept)
            kept = " " * (len(indent) // blanks) + kept[len(indent) :]
        lines[row - 1] = kept
    return "\n".join(lines)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _rows_of_text(tokens: list[tokenize.TokenInfo]) -> tuple[set[int], set[int]]:
    """Return the rows that begin, and those that end, within a string: their blanks there are part of it."""
    begin: set[int] = set()
    end: set[int] = set()
    for token in tokens:
        if token.type == tokenize.STRING or tokenize.tok_name[token.type].endswith("STRING_MIDDLE"):  # f-strings, 3.12
            end.update(range(token.start[0], token.end[0]))
            begin.update(range(token.start[0] + 1, token.end[0] + 1))
    return begin, end
