"""How many threads the branches of an invocation may have, and what a refused thread teaches."""

from __future__ import annotations

import os
import threading
from time import monotonic

LAMBDA_THREADS = 1024
"""Most threads and processes of an execution environment, extensions included."""

RESERVE = 24
"""What branches leave of them: the calling thread, the flusher, and threads and processes of user code."""

PER_MEGABYTE = 2
"""Threads for each megabyte of the function's memory: one that is blocked holds 16 to 32 KB."""

SPARE = 32
"""Most threads that are given back when one was refused: user code may want some as well."""

REFUSAL_PAUSE = 1.0
"""Seconds until more threads are tried after one was refused."""


class ThreadBudget:
    """Threads for the branches of all maps and parallels of one invocation."""

    def __init__(self, most: int | None = None) -> None:
        self.used = 0
        self._most = _by_memory() if most is None else most
        self._allowed = self._most
        self._again = 0.0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take a thread, if there is one."""
        with self._lock:
            if self._again and monotonic() > self._again:
                self._allowed, self._again = self._most, 0.0
            granted = self.used < self._allowed and self.used < self._share()
            self.used += granted
            return granted

    def give(self) -> None:
        """Give a thread back."""
        with self._lock:
            self.used -= 1

    def refused(self) -> None:
        """Give back a thread that could not be started, and want fewer for a while."""
        with self._lock:
            self.used -= 1
            self._allowed = min(self._allowed, self.used - min(self.used // 4, SPARE))
            self._again = monotonic() + REFUSAL_PAUSE

    @property
    def overdrawn(self) -> bool:
        """Whether a thread that has finished a branch should end."""
        return self.used > min(self._allowed, self._share())

    def _share(self) -> int:
        """Bound the threads so that the environment's suffice if user code's own grow with them."""
        others = threading.active_count() - self.used
        most = max(self._most, LAMBDA_THREADS - RESERVE)
        if others <= RESERVE:
            return most
        return most * max(self.used, 1) // (max(self.used, 1) + others)


def _by_memory() -> int:
    most = LAMBDA_THREADS - RESERVE
    megabytes = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    return min(most, PER_MEGABYTE * int(megabytes)) if megabytes.isdecimal() else most
