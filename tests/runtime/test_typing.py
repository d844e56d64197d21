"""What a type checker and an editor know of the operations, and that it is what the runtime takes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import durable_runtime
from durable_runtime._checks import OPERATION_OPTIONS

PACKAGE = Path(durable_runtime.__file__).parent
CALLS = Path(__file__).parent / "typed" / "calls.py"
CLASSES = {
    "step": "StepOptions",
    "create_callback": "CallbackOptions",
    "wait_for_callback": "WaitForCallbackOptions",
    "invoke": "InvokeOptions",
    "run_in_child_context": "ChildOptions",
    "wait_for_condition": "ConditionOptions",
    "map": "MapOptions",
    "parallel": "ParallelOptions",
}


def stub_options() -> dict[str, set[str]]:
    """Read the names of the options, with inherited ones, from the stub."""
    found: dict[str, set[str]] = {}
    for node in ast.parse((PACKAGE / "_options.pyi").read_text()).body:
        if isinstance(node, ast.ClassDef):
            own = {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            for base in node.bases:
                own |= found.get(ast.unparse(base), set())
            found[node.name] = own
    return found


def test_the_stub_lists_the_options_that_the_runtime_takes():
    stub = stub_options()
    assert {word: set(names) for word, names in OPERATION_OPTIONS.items()} == {
        word: stub[name] for word, name in CLASSES.items()
    }


@pytest.mark.parametrize("module", ["context.py", "async_context.py"])
def test_each_operation_is_annotated_with_its_own_options(module):
    tree = ast.parse((PACKAGE / module).read_text())
    found = {
        node.name: ast.unparse(node.args.kwarg.annotation)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.args.kwarg and node.name in CLASSES
    }
    assert found == {word: f"Unpack[{name}]" for word, name in CLASSES.items()}


def test_right_calls_pass_mypy_with_their_types_and_wrong_ones_fail(tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy is a tool of the main environment only")
    arguments = ["--strict", "--python-version", "3.11", "--cache-dir", str(tmp_path), "--follow-imports=silent"]
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nmypy_path = {PACKAGE.parent}\n")
    report, trouble, _ = api.run([*arguments, "--config-file", str(tmp_path / "mypy.ini"), str(CALLS)])
    refused = {int(line) for line in re.findall(r"calls\.py:(\d+): error:", report)}
    wrong = {number for number, line in enumerate(CALLS.read_text().splitlines(), 1) if line.endswith("# wrong")}
    assert (refused, trouble) == (wrong, ""), report
