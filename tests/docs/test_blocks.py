"""Every Python block of the documentation is executed, or shown to be the mistake that it is presented as.

The blocks of a page run in order in one namespace, in an empty folder. A comment in front of a block changes that:

- ``<!-- file: orders/app.py -->`` writes the block to that file and imports it, so that later blocks may, too;
- ``<!-- bad: rule-name -->`` does not run it: the checker has to report that rule for it.

Every block that is not marked bad has to be free of the checker's errors.
"""

from __future__ import annotations

import importlib
import re
import sys
import types
from pathlib import Path
from typing import NamedTuple

import pytest

from durable_check import RULES, check_paths

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "skill").rglob("*.md")])
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>file|bad): (?P<value>\S+) -->\s*)?^```python\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    line: int
    code: str
    mark: str | None
    value: str


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, match.start("code")) + 1, match["code"], match["mark"], match["value"] or "")
        for match in BLOCK.finditer(text)
    ]


WITH_BLOCKS = [page for page in PAGES if blocks_of(page)]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name_of)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = types.ModuleType("docs_page")
    before = set(sys.modules)
    sys.modules["docs_page"] = module
    try:
        for block in blocks_of(page):
            if block.mark == "file":
                target = tmp_path / block.value
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.code)
                importlib.invalidate_caches()
                importlib.import_module(".".join(Path(block.value).with_suffix("").parts))
            elif block.mark is None:
                padded = "\n" * (block.line - 1) + block.code
                exec(compile(padded, str(page), "exec"), vars(module))  # noqa: S102  our own documentation
    finally:
        for name in set(sys.modules) - before:
            if name == "docs_page" or str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name_of)
def test_good_blocks_are_clean_and_bad_ones_are_reported(page: Path, tmp_path: Path) -> None:
    wrong = []
    for block in blocks_of(page):
        source = tmp_path / f"block_{block.line}.py"
        source.write_text(block.code)
        findings = check_paths([source]).findings
        rules = {name for finding in findings for name in (finding.rule, RULES[finding.rule].name)}
        if block.mark == "bad":
            if block.value not in rules:
                wrong.append(f"line {block.line}: {block.value} is not reported, only {sorted(rules)}")
        else:
            wrong += [
                f"line {block.line + finding.line - 1}: {finding.rule} {finding.message}"
                for finding in findings
                if finding.severity == "error"
            ]
    assert wrong == []
