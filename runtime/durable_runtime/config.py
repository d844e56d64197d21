"""What operations can be told: durations, retries, limits, completion rules.

Every class here also exists as a keyword of the operation itself, so most workflows never build one:
``ctx.step(charge, at_most_once=True)`` says the same as
``ctx.step(charge, config=StepConfig(step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY))``.
"""

from __future__ import annotations

from enum import Enum, StrEnum

from durable_runtime._checks import (
    check_callable,
    check_instance,
    check_member,
    check_number,
    check_serdes,
    check_sub_type,
    is_number,
)
from durable_runtime._duration import MAX_CALLBACK_SECONDS, Duration, whole_seconds
from durable_runtime._record import Generic, P, R, Record, T, option
from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from durable_runtime._duration import DurationLike
    from durable_runtime.retries import RetryDecision
    from durable_runtime.serdes import SerDes
    from durable_runtime.types import SummaryGenerator

    RetryStrategy: TypeAlias = Callable[[Exception, int], RetryDecision]
    Numeric: TypeAlias = int | float


class NestingType(Enum):
    """How the branches of a map or parallel appear in the history."""

    NESTED = "NESTED"
    """Each branch is a context operation of its own: visible, and two updates more per branch."""

    FLAT = "FLAT"
    """Branches leave no operation of their own: fewer updates, and only their steps are visible."""


class StepSemantics(Enum):
    """How often one attempt of a step may run its function."""

    AT_MOST_ONCE_PER_RETRY = "AT_MOST_ONCE_PER_RETRY"
    """The start is recorded first; an interrupted attempt is reported to the strategy and not run again."""

    AT_LEAST_ONCE_PER_RETRY = "AT_LEAST_ONCE_PER_RETRY"
    """An interrupted attempt runs again in the next invocation."""


class BatchItemStatus(Enum):
    """Where one branch of a map or parallel stands."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STARTED = "STARTED"


class CompletionOutcome(Enum):
    """Whether a batch that completes early counts as a success."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class CompletionReason(Enum):
    """Why a map or parallel completed."""

    ALL_COMPLETED = "ALL_COMPLETED"
    MIN_SUCCESSFUL_REACHED = "MIN_SUCCESSFUL_REACHED"
    FAILURE_TOLERANCE_EXCEEDED = "FAILURE_TOLERANCE_EXCEEDED"
    CUSTOM_COMPLETION_SUCCEEDED = "CUSTOM_COMPLETION_SUCCEEDED"
    CUSTOM_COMPLETION_FAILED = "CUSTOM_COMPLETION_FAILED"


class JitterStrategy(StrEnum):
    """How a delay is spread, so that many executions do not come back at the same moment."""

    NONE = "NONE"
    """Exactly the delay."""

    FULL = "FULL"
    """Anywhere from 0 to the delay."""

    HALF = "HALF"
    """Anywhere from half the delay to the delay."""

    def apply_jitter(self, delay: float) -> float:
        """Spread a delay in seconds."""
        if self is JitterStrategy.NONE:
            return delay
        from random import random

        share = random()  # noqa: S311  spreads load, keeps no secret
        return delay * share if self is JitterStrategy.FULL else delay / 2 + delay / 2 * share

    def finalize_delay(self, base_delay: float) -> int:
        """Spread a delay, round it up, and make it at least the service's one second."""
        return max(1, -int(-self.apply_jitter(base_delay) // 1))


class CompletionDecision(Record):
    """What a ``should_complete`` predicate answers; made by `continue_batch` and `complete_batch`."""

    complete: bool
    outcome: CompletionOutcome | None = None

    def _validate(self) -> None:
        if self.complete and self.outcome is None:
            raise ValidationError("CompletionDecision: outcome is required when complete is True")
        if not self.complete and self.outcome is not None:
            raise ValidationError("CompletionDecision: outcome must be None when complete is False")


def continue_batch() -> CompletionDecision:
    """Let the batch go on."""
    return CompletionDecision(complete=False)


def complete_batch(outcome: CompletionOutcome = CompletionOutcome.SUCCEEDED) -> CompletionDecision:
    """Complete the batch now."""
    return CompletionDecision(complete=True, outcome=outcome)


class CompletionItemStatus(Record):
    """One branch, as a ``should_complete`` predicate sees it. ``status`` is None before the branch starts."""

    index: int
    name: str | None = None
    status: BatchItemStatus | None = None


class CompletionStatus(Record):
    """Progress of a batch, as a ``should_complete`` predicate sees it. ``items[i]`` is branch ``i``."""

    success_count: int
    failure_count: int
    completed_count: int
    total_count: int
    items: tuple[CompletionItemStatus, ...] = ()


class CompletionConfig(Record):
    """When a map or parallel completes.

    Attributes:
        min_successful: Complete once this many branches have succeeded.
        tolerated_failure_count: Fail once more branches than this have failed.
        tolerated_failure_percentage: Fail once more than this share has failed, 0 to 100.
        should_complete: A predicate instead of the three numbers. It must depend on its argument only, and
            more progress must never turn its answer back from "complete" to "continue".

    With nothing set, the first failure fails the batch.
    """

    min_successful: int | None = None
    tolerated_failure_count: int | None = None
    tolerated_failure_percentage: float | None = None
    should_complete: Callable[[CompletionStatus], CompletionDecision] | None = None

    def _validate(self) -> None:
        check_number(self, "min_successful", 1)
        check_number(self, "tolerated_failure_count", 0)
        percentage = self.tolerated_failure_percentage
        if percentage is not None and not (is_number(percentage) and 0 <= percentage <= 100):
            raise ValidationError(
                f"CompletionConfig: tolerated_failure_percentage is {percentage!r}; it must be from 0 to 100",
            )
        if self.should_complete is None:
            return
        if not callable(self.should_complete):
            raise ValidationError(
                f"CompletionConfig: should_complete is {self.should_complete!r}; it must be callable",
            )
        if (self.min_successful, self.tolerated_failure_count, percentage) != (None, None, None):
            raise ValidationError(
                "CompletionConfig: should_complete decides alone; it cannot be combined with min_successful, "
                "tolerated_failure_count or tolerated_failure_percentage",
            )

    def _validate_for_total(self, total: int) -> None:
        """Check the numbers against the number of branches they govern; a map over nothing is complete."""
        if self.min_successful is not None and self.min_successful > total > 0:
            raise ValidationError(
                f"CompletionConfig: min_successful is {self.min_successful}, but there are only {total} branches",
            )

    @classmethod
    def first_successful(cls) -> CompletionConfig:
        """Complete with the first success."""
        return cls(min_successful=1)

    @classmethod
    def all_completed(cls) -> CompletionConfig:
        """Run every branch, however many fail."""
        return cls(tolerated_failure_percentage=100)

    @classmethod
    def all_successful(cls) -> CompletionConfig:
        """Fail with the first failure."""
        return cls(tolerated_failure_count=0, tolerated_failure_percentage=0)


class ParallelBranch(Record, Generic[T]):
    """A branch of a parallel with a name of its own.

    The name is part of the branch's recorded identity: renaming it breaks running executions.
    """

    func: Callable[..., T]
    name: str | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> T:
        """Call the branch's function."""
        return self.func(*args, **kwargs)


class StepConfig(Record):
    """Options of a step.

    Attributes:
        retry_strategy: ``(error, attempts made) -> RetryDecision``; None means `RetryPresets.default()`.
        step_semantics: How often one attempt may run the function.
        serdes: Writes and reads the result; None means plain JSON and the function's annotation.
        sub_type: Label in the history instead of ``Step``.
    """

    retry_strategy: RetryStrategy | None = None
    step_semantics: StepSemantics = StepSemantics.AT_LEAST_ONCE_PER_RETRY
    serdes: SerDes[Any] | None = None
    sub_type: str | None = option(default=None, kw_only=True)

    def _validate(self) -> None:
        check_callable(self, "retry_strategy")
        check_member(self, "step_semantics", StepSemantics)
        check_serdes(self, "serdes")
        check_sub_type(self.sub_type, "StepConfig")


class ChildConfig(Record, Generic[T]):
    """Options of a child context.

    Attributes:
        serdes: Writes and reads the result.
        sub_type: Label in the history instead of ``RunInChildContext``.
        summary_generator: Text to record instead of a result over 256 KB; the children replay to rebuild it.
        is_virtual: Group operations without an operation of the context's own.
    """

    serdes: SerDes[Any] | None = None
    sub_type: str | None = None
    summary_generator: SummaryGenerator[Any] | None = None
    is_virtual: bool = False

    def _validate(self) -> None:
        check_serdes(self, "serdes")
        check_callable(self, "summary_generator")
        check_sub_type(self.sub_type, "ChildConfig")


class _BatchConfig(Record):
    max_concurrency: int | None = None
    completion_config: CompletionConfig = CompletionConfig()
    serdes: SerDes[Any] | None = None
    item_serdes: SerDes[Any] | None = None
    summary_generator: SummaryGenerator[Any] | None = None
    nesting_type: NestingType = NestingType.NESTED

    def _validate(self) -> None:
        check_number(self, "max_concurrency", 1)
        check_instance(self, "completion_config", CompletionConfig)
        check_serdes(self, "serdes")
        check_serdes(self, "item_serdes")
        check_callable(self, "summary_generator")
        check_member(self, "nesting_type", NestingType)


class ParallelConfig(_BatchConfig):
    """Options of a parallel; as `MapConfig`, without names for items."""

    completion_config: CompletionConfig = CompletionConfig.all_successful()


class MapConfig(_BatchConfig, Generic[T]):
    """Options of a map.

    Attributes:
        max_concurrency: Most branches in flight at once, suspended ones included; None means all.
        completion_config: When the map completes; the default fails with the first failure.
        serdes: Writes and reads the whole BatchResult, and the items unless ``item_serdes`` is given.
        item_serdes: Writes and reads one item's result.
        summary_generator: Text stored with a result over 256 KB.
        nesting_type: How the branches appear in the history.
        item_namer: ``(item, index) -> name`` instead of ``map-item-<index>``; must not depend on anything else.
    """

    item_namer: Callable[[T, int], str] | None = None

    def _validate(self) -> None:
        super()._validate()
        check_callable(self, "item_namer")


class InvokeConfig(Record, Generic[P, R]):
    """Options of an invoke.

    Attributes:
        serdes_payload: Writes the payload; None means plain JSON.
        serdes_result: Reads the result; None means plain JSON.
        tenant_id: Tenant to run the invoked function for.
    """

    serdes_payload: SerDes[P] | None = None
    serdes_result: SerDes[R] | None = None
    tenant_id: str | None = None

    def _validate(self) -> None:
        check_serdes(self, "serdes_payload")
        check_serdes(self, "serdes_result")


class CallbackConfig(Record):
    """Options of a callback.

    Attributes:
        timeout: How long to wait for the result; zero means for ever.
        heartbeat_timeout: Longest pause between heartbeats; zero means none are expected.
        serdes: Reads the result; None gives the text as it came.
        sub_type: Label in the history instead of ``Callback``.
    """

    timeout: DurationLike = Duration()
    heartbeat_timeout: DurationLike = Duration()
    serdes: SerDes[Any] | None = None
    sub_type: str | None = option(default=None, kw_only=True)

    def _validate(self) -> None:
        for name in ("timeout", "heartbeat_timeout"):
            where = f"{type(self).__name__}: {name}"
            whole_seconds(getattr(self, name), where, minimum=0, maximum=MAX_CALLBACK_SECONDS)
        check_serdes(self, "serdes")
        check_sub_type(self.sub_type, type(self).__name__)

    @property
    def timeout_seconds(self) -> int:
        """The timeout in seconds; 0 for none."""
        return whole_seconds(self.timeout, "timeout", minimum=0, maximum=MAX_CALLBACK_SECONDS)

    @property
    def heartbeat_timeout_seconds(self) -> int:
        """The heartbeat timeout in seconds; 0 for none."""
        return whole_seconds(
            self.heartbeat_timeout,
            "heartbeat_timeout",
            minimum=0,
            maximum=MAX_CALLBACK_SECONDS,
        )


class WaitForCallbackConfig(CallbackConfig):
    """Options of `wait_for_callback`: a callback's, and the retries of the submitter step."""

    retry_strategy: RetryStrategy | None = None

    def _validate(self) -> None:
        super()._validate()
        check_callable(self, "retry_strategy")
