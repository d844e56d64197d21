"""The local service's numbers beside those of AWS's testing library: `python benchmarks/local/run.py [--write]`.

Every sample is a fresh interpreter; the table holds the median of each figure, from as many samples on both sides.
`--write` puts the table into benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
README = HERE.parents[0] / "README.md"
BEGIN, END = "<!-- local: written by `make bench-local` -->", "<!-- /local -->"
PATIENCE = 600
NOISE = 0.9
"""The rate at 400 operations may fall this far below the first one's before it counts as slower."""


class Row(NamedTuple):
    """One row of the table."""

    label: str
    goal: str
    script: str
    case: str
    show: str
    least: dict[str, float] = {}  # noqa: RUF012  never changed
    most: dict[str, float] = {}  # noqa: RUF012  never changed
    theirs: str = ""
    """What stands for a side that cannot be measured; empty: measure it."""


ROWS = (
    Row("create + run + close, one step", "≤ 4 ms", "in_process", "one_step", "{ms:.1f} ms", most={"ms": 4}),
    Row("step, 1 h wait, step", "≤ 6 ms", "in_process", "step_wait_step", "{ms:.1f} ms", most={"ms": 6}),
    Row("3-step workflow, sequential", "≥ 400/s", "in_process", "sequential", "{rate:,.0f}/s", least={"rate": 400}),
    Row("3-step workflow, 8 parallel", "≥ 600/s", "in_process", "parallel", "{rate:,.0f}/s", least={"rate": 600}),
    Row(
        "callback that times out after 3 days (AWS's: 3 seconds)",
        "milliseconds",
        "in_process",
        "callback",
        "{ms:,.0f} ms",
        most={"ms": 100},
    ),
    Row(
        "900 days of waits under a 60 s execution timeout",
        "TIMED_OUT",
        "in_process",
        "long_waits",
        "{status} in {ms:,.0f} ms",
    ),
    Row("800 steps in one execution, SQLite file", "≤ 0.5 s", "in_process", "many_steps", "{s:.2f} s", most={"s": 0.5}),
    Row(
        "raw HTTP checkpoints, SQLite file, 0 to 100 operations / at 400",
        "≥ 1,500/s, no slower at 400",
        "over_http",
        "checkpoints",
        "{first:,.0f}/s / {at_400:,.0f}/s",
        least={"first": 1500, "at_400": 1500},
    ),
    Row(
        "executions over HTTP with 3 checkpoints, 1 client / 8 clients",
        "not lower with 8",
        "over_http",
        "executions",
        "{one:,.0f}/s / {eight:,.0f}/s",
    ),
    Row(
        "worker: spawn to first response / warm round trip",
        "≤ 60 ms / ≤ 2 ms",
        "workers",
        "",
        "{cold:.0f} ms / {warm:.2f} ms",
        most={"cold": 60, "warm": 2},
        theirs="has none",
    ),
)


def sample(row: Row, side: str) -> dict[str, Any]:
    command = [sys.executable, str(HERE / f"{row.script}.py"), side, row.case]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{row.label} ({side}): {done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(row: Row, side: str, repeats: int) -> dict[str, Any]:
    samples = [sample(row, side) for _ in range(repeats)]
    return {name: middle([found[name] for found in samples]) for name in samples[0]}


def middle(values: list[Any]) -> Any:
    """Return the median of figures, or a status that all samples share."""
    if isinstance(values[0], str):
        return "/".join(sorted(set(values)))
    return statistics.median(values)


def verdict(row: Row, figures: dict[str, Any]) -> str:
    missed = [f"{name} {figures[name]:,.1f}" for name, limit in row.least.items() if figures[name] < limit]
    missed += [f"{name} {figures[name]:,.1f}" for name, limit in row.most.items() if figures[name] > limit]
    if "status" in figures and row.goal.isupper() and figures["status"] != row.goal:
        missed.append(figures["status"])
    if "at_400" in figures and figures["at_400"] < NOISE * figures["first"]:
        missed.append("slower at 400")
    if "eight" in figures and figures["eight"] < figures["one"]:
        missed.append("lower with 8")
    return "missed: " + ", ".join(missed) if missed else "met"


def cells(row: Row, options: argparse.Namespace) -> list[str]:
    ours = measure(row, "ours", options.repeats)
    theirs = row.theirs or ("—" if options.ours else row.show.format(**measure(row, "aws", options.repeats)))
    return [row.label, row.goal, row.show.format(**ours), theirs, verdict(row, ours)]


def heading() -> list[str]:
    library = importlib.metadata.version("aws-durable-execution-sdk-python-testing")
    sdk = importlib.metadata.version("aws-durable-execution-sdk-python")
    today = dt.datetime.now(tz=dt.UTC).date()
    return [
        f"Measured {today} with Python {platform.python_version()} on {os.cpu_count()} cores ({platform.machine()}).",
        f"AWS's testing library is {library}, on its SDK {sdk}.",
        "",
        "| case | goal | ours | AWS's testing library | verdict |",
        "|---|---|---|---|---|",
    ]


def write(lines: list[str]) -> None:
    """Replace the local service's section of the benchmarks' README."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="samples of each row, on both sides")
    parser.add_argument("--only", help="measure only the rows whose case or label contains this text")
    parser.add_argument("--ours", action="store_true", help="leave AWS's side out")
    parser.add_argument("--write", action="store_true", help="write the table into benchmarks/README.md")
    options = parser.parse_args()
    lines = heading()
    print("\n".join(lines))
    for row in ROWS:
        if options.only and options.only not in row.case and options.only not in row.label:
            continue
        lines.append("| " + " | ".join(cells(row, options)) + " |")
        print(lines[-1], flush=True)
    if options.write:
        write(lines)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
