"""The arrows between the rooms point one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "constructs_durable",
    "durable_runtime",
    "durable_local",
    "durable_check",
    "durable_cli",
    "sample_app",
}
FOLDERS = {name: ROOT / name for name in OURS} | {"durable_runtime": ROOT / "runtime" / "durable_runtime"}
ALLOWED: dict[str, set[str]] = {
    "durable_runtime": set(),
    "durable_check": set(),
    "durable_local": set(),
    "constructs_durable": {"durable_check"},
    "durable_cli": OURS - {"durable_cli", "sample_app"},
    "sample_app": OURS - {"durable_cli", "sample_app"},
}
# The in-process test kit drives a handler directly, so it knows the runtime. `_functions` is code that runs in Lambda,
# with the runtime's layer beside it; the package itself never imports it.
EXCEPTIONS = {
    ("durable_local", "testing"): {"durable_runtime"},
    ("constructs_durable", "_functions"): {"durable_runtime"},
}


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            rooms.add(node.module.split(".")[0])
    return rooms & OURS


@pytest.mark.parametrize("room", sorted(OURS))
def test_a_room_imports_only_what_the_table_allows(room: str) -> None:
    wrong = []
    for path in sorted(FOLDERS[room].rglob("*.py")):
        part = path.relative_to(FOLDERS[room]).parts[0].removesuffix(".py")
        allowed = ALLOWED[room] | {room} | EXCEPTIONS.get((room, part), set())
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in imported_rooms(path) - allowed]
    assert wrong == []
