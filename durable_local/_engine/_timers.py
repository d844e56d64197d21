"""The timers of all executions, in one heap."""

from __future__ import annotations

import heapq
from typing import NamedTuple


class Timer(NamedTuple):
    """Something that becomes due. A timer is never removed: it is asked whether it still holds when it is due."""

    at: int
    number: int
    kind: str
    """``wait``, ``step``, ``callback``, ``heartbeat``, ``execution``, ``retry``, ``retention`` or ``queue``."""
    owner: str
    """The execution's ARN, or the key of a queued invocation."""
    operation: str


class Timers:
    """A heap of timers."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._number = 0

    def add(self, at: int, kind: str, owner: str, operation: str = "") -> None:
        """Set a timer."""
        self._number += 1
        heapq.heappush(self._heap, Timer(at, self._number, kind, owner, operation))

    def first(self) -> Timer | None:
        """Return the earliest timer without removing it."""
        return self._heap[0] if self._heap else None

    def pop(self) -> Timer:
        """Remove and return the earliest timer."""
        return heapq.heappop(self._heap)

    def in_order(self) -> list[Timer]:
        """Return all timers, earliest first."""
        return sorted(self._heap)
