"""What a synth with these constructs costs, beside the same resources wired by hand.

`python benchmarks/synth/run.py [--write]` prints the table; `--write` puts it into benchmarks/README.md.
Template validation is off, as in tests: it costs the same with and without these constructs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

os.environ["CDK_VALIDATION"] = "false"
os.environ["JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"] = "20"

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import aws_cdk as cdk  # noqa: E402  the environment above is read when Node starts
from by_hand import bare, by_hand  # noqa: E402  beside this file

from constructs_durable import DurableFunction, DurableRuntimeLayer  # noqa: E402

README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- synth: written by `make bench-synth` -->", "<!-- /synth -->"
FUNCTIONS, ROUNDS = 100, 4
HANDLER = '''
from durable_runtime import DurableContext, durable_execution


@durable_execution
def handler(event: dict[str, int], ctx: DurableContext) -> int:
    """A handler as small stacks have it; {number} tells it from the others."""
    charged = ctx.step(lambda step_context: event["amount"], name="charge")
    ctx.wait(60, name="cool-off")
    return charged
'''
SNAPSHOTS = """
import pathlib
import time

import aws_cdk as cdk
import pytest
from constructs_durable import DurableFunction
from constructs_durable.testing import template_snapshot

@pytest.fixture(scope="module", autouse=True)
def clock():
    begin = time.perf_counter()
    yield
    pathlib.Path("tests_took").write_text(str(time.perf_counter() - begin))

@pytest.mark.parametrize("number", range(20))
def test_stack(number, template_snapshot):
    stack = cdk.Stack(cdk.App(), f"Demo{number}")
    DurableFunction(
        stack, "Orders", entry="0", handler="app.handler", execution_timeout=cdk.Duration.hours(number + 1)
    )
    assert stack == template_snapshot
"""


def handlers(folder: Path) -> list[Path]:
    """Write a hundred different handlers, each in a folder of its own."""
    entries = [folder / str(number) for number in range(FUNCTIONS + 1)]
    for number, entry in enumerate(entries):
        entry.mkdir()
        (entry / "app.py").write_text(HANDLER.replace("{number}", str(number)))
    return entries


def ours(stack: cdk.Stack, number: int, entry: Path) -> None:
    DurableFunction(
        stack,
        f"F{number}",
        entry=entry,
        handler="app.handler",
        execution_timeout=cdk.Duration.days(30),  # and callers that would wait so long are looked for at synth
    )


def theirs(stack: cdk.Stack, number: int, entry: Path) -> None:
    by_hand(stack, f"F{number}", entry=str(entry), layer=DurableRuntimeLayer.of(stack))


def in_one_folder(stack: cdk.Stack, number: int, entry: Path) -> None:
    ours(stack, number, entry.with_name("0"))


def floor(stack: cdk.Stack, number: int, entry: Path) -> None:
    bare(stack, f"F{number}", entry=str(entry))


CASES = (ours, in_one_folder, theirs, floor)
FLAGS = json.loads((ROOT / "cdk.json").read_text())["context"]
"""What `cdk init` writes into a fresh app."""


class Cost(NamedTuple):
    declared: float  # milliseconds per function after the first
    synthesized: float  # milliseconds for the whole stack

    @property
    def total(self) -> float:
        return self.declared * FUNCTIONS + self.synthesized


def one_round(entries: list[Path], turn: int) -> dict[str, Cost]:
    """Declare a hundred functions in each way, one of each at a time: a busy moment of the machine hits all alike."""
    context = {**FLAGS, "@aws-cdk/core:stackResourceLimit": 0}  # a hundred functions are 601 resources
    stacks = {make: cdk.Stack(cdk.App(context=context), "Bench") for make in CASES}
    declared = dict.fromkeys(CASES, 0.0)
    for number, entry in enumerate(entries):
        for make in CASES[number % len(CASES) :] + CASES[: number % len(CASES)]:
            begin = time.perf_counter()
            make(stacks[make], number, entry)
            if number:
                declared[make] += time.perf_counter() - begin
    costs = {}
    for make in CASES[turn % len(CASES) :] + CASES[: turn % len(CASES)]:
        begin = time.perf_counter()
        stacks[make].node.root.synth()
        costs[make.__name__] = Cost(declared[make] * 1e3 / (len(entries) - 1), (time.perf_counter() - begin) * 1e3)
    return costs


def as_installed(folder: Path) -> dict[str, str]:
    """Return an environment in which modules have byte code, as pip leaves them; the first run writes it."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {"PYTHONPYCACHEPREFIX": str(folder / "byte-code"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def import_cost(environment: dict[str, str]) -> float:
    """Return the milliseconds that `DurableFunction` adds to `aws_cdk.aws_lambda`, median of nine after the first."""
    code = (
        "import time; from aws_cdk import aws_lambda; begin = time.perf_counter();"
        "from constructs_durable import DurableFunction; print((time.perf_counter() - begin) * 1e3)"
    )
    command = [sys.executable, "-c", code]
    run = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(10)]
    return median(float(each.stdout) for each in run[1:])


def snapshots(folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of twenty tests with syrupy as pytest's only plugin: the tests alone, and with all imports."""
    (folder / "test_snapshots.py").write_text(SNAPSHOTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "syrupy",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        ".",
    ]
    subprocess.run([*command, "--snapshot-update"], cwd=folder, env=environment, capture_output=True, check=True)
    alone, with_imports = [], []
    for _ in range(3):
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        alone.append(float((folder / "tests_took").read_text()))
        with_imports.append(float(ran.stdout.rsplit(" in ", 1)[1].split("s")[0]))
    return median(alone), median(with_imports)


def reference_call() -> float:
    """Return the microseconds of one cheap call into Node: how fast this machine is at this moment."""
    begin = time.perf_counter()
    for _ in range(500):
        cdk.Duration.hours(1)
    return (time.perf_counter() - begin) * 1e6 / 500


def table() -> str:
    folder = Path(tempfile.mkdtemp())
    try:
        entries, environment = handlers(folder), as_installed(folder)
        one_round(entries[:21], 0)
        rounds = [one_round(entries, turn) for turn in range(ROUNDS)]
        declared = {make.__name__: median(each[make.__name__].declared for each in rounds) for make in CASES}
        ratio = median(each["ours"].total / each["theirs"].total for each in rounds)
        imported = import_cost(environment)
        tests_alone, tests_with_imports = snapshots(folder, environment)
        rows = [
            (
                "one `DurableFunction` after the first, own folder, checked handler",
                f"{declared['ours']:.1f} ms",
                "≤ 6 ms",
            ),
            ("… where the functions share one folder", f"{declared['in_one_folder']:.1f} ms", "≤ 6 ms"),
            ("the same resources wired by hand, handler not checked", f"{declared['theirs']:.1f} ms", ""),
            ("CDK's constructors for them alone, nothing configured", f"{declared['floor']:.1f} ms", ""),
            (f"{FUNCTIONS} functions declared and synthesized, beside by hand", f"{ratio:.2f} x", "≤ 1.3 x"),
            (
                "`DurableFunction` imported, beyond `aws_cdk.aws_lambda`",
                f"{imported:.1f} ms",
                "≤ 15 ms",
            ),
            ("20 snapshot tests", f"{tests_alone:.2f} s", "≤ 1.5 s"),
            ("… with the imports of CDK and pytest before them", f"{tests_with_imports:.2f} s", ""),
            ("one cheap call into Node meanwhile (`Duration.hours(1)`)", f"{reference_call():.0f} µs", ""),
        ]
    finally:
        shutil.rmtree(folder)
    lines = ["| case | measured | goal |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    about = (
        f"Python {platform.python_version()}, aws-cdk-lib {version('aws-cdk-lib')}, {os.cpu_count()} cores, "
        f"medians of {ROUNDS} rounds."
    )
    return "\n".join([*lines, "", about])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    write = parser.parse_args().write
    found = table()
    print(found)
    if write:
        text = README.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        README.write_text(f"{head}{BEGIN}\n{found}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
