"""Delays that grow from attempt to attempt: what retries and polling have in common."""

from __future__ import annotations

from durable_runtime._checks import check_member, check_number, is_number
from durable_runtime._duration import MAX_DELAY_SECONDS, whole_seconds
from durable_runtime._record import Record
from durable_runtime.config import JitterStrategy
from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Delays(Record, frozen=False):
    """Checks and readings of the options; the subclasses declare them, each in the order of its own."""

    def _validate(self: Any) -> None:
        where = type(self).__name__
        check_number(self, "max_attempts", 1)
        if self.max_attempts is None:
            raise ValidationError(f"{where}: max_attempts is None; it must be an integer")
        check_member(self, "jitter_strategy", JitterStrategy)
        least = whole_seconds(self.initial_delay, f"{where}: initial_delay", minimum=0)
        most = whole_seconds(self.max_delay, f"{where}: max_delay", minimum=0)
        if least > most and {"initial_delay", "max_delay"} <= self.__dict__.keys():
            raise ValidationError(f"{where}: initial_delay ({least} s) is longer than max_delay ({most} s)")
        rate = getattr(self, "backoff_rate", 1)
        if not is_number(rate) or not 0 < rate < float("inf"):
            raise ValidationError(f"{where}: backoff_rate is {rate!r}; it must be a number above 0")

    @property
    def initial_delay_seconds(self: Any) -> int:
        """The first delay in seconds."""
        return whole_seconds(self.initial_delay, "initial_delay", minimum=0)

    @property
    def max_delay_seconds(self: Any) -> int:
        """The longest delay in seconds."""
        return whole_seconds(self.max_delay, "max_delay", minimum=0)


def exponential(config: Any) -> Callable[[int], float]:
    """Return what tells the delay after so many attempts: each ``backoff_rate`` times the one before."""
    initial, most, rate = config.initial_delay_seconds, config.max_delay_seconds, config.backoff_rate

    def delay(attempts_made: int) -> float:
        try:
            return min(initial * rate ** (attempts_made - 1), most)  # type: ignore[no-any-return]
        except OverflowError:  # 2.0 ** 1024 is no float, and long past any maximum
            return most  # type: ignore[no-any-return]

    return delay


def decided(decision: Any, flag: str, where: str, kind: str, choices: str) -> int | None:
    """Read the answer of a strategy: the delay in seconds, or None for no further attempt.

    Args:
        decision: What the strategy answered.
        flag: The member of the decision that says whether to go on.
        where: Names the operation in the error.
        kind: Names the strategy in the error.
        choices: What it may answer with.

    Raises:
        ValidationError: The answer is no decision.
    """
    if not hasattr(decision, flag):
        raise ValidationError(f"{where}: the {kind} strategy answered {decision!r}; it must answer with {choices}")
    if not getattr(decision, flag):
        return None
    delay = whole_seconds(decision.delay, f"{where}: delay of the {kind} strategy", minimum=0, maximum=None)
    return min(max(1, delay), MAX_DELAY_SECONDS)
