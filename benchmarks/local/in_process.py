"""The in-process rows: our test kit and AWS's testing library run the same workflows, each on its own runtime.

`python in_process.py ours|aws CASE` prints one JSON object; run.py starts it in a fresh interpreter.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

logging.disable(logging.CRITICAL)
SIDE, CASE = sys.argv[1:3]

if SIDE == "ours":
    from durable_local.testing import DurableTestRunner
    from durable_runtime import durable_execution
    from durable_runtime.config import CallbackConfig, Duration
else:
    from aws_durable_execution_sdk_python import durable_execution
    from aws_durable_execution_sdk_python.config import CallbackConfig, Duration
    from aws_durable_execution_sdk_python_testing import DurableFunctionTestRunner


@durable_execution
def one_step(event: Any, ctx: Any) -> int:
    return ctx.step(lambda _: 1, name="one")


@durable_execution
def step_wait_step(event: Any, ctx: Any) -> int:
    first = ctx.step(lambda _: 1, name="first")
    ctx.wait(Duration.from_hours(1), name="an hour")
    return first + ctx.step(lambda _: 1, name="second")


@durable_execution
def three_steps(event: Any, ctx: Any) -> int:
    return sum(ctx.step(lambda _, n=n: n, name=f"step {n}") for n in range(3))


@durable_execution
def many_steps(event: Any, ctx: Any) -> int:
    for n in range(800):
        ctx.step(lambda _, n=n: n, name=f"step {n}")
    return 800


@durable_execution
def silent_callback(event: Any, ctx: Any) -> str:
    timeout = Duration.from_days(3) if SIDE == "ours" else Duration.from_seconds(3)
    try:
        return ctx.create_callback(name="silent", config=CallbackConfig(timeout=timeout)).result()
    except Exception as error:
        return type(error).__name__


@durable_execution
def long_waits(event: Any, ctx: Any) -> str:
    for n in range(3):
        ctx.wait(Duration.from_days(300), name=f"wait {n}")
    return "over"


class Runner:
    """One face for both kits."""

    def __init__(self, handler: Any, *, database: str | None = None, execution_timeout: int | None = None) -> None:
        self.timeout = execution_timeout
        if SIDE == "ours":
            options: dict[str, Any] = {"database": database or ":memory:"}
            if execution_timeout is not None:
                options["execution_timeout"] = execution_timeout
            self.runner = DurableTestRunner(handler, **options)
        else:
            store = None
            if database is not None:
                from aws_durable_execution_sdk_python_testing.stores.sqlite import SQLiteExecutionStore

                store = SQLiteExecutionStore.create_and_initialize(database)
            self.runner = DurableFunctionTestRunner(handler, store=store)

    def run(self, _number: int = 0) -> str:
        if SIDE == "ours":
            return self.runner.run({}).status
        name = f"run-{time.perf_counter_ns()}"
        return self.runner.run(input="{}", execution_name=name, execution_timeout=self.timeout or 300).status.value

    def close(self) -> None:
        self.runner.close()


def milliseconds(work: Any, repeats: int) -> dict[str, float]:
    work()
    samples = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        samples.append((time.perf_counter() - started) * 1000)
    return {"ms": median(samples)}


def whole_life(handler: Any) -> Any:
    def work() -> None:
        runner = Runner(handler)
        assert runner.run() == "SUCCEEDED"
        runner.close()

    return work


def per_second(workers: int) -> dict[str, float]:
    count = 400 if SIDE == "ours" else 24
    runner = Runner(three_steps)
    runner.run()
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        if workers == 1:
            results = [runner.run(n) for n in range(count)]
        else:
            with ThreadPoolExecutor(workers) as pool:
                results = list(pool.map(runner.run, range(count)))
        rates.append(count / (time.perf_counter() - started))
        assert set(results) == {"SUCCEEDED"}
    runner.close()
    return {"rate": median(rates)}


def timed_run(handler: Any, **options: Any) -> dict[str, Any]:
    runner = Runner(handler, **options)
    started = time.perf_counter()
    status = runner.run()
    took = (time.perf_counter() - started) * 1000
    runner.close()
    return {"ms": took, "s": took / 1000, "status": status}


def on_file() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return timed_run(many_steps, database=str(Path(folder) / "bench.db"))


CASES = {
    "one_step": lambda: milliseconds(whole_life(one_step), 20),
    "step_wait_step": lambda: milliseconds(whole_life(step_wait_step), 20),
    "sequential": lambda: per_second(1),
    "parallel": lambda: per_second(8),
    "callback": lambda: timed_run(silent_callback),
    "long_waits": lambda: timed_run(long_waits, execution_timeout=60),
    "many_steps": on_file,
}

if __name__ == "__main__":
    print(json.dumps(CASES[CASE]()))
