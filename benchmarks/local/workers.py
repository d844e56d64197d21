"""The worker row: a process that runs handlers through the Lambda Runtime API. AWS's library has none."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median

from durable_local._invocation import FunctionVersion, InvocationRequest
from durable_local._workers import WorkerPool

ARN = "arn:aws:lambda:us-east-1:123456789012:function:bench:1"


async def measure(folder: Path) -> dict[str, float]:
    (folder / "app.py").write_text("def handler(event, context): return event")
    function = FunctionVersion("bench", "1", ARN, "r1", handler="app.handler", code=folder)
    cold, warm = [], []
    for _ in range(20):
        pool = WorkerPool()
        started = time.perf_counter()
        result = await pool.run(InvocationRequest("cold", function, b"{}", 0))
        cold.append((time.perf_counter() - started) * 1000)
        assert result.kind == "ok", result
        await pool.close()
    pool = WorkerPool()
    for number in range(501):
        started = time.perf_counter()
        await pool.run(InvocationRequest(f"warm-{number}", function, b'{"a": 1}', 0))
        warm.append((time.perf_counter() - started) * 1000)
    await pool.close()
    return {"cold": median(cold), "warm": median(warm[1:])}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(asyncio.run(measure(Path(name)))))
