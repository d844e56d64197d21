"""One measurement in a fresh interpreter: `python -I -S cases.py <path…> -- <side> <case> [argument]` prints JSON.

Sides: `ours`, `boto3` (ours through `boto3_client=`) and `aws` (AWS's SDK 3.0.0).
"""

from __future__ import annotations

import sys
import time

STARTED = time.monotonic()


def peak_mb() -> float:
    """Peak memory of this program. `ru_maxrss` would count the parent's, which was forked before the exec."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  pathlib would be measured too
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


PACKAGES = {
    "ours": "durable_runtime",
    "boto3": "durable_runtime",
    "aws": "aws_durable_execution_sdk_python",
    "bare": "sys",
}
HANDLER_NAMES = (
    ("", "durable_execution"),
    ("", "DurableContext"),
    (".config", "Duration"),
    (".config", "StepConfig"),
    (".retries", "RetryPresets"),
)


def measure_import(side: str, _argument: str | None) -> dict[str, float]:
    """Import the package; nothing else has been imported by this interpreter."""
    start = time.perf_counter()
    __import__(PACKAGES[side])
    return {"ms": (time.perf_counter() - start) * 1000, "mb": peak_mb(), "modules": len(sys.modules)}


def measure_import_names(side: str, _argument: str | None) -> dict[str, float]:
    """Import and touch the names a handler uses, for lazy attributes would hide their cost."""
    start = time.perf_counter()
    for module, name in HANDLER_NAMES:
        __import__(PACKAGES[side] + module)
        getattr(sys.modules[PACKAGES[side] + module], name)
    return {"ms": (time.perf_counter() - start) * 1000, "mb": peak_mb()}


def measure_cold(side: str, _argument: str | None) -> dict[str, float]:
    """Import, and run a handler of one step against the HTTP service of the parent, which notes the arrival."""
    if side == "aws":
        from aws_durable_execution_sdk_python import durable_execution
    else:
        from durable_runtime import durable_execution

    def handler(_event, ctx):
        return ctx.step(lambda _context: 1, name="s0")

    import json
    import os

    with open(os.environ["BENCH_EVENT"], encoding="utf-8") as file:  # noqa: PTH123  pathlib would be measured too
        given = json.load(file)
    output = durable_execution(handler)(given, Context())
    assert output["Status"] == "SUCCEEDED", output
    return {"started": STARTED, "mb": peak_mb(), "modules": len(sys.modules)}


class Context:
    """Lambda's context object."""

    aws_request_id, function_name, tenant_id, identity, client_context = "r", "bench", None, None, None
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench:1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


class Side:
    """The two packages behind one face: decorate, configure, invoke."""

    def __init__(self, name: str) -> None:
        import importlib
        import logging

        logging.disable(logging.CRITICAL)
        self.name = name
        package = PACKAGES[name]
        self.root = importlib.import_module(package)
        self.config = importlib.import_module(f"{package}.config")
        self.package = package

    def runner(self, handler, **options):
        """Return `run(event, fake)`, which invokes once and checks that the handler succeeded."""
        context = Context()
        handlers = {}

        def run(event, fake):
            if self.name == "ours":
                decorated = handlers.get(0) or self.root.durable_execution(handler, **options)
                handlers[0] = decorated
                output = decorated.invoke_with(event, context, fake)
            else:
                decorated = handlers.get(id(fake)) or self.root.durable_execution(handler, boto3_client=fake, **options)
                handlers[id(fake)] = decorated
                output = decorated(event, context)
            assert output["Status"] == "SUCCEEDED", output

        return run


def noop(_context):
    return 1


def sequential(side: Side, count: int, *, at_most_once: bool = False):
    """Build a handler of so many no-op steps."""
    config = None
    if at_most_once:
        config = side.config.StepConfig(step_semantics=side.config.StepSemantics.AT_MOST_ONCE_PER_RETRY)

    def handler(_event, ctx):
        for n in range(count):
            ctx.step(noop, name=f"s{n}", config=config)

    return handler


def timed(run, event, fake) -> dict[str, float]:
    """Invoke once; wall and CPU milliseconds, calls, threads."""
    import threading

    started, peak = 0, threading.active_count()
    start_thread = threading.Thread.start

    def counted(thread):
        nonlocal started, peak
        start_thread(thread)
        started += 1
        peak = max(peak, threading.active_count())

    threading.Thread.start = counted
    wall, cpu = time.perf_counter(), time.process_time()
    run(event, fake)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    threading.Thread.start = start_thread
    return {
        "ms": wall * 1000,
        "cpu_ms": cpu * 1000,
        "calls": fake.calls,
        "updates": fake.updates,
        "threads": started,
        "peak": max(peak, fake.threads),
        "mb": peak_mb(),
    }


def measure_empty(name: str, _argument: str | None) -> dict[str, float]:
    """Median of several warm invocations of a handler that does nothing."""
    from statistics import median

    from fake import Fake, event

    run = Side(name).runner(lambda _event, _ctx: None)
    fake = Fake()
    run(event(), fake)
    samples = [timed(run, event(), fake) for _ in range(9)]
    return {key: median(s[key] for s in samples) for key in samples[0]}


def measure_steps(name: str, argument: str | None, **options) -> dict[str, float]:
    """Sequential no-op steps; the empty handler's time is left out."""
    from fake import Fake, event

    count, _, latency = (argument or "1000").partition("@")
    side = Side(name)
    empty = side.runner(lambda _event, _ctx: None)
    empty(event(), Fake())
    floor = timed(empty, event(), Fake())
    found = timed(side.runner(sequential(side, int(count), **options)), event(), Fake(float(latency or 0) / 1000))
    found["us_per_step"] = (found["ms"] - floor["ms"]) * 1000 / int(count)
    return found


def measure_steps_once(name: str, argument: str | None) -> dict[str, float]:
    """The same, at most once."""
    return measure_steps(name, argument, at_most_once=True)


def measure_replay(name: str, argument: str | None) -> dict[str, float]:
    """Finished steps, replayed; CPU, the empty handler's left out."""
    import json

    from fake import Fake, event

    count = int(argument or 3000)
    side = Side(name)
    empty = side.runner(lambda _event, _ctx: None)
    empty(event(), Fake())
    floor = timed(empty, event(), Fake())
    given = json.loads(json.dumps(event(count)))
    found = timed(side.runner(sequential(side, count)), given, Fake())
    assert found["calls"] == 0
    found["us_per_step"] = (found["cpu_ms"] - floor["cpu_ms"]) * 1000 / count
    return found


def measure_map(name: str, argument: str | None) -> dict[str, float]:
    """Map over 1,000 items, each a child context with one step that takes `20`, or burns `1c`, milliseconds.

    A latency of the service may follow: `20@10`.
    """
    from fake import Fake, event

    pause, _, latency = (argument or "0").partition("@")
    burns, seconds = pause.endswith("c"), float(pause.rstrip("c")) / 1000

    def work(_context):
        if burns:
            end = time.thread_time() + seconds
            while time.thread_time() < end:
                pass
        elif seconds:
            time.sleep(seconds)
        return 1

    def item(ctx, _item, _index, _items):
        return ctx.step(work, name="work")

    def handler(count):
        def run(_event, ctx):
            batch = ctx.map(list(range(count)), item, name="map")
            assert batch.success_count == count, batch.completion_reason

        return run

    side = Side(name)
    side.runner(handler(1))(event(), Fake())
    return timed(side.runner(handler(1000)), event(), Fake(float(latency or 0) / 1000))


def measure_map_async(name: str, argument: str | None) -> dict[str, float]:
    """The same in an `async def` handler (ours only)."""
    from fake import Fake, event

    pause = float(argument or 0) / 1000

    async def work(_context):
        if pause:
            import asyncio

            await asyncio.sleep(pause)
        return 1

    async def item(ctx, _item, _index, _items):
        return await ctx.step(work, name="work")

    def handler(count):
        async def run(_event, ctx):
            batch = await ctx.map(list(range(count)), item, name="map")
            assert batch.success_count == count, batch.completion_reason

        return run

    side = Side(name)
    side.runner(handler(1))(event(), Fake())
    return timed(side.runner(handler(1000)), event(), Fake())


def measure_plugin(name: str, argument: str | None) -> dict[str, float]:
    """Steps with a plugin whose hooks do nothing, against the same without; ratio of CPU times."""
    import importlib

    from fake import Fake, event

    count = int(argument or 2000)
    side = Side(name)
    plugin = importlib.import_module(f"{side.package}.plugin").DurableInstrumentationPlugin

    class Idle(plugin):
        """Hooks that do nothing."""

        def on_operation_start(self, info):
            pass

        def on_operation_end(self, info):
            pass

        def on_operation_change(self, info):
            pass

        def on_user_function_start(self, info):
            pass

        def on_user_function_end(self, info):
            pass

    class Factory:
        """Makes one plugin for each invocation."""

        def create_plugin(self, _info, /):
            return Idle()

    from statistics import median

    handler = sequential(side, count)
    without, with_plugin = side.runner(handler), side.runner(handler, plugins=[Factory()])
    side.runner(sequential(side, 1), plugins=[Factory()])(event(), Fake())
    pairs = [(timed(without, event(), Fake()), timed(with_plugin, event(), Fake())) for _ in range(3)]
    plain, hooked = (median(figures["cpu_ms"] for figures in column) for column in zip(*pairs, strict=True))
    return {"ms": median(hooked["ms"] for _, hooked in pairs), "ratio": hooked / plain}


if __name__ == "__main__":
    split = sys.argv.index("--")
    sys.path[:0] = sys.argv[1:split]
    chosen, case, *rest = sys.argv[split + 1 :]
    answer = globals()[f"measure_{case}"](chosen, rest[0] if rest else None)
    import json

    print(json.dumps(answer))
