"""What user functions are handed, and what they hand back."""

from __future__ import annotations

from durable_runtime._record import C_co, C_contra, Generic, Protocol, Record, T

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from durable_runtime.context import DurableContext as DurableContext  # noqa: PLC0414  the public place


class LoggerInterface(Protocol):
    """The least that a logger given to `set_logger` must have."""

    def debug(self, msg: object, *args: object, extra: Mapping[str, object] | None = None) -> None:
        """Log at DEBUG."""

    def info(self, msg: object, *args: object, extra: Mapping[str, object] | None = None) -> None:
        """Log at INFO."""

    def warning(self, msg: object, *args: object, extra: Mapping[str, object] | None = None) -> None:
        """Log at WARNING."""

    def error(self, msg: object, *args: object, extra: Mapping[str, object] | None = None) -> None:
        """Log at ERROR."""

    def exception(self, msg: object, *args: object, extra: Mapping[str, object] | None = None) -> None:
        """Log at ERROR with the current exception."""


class OperationContext:
    """Handed to functions that run inside an operation. It has no operations of its own, on purpose."""

    __slots__ = ("logger",)

    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def __repr__(self) -> str:
        values = (f"{name}={getattr(self, name)!r}" for name in ("attempt",) if hasattr(self, name))
        return f"{type(self).__name__}({', '.join(values)})"


class StepContext(OperationContext):
    """Handed to step functions.

    Attributes:
        logger: Logs with the operation's fields.
        attempt: This attempt's number, counted from 1.
    """

    __slots__ = ("attempt",)

    def __init__(self, logger: Any, attempt: int) -> None:
        self.logger = logger
        self.attempt = attempt


class WaitForCallbackContext(OperationContext):
    """Handed to the submitter of `wait_for_callback`."""

    __slots__ = ()


class WaitForConditionCheckContext(OperationContext):
    """Handed to the check of `wait_for_condition`.

    Attributes:
        logger: Logs with the operation's fields.
        attempt: This check's number, counted from 1.
    """

    __slots__ = ("attempt",)

    def __init__(self, logger: Any, attempt: int) -> None:
        self.logger = logger
        self.attempt = attempt


class Callback(Protocol, Generic[C_co]):
    """A callback that was created and may not have been completed."""

    callback_id: str

    def result(self) -> C_co | None:
        """Return the result; suspend until there is one."""


class BatchResult(Protocol, Generic[T]):
    """The outcome of a map or parallel; the class itself is ``durable_runtime.BatchResult``."""

    def get_results(self) -> list[T]:
        """Return the results of the branches that succeeded."""


class SummaryGenerator(Protocol, Generic[C_contra]):
    """Makes the text that is recorded in place of a large result."""

    def __call__(self, result: C_contra, /) -> str:
        """Return the text."""


class LambdaContext(Protocol):
    """The context object that Lambda hands to a handler."""

    aws_request_id: str
    log_group_name: str | None = None
    log_stream_name: str | None = None
    function_name: str | None = None
    memory_limit_in_mb: str | None = None
    function_version: str | None = None
    invoked_function_arn: str | None = None
    tenant_id: str | None = None
    client_context: Any | None = None
    identity: Any | None = None

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda stops the invocation."""

    def log(self, msg: str) -> None:
        """Write to the log stream."""


class DurableExecutionArn(Record):
    """The parts of an execution's ARN that name it.

    ``arn:<partition>:lambda:<region>:<account>:function:<function>:<version>/durable-execution/<name>/<id>``
    """

    function_name: str
    execution_name: str
    invocation_id: str

    @classmethod
    def from_arn(cls, arn: str) -> DurableExecutionArn | None:
        """Parse an ARN; None if it is not an execution's."""
        resource, *rest = arn.split("/")
        parts = resource.split(":")
        if len(parts) != 8 or (parts[0], parts[2], parts[5]) != ("arn", "lambda", "function"):
            return None
        if len(rest) != 3 or rest[0] != "durable-execution" or not all((parts[6], parts[7], *rest)):
            return None
        return cls(parts[6], rest[1], rest[2])


def __getattr__(name: str) -> Any:
    if name == "DurableContext":
        from durable_runtime.context import DurableContext

        return DurableContext
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
