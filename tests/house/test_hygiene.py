"""Nothing in the tree names a machine, a registry host or a secret."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

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
