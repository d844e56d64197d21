"""Drives the engine on an asyncio loop: starts invocations, keeps the timers, moves the clock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from durable_local._errors import ApiError
from durable_local._invocation import InvocationResult

if TYPE_CHECKING:
    from durable_local._engine import Engine
    from durable_local._http._logbook import Logbook
    from durable_local._invocation import FunctionVersion, InvocationRequest, Invoker, LogLine

logger = logging.getLogger("durable_local")

STORE_SECONDS = 1.0
"""Until work that the store refused is tried again [O]."""
MAX_SLEEP = 60.0
"""Seconds until the machine's time is looked at again: it may have been set, or the machine slept [O]."""
GRACE = 1.0
"""Seconds of real time a clock that skips leaves somebody outside to answer an open callback [O]."""

NOT_TAKEN = "The local service could not take in how the invocation ended; its log says why."

PATIENCE = 10.0
"""Seconds of real time that advancing the clock waits for the invocations it starts, all together [O]."""


class Driver:
    """Everything the engine asks of the outside, on one loop."""

    def __init__(self, engine: Engine, logbook: Logbook, *, grace: float = GRACE) -> None:
        self.engine = engine
        self.invoker: Invoker | None = None
        self._logbook = logbook
        self._grace = grace
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed: int | None = None
        self._skip: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._running: dict[str, InvocationRequest] = {}
        self._live_lines = False
        self._advancing = False
        self._idle = asyncio.Event()

    def start(self, invoker: Invoker, *, live_lines: bool) -> None:
        """Begin to drive on the running loop; `live_lines` says that log lines come through `take_line`."""
        self._loop = asyncio.get_running_loop()
        self.invoker = invoker
        self._live_lines = live_lines
        self.engine.functions.on_retire = invoker.retire
        self.engine.fire_due()
        self.pump()

    async def close(self) -> None:
        """Stop driving and end all workers."""
        for handle in (self._timer, self._skip, self._retry):
            if handle is not None:
                handle.cancel()
        self._loop = None
        if self.invoker is not None:
            await self.invoker.close()

    # --- invocations ---

    def pump(self) -> None:
        """Start what is ready and set the next timer; called after everything that may have changed something.

        A store that refuses delays what starts here; it does not harm the request that came before.
        """
        try:
            self._pump()
        except ApiError:
            self._fire_later()

    def _fire_later(self) -> None:
        """Try again what the store refused, when it may have recovered; one retry is enough for all that is due."""
        if self._loop is not None and self._retry is None:
            logger.warning("the store refused what is due; trying again in %s s", STORE_SECONDS)
            self._retry = self._loop.call_later(STORE_SECONDS, self._fire)

    def _pump(self) -> None:
        if self._loop is None or self.invoker is None:
            return
        for request in self.engine.take_ready():
            self._running[request.request_id] = request
            self.invoker.start(request, partial(self._done, request))
        if self.engine.busy:
            self._idle.clear()
        else:
            self._idle.set()
        self._arm()

    def _done(self, request: InvocationRequest, result: InvocationResult) -> None:
        self._running.pop(request.request_id, None)
        if self._loop is None:
            return
        if not self._live_lines:
            for line in result.log_lines:
                self._logbook.add(request.function, request.request_id, request.execution_arn, line)
        self._complete(request, result)

    def _complete(self, request: InvocationRequest, result: InvocationResult) -> None:
        """Report a result; when the store does not take it, try again until it does."""
        try:
            self.engine.complete_invocation(request.request_id, result)
        except ApiError:
            logger.warning("the store refused the end of an invocation; trying again in %s s", STORE_SECONDS)
            if self._loop is not None:
                self._loop.call_later(STORE_SECONDS, self._complete, request, result)
            return
        except Exception:
            logger.exception("the end of an invocation could not be taken in; it counts as a crash")
            self.engine.complete_invocation(request.request_id, InvocationResult.crashed(NOT_TAKEN))
        self.pump()

    def take_line(self, function: FunctionVersion, request_id: str, line: LogLine) -> None:
        """Take in a log line while its invocation runs."""
        request = self._running.get(request_id)
        self._logbook.add(function, request_id, request.execution_arn if request else None, line)

    # --- time ---

    def _arm(self) -> None:
        if self._loop is None:
            return
        clock = self.engine.clock
        if clock.ticks:
            due = self.engine.next_timer()
            if due != self._armed or self._timer is None:
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                self._armed = due
                if due is not None:
                    delay = min(max(0.0, (due - clock.now()) / 1000), MAX_SLEEP)
                    self._timer = self._loop.call_later(delay, self._ring)
        if clock.skips and self._skip is None and not self.engine.busy:
            self._consider_skip()

    def _ring(self) -> None:
        self._timer = None
        self._fire()

    def _fire(self) -> None:
        """Let happen what is due; when the store does not take it, try again until it does."""
        self._retry = None
        try:
            self.engine.fire_due()
            self._pump()
        except ApiError:
            self._fire_later()

    def _consider_skip(self) -> None:
        """Jump to the next timer, at once or after leaving somebody outside the time to act."""
        due = self.engine.next_due()
        if due is None or self._loop is None:
            return
        wait = self._grace if due.outside else 0.0
        self._skip = self._loop.call_later(wait, self._jump, self.engine.changes if due.outside else None)

    def _jump(self, since: int | None) -> None:
        self._skip = None
        if self.engine.busy or (since is not None and since != self.engine.changes):
            self._arm()
            return
        due = self.engine.next_due()
        if due is not None:
            self.engine.clock.advance_to(due.at)
            self._fire()

    async def advance(self, milliseconds: int, *, patience: float = PATIENCE) -> int:
        """Move the clock forward, from one due timer to the next, and let what they start finish first."""
        clock = self.engine.clock
        if clock.ticks and not clock.skips:
            raise ApiError(409, "ResourceConflictException", "The service runs on real time: nothing to advance.")
        if self._advancing:
            raise ApiError(409, "ResourceConflictException", "The clock is being advanced already.")
        self._advancing = True
        try:
            target = clock.now() + milliseconds
            deadline = time.monotonic() + patience
            await self._settle(deadline)
            due = self.engine.next_timer()
            while due is not None and due <= target:
                clock.advance_to(due)
                self.engine.fire_due()
                self.pump()
                await self._settle(deadline)
                due = self.engine.next_timer()
            clock.advance_to(target)
            self.engine.fire_due()
            self.engine.remember_present()
            self.pump()
            await self._settle(deadline)
        finally:
            self._advancing = False
        return clock.now()

    async def _settle(self, deadline: float) -> None:
        """Wait until no invocation runs, in real time, as long as patience lasts."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), max(0.0, deadline - time.monotonic()))
