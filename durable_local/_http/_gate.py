"""What may stop a request before it reaches the engine: rate limits, and faults a test asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._errors import SERVICE, USER, ApiError, invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUSES = {
    "InvalidParameterValueException": 400,
    "CallbackTimeoutException": 400,
    "ResourceNotFoundException": 404,
    "ResourceConflictException": 409,
    "DurableExecutionAlreadyStartedException": 409,
    "TooManyRequestsException": 429,
    "ServiceException": 500,
    "ResourceNotReadyException": 502,
    "KMSAccessDeniedException": 502,
    "KMSDisabledException": 502,
    "KMSInvalidStateException": 502,
    "KMSNotFoundException": 502,
}
"""The errors that can be asked for, with their status [M]."""

MOST_TIMES = 1_000_000


def _throttled() -> ApiError:
    return ApiError(429, "TooManyRequestsException", rules.RATE_EXCEEDED, Reason="CallerRateLimitExceeded")


class Gate:
    """Counts requests and hands out faults. Idle unless somebody wants one of the two."""

    def __init__(self, rates: Mapping[str, float] | None = None) -> None:
        self._rates = dict(rates or {})
        self._buckets: dict[str, tuple[float, float]] = {}
        self._faults: dict[str, list[tuple[ApiError, int]]] = {}
        self.active = bool(self._rates)

    def inject(self, operation: str, code: Any, times: Any, message: Any = None) -> None:
        """Let the next `times` calls of an operation fail with an error of the API."""
        if not isinstance(code, str) or code not in STATUSES:
            raise invalid_parameter(f"error must be one of {', '.join(STATUSES)}")
        if isinstance(times, bool) or not isinstance(times, int) or not 0 < times <= MOST_TIMES:
            raise invalid_parameter(f"times must be between 1 and {MOST_TIMES}")
        status = STATUSES[code]
        text = message if isinstance(message, str) else f"{code} was asked for"
        if code == "TooManyRequestsException":
            error = _throttled()
        else:
            error = ApiError(status, code, text, USER if status < 500 else SERVICE)
        self._faults.setdefault(operation, []).append((error, times))
        self.active = True

    def check(self, operation: str) -> None:
        """Raise what stands in the way of a request."""
        queue = self._faults.get(operation)
        if queue:
            error, times = queue[0]
            if times > 1:
                queue[0] = (error, times - 1)
            else:
                queue.pop(0)
            raise error
        rate = self._rates.get(operation)
        if rate is not None:
            self._take(operation, rate)

    def _take(self, operation: str, rate: float) -> None:
        """Take one token of a bucket that holds a second's worth."""
        now = time.monotonic()
        tokens, last = self._buckets.get(operation, (rate, now))
        tokens = min(rate, tokens + (now - last) * rate)
        if tokens < 1:
            self._buckets[operation] = (tokens, now)
            raise _throttled()
        self._buckets[operation] = (tokens - 1, now)
