"""Good code has no findings: the sample app, the documentation, the skill, and the project that is measured."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from durable_check import check_paths

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?P<bad><!-- bad: \S+ -->\s*)?^```python\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "skill").rglob("*.md")), ROOT / "README.md"]


def test_the_sample_app_is_clean() -> None:
    report = check_paths([ROOT / "sample_app"])
    assert report.findings == []
    assert report.notes == []
    assert len(report.handlers) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_good_examples_of_a_page_are_clean(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8"))):
        if block["bad"] is None:
            (tmp_path / f"block_{number}.py").write_text(block["code"], encoding="utf-8")
    assert check_paths([tmp_path]).findings == []


def test_the_measured_project_is_clean_and_full_of_workflows(tmp_path: Path) -> None:
    location = ROOT / "benchmarks" / "check" / "project.py"
    spec = importlib.util.spec_from_file_location("measured_project", location)
    assert spec is not None
    assert spec.loader is not None
    project = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(project)
    lines = project.write(tmp_path, 2_000, 0.5)
    report = check_paths([tmp_path])
    assert report.findings == []
    assert lines >= 2_000
    assert len(report.handlers) >= 5
    assert len(report.operations) >= 8 * len(report.handlers)
