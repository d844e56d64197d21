"""The rules' metadata: one source for pages, `--explain` and the table, and its examples hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import durable_check
from durable_check import RULES, _pages, check_paths, explain
from durable_check.rules import find

if TYPE_CHECKING:
    from pathlib import Path

ALL = list(RULES.values())
NEEDS_A_BASELINE = "DUR025"


def by_name(rule) -> str:
    return rule.name


@pytest.mark.parametrize("rule", ALL, ids=by_name)
def test_the_bad_example_is_reported(rule, tmp_path: Path) -> None:
    if rule.id == NEEDS_A_BASELINE:
        assert check([rule.bad], tmp_path) == set()
    else:
        assert rule.id in check([rule.bad], tmp_path)


@pytest.mark.parametrize("rule", ALL, ids=by_name)
def test_the_good_example_is_clean(rule, tmp_path: Path) -> None:
    assert check([rule.good], tmp_path) == set()


def check(texts: list[str], folder: Path) -> set[str]:
    for number, text in enumerate(texts):
        (folder / f"example_{number}.py").write_text(text)
    return {finding.rule for finding in check_paths([folder]).findings}


def test_ids_and_names_are_unique_and_well_formed() -> None:
    assert len({rule.name for rule in ALL}) == len(ALL)
    for rule in ALL:
        assert re.fullmatch(r"DUR\d{3}", rule.id)
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)
        assert rule.severity in {"error", "warning", "info"}


@pytest.mark.parametrize("rule", ALL, ids=by_name)
def test_a_rule_says_what_why_fix_and_limits(rule) -> None:
    text = explain(rule)
    for part in (rule.reported, rule.why, rule.fix, rule.limits):
        assert len(part) > 30
        assert part in text
        assert "  " not in part


def test_a_rule_is_found_by_id_and_by_name() -> None:
    assert find("dur001") is find("clock-in-orchestration") is RULES["DUR001"]
    assert find("clock") is None


def test_the_pages_and_the_table_say_what_the_rules_say() -> None:
    assert _pages.stale() == []


def test_every_mark_in_the_guide_names_an_existing_rule() -> None:
    text = (_pages.DOCS / "check.md").read_text(encoding="utf-8")
    assert set(re.findall(r"DUR\d{3}", text)) <= set(RULES)


def test_the_public_names_are_frozen() -> None:
    assert sorted(durable_check.__all__) == [
        "Edit",
        "Finding",
        "Note",
        "Operation",
        "RULES",
        "Report",
        "Rule",
        "Settings",
        "SettingsError",
        "Severity",
        "check_handler",
        "check_paths",
        "explain",
    ]
