"""Every error of the runtime, in one tree.

::

    Exception
    └── DurableExecutionsError                 base of all that user code may catch
        ├── ValidationError                    a wrong argument, refused at the call site before any effect
        ├── InvalidStateError                  an object used at a time when it cannot work
        │   └── DurableUsageError              a rail: code that replay would turn into wrong data
        │       ├── NestedOperationError       an operation inside a step body, submitter or condition check
        │       ├── WrongContextError          an outer context used inside a branch or child context
        │       ├── ForeignThreadError         an operation from a thread that the runtime did not start
        │       └── SuspendingError            an operation in `finally` or `__exit__` while suspending
        ├── PayloadTooLargeError               a value over the service's limit, found before the call
        ├── PluginLoadError                    a plugin named in the environment could not be loaded
        ├── OrderedLockError                   kept for AWS's SDK; never raised here
        ├── SerDesError                        a value that cannot be written or read back
        ├── UnrecoverableError
        │   ├── ExecutionError                 ends the execution as FAILED, without retry
        │   └── InvocationError                raised out of the handler, so that Lambda invokes again
        │       ├── BotoClientError            the service refused or did not answer
        │       │   ├── CheckpointError
        │       │   └── GetExecutionStateError
        │       ├── RetryableSerDesError       a value store failed for the moment
        │       └── StepInterruptedError       an at-most-once attempt died before it was recorded
        └── DurableOperationError              an operation failed; the error of record
            ├── StepError
            ├── InvokeError
            ├── ChildContextError
            ├── WaitForConditionError
            ├── BatchCompletionError
            └── CallbackError
                ├── CallbackExternalError
                ├── CallbackTimeoutError
                └── CallbackSubmitterError

    BaseException                              never caught by `except Exception`
    ├── NonDeterministicExecutionError         the code and the recorded history disagree
    ├── SuspendExecution                       the signal that ends an invocation as PENDING
    │   └── TimedSuspendExecution
    ├── BackgroundThreadError                  a checkpoint failed under code that did not wait for it
    └── OrphanedChildException                 a branch whose map or parallel has already completed
"""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from typing import Any, Self

    from durable_runtime.config import CompletionReason


class TerminationReason(Enum):
    """Why an execution or an invocation ended early."""

    UNHANDLED_ERROR = "UNHANDLED_ERROR"
    INVOCATION_ERROR = "INVOCATION_ERROR"
    EXECUTION_ERROR = "EXECUTION_ERROR"
    CHECKPOINT_FAILED = "CHECKPOINT_FAILED"
    NON_DETERMINISTIC_EXECUTION = "NON_DETERMINISTIC_EXECUTION"
    STEP_INTERRUPTED = "STEP_INTERRUPTED"
    SERIALIZATION_ERROR = "SERIALIZATION_ERROR"


class DurableApiErrorCategory(Enum):
    """What a failed service call means: invoke again, or fail the execution."""

    INVOCATION = "INVOCATION"
    EXECUTION = "EXECUTION"


CheckpointErrorCategory = DurableApiErrorCategory


class DurableExecutionsError(Exception):
    """Base of all errors of the runtime that user code may catch."""


class ValidationError(DurableExecutionsError):
    """A wrong argument, refused at the call site before any side effect."""


class InvalidStateError(DurableExecutionsError):
    """An object was used at a time when it cannot work."""


class DurableUsageError(InvalidStateError):
    """Code that would run now but give wrong data on replay; retrying cannot help."""


class NestedOperationError(DurableUsageError):
    """A durable operation was called inside a step body, a submitter or a condition check."""


class WrongContextError(DurableUsageError):
    """The context of an outer scope was used inside a branch or child context."""


class ForeignThreadError(DurableUsageError):
    """A durable operation was called from a thread that the runtime did not start."""


class SuspendingError(DurableUsageError):
    """A durable operation was called while the execution is suspending."""


class PayloadTooLargeError(DurableExecutionsError):
    """A value is over the service's limit; found before the call, so it can be caught.

    Attributes:
        operation: What the value belongs to, such as ``step 'render'``.
        size: Size of the value in bytes of UTF-8.
        limit: The limit in bytes.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        size: int | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.size = size
        self.limit = limit


class PluginLoadError(DurableExecutionsError):
    """A plugin named in the environment could not be loaded."""


class OrderedLockError(DurableExecutionsError):
    """Kept so that code written for AWS's SDK imports; this runtime has no such lock."""

    def __init__(self, message: str, source_exception: Exception | None = None) -> None:
        cause = f" {type(source_exception).__name__}: {source_exception}" if source_exception else ""
        super().__init__(message + cause)
        self.source_exception = source_exception


class _RecordedError(DurableExecutionsError):
    """An error that travels through a checkpoint as an ErrorObject.

    Attributes:
        message: What happened.
        error_type: Class name of the error that escaped, fully qualified unless built in.
        data: Text that the failing side attached, if any.
        stack_trace: Lines of the recorded traceback, if any.
    """

    def __init__(
        self,
        message: str | None = None,
        error_type: str | None = None,
        data: str | None = None,
        stack_trace: list[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_type: str = error_type or f"{type(self).__module__}.{type(self).__qualname__}"
        self.data = data
        self.stack_trace = stack_trace


class SerDesError(_RecordedError):
    """A value cannot be written to a checkpoint or read back; another try cannot help."""


class DurableOperationError(_RecordedError):
    """An operation failed. The class says which kind; ``error_type`` says what escaped from it.

    Where the original class can be imported, the raised object is an instance of both: ``except StepError``
    and ``except PaymentDeclined`` both match, on the first run and on every replay.
    """

    @classmethod
    def from_error_fields(
        cls,
        error_type: str | None,
        message: str | None,
        data: str | None,
        stack_trace: list[str] | None,
    ) -> DurableOperationError:
        """Rebuild the recorded error; an unknown type gives the base class."""
        target = _REGISTRY.get(class_name(error_type) or "", DurableOperationError)
        return target(message=message, error_type=error_type, data=data, stack_trace=stack_trace)


class StepError(DurableOperationError):
    """A step failed and its retries are used up."""


class InvokeError(DurableOperationError):
    """An invoked function failed, timed out or was stopped."""


class ChildContextError(DurableOperationError):
    """A child context, map or parallel failed."""


class WaitForConditionError(DurableOperationError):
    """A condition was not met in the allowed attempts, or its check failed."""


class CallbackError(DurableOperationError):
    """A callback failed; the subclasses say how."""


class CallbackExternalError(CallbackError):
    """The external system reported a failure."""


class CallbackTimeoutError(CallbackError):
    """Nobody completed the callback in time, or its heartbeat stopped."""


class CallbackSubmitterError(CallbackError):
    """The step that hands out the callback id failed."""


class BatchCompletionError(DurableOperationError):
    """A map or parallel completed as failed by decision of its ``should_complete``."""

    def __init__(
        self,
        completion_reason: CompletionReason | None = None,
        message: str | None = None,
        error_type: str | None = None,
        data: str | None = None,
        stack_trace: list[str] | None = None,
    ) -> None:
        if completion_reason is None:
            from durable_runtime.config import CompletionReason

            completion_reason = CompletionReason.CUSTOM_COMPLETION_FAILED
        text = message or f"Batch completed as failed by should_complete ({completion_reason.value})"
        super().__init__(text, error_type, data, stack_trace)
        self.completion_reason = completion_reason

    def __getattr__(self, name: str) -> Any:
        """Answer for an instance that was restored from a record: there is only one reason to fail for."""
        if name != "completion_reason":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        from durable_runtime.config import CompletionReason

        return CompletionReason.CUSTOM_COMPLETION_FAILED


class UnrecoverableError(DurableExecutionsError):
    """Base of the errors that end the invocation.

    Attributes:
        termination_reason: Why it ends; each class has its own.
    """

    termination_reason = TerminationReason.UNHANDLED_ERROR

    def __init__(self, message: str, termination_reason: TerminationReason | None = None) -> None:
        super().__init__(message)
        if termination_reason is not None:
            self.termination_reason = termination_reason


class ExecutionError(UnrecoverableError):
    """Ends the execution as FAILED, without retry."""

    termination_reason = TerminationReason.EXECUTION_ERROR


class InvocationError(UnrecoverableError):
    """Raised out of the handler, so that Lambda invokes the execution again."""

    termination_reason = TerminationReason.INVOCATION_ERROR

    def is_retryable(self) -> bool:
        """Say whether another invocation can help."""
        return True


class StepInterruptedError(InvocationError):
    """An attempt of an at-most-once step died before its result was recorded.

    The retry strategy gets it as it is. Without a further attempt the step fails with an error that is a StepError
    and a StepInterruptedError: ``except StepInterruptedError`` is the place to find out what the attempt did.

    Attributes:
        step_id: Id of the step.
    """

    termination_reason = TerminationReason.STEP_INTERRUPTED
    step_id: str | None = None

    def __init__(self, message: str, step_id: str | None = None) -> None:
        super().__init__(message)
        self.step_id = step_id


class RetryableSerDesError(InvocationError):
    """A value store failed for the moment; the invocation is retried, user code does not see it."""

    termination_reason = TerminationReason.SERIALIZATION_ERROR


class BotoClientError(InvocationError):
    """A call to the durable execution service failed.

    Attributes:
        error_category: ``INVOCATION`` when another invocation may help, else ``EXECUTION``.
        error: ``{"Code", "Message"}`` of the reply, if there was one.
        response_metadata: ``{"HTTPStatusCode", ...}`` of the reply, if there was one.
    """

    def __init__(
        self,
        message: str,
        error_category: DurableApiErrorCategory = DurableApiErrorCategory.INVOCATION,
        error: Mapping[str, Any] | None = None,
        response_metadata: Mapping[str, Any] | None = None,
        termination_reason: TerminationReason | None = None,
    ) -> None:
        super().__init__(message, termination_reason)
        self.error_category = error_category
        self.error = error
        self.response_metadata = response_metadata

    @classmethod
    def from_exception(cls, exception: Exception) -> Self:
        """Wrap a failed call: a ServiceError of ours, or an exception of botocore."""
        from durable_runtime._service import classify, error_fields

        status, code, message = error_fields(exception)
        return cls(
            message=str(exception),
            error_category=classify(status, code, message),
            error={"Code": code, "Message": message} if code or message else None,
            response_metadata={"HTTPStatusCode": status} if status else None,
        )

    def is_retryable(self) -> bool:
        """Say whether another invocation can help."""
        return self.error_category is DurableApiErrorCategory.INVOCATION

    is_retriable = is_retryable

    def build_logger_extras(self) -> dict[str, Any]:
        """Return the reply's parts for a log record."""
        parts = {"Error": self.error, "ResponseMetadata": self.response_metadata}
        return {key: part for key, part in parts.items() if part}


class CheckpointError(BotoClientError):
    """A checkpoint was refused or not answered."""

    termination_reason = TerminationReason.CHECKPOINT_FAILED


class GetExecutionStateError(BotoClientError):
    """The history could not be read."""


class NonDeterministicExecutionError(BaseException):
    """The code and the recorded history disagree; the execution ends as FAILED.

    It derives from BaseException: a workflow that caught it and went on would write over a history
    that belongs to other code.
    """

    termination_reason = TerminationReason.NON_DETERMINISTIC_EXECUTION

    def __init__(self, message: str, step_id: str | None = None) -> None:
        super().__init__(message)
        self.step_id = step_id


class SuspendExecution(BaseException):
    """The signal that ends an invocation as PENDING. It is not an error: do not catch it."""

    parked: frozenset[str] = frozenset()  # ids of the operations that are waited for

    def __init__(self, message: str = "") -> None:
        super().__init__(message)

    def __str__(self) -> str:
        """Teach whoever sees this in a log or a debugger."""
        reason = super().__str__()
        return (
            f"{reason}{': ' if reason else ''}the execution suspends here and continues in a later invocation. "
            "This is not an error. If you see it in your own code, you catch too much: replace `except:` "
            "or `except BaseException:` with `except Exception:`."
        )


class TimedSuspendExecution(SuspendExecution):
    """Suspend until a moment.

    Attributes:
        scheduled_timestamp: Seconds since the epoch.
    """

    def __init__(self, message: str, scheduled_timestamp: float) -> None:
        super().__init__(message)
        self.scheduled_timestamp = scheduled_timestamp

    @classmethod
    def from_delay(cls, message: str, delay_seconds: float) -> Self:
        """Suspend for a number of seconds from now."""
        import time

        return cls(message, time.time() + delay_seconds)

    @classmethod
    def from_datetime(cls, message: str, datetime_timestamp: dt.datetime) -> Self:
        """Suspend until a datetime."""
        return cls(message, datetime_timestamp.timestamp())


class BackgroundThreadError(BaseException):
    """A checkpoint failed under code that did not wait for it; the invocation ends."""

    def __init__(self, message: str, source_exception: BaseException) -> None:
        super().__init__(message)
        self.source_exception = source_exception


class OrphanedChildException(BaseException):
    """Stops a branch whose map or parallel has already completed."""

    def __init__(self, message: str, operation_id: str) -> None:
        super().__init__(message)
        self.operation_id = operation_id


def register_operation_error(error_cls: type[DurableOperationError]) -> None:
    """Let a recorded ``error_type`` come back as a class of your own.

    The class must accept the four keywords message, error_type, data and stack_trace.
    """
    _REGISTRY[f"{error_cls.__module__}.{error_cls.__qualname__}"] = error_cls


def class_name(error_type: str | None) -> str | None:
    """Map the names that AWS's SDK records onto ours, so that its running executions can move over."""
    module, _, name = (error_type or "").rpartition(".")
    return f"{__name__}.{name}" if module.startswith("aws_durable_execution_sdk_python.") else error_type


_REGISTRY: dict[str, type[DurableOperationError]] = {
    f"{cls.__module__}.{cls.__qualname__}": cls
    for cls in (
        StepError,
        InvokeError,
        ChildContextError,
        WaitForConditionError,
        BatchCompletionError,
        CallbackError,
        CallbackExternalError,
        CallbackTimeoutError,
        CallbackSubmitterError,
    )
}
