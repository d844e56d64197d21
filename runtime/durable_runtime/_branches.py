"""Branches on threads: a few more when branches block, hardly any when they are quick.

The calling thread keeps the time: it sees a batch complete, and wakes branches when they are due. Worker
threads run the branches. The first starts at once; a further one only when a branch could run and nobody
has taken it for a moment. When no thread can be had, the calling thread runs branches itself, so nested
maps cannot starve each other. A branch that suspends gives its thread back and keeps its place among the
branches in flight; when its time comes while others still run, it runs again from its beginning, and
replay takes it to where it was.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextvars import copy_context

from durable_runtime._blocking import OVERDUE, REFRESH_PAUSE, perform
from durable_runtime._history import is_released
from durable_runtime.exceptions import OrphanedChildException, SuspendExecution, TimedSuspendExecution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_runtime._invocation import Invocation
    from durable_runtime._operations.batch import Batch

GROWTH_PAUSE = 0.001
"""Seconds that a new thread gives the others to take the work it was started for."""

QUICK = 8
"""Branches started in one such pause from which on the others need no help: more threads would only contend."""

_NEVER = float("inf")


def run_branches(batch: Batch, invocation: Invocation) -> None:
    """Run branches until the batch is complete; suspend when all that are left are suspended."""
    _Crew(batch, invocation).run()


class _Crew:
    def __init__(self, batch: Batch, invocation: Invocation) -> None:
        self.batch = batch
        self.invocation = invocation
        self.changed = threading.Condition()
        self.workers = 0
        self.running = 0
        self.started = 0
        self.newcomer = False
        self.closed = False
        self.signal: BaseException | None = None
        self.resumable: deque[int] = deque()
        self.suspended: dict[int, tuple[float, frozenset[str]]] = {}
        self.next_due = _NEVER
        self.calls_seen = 0
        self.context = copy_context()

    # ---- the calling thread

    def run(self) -> None:
        """Keep the time until the batch is complete."""
        with self.changed:
            try:
                while not self.is_over():
                    self.wake_due()
                    if not self.has_work() and not self.running:
                        self.rest()
                    elif self.wants_hands() and not self.grow(pause=self.workers > 0) and not self.workers:
                        self.work_once()
                    else:
                        self.changed.wait(self.pause())
            finally:
                self.closed = True
            if self.signal is not None:
                raise self.signal

    def is_over(self) -> bool:
        """Say whether nothing more is to be started."""
        return self.closed or self.batch.complete or self.signal is not None

    def has_work(self) -> bool:
        """Say whether a branch could run now."""
        return bool(self.resumable) or self.batch.startable

    def wants_hands(self) -> bool:
        """Say whether there is a branch to run, and every worker is busy."""
        return self.has_work() and self.running >= self.workers and not self.newcomer

    def pause(self) -> float | None:
        """Return how long nothing can become due."""
        return None if self.next_due == _NEVER else max(self.next_due - self.invocation.clock(), 0.001)

    def wake_due(self) -> None:
        """Let suspended branches run whose time has come, or whose operation a reply has completed."""
        if not self.suspended:
            return
        now, calls = self.invocation.clock(), self.invocation.log.calls
        if now < self.next_due and calls == self.calls_seen:
            return
        self.calls_seen = calls
        operations = self.invocation.history.operations
        for index, (until, parked) in list(self.suspended.items()):
            if until <= now or is_released(operations, parked):
                del self.suspended[index]
                self.resumable.append(index)
        self.next_due = min((until for until, _ in self.suspended.values()), default=_NEVER)

    def rest(self) -> None:
        """Suspend the batch itself; or sleep until a branch is due, where the handler allows that."""
        parked: frozenset[str] = frozenset().union(*(ids for _, ids in self.suspended.values()))
        if self.next_due == _NEVER:
            raise _suspension(SuspendExecution("all branches that are left wait for something outside"), parked)
        invocation = self.invocation
        delay = self.next_due - invocation.clock()
        deadline = invocation.deadline
        in_time = deadline is None or self.next_due < deadline
        if not (-OVERDUE < delay <= invocation.sleep_in_place and in_time):
            until = self.next_due
            raise _suspension(TimedSuspendExecution("all branches that are left are waiting", until), parked)
        time.sleep(max(delay, 0.001))

    # ---- worker threads

    def grow(self, *, pause: bool) -> bool:
        """Start one more worker; answer with whether there is one."""
        invocation = self.invocation
        if invocation.threads >= invocation.max_threads:
            return False
        thread = threading.Thread(target=self.help, args=(pause,), name="durable-branch", daemon=True)
        self.workers += 1
        invocation.threads += 1
        try:
            thread.start()
        except RuntimeError:  # the environment has no more threads; those at work will do it all
            self.workers -= 1
            invocation.threads -= 1
            return False
        self.newcomer = pause
        return True

    def help(self, pause: bool) -> None:
        """Be a worker. One that was started for want of hands lets the others work while they get on."""
        while pause:
            started = self.started
            time.sleep(GROWTH_PAUSE)
            pause = self.started - started > QUICK and not self.is_over()
        with self.changed:
            self.newcomer = False
            try:
                while not self.is_over() and self.has_work():
                    self.work_once()
            finally:
                self.workers -= 1
                self.invocation.threads -= 1
                self.changed.notify_all()

    def work_once(self) -> None:
        """Run one branch. Holds the lock before and after, not while the branch runs."""
        resumes = bool(self.resumable)
        index = self.resumable.popleft() if resumes else self.batch.start()
        self.running += 1
        self.started += 1
        if self.workers and self.wants_hands():
            self.grow(pause=True)
        self.changed.release()
        try:
            report = self.context.copy().run(self.run_branch, index, resumes)
        finally:
            self.changed.acquire()
        self.running -= 1
        report()
        if self.is_over() or not self.running or self.suspended:
            self.changed.notify_all()

    def run_branch(self, index: int, resumes: bool) -> Callable[[], None]:
        """Run a branch on this thread; answer with how to report it."""
        from durable_runtime._operations.child import escapes

        batch = self.batch
        try:
            if resumes:
                self.invocation.checkpointer.refresh()
            context, generator, codec = batch.plan(index)
            value = perform(generator, context)  # type: ignore[arg-type]
        except OrphanedChildException as orphan:
            return (lambda: None) if batch.complete else self.end_with(orphan)
        except SuspendExecution as suspension:
            return self.suspension(index, suspension, resumes)
        except Exception as error:  # noqa: BLE001  a branch's failure is the batch's to judge
            if escapes(error):
                return self.end_with(error)
            failure = error
            return lambda: batch.fail(index, failure)
        except BaseException as signal:  # noqa: BLE001  raised again on the calling thread
            return self.end_with(signal)
        return lambda: batch.succeed(index, value, codec.text)

    def suspension(self, index: int, signal: SuspendExecution, resumes: bool) -> Callable[[], None]:
        """Report that a branch is suspended."""
        until = getattr(signal, "scheduled_timestamp", _NEVER)
        if resumes:
            # By our clock it may be due while the service still has it open: do not ask in a loop.
            until = max(until, self.invocation.clock() + REFRESH_PAUSE)
        parked = signal.parked

        def report() -> None:
            self.suspended[index] = (until, parked)
            self.next_due = min(self.next_due, until)

        return report

    def end_with(self, signal: BaseException) -> Callable[[], None]:
        """Report what is not the branch's own, and ends the batch."""

        def report() -> None:
            self.signal = self.signal or signal

        return report


def _suspension(signal: SuspendExecution, parked: frozenset[str]) -> SuspendExecution:
    signal.parked = parked
    return signal
