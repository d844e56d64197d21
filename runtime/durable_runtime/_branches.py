"""Branches on threads: as many as it takes when branches block, hardly any when they are quick.

The calling thread keeps the time: it sees a batch complete, and wakes branches when they are due. Worker
threads run the branches. The first starts at once. A further one, the lookout, starts when a branch could run
and nobody takes it; it watches for a moment, and lets the others be if they get on. If all of them are blocked
it doubles their number. When no thread can be had, the calling thread runs branches itself, so nested
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
from durable_runtime._thread_budget import ThreadBudget
from durable_runtime.exceptions import OrphanedChildException, SuspendExecution, TimedSuspendExecution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_runtime._invocation import Invocation
    from durable_runtime._operations.batch import Batch

GROWTH_PAUSE = 0.001
"""Seconds that a lookout gives the others to take the work it was started for."""

QUICK = 8
"""Branches started in one such pause from which on the others need no help: more threads would only contend."""

BUSY = 0.75
"""Share of a core from which on the process computes, rather than waits: one thread at a time runs Python."""

COMPUTERS = 16
"""Workers that a process may have which computes: code outside of Python can use all cores of the largest function."""

_NEVER = float("inf")


def run_branches(batch: Batch, invocation: Invocation) -> None:
    """Run branches until the batch is complete; suspend when all that are left are suspended."""
    if invocation.thread_budget is None:
        invocation.thread_budget = ThreadBudget(invocation.max_threads)
    _Crew(batch, invocation).run()


class _Crew:
    def __init__(self, batch: Batch, invocation: Invocation) -> None:
        self.batch = batch
        self.invocation = invocation
        self.budget: ThreadBudget = invocation.thread_budget
        self.changed = threading.Condition()
        self.workers = 0
        self.running = 0
        self.started = 0
        self.finished = 0
        self.coming = 0
        self.closed = False
        self.signal: BaseException | None = None
        self.resumable: deque[tuple[int, frozenset[str]]] = deque()
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
                    elif self.wants_hands() and not self.send_for_help() and not self.workers:
                        self.work_once()
                    else:
                        self.changed.wait(self.pause())
            finally:
                self.closed = True
                self.batch.abandon()  # a signal ends it while other branches run
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
        return self.has_work() and self.running >= self.workers and not self.coming

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
                self.resumable.append((index, parked))
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

    def send_for_help(self) -> bool:
        """Start the first worker, or a lookout beside others; answer with whether there was room."""
        self.coming += 1
        return self.hire(0, lookout=self.workers > 0)

    def hire(self, recruits: int, *, lookout: bool = False) -> bool:
        """Start a worker, which will first start so many others; answer with whether there was room."""
        if not self.is_over() and self.has_work() and self.budget.take():
            try:
                arguments = (recruits, lookout)
                threading.Thread(target=self.help, args=arguments, name="durable-branch", daemon=True).start()
            except (RuntimeError, MemoryError):  # the environment has no more; those at work will do it all
                self.budget.refused()
            else:
                return True
        with self.changed:
            self.coming -= 1 + recruits
            self.changed.notify_all()
        return False

    def help(self, recruits: int, lookout: bool) -> None:
        """Be a worker; before that a lookout, or one that starts others."""
        if lookout:
            recruits = self.look_out()
        while recruits > 0:  # one half starts the other: a thread takes a moment to begin
            share = (recruits - 1) // 2
            self.hire(share)
            recruits -= 1 + share
        with self.changed:
            self.coming -= 1
            self.workers += 1
            try:
                while not self.is_over() and self.has_work() and not self.budget.overdrawn:
                    self.work_once()
            finally:
                self.workers -= 1
                self.budget.give()
                if not self.workers or self.is_over():
                    self.changed.notify_all()

    def look_out(self) -> int:
        """Watch the others while they get on; answer with how many more of them it takes."""
        while True:
            workers, started, finished = self.workers, self.started, self.finished
            wall, cpu = time.perf_counter(), time.process_time()
            time.sleep(GROWTH_PAUSE)
            if self.is_over():
                return 0
            waits = time.process_time() - cpu < BUSY * (time.perf_counter() - wall)
            if waits and self.finished - finished < workers:
                with self.changed:
                    recruits = max(0, min(workers, self.batch.total - self.started) - 1)
                    self.coming += recruits
                return recruits
            if self.started - started <= QUICK and (waits or workers < COMPUTERS):
                return 0

    def work_once(self) -> None:
        """Run one branch. Holds the lock before and after, not while the branch runs."""
        index, parked = self.resumable.popleft() if self.resumable else (self.batch.start(), None)
        self.running += 1
        self.started += 1
        if self.workers and self.wants_hands():
            self.send_for_help()
        self.changed.release()
        try:
            report = self.context.copy().run(self.run_branch, index, parked)
        finally:
            self.changed.acquire()
        self.running -= 1
        self.finished += 1
        report()
        if self.is_over() or not self.running or self.suspended:
            self.changed.notify_all()

    def run_branch(self, index: int, parked: frozenset[str] | None) -> Callable[[], None]:
        """Run a branch, or resume one that waited for ``parked``, on this thread; answer with how to report it."""
        from durable_runtime._operations.child import escapes

        batch = self.batch
        try:
            if parked is not None and not is_released(self.invocation.history.operations, parked):
                self.invocation.checkpointer.refresh()  # by our clock it is due; one call tells of all that are
            context, generator, codec = batch.plan(index)
            value = perform(generator, context)  # type: ignore[arg-type]
        except OrphanedChildException as orphan:
            return (lambda: None) if batch.complete else self.end_with(orphan)
        except SuspendExecution as suspension:
            return self.suspension(index, suspension, resumes=parked is not None)
        except Exception as error:  # noqa: BLE001  a branch's failure is the batch's to judge
            if escapes(error):
                return self.end_with(error)
            failure = error
            return lambda: batch.fail(index, failure)
        except BaseException as signal:  # noqa: BLE001  raised again on the calling thread
            return self.end_with(signal)
        return lambda: batch.succeed(index, value, codec.text)

    def suspension(self, index: int, signal: SuspendExecution, *, resumes: bool) -> Callable[[], None]:
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
        """Report what is not the branch's own, and ends the batch, unless the batch has just been decided."""

        def report() -> None:
            if not self.batch.complete:
                self.signal = self.signal or signal

        return report


def _suspension(signal: SuspendExecution, parked: frozenset[str]) -> SuspendExecution:
    signal.parked = parked
    return signal
