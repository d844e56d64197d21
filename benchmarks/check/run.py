"""How much CPU time the checker takes, on one core: `python benchmarks/check/run.py [--write] [--deep [MINUTES]]`.

`--write` puts the table into benchmarks/README.md. `--deep` also walks the functions of the standard library as if they
were handlers, for seven minutes of CPU time or as many as it is told, and says how far it came: no valid Python may
make the checker fail.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from statistics import median
from zlib import crc32

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

from project import WORKFLOW, write  # noqa: E402  beside this file

from durable_check import check_handler, check_paths  # noqa: E402
from durable_check._engine.modules import Project  # noqa: E402
from durable_check._engine.roots import functions  # noqa: E402
from durable_check._engine.run import Engine  # noqa: E402
from durable_check._problems import Collector  # noqa: E402
from durable_check._settings import Settings  # noqa: E402

README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- check: written by `make bench-check` -->", "<!-- /check -->"
LINES = 100_000
ONE_RUN = "import sys; from durable_check import check_paths; r = check_paths(sys.argv[1:]); print(len(r.findings))"


def seconds_of(folder: Path, rounds: int = 3) -> tuple[float, int]:
    """Check a folder in fresh processes; return the median CPU time, interpreter start included, and the findings."""
    times, findings = [], 0
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", ONE_RUN, str(folder)],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        findings = int(done.stdout)
    return median(times), findings


def projects(scratch: Path) -> list[tuple[str, str, str]]:
    rows = []
    for share, goal in ((0.2, "≤ 5 s"), (1.0, "≤ 5 s")):
        folder = scratch / f"share_{share}"
        lines = write(folder, LINES, share)
        seconds, findings = seconds_of(folder)
        if findings:
            raise SystemExit(f"the measured project is clean, and the checker reports {findings} findings")
        rows.append((f"{lines:,} lines, {share:.0%} of them workflows and helpers", f"{seconds:.2f} s", goal))
    return rows


def handler(scratch: Path) -> tuple[str, str, str]:
    """A clean handler as it is checked at synth: in a warm process, every function another file."""
    times = []
    for number in range(30):
        folder = scratch / f"handler_{number}"
        write(folder, 150, 1.0)
        (folder / "app.py").write_text(WORKFLOW.format(n=number, h=0))
        started = time.process_time()
        findings = check_handler(folder, "app.handler")
        times.append(time.process_time() - started)
        if findings:
            raise SystemExit(f"the handler is clean, and the checker reports {findings}")
    lines = WORKFLOW.count("\n")
    return (
        f"one clean handler of {lines} lines and two helper files, at synth",
        f"{median(times) * 1e3:.1f} ms",
        "≤ 10 ms",
    )


def standard_library() -> tuple[str, str, str]:
    started = time.process_time()
    report = check_paths([sysconfig.get_path("stdlib")])
    if report.findings:
        raise SystemExit(f"code without durable functions has findings: {report.findings[:3]}")
    elapsed = time.process_time() - started
    return (f"the standard library, {report.files:,} files, nothing durable in it", f"{elapsed:.1f} s", "no finding")


def deep(minutes: float) -> tuple[str, str, str]:
    """Walk the functions of the standard library as handlers until the time is over; any exception ends the run."""
    root = sysconfig.get_path("stdlib")
    files = [path for path in Path(root).rglob("*.py") if "site-packages" not in path.parts]
    files.sort(key=lambda path: crc32(str(path.relative_to(root)).encode()))  # a part of the run is a fair sample
    started, walked, position = time.process_time(), 0, 0
    for position, path in enumerate(files):
        if time.process_time() - started > 60 * minutes:
            break
        if position % 100 == 0:
            project = Project()  # shared trees save parsing, and all of them at once would fill the memory
        engine = Engine(project, Collector(Settings()).listen)
        module = engine.project.load(str(path), root)
        if module is None:
            continue
        for info in functions(engine, module):
            engine.add_root(info, None)
            walked += 1
        engine.drain()
    elapsed = time.process_time() - started
    return (
        f"{walked:,} functions in {position + 1:,} of {len(files):,} files of the standard library, walked as handlers",
        f"{elapsed:.0f} s",
        "no failure",
    )


def table(rows: list[tuple[str, str, str]]) -> str:
    lines = ["| case | measured | goal |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    where = f"CPython {platform.python_version()}, one core of {platform.machine()}"
    return "\n".join([*lines, "", f"CPU seconds, measured with {where}; medians of fresh processes."])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    parser.add_argument(
        "--deep", nargs="?", type=float, const=7, metavar="MINUTES", help="walk the standard library, too (7 minutes)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = [*projects(Path(scratch)), handler(Path(scratch)), standard_library()]
    if arguments.deep:
        rows.append(deep(arguments.deep))
    text = table(rows)
    print(text)
    if arguments.write:
        page = README.read_text(encoding="utf-8")
        head, _, rest = page.partition(BEGIN)
        README.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
