"""The pool: as many workers as there are parallel invocations, warm ones first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from durable_local._invocation import InvocationResult
from durable_local._workers._process import Worker, WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from durable_local._invocation import FunctionVersion, InvocationRequest

MAX_WORKERS = 32
"""Processes that may run at the same time; further invocations queue. Our own choice."""

MAX_IDLE = 8
"""Warm processes kept; the longest idle ones go first. Our own choice."""

_Key = tuple[str, str]


class WorkerPool:
    """Runs invocations in worker processes; an `Invoker` for an asyncio driver.

    Use it on the loop that drives the engine. Each version of a function has its own workers, and a
    change of its code or configuration (its `revision`) makes the old ones stale.
    """

    def __init__(
        self, options: WorkerOptions | None = None, *, max_workers: int = MAX_WORKERS, max_idle: int = MAX_IDLE
    ) -> None:
        self.options = options or WorkerOptions()
        self._slots = asyncio.Semaphore(max_workers)
        self._max_idle = max_idle
        self._idle: list[Worker] = []  # the longest idle first
        self._busy: set[Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._retired: dict[str, str] = {}
        self._closed = False

    def start(self, request: InvocationRequest, done: Callable[[InvocationResult], None]) -> None:
        """Start one invocation; `done` is called on the loop's thread."""
        self._keep(self._run_and_report(request, done))

    async def run(self, request: InvocationRequest) -> InvocationResult:
        """Run one invocation and return how it ended."""
        async with self._slots:
            worker = None
            try:
                worker = await self._worker_for(request.function)
                result = await worker.run(request)
            except (OSError, ValueError) as error:
                result = InvocationResult.crashed(
                    f"RequestId: {request.request_id} Error: The worker could not be started: {error}",
                    error_type="Runtime.Unknown",
                )
            finally:
                if worker is not None:
                    self._give_back(worker)
            return result

    def retire(self, function_arn: str, revision: str) -> None:
        """End the warm workers of a function version; busy ones end after their invocation."""
        for worker in [w for w in self._idle if _key(w.function) == (function_arn, revision)]:
            self._idle.remove(worker)
            self._keep(worker.stop())
        for worker in self._busy:
            if _key(worker.function) == (function_arn, revision):
                self._retired[function_arn] = revision

    @property
    def processes(self) -> int:
        """How many worker processes there are."""
        return len(self._idle) + len(self._busy)

    async def close(self) -> None:
        """Kill all workers and wait for them."""
        self._closed = True
        await asyncio.gather(*(worker.stop() for worker in [*self._idle, *self._busy]))
        self._idle.clear()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run_and_report(self, request: InvocationRequest, done: Callable[[InvocationResult], None]) -> None:
        done(await self.run(request))

    async def _worker_for(self, function: FunctionVersion) -> Worker:
        key = _key(function)
        for worker in [w for w in self._idle if not w.alive]:  # killed while it idled
            self._idle.remove(worker)
            self._keep(worker.stop())
        for worker in reversed(self._idle):  # the warmest one
            if _key(worker.function) == key:
                self._idle.remove(worker)
                self._busy.add(worker)
                return worker
        worker = Worker(function, self.options)
        self._busy.add(worker)
        try:
            await worker.start()
        except BaseException:
            self._busy.discard(worker)
            await worker.stop()
            raise
        return worker

    def _give_back(self, worker: Worker) -> None:
        self._busy.discard(worker)
        stale = self._retired.get(worker.function.arn) == worker.function.revision
        if self._closed or stale or not worker.alive:
            self._keep(worker.stop())
            return
        self._idle.append(worker)
        while len(self._idle) > self._max_idle:
            self._keep(self._idle.pop(0).stop())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _key(function: FunctionVersion) -> _Key:
    return function.arn, function.revision


def awslambdaric_pool() -> Callable[[str], WorkerPool]:
    """Return a maker of pools whose workers run AWS's runtime client; refuses at once when it is not installed."""
    WorkerOptions(awslambdaric=True)

    def make(service_url: str) -> WorkerPool:
        return WorkerPool(WorkerOptions(service_url=service_url, awslambdaric=True))

    return make
