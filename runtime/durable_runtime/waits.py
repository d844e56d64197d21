"""How long `wait_for_condition` waits between two checks."""

from __future__ import annotations

from durable_runtime._checks import check_callable, check_serdes
from durable_runtime._delays import Delays, decided, exponential
from durable_runtime._duration import Duration, whole_seconds
from durable_runtime._record import Generic, Record, T
from durable_runtime.config import JitterStrategy
from durable_runtime.exceptions import ValidationError, WaitForConditionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from durable_runtime._duration import DurationLike
    from durable_runtime.serdes import SerDes

    WaitStrategy: TypeAlias = "Callable[[Any, int], WaitForConditionDecision]"


class WaitForConditionDecision(Record):
    """What a wait strategy answers; made by `continue_waiting` and `stop_polling`."""

    should_continue: bool
    delay: DurationLike = Duration()

    @property
    def delay_seconds(self) -> int:
        """The delay in whole seconds."""
        return whole_seconds(self.delay, "WaitForConditionDecision: delay", minimum=0)

    @classmethod
    def continue_waiting(cls, delay: DurationLike) -> WaitForConditionDecision:
        """Check again after a delay."""
        return cls(should_continue=True, delay=delay)

    @classmethod
    def stop_polling(cls) -> WaitForConditionDecision:
        """The condition is met: return the state."""
        return cls(should_continue=False)


class WaitStrategyConfig(Delays, Generic[T], frozen=False):
    """Options of `create_wait_strategy`.

    Attributes:
        should_continue_polling: ``state -> bool``; False once the condition is met.
        max_attempts: Checks in all; a condition met at the last one still counts.
        initial_delay: Delay after the first check.
        max_delay: No delay is longer.
        backoff_rate: Factor between two delays.
        jitter_strategy: How delays are spread.
    """

    should_continue_polling: Callable[[T], bool]
    max_attempts: int = 60
    initial_delay: DurationLike = Duration(5)
    max_delay: DurationLike = Duration(300)
    backoff_rate: float = 1.5
    jitter_strategy: JitterStrategy = JitterStrategy.FULL

    def _validate(self) -> None:
        if self.should_continue_polling is None:
            raise ValidationError("WaitStrategyConfig: should_continue_polling is None; it must be callable")
        check_callable(self, "should_continue_polling")
        super()._validate()


def create_wait_strategy(config: WaitStrategyConfig[Any]) -> WaitStrategy:
    """Make a strategy that polls with growing delays and raises WaitForConditionError when out of attempts."""
    config._validate()  # noqa: SLF001  the config is mutable, so what was checked may have changed
    proceed, attempts = config.should_continue_polling, config.max_attempts
    delay, finalize = exponential(config), config.jitter_strategy.finalize_delay

    def strategy(result: Any, attempts_made: int) -> WaitForConditionDecision:
        if not proceed(result):
            return WaitForConditionDecision.stop_polling()
        if attempts_made >= attempts:
            raise WaitForConditionError(
                f"wait_for_condition exhausted {attempts} attempts before the condition was met",
            )
        return WaitForConditionDecision.continue_waiting(Duration(finalize(delay(attempts_made))))

    return strategy


class WaitForConditionConfig(Record, Generic[T]):
    """Options of `wait_for_condition`.

    Attributes:
        wait_strategy: ``(state, checks made) -> WaitForConditionDecision``.
        initial_state: What the first check gets.
        serdes: Writes and reads the state.
    """

    wait_strategy: Callable[[T, int], WaitForConditionDecision]
    initial_state: T
    serdes: SerDes[Any] | None = None

    def _validate(self) -> None:
        if self.wait_strategy is None:
            raise ValidationError("WaitForConditionConfig: wait_strategy is None; it must be callable")
        check_callable(self, "wait_strategy")
        check_serdes(self, "serdes")


def decide(strategy: WaitStrategy, state: Any, attempts_made: int, where: str) -> int | None:
    """Ask a wait strategy; answer with the delay in seconds, or None when the condition is met.

    Raises:
        ValidationError: The strategy answered with anything but a WaitForConditionDecision.
    """
    return decided(
        strategy(state, attempts_made),
        "should_continue",
        where,
        "wait",
        "WaitForConditionDecision.continue_waiting(delay) or WaitForConditionDecision.stop_polling()",
    )
