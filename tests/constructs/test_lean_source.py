"""The layer's source runs as the runtime's does, line for line, without its prose."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from constructs_durable._lean_source import lean_source

RUNTIME = Path(__file__).resolve().parents[2] / "runtime" / "durable_runtime"
MODULES = sorted(RUNTIME.rglob("*.py"))


class Prose(ast.NodeTransformer):
    """Removes from a tree what a lean source may leave out."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not node.orelse:
            return None
        return self.generic_visit(node)

    def without_docstring(self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        kept = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        node.body = kept or [ast.Pass(lineno=node.body[0].lineno, col_offset=node.body[0].col_offset)]
        return node

    visit_Module = visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = without_docstring  # noqa: N815  ast's names


def lines_of(tree: ast.AST) -> list[tuple[str, int]]:
    return [(type(node).__name__, node.lineno) for node in ast.walk(tree) if hasattr(node, "lineno")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(RUNTIME)))
def test_all_that_runs_is_kept_at_the_line_where_it_stood(path: Path) -> None:
    wanted = Prose().visit(ast.parse(path.read_text()))
    lean = ast.parse(lean_source(path.read_text()))
    lean.body = [s for s in lean.body if not (isinstance(s, ast.Pass))] or lean.body
    assert ast.dump(lean) == ast.dump(wanted)
    assert lines_of(lean) == lines_of(wanted)


def test_prose_is_gone_and_text_that_runs_is_not() -> None:
    source = (
        '"""Module."""\n'
        "TYPE_CHECKING = False\n"
        "if TYPE_CHECKING:\n"
        "    import typing\n"
        "def f():\n"
        '    """Only a docstring."""\n'
        "def g(a):  # why\n"
        '    """Two\n    lines."""\n'
        '    return "# not a comment"  # a comment\n'
    )
    assert lean_source(source) == (
        '\nTYPE_CHECKING = False\n\n\ndef f():\n    pass\ndef g(a):\n\n\n    return "# not a comment"\n'
    )
