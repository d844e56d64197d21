"""What a runner is given, checked and brought into shape."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

LONGEST = 31_622_400
"""The longest execution timeout Lambda takes: 366 days. The default of a runner, so that long waits need no option."""

FUNCTION_TIMEOUT = 900
"""The longest function timeout Lambda takes, in seconds."""


def encoded_event(event: Any) -> bytes:
    """Return an event as a caller sends it: bytes as they are, everything else as JSON."""
    if isinstance(event, bytes):
        return event
    try:
        return json.dumps(event).encode()
    except (TypeError, ValueError) as error:
        raise TypeError(f"The event must be JSON, as a caller of Lambda sends it: {error}") from error


def seconds_of(value: float | timedelta) -> int:
    """Return an execution timeout in seconds, if Lambda would take it."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return in_range("execution_timeout", round(seconds), LONGEST)


def in_range(name: str, seconds: int, longest: int) -> int:
    """Return a number of seconds, if it is in range."""
    if not 1 <= seconds <= longest:
        raise ValueError(f"{name} must be 1 to {longest:,} seconds, not {seconds:,}.")
    return seconds
