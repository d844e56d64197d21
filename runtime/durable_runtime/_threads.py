"""A few threads for work that blocks, in an event loop's invocation. None starts before it is needed."""

from __future__ import annotations

import threading
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Job:
    """One call on another thread."""

    __slots__ = ("_done", "_error", "_finished", "_func", "_result")

    def __init__(self, func: Callable[[], Any], done: Callable[[Job], None]) -> None:
        self._func = func
        self._done = done
        self._finished = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    def result(self) -> Any:
        """Wait for the call; return its result or raise its error."""
        self._finished.wait()
        if self._error is not None:
            raise self._error
        return self._result

    def run(self) -> None:
        """Make the call."""
        try:
            self._result = self._func()
        except BaseException as error:  # noqa: BLE001  raised again where the result is asked for
            self._error = error

    def announce(self) -> None:
        """Say that the call is over."""
        self._finished.set()
        self._done(self)

    def discard(self) -> None:
        """Drop a result that nobody will look at; a coroutine would complain that it was never awaited."""
        close = getattr(self._result, "close", None)
        if hasattr(self._result, "__await__") and close is not None:
            close()


def run_elsewhere(func: Callable[[], Any]) -> Any:
    """Run a call on a thread of its own, with this one's context variables, and wait for it."""
    from contextvars import copy_context

    threads = Threads("durable-handler", 1)
    context = copy_context()
    try:
        return threads.submit(lambda: context.run(func), lambda _job: None).result()
    finally:
        threads.close(wait=True)


class Threads:
    """Runs calls on up to ``limit`` threads, the last idle one first, so that a sequence needs one thread."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._jobs: deque[Job | None] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._threads: list[threading.Thread] = []

    def submit(self, func: Callable[[], Any], done: Callable[[Job], None]) -> Job:
        """Run a call on another thread, or here if there can be none; ``done`` is called there when it is over."""
        job, alone = Job(func, done), False
        with self._changed:
            self._jobs.append(job)
            if not (self._idle < len(self._jobs) and len(self._threads) < self._limit):
                self._changed.notify()
            elif not self._start() and not self._threads:
                self._jobs.clear()
                alone = True
        if alone:
            job.run()
            job.announce()
        return job

    def _start(self) -> bool:
        """Start one more thread, unless the environment has no more: those at work, or the caller, do it all."""
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            return False
        self._threads.append(thread)
        self._idle += 1
        return True

    def close(self, *, wait: bool) -> None:
        """Let the threads end when they have nothing more to do."""
        with self._changed:
            self._jobs.extend([None] * len(self._threads))
            self._changed.notify_all()
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    self._changed.wait()
                job = self._jobs.popleft()
                self._idle -= 1
            if job is None:
                return
            job.run()
            with self._changed:
                self._idle += 1
            job.announce()
