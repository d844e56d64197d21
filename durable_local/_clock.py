"""The one clock of the local service: everything that takes time asks it.

Time is an integer, epoch milliseconds. A `RealClock` follows the machine. A `SkippingClock` follows the machine
too, and a driver lets it jump to the next due timer when nothing runs. A `ManualClock` stands still until it is
advanced.
"""

from __future__ import annotations

import time
from typing import Protocol

CLOCKS = ("real", "skip", "manual")


def machine_time() -> int:
    """Return the machine's time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Clock(Protocol):
    """What the engine needs to know about time."""

    skips: bool
    """Whether a driver jumps to the next due timer when nothing runs."""
    ticks: bool
    """Whether time passes by itself."""

    def now(self) -> int:
        """Return the present in epoch milliseconds."""

    def advance_to(self, instant: int) -> None:
        """Move the present forward to `instant`; an instant in the past changes nothing."""


class RealClock:
    """The machine's clock."""

    skips = False
    ticks = True

    def now(self) -> int:
        """Return the machine's time."""
        return machine_time()

    def advance_to(self, instant: int) -> None:
        """Refuse: real time cannot be moved."""
        raise ValueError(
            f"cannot advance to {instant}: the service runs on real time; start it with the clock `skip` or `manual`"
        )


class SkippingClock:
    """The machine's clock plus all that was skipped."""

    skips = True
    ticks = True

    def __init__(self, skipped: int = 0) -> None:
        self.skipped = skipped

    def now(self) -> int:
        """Return the machine's time plus what was skipped."""
        return machine_time() + self.skipped

    def advance_to(self, instant: int) -> None:
        """Skip forward so that the present is at least `instant`."""
        self.skipped += max(0, instant - self.now())


class ManualClock:
    """A clock that moves only when told to."""

    skips = False
    ticks = False

    def __init__(self, start: int | None = None) -> None:
        self._now = machine_time() if start is None else start

    def now(self) -> int:
        """Return the instant the clock stands at."""
        return self._now

    def advance_to(self, instant: int) -> None:
        """Move the clock forward to `instant`."""
        self._now = max(self._now, instant)


def make_clock(name: str, *, start: int = 0) -> Clock:
    """Return the clock called `name`, not earlier than `start` (the latest instant a store has seen)."""
    if name == "real":
        return RealClock()
    if name == "skip":
        clock = SkippingClock()
        clock.advance_to(start)
        return clock
    if name == "manual":
        return ManualClock(max(start, machine_time()))
    raise ValueError(f"there is no clock `{name}`; choose one of {', '.join(CLOCKS)}")
