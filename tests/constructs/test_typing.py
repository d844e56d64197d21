"""What a type checker and an editor know of the constructs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

CALLS = Path(__file__).parent / "typed" / "calls.py"
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_right_declarations_pass_mypy_with_their_types_and_wrong_ones_fail() -> None:
    # The project's own settings, so that the cache of `make check` serves: without one, aws-cdk-lib takes a minute.
    report, trouble, _ = api.run(["--config-file", str(ROOT / "pyproject.toml"), str(CALLS)])
    refused = {int(line) for line in re.findall(r"calls\.py:(\d+): error:", report)}
    wrong = {number for number, line in enumerate(CALLS.read_text().splitlines(), 1) if line.endswith("# wrong")}
    assert (refused, trouble) == (wrong, ""), report
