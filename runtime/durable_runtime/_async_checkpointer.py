"""Group commit for an event loop: one call at a time, made when nothing else can run.

A call is made on the loop's own thread if no user code could make progress meanwhile, and on one helper
thread while step bodies are waiting for something, so that their input and output goes on.
"""

from __future__ import annotations

from durable_runtime._commit import MAX_UPDATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from durable_runtime._asyncio import Driver
    from durable_runtime._commit import CommitLog, Line
    from durable_runtime._threads import Job


class AsyncCheckpointer:
    """Sends what is queued in a CommitLog, for tasks of one event loop."""

    def __init__(self, log: CommitLog, driver: Driver) -> None:
        self.log = log
        self._driver = driver
        self._loop = driver.loop
        self._outcome_linger = driver.invocation.outcome_linger
        self._start_linger = driver.invocation.start_linger
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._in_flight: tuple[list[dict[str, Any]], Job] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = False
        self._refreshes = 0

    @property
    def is_waited_for(self) -> bool:
        """Whether a task waits for an acknowledgement."""
        return bool(self._waiters) or self._in_flight is not None

    def add(self, update: dict[str, Any], line: Line, *, outcome: bool, alone: bool = False) -> int:
        """Queue an update and return at once; it is sent soon."""
        sequence = self.log.add(update, line, alone=alone)
        if len(self.log) >= MAX_UPDATES:
            self._want()
        elif not self._wanted:
            self._linger(self._outcome_linger if outcome else self._start_linger)
        return sequence

    async def wait_for(self, sequence: int) -> None:
        """Return when everything up to the sequence number is recorded."""
        if self.log.failure is not None:
            raise self.log.failure
        if self.log.acknowledged < sequence:
            await self._answer(sequence)

    async def refresh(self) -> None:
        """Return when a call that begins after now has told what changed."""
        self._refreshes += 1
        await self._answer(-self.log.calls - (2 if self._in_flight else 1))

    async def _answer(self, target: int) -> None:
        """Wait for a sequence number, or (negative) for the number of calls made."""
        if self.log.failure is not None:
            raise self.log.failure
        answered: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((target, answered))
        self._want()
        await answered

    def settle(self, sequence: int) -> None:
        """Block the loop until everything up to the sequence number is recorded."""
        while self.log.acknowledged < sequence or self.log.failure is not None:
            if self.log.failure is not None:
                raise self.log.failure
            if self._in_flight is not None:
                self._finish()
            else:
                self._call(self.log.take())

    def flush(self) -> None:
        """Block until everything queued is recorded."""
        self.settle(self.log.queued)

    def orphan(self, lines: list[Line]) -> None:
        """Refuse all further updates of some lines."""
        for line in lines:
            line.orphaned = True

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def send_if_wanted(self) -> bool:
        """Make one call if somebody waits for it; answer with whether there was something to do."""
        if not self._wanted or self._in_flight is not None or self.log.failure is not None:
            return False
        self._wanted = self._refreshes > 0 or len(self.log) > MAX_UPDATES
        self._refreshes = 0
        self.close()
        batch = self.log.take()
        if self._driver.bodies:
            sender = self._driver.threads("sender", 1)
            self._in_flight = (batch, sender.submit(lambda: self.log.send(batch), self._notify))
        else:
            self._call(batch)
        return True

    def _want(self) -> None:
        self._wanted = True
        self._driver.poke()

    def _linger(self, seconds: float) -> None:
        """Send what is queued after so many seconds at the latest."""
        if self._driver.over or (self._timer is not None and self._timer.when() <= self._loop.time() + seconds):
            return
        self.close()
        self._timer = self._loop.call_later(seconds, self._linger_over)

    def _linger_over(self) -> None:
        self._timer = None
        if len(self.log):
            self._want()

    def _notify(self, _job: Job) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish)

    def _call(self, batch: list[dict[str, Any]]) -> None:
        try:
            self._accept(batch, self.log.send(batch))
        except BaseException as error:  # noqa: BLE001  kept by the log, for everybody who waits
            self.log.fail(error)
        self._answered()

    def _accept(self, batch: list[dict[str, Any]], reply: dict[str, Any]) -> None:
        self.log.absorb(batch, reply)
        self.log.accept(batch, reply)
        plugins = self._driver.invocation.plugins
        if plugins is not None:
            plugins.changed(reply["operations"])

    def _finish(self) -> None:
        """Take over what the helper thread brought; wait for it if need be."""
        if self._in_flight is None:
            return
        batch, job = self._in_flight
        try:
            self._accept(batch, job.result())
        except BaseException as error:  # noqa: BLE001  kept by the log, for everybody who waits
            self.log.fail(error)
        self._in_flight = None
        self._answered()

    def _answered(self) -> None:
        """Wake those whose updates are recorded; everybody, when nothing more can be."""
        log, failure, still = self.log, self.log.failure, []
        for target, waiter in self._waiters:
            if waiter.done():
                continue
            if failure is not None:
                waiter.set_exception(failure)
            elif (target >= 0 and log.acknowledged >= target) or (target < 0 and log.calls >= -target):
                waiter.set_result(None)
            else:
                still.append((target, waiter))
        self._waiters = still
        if failure is not None:
            self._driver.abort()
        else:
            self._wanted = bool(still) or len(log) >= MAX_UPDATES
            if not self._wanted and len(log):
                self._linger(self._outcome_linger)
            self._driver.look_at_parked()
        self._driver.poke()
