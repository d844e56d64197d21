"""Branches on threads: the caller's own, and more when branches block.

The calling thread runs branches itself, so nested maps cannot starve each other. A further thread starts
only when a branch could run and nobody has taken it for a moment: quick branches never need one. A branch
that suspends gives its thread back and keeps its place among the branches in flight; when its time comes
while others still run, it runs again from its beginning, and replay takes it to where it was.
"""

from __future__ import annotations

import heapq
import threading
import time
from contextvars import copy_context

from durable_runtime._blocking import REFRESH_PAUSE, perform
from durable_runtime.exceptions import OrphanedChildException, SuspendExecution, TimedSuspendExecution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from durable_runtime._invocation import Invocation
    from durable_runtime._operations.batch import Batch

GROWTH_PAUSE = 0.001
"""Seconds that a new thread gives the others to take the work it was started for."""


def run_branches(batch: Batch, invocation: Invocation) -> None:
    """Run branches until the batch is complete; suspend when all that are left are suspended."""
    _Workers(batch, invocation).run()


class _Workers:
    def __init__(self, batch: Batch, invocation: Invocation) -> None:
        self.batch = batch
        self.invocation = invocation
        self.changed = threading.Condition()
        self.running = 0
        self.helpers = 0
        self.newcomer = False
        self.closed = False
        self.signal: BaseException | None = None
        self.due: list[tuple[float, int]] = []
        self.suspended = 0
        self.context = copy_context()

    def run(self) -> None:
        """Work on the calling thread; return when the batch is complete."""
        try:
            self.work(helper=False)
        finally:
            with self.changed:
                self.closed = True
                self.changed.notify_all()

    def work(self, *, helper: bool) -> None:
        """Run branches until there is nothing left to do."""
        while True:
            with self.changed:
                index, resumes = self.take(helper)
            if index is None:
                return
            self.run_branch(index, resumes)

    def take(self, helper: bool) -> tuple[int | None, bool]:
        """Choose the next branch, or wait for one; None ends the work."""
        batch = self.batch
        while True:
            if self.signal is not None and not helper:
                raise self.signal
            if self.closed or batch.complete or self.signal is not None:
                return None, False
            now = self.invocation.clock()
            if self.due and self.due[0][0] <= now and self.running:
                index, resumes = heapq.heappop(self.due)[1], True
                self.suspended -= 1
            elif batch.startable:
                index, resumes = batch.start(), False
            elif self.running == 0:
                if helper:
                    return None, False
                index, resumes = self.all_suspended(now)
            elif helper:
                return None, False
            else:
                self.changed.wait(max(self.due[0][0] - now, 0) if self.due else None)
                continue
            self.running += 1
            if batch.startable and not self.newcomer:
                self.grow()
            return index, resumes

    def all_suspended(self, now: float) -> tuple[int, bool]:
        """Suspend the map itself; or sleep until the first branch is due, where the handler allows that."""
        if not self.due:
            raise SuspendExecution("all branches that are left wait for something outside")
        until, index = self.due[0]
        deadline = self.invocation.deadline
        if until - now > self.invocation.sleep_in_place or (deadline is not None and until > deadline):
            raise TimedSuspendExecution("all branches that are left are waiting", until)
        time.sleep(max(until - now, 0))
        heapq.heappop(self.due)
        self.suspended -= 1
        return index, True

    def grow(self) -> None:
        """Start one more thread. It starts its successor, if there is still more to do when it gets going."""
        if self.helpers >= self.invocation.max_threads - 1:
            return
        thread = threading.Thread(
            target=self.context.copy().run,
            args=(self.help,),
            name=f"durable-branch-{self.helpers}",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            return  # the environment has no more threads; those at work will do it all
        self.helpers += 1
        self.newcomer = True

    def help(self) -> None:
        """Be a further thread."""
        time.sleep(GROWTH_PAUSE)
        with self.changed:
            self.newcomer = False
        try:
            self.work(helper=True)
        finally:
            with self.changed:
                self.helpers -= 1

    def run_branch(self, index: int, resumes: bool) -> None:
        """Run a branch on this thread, and report how it went."""
        batch = self.batch
        until: float | None = None
        try:
            if resumes:
                self.invocation.checkpointer.refresh()
            context, generator, codec = batch.plan(index)
            value = perform(generator, context)  # type: ignore[arg-type]
        except TimedSuspendExecution as suspension:
            until = suspension.scheduled_timestamp
        except SuspendExecution:
            until = float("inf")
        except OrphanedChildException as orphan:
            self.report_signal(orphan)
            return
        except Exception as error:  # noqa: BLE001  a branch's failure is the batch's to judge
            self.report_failure(index, error)
            return
        except BaseException as signal:  # noqa: BLE001  raised again on the calling thread
            self.report_signal(signal)
            return
        with self.changed:
            self.running -= 1
            if until is None:
                batch.succeed(index, value, codec.text)
            else:
                self.suspended += 1
                if until != float("inf"):
                    # By our clock it may be due while the service still has it open: do not ask in a loop.
                    not_before = self.invocation.clock() + REFRESH_PAUSE if resumes else 0.0
                    heapq.heappush(self.due, (max(until, not_before), index))
            self.changed.notify_all()

    def report_failure(self, index: int, error: Exception) -> None:
        """Count a failed branch; or end everything, if the error is not the branch's own."""
        from durable_runtime._operations.child import escapes

        with self.changed:
            self.running -= 1
            if escapes(error):
                self.signal = self.signal or error
            else:
                self.batch.fail(index, error)
            self.changed.notify_all()

    def report_signal(self, signal: BaseException) -> None:
        """End the batch with what is not the branch's own."""
        with self.changed:
            self.running -= 1
            self.signal = self.signal or signal
            self.changed.notify_all()
