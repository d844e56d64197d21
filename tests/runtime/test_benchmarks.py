"""The benchmark of the runtime still runs: every case once, in small, on both sides. No figure is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks" / "runtime"
PATHS = {
    "ours": ROOT / "runtime",
    "boto3": ROOT / "runtime",
    "aws": Path(sysconfig.get_paths()["purelib"]),
}
CASES = [
    ("ours", "import", ()),
    ("ours", "import_names", ()),
    ("ours", "empty", ()),
    ("ours", "steps", ("10@1",)),
    ("boto3", "steps", ("10",)),
    ("ours", "steps_once", ("10",)),
    ("ours", "replay", ("10",)),
    ("ours", "map", ("0",)),
    ("ours", "map_async", ("0",)),
    ("ours", "plugin", ("10",)),
    ("aws", "steps", ("10",)),
]


@pytest.mark.parametrize(("side", "case", "arguments"), CASES, ids=str)
def test_a_case_measures_something(side, case, arguments):
    command = [sys.executable, "-I", "-S", str(BENCHMARKS / "cases.py"), str(PATHS[side]), str(BENCHMARKS), "--"]
    done = subprocess.run([*command, side, case, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["ms"] > 0
    assert all(isinstance(value, int | float) for value in figures.values())
