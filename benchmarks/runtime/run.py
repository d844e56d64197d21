"""The runtime's numbers beside those of AWS's SDK, in one run: `python benchmarks/runtime/run.py [--write]`.

Every sample is a fresh interpreter (`-I -S`, only the measured package's folder on the path); the table holds
medians. `--write` puts the table into benchmarks/README.md. The interpreter that runs this file is the one measured.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from fake import Fake, event  # noqa: E402  beside this file

OURS = ROOT / "runtime"
SITE = Path(sysconfig.get_paths()["purelib"])
PATHS = {"ours": OURS, "boto3": OURS, "aws": SITE, "bare": HERE}
README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- runtime: written by `make bench-runtime` -->", "<!-- /runtime -->"
Sample = dict[str, float]


def measure(side: str, case: str, argument: str | None, repeats: int, **environment: str) -> list[Sample]:
    """Samples of a case, each in a fresh interpreter."""
    return [sample(side, case, argument, **environment) for _ in range(repeats)]


def settle(patience: float = 2.0) -> None:
    """Wait, but not for long, until other programs leave at least one core idle."""
    end = time.monotonic() + patience
    while Path("/proc/stat").exists() and time.monotonic() < end:
        before = cpu_times()
        time.sleep(0.1)
        idle, total = (after - earlier for after, earlier in zip(cpu_times(), before, strict=True))
        if idle * (os.cpu_count() or 1) >= 0.9 * total:
            return


def cpu_times() -> tuple[int, int]:
    """Ticks that all cores were idle, and all their ticks."""
    ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]]
    return ticks[3] + ticks[4], sum(ticks)


def sample(side: str, case: str, argument: str | None = None, layer: Path | None = None, **environment: str) -> Sample:
    """A sample; with a layer, the package comes from there, and its byte code is not kept."""
    paths = [*([str(layer)] if layer else []), str(PATHS[side]), str(HERE)]
    if side == "boto3":
        paths.append(str(SITE))  # the adapter names botocore's errors
    settle()
    options = ["-I", "-S", *(["-B"] if layer else [])]
    command = [sys.executable, *options, str(HERE / "cases.py"), *paths, "--", side, case]
    done = subprocess.run(
        [*command, *([argument] if argument else [])],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{side} {case} {argument}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def medians(samples: list[Sample]) -> Sample:
    return {key: median(s[key] for s in samples) for key in samples[0]}


# -- the first checkpoint over HTTP -------------------------------------------------------------------------


class Arrivals(BaseHTTPRequestHandler):
    """Answers checkpoints and notes when the first came."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write for head and body
    fake = Fake()
    arrived: float | None = None

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).arrived = type(self).arrived or time.monotonic()
        reply = type(self).fake.checkpoint("", "", body["Updates"], "")
        for operation in reply["NewExecutionState"]["Operations"]:
            operation["StartTimestamp"] = operation["StartTimestamp"].timestamp()
        text = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    def log_message(self, *_args: Any) -> None:
        """Stay silent."""


def first_checkpoint(side: str, repeats: int, *, from_layer: bool = False) -> Sample:
    """Time from the interpreter's first line to the arrival of the first checkpoint at a real HTTP server.

    From a layer, which Lambda mounts read-only, the package is compiled anew; botocore comes with Lambda's byte code.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), Arrivals)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "event.json"
        given.write_text(json.dumps(event()))
        environment = {
            "AWS_ENDPOINT_URL_LAMBDA": url,
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_EC2_METADATA_DISABLED": "true",
            "BENCH_EVENT": str(given),
        }
        layer = unpacked_layer(side, Path(folder)) if from_layer else None
        samples = []
        for _ in range(repeats):
            Arrivals.arrived = None
            found = sample(side, "cold", layer=layer, **environment)
            assert Arrivals.arrived is not None, "no checkpoint arrived"
            samples.append({"ms": (Arrivals.arrived - found["started"]) * 1000, "mb": found["mb"]})
    server.shutdown()
    server.server_close()
    return medians(samples)


def packed_layer(side: str, folder: Path) -> Path:
    """The zip file of a side's package as a layer: ours as the constructs make it, the other's files as they are."""
    if side == "ours":
        from constructs_durable._layer_content import layer_content

        return layer_content().archive()
    package = SITE / "aws_durable_execution_sdk_python"
    with zipfile.ZipFile(folder / "layer.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(package.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                archive.write(file, f"python/{file.relative_to(SITE)}")
    return folder / "layer.zip"


def unpacked_layer(side: str, folder: Path) -> Path:
    with zipfile.ZipFile(packed_layer(side, folder)) as archive:
        archive.extractall(folder)
    return folder / "python"


def layer_size(side: str) -> Sample:
    """Kilobytes of a package as a layer, zipped and not, without compiled files."""
    with tempfile.TemporaryDirectory() as folder:
        zipped = packed_layer(side, Path(folder))
        with zipfile.ZipFile(zipped) as archive:
            unzipped = sum(entry.file_size for entry in archive.infolist())
        return {"zipped": zipped.stat().st_size / 1024, "unzipped": unzipped / 1024}


# -- the table ----------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Row:
    """A line of the table: how to measure it, what to show, and which figures the goal limits."""

    label: str
    case: str
    show: str
    goal: str
    limits: dict[str, float]
    argument: str | None = None
    aws_argument: str | None = None
    sides: tuple[str, ...] = ("ours", "aws")
    ratio: str = "ms"
    heavy: bool = False


ROWS = [
    Row("empty handler, wall", "empty", "{ms:.2f} ms", "≤ 1 ms", {"ms": 1}),
    Row(
        "1,000 steps, zero latency",
        "steps",
        "{us_per_step:.0f} µs/step, {calls:.0f} calls",
        "≤ 60 µs, ≤ 1,000 calls",
        {"us_per_step": 60, "calls": 1000},
        ratio="us_per_step",
    ),
    Row(
        "… through `boto3_client=` on both sides",
        "steps",
        "{us_per_step:.0f} µs/step, {calls:.0f} calls",
        "—",
        {},
        sides=("boto3", "aws"),
        ratio="us_per_step",
    ),
    Row(
        "1,000 at-most-once steps",
        "steps_once",
        "{us_per_step:.0f} µs/step, {calls:.0f} calls",
        "≤ 80 µs, ≤ 1,001 calls",
        {"us_per_step": 80, "calls": 1001},
        ratio="us_per_step",
    ),
    Row(
        "200 steps at 10 ms a call",
        "steps",
        "{us_per_step:.0f} µs/step, {calls:.0f} calls",
        "≤ 10,400 µs",
        {"us_per_step": 10_400},
        "200@10",
        ratio="us_per_step",
        heavy=True,
    ),
    Row(
        "200 at-most-once steps at 10 ms a call",
        "steps_once",
        "{us_per_step:.0f} µs/step, {calls:.0f} calls",
        "≤ 10,400 µs",
        {"us_per_step": 10_400},
        "200@10",
        ratio="us_per_step",
        heavy=True,
    ),
    *[
        Row(
            f"replay of {count:,} steps, CPU",
            "replay",
            "{us_per_step:.1f} µs/step",
            "≤ 6 µs",
            {"us_per_step": 6},
            str(count),
            ratio="us_per_step",
        )
        for count in (3000, 10_000)
    ],
    Row(
        "map of 1,000 no-op items",
        "map",
        "{ms:.0f} ms, {calls:.0f} calls, {peak:.0f} threads",
        "≤ 80 ms, ≤ 22 calls, ≤ 40 threads",
        {"ms": 80, "calls": 22, "peak": 40},
    ),
    Row(
        "… `async def` handler",
        "map_async",
        "{ms:.0f} ms, {calls:.0f} calls, {threads:.0f} threads started",
        "no threads",
        {"threads": 0},
        sides=("ours",),
    ),
    *[
        Row(
            label,
            "map",
            "{ms:,.0f} ms, {calls:.0f} calls, {peak:.0f} threads",
            goal,
            {"peak": 1004} if goal != "—" else {},
            argument,
            heavy=True,
        )
        for label, goal, argument in (
            ("map of 1,000 items that compute for 1 ms", "—", "1c"),
            ("map of 1,000 items of 20 ms", "—", "20"),
            ("map of 1,000 items of 500 ms", "finishes, ≤ 1,004 threads of Lambda's 1,024", "500"),
        )
    ],
    Row(
        "… `async def` handler",
        "map_async",
        "{ms:,.0f} ms, {calls:.0f} calls, {threads:.0f} threads started",
        "—",
        {},
        "500",
        sides=("ours",),
        heavy=True,
    ),
    Row("import, over bare Python", "import", "{ms:.1f} ms, {mb:.1f} MB", "≤ 25 ms, ≤ 6 MB", {"ms": 25, "mb": 6}),
    Row("import of a handler's names", "import_names", "{ms:.1f} ms, {mb:.1f} MB", "—", {}),
    Row(
        "import + first checkpoint over HTTP",
        "cold",
        "{ms:.1f} ms, {mb:.1f} MB",
        "≤ 60 ms, ≤ 10 MB",
        {"ms": 60, "mb": 10},
    ),
    Row("… compiled from source, as a layer holds it", "cold_layer", "{ms:.1f} ms, {mb:.1f} MB", "—", {}),
    Row(
        "2,000 steps, a plugin registered, CPU",
        "plugin",
        "{ratio:.2f} times without",
        "≤ 1.3 times",
        {"ratio": 1.3},
        ratio="ratio",
    ),
    Row(
        "layer, zipped / unzipped",
        "size",
        "{zipped:.0f} / {unzipped:.0f} KB",
        "≤ 80 / ≤ 350 KB",
        {"zipped": 80, "unzipped": 350},
        ratio="unzipped",
    ),
]


def figures(row: Row, side: str, repeats: int, bare_mb: float) -> Sample:
    if row.case == "size":
        return layer_size(side)
    if row.case.startswith("cold"):
        found = first_checkpoint(side, repeats, from_layer=row.case == "cold_layer")
    else:
        many = 3 * repeats if row.case.startswith("import") else repeats
        found = medians(measure(side, row.case, row.argument, min(many, 3) if row.heavy else many))
    if row.case in ("cold", "cold_layer", "import", "import_names"):
        found["mb"] -= bare_mb
    return found


def measured(row: Row, repeats: int, bare_mb: float) -> list[str]:
    """The cells of a row: case, goal, ours, AWS's SDK, how many times better, verdict."""
    found = {side: figures(row, side, repeats, bare_mb) for side in row.sides}
    mine = found[row.sides[0]]
    missed = [f"{key} {mine[key]:,.1f}" for key, limit in row.limits.items() if mine[key] > limit]
    theirs = found.get("aws")
    factor = f"{theirs[row.ratio] / mine[row.ratio]:.1f} times" if theirs else "—"
    verdict = "—" if not row.limits else "missed: " + ", ".join(missed) if missed else "met"
    other = row.show.format(**theirs) if theirs else "cannot"
    return [row.label, row.goal, row.show.format(**mine), other, factor, verdict]


def warm() -> float:
    """Compile everything once; return the bare interpreter's memory."""
    for side in ("ours", "aws"):
        sample(side, "steps", "10")
        first_checkpoint(side, 1)
    return medians(measure("bare", "import", None, 5))["mb"]


def heading() -> list[str]:
    version = importlib.metadata.version("aws-durable-execution-sdk-python")
    today = dt.datetime.now(tz=dt.UTC).date()
    return [
        f"Measured {today} with Python {platform.python_version()} on {os.cpu_count()} cores ({platform.machine()}).",
        f"AWS's SDK is {version}, with boto3 {importlib.metadata.version('boto3')}.",
        "Samples wait for an idle core; medians still contain what else the machine did.",
        "",
        "| case | goal | ours | AWS's SDK | better by | verdict |",
        "|---|---|---|---|---|---|",
    ]


def write(head: list[str], rows: dict[int, str]) -> None:
    """Replace these rows, by their places, in the runtime's table in the benchmarks' README."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    section, _, after = rest.partition(END)
    table = [line for line in section.splitlines() if line.startswith("| ")][1:]
    if len(rows) == len(ROWS):
        table = [""] * len(ROWS)
    elif len(table) != len(ROWS):
        raise SystemExit(f"the table in {README.name} has {len(table)} rows, not {len(ROWS)}: measure all of them")
    for place, row in rows.items():
        table[place] = row
    lines = "\n".join([*head, *table])
    README.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="samples of each case; imports: three times as many")
    parser.add_argument("--only", help="measure only the rows whose case or label contains this text")
    parser.add_argument("--write", action="store_true", help="write these rows into benchmarks/README.md")
    options = parser.parse_args()
    bare_mb = warm()
    print("\n".join(heading()))
    rows = {}
    for place, row in enumerate(ROWS):
        if not options.only or options.only in row.case or options.only in row.label:
            rows[place] = "| " + " | ".join(measured(row, options.repeats, bare_mb)) + " |"
            print(rows[place], flush=True)
    if options.write:
        write(heading(), rows)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
