"""Lengths of time: what the service counts in whole seconds and people write in many ways."""

from __future__ import annotations

from durable_runtime._record import Record
from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as dt
    from typing import Any, TypeAlias

    DurationLike: TypeAlias = "Duration | dt.timedelta | int | float"

MAX_DELAY_SECONDS = 31_622_400
"""Longest wait and longest retry delay: 366 days."""

MAX_CALLBACK_SECONDS = 99_999_999
"""Longest callback timeout and heartbeat timeout."""


class Duration(Record):
    """A length of time in whole seconds. Parts of a second round up."""

    seconds: int = 0

    def _validate(self) -> None:
        self.__dict__["seconds"] = whole_seconds(self.seconds, "Duration", minimum=0, maximum=None)

    def to_seconds(self) -> int:
        """Return the length in seconds."""
        return self.seconds

    @classmethod
    def from_seconds(cls, value: float) -> Duration:
        """Make a Duration of seconds."""
        return cls(_scaled(value, 1))

    @classmethod
    def from_minutes(cls, value: float) -> Duration:
        """Make a Duration of minutes."""
        return cls(_scaled(value, 60))

    @classmethod
    def from_hours(cls, value: float) -> Duration:
        """Make a Duration of hours."""
        return cls(_scaled(value, 3600))

    @classmethod
    def from_days(cls, value: float) -> Duration:
        """Make a Duration of days."""
        return cls(_scaled(value, 86400))


def whole_seconds(
    value: DurationLike,
    where: str,
    *,
    minimum: int = 1,
    maximum: int | None = MAX_DELAY_SECONDS,
) -> int:
    """Return a duration in whole seconds, rounded up.

    Args:
        value: A Duration, a timedelta, or a number of seconds.
        where: Names operation and argument in the error, such as ``wait 'cool down': duration``.
        minimum: Least number of seconds allowed.
        maximum: Greatest number of seconds allowed, or None.

    Raises:
        ValidationError: The value is no duration, or out of range.
    """
    if type(value) is int:
        seconds = value
    elif type(value) is Duration:
        seconds = value.seconds
    else:
        seconds = _round_up(value, where)
    if seconds < minimum or (maximum is not None and seconds > maximum):
        rule = f"{minimum} s or more" if maximum is None else f"{minimum} to {maximum} s"
        raise ValidationError(f"{where} is {value!r}; it must be {rule}")
    return seconds


def _round_up(value: Any, where: str) -> int:
    """Turn whatever stands for a duration into whole seconds."""
    if isinstance(value, Duration):
        return value.seconds
    number = value.total_seconds() if hasattr(value, "total_seconds") else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValidationError(
            f"{where} is {value!r} ({type(value).__name__}); give a timedelta, a Duration or a number of seconds",
        )
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124  NaN is not equal to itself
        raise ValidationError(f"{where} is {value!r}; it must be a finite number of seconds")
    return -int(-number // 1)


def _scaled(value: Any, unit: int) -> Any:
    """Multiply a number of units, leaving nonsense for the constructor to refuse by name."""
    return value * unit if type(value) in (int, float) else value
