"""``wait_for_callback``: create a callback, hand its id to somebody, wait for the answer."""

from __future__ import annotations

from durable_runtime._codec import Codec, PlainCodec
from durable_runtime._operations.base import Operation
from durable_runtime._operations.callback import callback_result, create_callback
from durable_runtime._operations.step import step
from durable_runtime.exceptions import (
    CallbackError,
    CallbackExternalError,
    CallbackSubmitterError,
    CallbackTimeoutError,
    StepError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from durable_runtime._context_base import ContextBase
    from durable_runtime.config import CallbackConfig, RetryStrategy


class Submission:
    """A submitter with its callback id, in the shape of a step function."""

    __slots__ = ("callback_id", "func")

    def __init__(self, func: Callable[..., Any], callback_id: str) -> None:
        self.func = func
        self.callback_id = callback_id

    def __call__(self, step_context: Any) -> Any:
        """Hand out the callback id."""
        from durable_runtime._step_scope import LazySubmitterContext

        return self.func(self.callback_id, LazySubmitterContext(step_context.scope))


class _NoResult(Codec):
    """Keeps nothing: what a submitter returns is nobody's business, and need not be writable."""

    __slots__ = ()

    def write(self, _value: Any) -> tuple[str | None, Any]:
        self.text = "null"
        return self.text, None

    def read(self, _text: str | None) -> Any:
        return None


def failure_class(record: dict[str, Any]) -> type[CallbackError]:
    """Choose the class of a failed wait_for_callback by what its context recorded."""
    kind = record.get("ErrorType") or ""
    if kind.endswith("CallbackSubmitterError"):
        return CallbackSubmitterError
    return CallbackTimeoutError if kind.startswith("Callback.") else CallbackExternalError


def wait_for_callback(
    context: ContextBase,
    submitter: Callable[..., Any],
    name: str | None,
    config: CallbackConfig,
    *,
    strategy: RetryStrategy | None,
    annotation: Any,
) -> Generator[Any, Any, Any]:
    """Create the callback, run the submitter as a step, return the callback's result."""
    prefix = f"{name} " if name else ""
    callback = Operation(context, context.next_id(), "CALLBACK", "Callback", f"{prefix}create callback id")
    timeouts = {
        "TimeoutSeconds": config.timeout_seconds,
        "HeartbeatTimeoutSeconds": config.heartbeat_timeout_seconds,
    }
    callback_id = yield from create_callback(callback, timeouts)
    submission = Operation(context, context.next_id(), "STEP", "Step", f"{prefix}submitter")
    try:
        yield from step(
            submission,
            Submission(submitter, callback_id),
            _NoResult(submission, None),
            strategy,
            at_most_once=False,
        )
    except StepError as error:
        # Recorded under this name, so that the context's failure can be told from the external system's.
        raise CallbackSubmitterError(error.message, None, error.data, error.stack_trace) from error
    codec = None if config.serdes is None and annotation is None else PlainCodec(callback, config.serdes, annotation)
    try:
        return (yield from callback_result(callback, codec))
    except CallbackTimeoutError as error:
        if error.error_type.startswith("Callback."):
            raise
        raise CallbackTimeoutError(error.message, "Callback.Timeout", error.data, error.stack_trace) from error
