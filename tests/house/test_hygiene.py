"""Nothing in the tree names a machine, a registry host or a secret, and no code of ours runs text."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
LEAK = re.compile(r"/(?:work|farm|root)/|\"resolved\": ?\"https?:|https?://[^\s\"']+/simple\b|\bregistry = \"https?:")


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_tracked_file_holds_a_machine_path_or_a_registry_host() -> None:
    this = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        if path != this and path.is_file() and (match := LEAK.search(text_of(path)))
    ]
    assert found == []


@pytest.mark.parametrize("name", ["constraints.txt", "package-lock.json"])
def test_a_lock_names_versions_and_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text.replace('"url": "https://github.com/sponsors/', "")


def test_the_changelog_has_an_unreleased_section() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


PRODUCT = ("constructs_durable", "runtime", "durable_local", "durable_check", "durable_cli", "sample_app", "scripts")
UNSAFE_CALLS = {"eval", "exec", "os.system", "os.popen"}
UNSAFE_MODULES = {"pickle", "marshal", "shelve"}


def unsafe(tree: ast.AST) -> Iterator[str]:
    """Yield what runs text, unpickles, or hands a string to a shell."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in UNSAFE_CALLS:
                yield f"{node.lineno}: {name}"
            if any(each.arg == "shell" and ast.unparse(each.value) != "False" for each in node.keywords):
                yield f"{node.lineno}: shell="
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            yield from (f"{node.lineno}: {name}" for name in sorted(UNSAFE_MODULES & names))


def test_no_code_of_ours_evaluates_text_unpickles_or_uses_a_shell() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{problem}"
        for path in tracked_files()
        if path.suffix == ".py" and path.is_file() and path.relative_to(ROOT).parts[0] in PRODUCT
        for problem in unsafe(ast.parse(text_of(path)))
    ]
    assert found == []


@pytest.mark.parametrize("code", ["eval('1')", "import pickle", "from marshal import loads", "run('ls', shell=True)"])
def test_the_search_for_unsafe_code_finds(code: str) -> None:
    assert list(unsafe(ast.parse(code)))
