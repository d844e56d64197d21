"""Whether and when a failed attempt runs again.

A strategy is any callable ``(error, attempts made) -> RetryDecision``; attempts count from 1 and the first
call of a step is its first attempt. Waiting is done by the service: the invocation ends, and nothing is
billed until the delay is over.
"""

from __future__ import annotations

from durable_runtime._checks import check_callable, check_instance
from durable_runtime._delays import Delays, decided, exponential
from durable_runtime._duration import Duration, whole_seconds
from durable_runtime._record import Generic, Record, T
from durable_runtime.config import ChildConfig, JitterStrategy
from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Sequence
    from typing import Any

    from durable_runtime._duration import DurationLike
    from durable_runtime.config import RetryStrategy


class RetryDecision(Record, frozen=False):
    """What a strategy answers; made by `retry` and `no_retry`."""

    should_retry: bool
    delay: DurationLike = Duration()

    @property
    def delay_seconds(self) -> int:
        """The delay in whole seconds."""
        return whole_seconds(self.delay, "RetryDecision: delay", minimum=0)

    @classmethod
    def retry(cls, delay: DurationLike) -> RetryDecision:
        """Run the step again after a delay."""
        return cls(should_retry=True, delay=delay)

    @classmethod
    def no_retry(cls) -> RetryDecision:
        """Fail the step."""
        return cls(should_retry=False)


class RetryStrategyConfig(Delays, frozen=False):
    """Options of an exponential strategy: the delay grows by ``backoff_rate`` from attempt to attempt.

    Attributes:
        max_attempts: Attempts in all, the first call included.
        initial_delay: Delay after the first attempt.
        max_delay: No delay is longer.
        backoff_rate: Factor between two delays; 1 keeps it fixed.
        jitter_strategy: How delays are spread.
        retryable_errors: Retry errors whose message contains one of these texts or matches one of these patterns.
        retryable_error_types: Retry errors of these classes.

    With neither filter, every error is retried; with both, matching one is enough.
    """

    max_attempts: int = 3
    initial_delay: DurationLike = Duration(5)
    max_delay: DurationLike = Duration(300)
    backoff_rate: float = 2.0
    jitter_strategy: JitterStrategy = JitterStrategy.FULL
    retryable_errors: Sequence[str | re.Pattern[str]] | None = None
    retryable_error_types: Sequence[type[BaseException]] | None = None

    def _validate(self) -> None:
        super()._validate()
        _check_filters(self)


class LinearRetryStrategyConfig(Delays, frozen=False):
    """Options of a linear strategy: the delay grows by ``increment`` from attempt to attempt.

    Everything else is as in `RetryStrategyConfig`.
    """

    max_attempts: int = 6
    initial_delay: DurationLike = Duration(1)
    increment: DurationLike = Duration(1)
    max_delay: DurationLike = Duration(300)
    jitter_strategy: JitterStrategy = JitterStrategy.FULL
    retryable_errors: Sequence[str | re.Pattern[str]] | None = None
    retryable_error_types: Sequence[type[BaseException]] | None = None

    def _validate(self) -> None:
        super()._validate()
        _check_filters(self)
        whole_seconds(self.increment, f"{type(self).__name__}: increment", minimum=0)

    @property
    def increment_seconds(self) -> int:
        """The growth of the delay in seconds."""
        return whole_seconds(self.increment, "increment", minimum=0)


def create_retry_strategy(config: RetryStrategyConfig | None = None, **options: Any) -> RetryStrategy:
    """Make an exponential strategy from a config, or from its options as keywords."""
    config = _config(RetryStrategyConfig, config, options)
    return _strategy(config, exponential(config))


def create_linear_retry_strategy(
    config: LinearRetryStrategyConfig | None = None,
    **options: Any,
) -> RetryStrategy:
    """Make a linear strategy from a config, or from its options as keywords."""
    config = _config(LinearRetryStrategyConfig, config, options)
    initial, most, step = config.initial_delay_seconds, config.max_delay_seconds, config.increment_seconds
    return _strategy(config, lambda attempts_made: min(initial + step * (attempts_made - 1), most))


def _config(kind: type[Any], config: Any, options: dict[str, Any]) -> Any:
    if config is None:
        return kind(**options)
    if options:
        raise ValidationError(f"give a {kind.__name__} or its options as keywords, not both")
    if not isinstance(config, kind):
        raise ValidationError(f"config is {config!r}; it must be a {kind.__name__}")
    config._validate()  # noqa: SLF001  the configs are mutable, so what was checked may have changed
    return config


def _strategy(config: Any, delay: Callable[[int], float]) -> RetryStrategy:
    """Join attempts, filters, delays and jitter into one callable."""
    attempts: int = config.max_attempts
    finalize = config.jitter_strategy.finalize_delay
    matches = _filter(config.retryable_errors, config.retryable_error_types)

    def strategy(error: Exception, attempts_made: int) -> RetryDecision:
        if attempts_made >= attempts or not matches(error):
            return RetryDecision.no_retry()
        return RetryDecision.retry(Duration(finalize(delay(attempts_made))))

    strategy._max_attempts = attempts  # type: ignore[attr-defined]  # noqa: SLF001  shown by tools
    return strategy


def _filter(
    messages: Sequence[str | re.Pattern[str]] | None,
    types: Sequence[type[BaseException]] | None,
) -> Callable[[Exception], bool]:
    if messages is None and types is None:
        return lambda _error: True
    classes, patterns = tuple(types or ()), tuple(messages or ())

    def matches(error: Exception) -> bool:
        if isinstance(error, classes):
            return True
        text = str(error)
        return any(part in text if isinstance(part, str) else part.search(text) for part in patterns)

    return matches


def _check_filters(config: Any) -> None:
    where = type(config).__name__
    messages, types = config.retryable_errors, config.retryable_error_types
    if messages is not None and (
        isinstance(messages, str | bytes)
        or not all(isinstance(part, str) or hasattr(part, "search") for part in messages)
    ):
        raise ValidationError(
            f"{where}: retryable_errors is {messages!r}; it must be a list of texts and compiled patterns",
        )
    if types is not None and (
        isinstance(types, type) or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in types)
    ):
        raise ValidationError(
            f"{where}: retryable_error_types is {types!r}; it must be a list of exception classes",
        )


class RetryPresets:
    """Strategies with the numbers of AWS's SDK."""

    @classmethod
    def none(cls) -> RetryStrategy:
        """Never retry."""
        return create_retry_strategy(max_attempts=1)

    @classmethod
    def default(cls) -> RetryStrategy:
        """Make 6 attempts: 5 s, doubling to at most 60 s, full jitter. Steps without a strategy use this."""
        return create_retry_strategy(max_attempts=6, max_delay=Duration(60))

    @classmethod
    def transient(cls) -> RetryStrategy:
        """Make 3 attempts: 5 s, doubling, half jitter."""
        return create_retry_strategy(max_attempts=3, jitter_strategy=JitterStrategy.HALF)

    @classmethod
    def resource_availability(cls) -> RetryStrategy:
        """Make 5 attempts: 5 s, doubling to at most 5 min, full jitter."""
        return create_retry_strategy(max_attempts=5)

    @classmethod
    def critical(cls) -> RetryStrategy:
        """Make 10 attempts: 1 s, growing by half to at most 60 s, no jitter."""
        return create_retry_strategy(
            max_attempts=10,
            initial_delay=Duration(1),
            max_delay=Duration(60),
            backoff_rate=1.5,
            jitter_strategy=JitterStrategy.NONE,
        )

    @classmethod
    def linear(cls) -> RetryStrategy:
        """Make 6 attempts: 1, 2, 3, 4, 5 s, no jitter."""
        return create_linear_retry_strategy(jitter_strategy=JitterStrategy.NONE)

    @classmethod
    def fixed(cls, interval: DurationLike | None = None) -> RetryStrategy:
        """Make 5 attempts with the same delay, 5 s unless given, no jitter."""
        delay = Duration(5) if interval is None else interval
        return create_retry_strategy(
            max_attempts=5,
            initial_delay=delay,
            max_delay=delay,
            backoff_rate=1,
            jitter_strategy=JitterStrategy.NONE,
        )


def as_retry_strategy(value: Any, where: str) -> RetryStrategy | None:
    """Read the ``retry=`` option of an operation.

    Args:
        value: None (not given), a strategy, a config, a number of attempts, or False for none.
        where: Names the operation in the error, such as ``step 'charge'``.
    """
    if value is None:
        return None
    if value is False:
        return RetryPresets.none()
    if isinstance(value, RetryStrategyConfig):
        return create_retry_strategy(value)
    if isinstance(value, LinearRetryStrategyConfig):
        return create_linear_retry_strategy(value)
    if isinstance(value, int) and value is not True:
        if value < 1:
            raise ValidationError(f"{where}: retry is {value}; a number of attempts is 1 or more")
        return create_retry_strategy(max_attempts=value, max_delay=Duration(60))
    if callable(value) and not isinstance(value, type):
        return value  # type: ignore[no-any-return]
    raise ValidationError(
        f"{where}: retry is {value!r}; it must be a strategy (error, attempts made) -> RetryDecision, "
        "such as RetryPresets.transient(), a RetryStrategyConfig, or a number of attempts",
    )


def decide(strategy: RetryStrategy, error: Exception, attempts_made: int, where: str) -> int | None:
    """Ask a strategy; answer with the delay in seconds, or None to fail.

    Raises:
        ValidationError: The strategy answered with anything but a RetryDecision.
    """
    return decided(
        strategy(error, attempts_made),
        "should_retry",
        where,
        "retry",
        "RetryDecision.retry(delay) or RetryDecision.no_retry()",
    )


class WithRetryConfig(Record, Generic[T]):
    """Options of `with_retry`.

    Attributes:
        retry_strategy: ``(error, attempts made) -> RetryDecision``; None means 3 attempts.
        wrap_with_run_in_child_context: Keep the block in a child context of its own.
        child_context_config: Options of that child context.
    """

    retry_strategy: RetryStrategy | None = None
    wrap_with_run_in_child_context: bool = True
    child_context_config: ChildConfig[Any] | None = None

    def _validate(self) -> None:
        check_callable(self, "retry_strategy")
        if self.child_context_config is not None:
            check_instance(self, "child_context_config", ChildConfig)


def with_retry(
    context: Any,
    func: Callable[..., T],
    config: WithRetryConfig[T] | None = None,
    name: str | None = None,
) -> T:
    """Run a block of durable operations, and run it again when it fails.

    The same as ``context.with_retry(func, name, config)``.

    Args:
        context: The context to run in.
        func: ``(context, attempt) -> result``; attempt counts from 1.
        config: The strategy, and whether the block gets a child context.
        name: Names the child context; the waits between attempts are ``<name>-backoff-<attempt>``.
    """
    result: T = context.with_retry(func, name, config)
    return result
