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

    def __init__(self, *, keeps_flag: bool) -> None:
        self.within: list[type] = []
        self.keeps_flag = keeps_flag

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Keep the fields of classes."""
        if self.within[-1] is ast.ClassDef or node.value is None:
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not node.orelse:
            return None
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if ast.unparse(node) == "TYPE_CHECKING = False" and not self.keeps_flag else node

    def without_docstring(self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self.within.append(type(node))
        self.generic_visit(node)
        self.within.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        kept = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        node.body = kept or [ast.Pass(lineno=node.body[0].lineno, col_offset=node.body[0].col_offset)]
        return node

    visit_Module = visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = without_docstring  # noqa: N815  ast's names


def lines_of(tree: ast.AST) -> list[tuple[str, int]]:
    return [(type(node).__name__, node.lineno) for node in ast.walk(tree) if hasattr(node, "lineno")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(RUNTIME)))
def test_all_that_runs_is_kept_at_the_line_where_it_stood(path: Path) -> None:
    tree = ast.parse(path.read_text())
    flag_is_read = any(
        ast.unparse(n.test) == "TYPE_CHECKING" and n.orelse for n in ast.walk(tree) if isinstance(n, ast.If)
    )
    wanted = Prose(keeps_flag=flag_is_read).visit(tree)
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
    assert lean_source(source) == ('\n\n\n\ndef f():\n pass\ndef g(a):\n\n\n return "# not a comment"\n')


def test_the_flag_stays_where_something_else_reads_it() -> None:
    source = "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import typing\nif not TYPE_CHECKING:\n    x = 1\n"
    assert lean_source(source) == "TYPE_CHECKING = False\n\n\nif not TYPE_CHECKING:\n x = 1\n"


def test_hints_that_nothing_evaluates_are_gone_and_fields_are_not() -> None:
    source = (
        "from __future__ import annotations\n"
        "LIMIT: int = 3\n"
        "class Point:\n"
        "    x: int = 0\n"
        "    def move(self, by: dict[str, int] | None = None, *rest: int, ä: str = 'é') -> dict[str, int]:\n"
        "        y: int\n"
        "        self.x: int = 1; z: str = 'a: int -> b'\n"
        "        return (lambda x: x)\n"
        "def long(\n"
        "    first: Callable[\n"
        "        [int], int\n"
        "    ] = len,\n"
        ") -> int: return 1\n"
    )
    assert lean_source(source) == (
        "from __future__ import annotations\n"
        "LIMIT = 3\n"
        "class Point:\n"
        " x: int = 0\n"
        " def move(self, by = None, *rest, ä = 'é'):\n"
        "  y: int\n"
        "  self.x = 1; z = 'a: int -> b'\n"
        "  return (lambda x: x)\n"
        "def long(\n"
        " first\n"
        "\n"
        "= len,\n"
        "): return 1\n"
    )


def test_hints_stay_where_they_are_evaluated() -> None:
    assert lean_source("def f(a: int) -> int:\n    return a\n") == "def f(a: int) -> int:\n return a\n"


def test_blanks_within_strings_stay() -> None:
    source = (
        "def f(a):\n"
        "    text = '''  \n"
        "        of many  \n"
        "    lines''' + (  \n"
        '        f"""  \n'
        "    {a}  \n"
        '        """\n'
        "    )  # why\n"
        "    return text\n"
    )
    assert lean_source(source) == (
        "def f(a):\n"
        " text = '''  \n"
        "        of many  \n"
        "    lines''' + (\n"
        '  f"""  \n'
        "    {a}  \n"
        '        """\n'
        " )\n"
        " return text\n"
    )


@pytest.mark.parametrize("source", ["if x:\n  if y:\n      z = 1\n", "if x:\n\tz = 1\n"])
def test_indents_other_than_of_four_stay(source: str) -> None:
    assert lean_source(source) == source
