"""The words of the wire: types, actions and statuses of operations, and the ErrorObject."""

from __future__ import annotations

from enum import Enum, StrEnum

from durable_runtime._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping
    from typing import Any, NoReturn

    from durable_runtime.exceptions import DurableOperationError


class OperationAction(Enum):
    """What an update does to an operation."""

    START = "START"
    SUCCEED = "SUCCEED"
    FAIL = "FAIL"
    RETRY = "RETRY"
    CANCEL = "CANCEL"


class OperationStatus(Enum):
    """Where an operation stands."""

    STARTED = "STARTED"
    PENDING = "PENDING"
    READY = "READY"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    STOPPED = "STOPPED"


class OperationType(Enum):
    """What kind of operation it is."""

    EXECUTION = "EXECUTION"
    CONTEXT = "CONTEXT"
    STEP = "STEP"
    WAIT = "WAIT"
    CALLBACK = "CALLBACK"
    CHAINED_INVOKE = "CHAINED_INVOKE"


class OperationSubType(StrEnum):
    """The labels that the runtime gives its own operations."""

    STEP = "Step"
    WAIT = "Wait"
    CALLBACK = "Callback"
    RUN_IN_CHILD_CONTEXT = "RunInChildContext"
    MAP = "Map"
    MAP_ITERATION = "MapIteration"
    PARALLEL = "Parallel"
    PARALLEL_BRANCH = "ParallelBranch"
    WAIT_FOR_CALLBACK = "WaitForCallback"
    WAIT_FOR_CONDITION = "WaitForCondition"
    CHAINED_INVOKE = "ChainedInvoke"


class CallbackTimeoutType(Enum):
    """Error types of a callback that nobody completed."""

    TIMEOUT = "Callback.Timeout"
    HEARTBEAT = "Callback.Heartbeat"


class InvocationStatus(Enum):
    """How an invocation ended. RETRY never leaves the process: the handler raises instead."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    PENDING = "PENDING"
    RETRY = "RETRY"


class ErrorObject(Record):
    """An error as the wire carries it."""

    message: str | None
    type: str | None
    data: str | None
    stack_trace: list[str] | None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ErrorObject:
        """Read the wire's members."""
        return cls(data.get("ErrorMessage"), data.get("ErrorType"), data.get("ErrorData"), data.get("StackTrace"))

    @classmethod
    def from_exception(cls, exception: BaseException) -> ErrorObject:
        """Describe an exception, bounded in size."""
        from durable_runtime._errors import error_object

        return cls.from_dict(error_object(exception))

    @classmethod
    def from_message(cls, message: str) -> ErrorObject:
        """Make an error that is a text only."""
        return cls(message, None, None, None)

    def to_dict(self) -> dict[str, Any]:
        """Return the wire's members; absent ones are left out."""
        members = {
            "ErrorMessage": self.message,
            "ErrorType": self.type,
            "ErrorData": self.data,
            "StackTrace": self.stack_trace,
        }
        return {key: value for key, value in members.items() if value is not None}

    def to_durable_operation_error(self) -> DurableOperationError:
        """Return the recorded error as an exception."""
        from durable_runtime.exceptions import DurableOperationError

        return DurableOperationError.from_error_fields(self.type, self.message, self.data, self.stack_trace)

    def raise_as_operation_error(self, operation_error_cls: builtins.type[DurableOperationError]) -> NoReturn:
        """Raise it as the error of an operation."""
        from durable_runtime._restored import restore_error

        raise restore_error(self.to_dict(), operation_error_cls)


class DurableExecutionInvocationOutput(Record):
    """What a durable handler returns."""

    status: InvocationStatus
    result: str | None = None
    error: ErrorObject | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DurableExecutionInvocationOutput:
        """Read the wire's members."""
        error = ErrorObject.from_dict(data["Error"]) if data.get("Error") else None
        return cls(InvocationStatus(data.get("Status")), data.get("Result"), error)

    def to_dict(self) -> dict[str, Any]:
        """Return the wire's members; absent ones are left out."""
        members: dict[str, Any] = {"Status": self.status.value}
        if self.result is not None:
            members["Result"] = self.result
        if self.error:
            members["Error"] = self.error.to_dict()
        return members

    @classmethod
    def create_succeeded(cls, result: str) -> DurableExecutionInvocationOutput:
        """Make a success."""
        return cls(InvocationStatus.SUCCEEDED, result=result)

    @classmethod
    def create_retry(cls, error: ErrorObject) -> DurableExecutionInvocationOutput:
        """Make an outcome that asks for another invocation."""
        return cls(InvocationStatus.RETRY, error=error)

    @classmethod
    def create_pending(cls) -> DurableExecutionInvocationOutput:
        """Make a suspension."""
        return cls(InvocationStatus.PENDING)
