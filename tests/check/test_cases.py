"""Every rule reports its bad cases, and nothing else, in three spellings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cases import FOLDER, SPELLINGS, all_cases, load

from durable_check import RULES, check_paths
from durable_check._baseline import compare, record
from durable_check._baseline import load as load_baseline

if TYPE_CHECKING:
    from cases import Case

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_gets_exactly_the_marked_findings(case: Case, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    if case.recorded is not None:
        write(tmp_path, case.recorded)
        baseline.write_text(record(check_paths([tmp_path]), str(tmp_path)))
    write(tmp_path, case.files)
    report = check_paths([tmp_path])
    if case.recorded is not None:
        report.findings += compare(report, load_baseline(baseline), str(tmp_path), str(baseline))
    found = {
        (Path(finding.path).relative_to(tmp_path).as_posix(), finding.line, RULES[finding.rule].name)
        for finding in report.findings
    }
    assert found == case.expected


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_rule_has_six_cases_good_and_bad(rule) -> None:
    cases = [case for case in load(FOLDER / f"{rule.name}.py") if case.spelling in {"ours", "async"}]
    titles = {case.title for case in cases}
    bad = {case.title for case in cases if any(name == rule.name for _, _, name in case.expected)}
    assert len(titles) >= 6
    assert len(bad) >= 2
    assert len(titles - bad) >= 2


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_used(spelling: str) -> None:
    assert sum(case.spelling == spelling for case in CASES) >= 150
