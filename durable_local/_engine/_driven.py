"""The engine as its driver sees it: invocations to run, results to report, time to let pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_local._clock import RealClock
from durable_local._engine import _invocations, _recovery, _replies, _start, _timing
from durable_local._engine._core import Core, Plain
from durable_local._functions import Functions
from durable_local._rules import Settings
from durable_local._store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._clock import Clock
    from durable_local._engine._core import Flight
    from durable_local._engine._timing import Due
    from durable_local._invocation import InvocationRequest, InvocationResult


class Driven:
    """What a driver needs of the engine, besides the API. All methods belong to one thread at a time."""

    def __init__(
        self,
        store: Store | None = None,
        clock: Clock | None = None,
        settings: Settings | None = None,
        *,
        sink: Callable[[dict[str, Any]], None] | None = None,
        functions: Functions | None = None,
    ) -> None:
        self.store = store or Store()
        self.clock = clock or RealClock()
        self.settings = settings or Settings()
        self.functions = functions or Functions(self.store, self.settings)
        self._core = Core(self.store, self.clock, self.functions, self.settings, sink)
        with self._core.transaction():
            _recovery.recover(self._core)

    def take_ready(self) -> list[InvocationRequest]:
        """Return the invocations to start now; each comes back through `complete_invocation`."""
        core = self._core
        if not core.ready:
            return []
        entries = list(core.ready)
        core.ready.clear()
        requests: list[InvocationRequest] = []
        try:
            with core.transaction():
                for entry in entries:
                    request = self._begin(entry)
                    if request is not None:
                        requests.append(request)
        except BaseException:
            for request in requests:
                core.flights.pop(request.request_id, None)
            core.ready.extend(entry for entry in entries if isinstance(entry, Plain))
            raise
        return requests

    def _begin(self, entry: str | Plain) -> InvocationRequest | None:
        core = self._core
        if isinstance(entry, Plain):
            return _start.begin_plain(core, entry)
        execution = core.executions.get(entry)
        if execution is None or not execution.state["queued"]:
            return None
        return _invocations.begin(core, execution)

    def complete_invocation(self, request_id: str, result: InvocationResult) -> bool:
        """Take in how an invocation ended; False when it is not under way (any more)."""
        core = self._core
        flight = core.flights.pop(request_id, None)
        if flight is None:
            return False
        try:
            with core.transaction():
                self._emit_invocation(flight.request, result)
                self._complete(flight, result)
        except BaseException:
            core.flights[request_id] = flight  # nothing was written: it may be reported again
            raise
        return True

    def _complete(self, flight: Flight, result: InvocationResult) -> None:
        core = self._core
        if flight.request.execution_arn is None:
            _start.complete_plain(core, flight, result)
            return
        execution = core.find(flight.request.execution_arn)
        if execution is not None:
            elapsed = core.clock.now() - flight.started
            execution.last_log = _replies.log_text(flight.request, result, elapsed)
            _invocations.complete(core, execution, flight, result)

    def _emit_invocation(self, request: InvocationRequest, result: InvocationResult) -> None:
        self._core.emit(
            "invocation",
            request_id=request.request_id,
            function=request.function.name,
            function_arn=request.function.arn,
            arn=request.execution_arn,
            outcome=result.kind,
            error=result.error,
        )

    def fire_due(self) -> bool:
        """Let everything happen that the clock says is due; return whether anything did."""
        core = self._core
        with core.transaction():
            fired = _timing.fire_due(core)
            if fired and (self.clock.skips or not self.clock.ticks):
                core.batch.present = self.clock.now()
        return fired

    def remember_present(self) -> None:
        """Write down where a movable clock stands, so that a restart does not fall back in time."""
        with self._core.transaction():
            self._core.batch.present = self.clock.now()

    def next_due(self) -> Due | None:
        """Return what a clock that skips may jump to: the next timer that matters, without retention."""
        return _timing.next_due(self._core)

    def next_timer(self) -> int | None:
        """Return when `fire_due` should be called again, in epoch milliseconds of the clock; None for never."""
        times = [first.at for first in (self._core.timers.first(), self._core.retention.first()) if first]
        return min(times, default=None)

    @property
    def changes(self) -> int:
        """How many transactions have changed something: tells a driver whether anything but reading went on."""
        return self._core.changes

    @property
    def busy(self) -> bool:
        """Whether an invocation runs or waits to be taken."""
        return bool(self._core.ready or self._core.flights)

    def close(self) -> None:
        """Close the store and remove unpacked code."""
        self.functions.close()
        self.store.close()
