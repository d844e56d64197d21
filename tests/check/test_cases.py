"""Every rule reports its bad cases, and nothing else, in three spellings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cases import FOLDER, SPELLINGS, all_cases, load

from durable_check import RULES, check_paths

if TYPE_CHECKING:
    from cases import Case

CASES = all_cases()
ABOUT_CODE = [rule for rule in RULES.values() if rule.id < "DUR025"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_gets_exactly_the_marked_findings(case: Case, tmp_path: Path) -> None:
    for name, text in case.files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    report = check_paths([tmp_path])
    found = {
        (Path(finding.path).relative_to(tmp_path).as_posix(), finding.line, RULES[finding.rule].name)
        for finding in report.findings
    }
    assert found == case.expected


@pytest.mark.parametrize("rule", ABOUT_CODE, ids=lambda rule: rule.name)
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
