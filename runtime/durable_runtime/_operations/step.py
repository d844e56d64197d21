"""``step``: a function with side effects, run and recorded once, with retries kept by the service."""

from __future__ import annotations

from durable_runtime._effects import Acknowledged, Call, Park
from durable_runtime._history import SUCCEEDED, epoch_seconds
from durable_runtime._operations.base import FAILED_STATUSES
from durable_runtime.exceptions import (
    DurableOperationError,
    DurableUsageError,
    ExecutionError,
    InvocationError,
    PayloadTooLargeError,
    SerDesError,
    StepError,
    StepInterruptedError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, NoReturn

    from durable_runtime._codec import Codec
    from durable_runtime._operations.base import ErrorClass, Operation
    from durable_runtime.config import RetryStrategy


def step(
    operation: Operation,
    func: Callable[..., Any],
    codec: Codec,
    strategy: RetryStrategy | None,
    *,
    at_most_once: bool,
    error_class: ErrorClass = StepError,
) -> Generator[Any, Any, Any]:
    """Run a step, or return what it returned before.

    ``strategy`` is None when none was given: errors are then retried as `RetryPresets.default` says, but an
    interrupted at-most-once attempt is never run again.
    """
    while True:
        status = operation.status
        if status == SUCCEEDED:
            operation.context.last_operation = operation.id
            return codec.read(operation.details.get("Result"))
        if status in FAILED_STATUSES:
            operation.raise_recorded(error_class)
        if status == "PENDING":
            until = epoch_seconds(operation.details.get("NextAttemptTimestamp"))
            yield Park(operation.id, until, f"{operation.label} is waiting for its next attempt")
            operation.reload()
            continue
        if status not in (None, "READY", "STARTED"):
            operation.unknown_status()
        attempt = operation.details.get("Attempt", 0) + 1
        try:
            if status == "STARTED" and at_most_once:
                _raise_interrupted(operation, attempt)
            value = yield from _attempt(operation, func, codec, attempt, at_most_once=at_most_once)
            operation.record("SUCCEED", Payload=codec.fit(codec.text))
        except Exception as error:
            if isinstance(error, ExecutionError | InvocationError) and not isinstance(error, _OWN):
                raise
            yield from _retry_or_fail(operation, error, attempt, strategy, error_class)
        else:
            return value


_OWN = (StepInterruptedError, DurableOperationError)
"""Errors that are the step's affair, although their class also ends an invocation."""


def _attempt(
    operation: Operation,
    func: Callable[..., Any],
    codec: Codec,
    attempt: int,
    *,
    at_most_once: bool,
) -> Generator[Any, Any, Any]:
    """Run the function once, when its past is recorded; write its result."""
    from durable_runtime._step_scope import LazyStepContext, StepScope

    context = operation.context
    invocation = context.invocation
    invocation.check_deadline(operation)
    past = context.line.past
    if operation.status != "STARTED":
        started = operation.record("START", outcome=False)
        if at_most_once:
            past = started
    if past > invocation.log.acknowledged:
        yield Acknowledged(past)
    scope = StepScope(operation, attempt)
    call = Call(func, (LazyStepContext(scope),), scope)
    plugins = invocation.plugins
    value = (yield call) if plugins is None else (yield from plugins.run(operation, attempt, call))
    return codec.write(value)[1]


def _raise_interrupted(operation: Operation, attempt: int) -> NoReturn:
    raise StepInterruptedError(
        f"{operation.label}: attempt {attempt} was interrupted before its result was recorded; "
        "whether its effects happened is not known",
        operation.id,
    )


def _retry_or_fail(
    operation: Operation,
    error: Exception,
    attempt: int,
    strategy: RetryStrategy | None,
    error_class: ErrorClass,
) -> Generator[Any, Any, None]:
    """Ask the strategy; record RETRY and come back when it is due, or record FAIL and raise."""
    from durable_runtime.retries import RetryPresets, decide

    delay = None
    if not isinstance(error, SerDesError | DurableUsageError | PayloadTooLargeError):
        if strategy is None and not isinstance(error, StepInterruptedError):
            strategy = RetryPresets.default()
        if strategy is not None:
            delay = decide(strategy, error, attempt, operation.label)
    if delay is None:
        operation.fail(error, error_class)
    from durable_runtime._errors import error_object

    context = operation.context
    context.warn(
        f"{operation.label} failed in attempt {attempt} with {type(error).__name__}: {error}; "
        f"next attempt in {delay} s",
    )
    yield Acknowledged(
        operation.record(
            "RETRY",
            Error=error_object(error),
            StepOptions={"NextAttemptDelaySeconds": delay},
        ),
    )
    operation.reload()
