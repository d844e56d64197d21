"""Group commit for threads: whoever needs an acknowledgement makes the call, with all that is queued."""

from __future__ import annotations

import threading
from time import monotonic

from durable_runtime._commit import MAX_UPDATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._commit import CommitLog, Line

_PATIENCE = 10
"""Most lingers that a call is put off while updates keep pouring in."""

_NEVER = float("inf")

_REFUSAL_PAUSE = 1.0
"""Seconds until a flusher is tried again after the environment refused a thread."""


class Checkpointer:
    """Sends what is queued in a CommitLog.

    No thread polls. A caller that needs an acknowledgement while no call is in flight becomes the leader
    and calls at once; updates that arrive meanwhile share the next call. What nobody waits for is sent by
    a flusher thread, started with the first such update, after a short linger.
    """

    def __init__(
        self,
        log: CommitLog,
        *,
        outcome_linger: float,
        start_linger: float,
    ) -> None:
        self.log = log
        self.on_reply: Callable[[list[dict[str, Any]]], None] | None = None
        self._outcome_linger = outcome_linger
        self._start_linger = start_linger
        self._lock = threading.Lock()
        self._answered = threading.Condition(self._lock)
        self._wake = threading.Condition(self._lock)
        self._sending = False
        self._flusher: threading.Thread | None = None
        self._wakes_at = 0.0
        self._refused_until = 0.0
        self._closed = False
        self._due = 0.0

    def add(self, update: dict[str, Any], line: Line, *, outcome: bool, alone: bool = False) -> int:
        """Queue an update and return at once; it is sent soon."""
        with self._lock:
            was_empty = not len(self.log)
            sequence = self.log.add(update, line, alone=alone)
            due = monotonic() + (self._outcome_linger if outcome else self._start_linger)
            if was_empty or due < self._due:
                self._due = due
                if self._flusher is None:
                    if not self._start_flusher() and outcome and not self._sending:
                        self._call()
                elif due < self._wakes_at and not self._sending:
                    self._wake.notify()
            return sequence

    def wait_for(self, sequence: int) -> None:
        """Return when everything up to the sequence number is recorded."""
        log = self.log
        if log.acknowledged >= sequence and log.failure is None:
            return
        with self._lock:
            while log.acknowledged < sequence or log.failure is not None:
                self._step()

    def refresh(self) -> None:
        """Return when a call that begins after now has told what changed."""
        with self._lock:
            target = self.log.calls + (2 if self._sending else 1)
            while self.log.calls < target:
                self._step()

    def flush(self) -> None:
        """Return when everything queued is recorded."""
        self.wait_for(self.log.queued)

    def orphan(self, lines: list[Line]) -> None:
        """Refuse all further updates of some lines."""
        with self._lock:
            for line in lines:
                line.orphaned = True

    def close(self) -> None:
        """Let the flusher end. Call it when nothing is queued, or nothing can be sent."""
        with self._lock:
            self._closed = True
            self._wake.notify()
            flusher = self._flusher
        if flusher is not None:
            flusher.join(0.1)  # it has nothing left to send, so this takes microseconds

    def _step(self) -> None:
        """Make a call, or wait for the one in flight. Holds the lock before and after."""
        if self.log.failure is not None:
            raise self.log.failure
        if self._sending:
            self._answered.wait()
        else:
            self._call()

    def _call(self) -> None:
        """Send one batch. Holds the lock before and after, not during the call."""
        batch = self.log.take()
        self._sending = True
        try:
            self._lock.release()
            try:
                reply = self.log.send(batch)
                self.log.absorb(batch, reply)
                if self.on_reply is not None:
                    self.on_reply(reply["operations"])
            finally:
                self._lock.acquire()
            self.log.accept(batch, reply)
        except BaseException as error:  # noqa: BLE001  nothing more can be recorded, whatever it was
            raise self.log.fail(error)  # noqa: B904  the log has set the cause
        finally:
            self._sending = False
            if len(self.log):
                self._due = monotonic() + self._outcome_linger
                if self._due < self._wakes_at:
                    self._wake.notify()
            self._answered.notify_all()

    def _start_flusher(self) -> bool:
        """Start the flusher, unless the environment has no more threads: then outcomes are sent by who adds them."""
        if monotonic() < self._refused_until:
            return False
        flusher = threading.Thread(target=self._flush, name="durable-flusher", daemon=True)
        try:
            flusher.start()
        except (RuntimeError, MemoryError):
            self._refused_until = monotonic() + _REFUSAL_PAUSE
            return False
        self._flusher = flusher
        return True

    def _flush(self) -> None:
        """Send what lingers. An error stays in the log, and meets whoever comes next."""
        with self._lock:
            while not self._closed and self.log.failure is None:
                if self._sending or not len(self.log):
                    self._wakes_at = _NEVER
                    self._wake.wait()
                elif self._linger():
                    try:
                        self._call()
                    except BaseException:  # noqa: BLE001  kept by the log, for the thread that leads the work
                        return

    def _linger(self) -> bool:
        """Wait for company; answer with whether the updates are still there to be sent.

        As long as more keep coming the wait goes on, for ten times the linger at most: a batch that is filling
        is worth more full, and a thread that adds updates will soon make the call itself.
        """
        patience, queued = _PATIENCE, -1
        while len(self.log) < MAX_UPDATES and patience and (queued != self.log.queued or monotonic() < self._due):
            patience -= monotonic() >= self._due
            queued = self.log.queued
            pause = max(self._outcome_linger, self._due - monotonic())
            self._wakes_at = monotonic() + pause
            self._wake.wait(pause)
            if self._closed or self._sending or not len(self.log):
                return False
        return True
