"""Operations and invocations of an execution, folded from its history."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TYPES = {
    "Context": "CONTEXT",
    "Wait": "WAIT",
    "Step": "STEP",
    "ChainedInvoke": "CHAINED_INVOKE",
    "Callback": "CALLBACK",
}
_ENDINGS = {
    "Started": "STARTED",
    "Succeeded": "SUCCEEDED",
    "Failed": "FAILED",
    "TimedOut": "TIMED_OUT",
    "Stopped": "STOPPED",
    "Cancelled": "CANCELLED",
}


def instant(value: Any) -> datetime:
    """Read a timestamp in any of the forms it travels in: datetime, epoch seconds or ISO text."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return datetime.fromtimestamp(value, UTC)


def decoded(text: str | None) -> Any:
    """Return the value of a payload: JSON when it is JSON, the text itself otherwise."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class ExecutionFailure:
    """The error an execution or an operation ended with."""

    error_type: str | None
    message: str | None
    data: str | None = None
    stack_trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.error_type or 'Error'}: {self.message or ''}"

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> ExecutionFailure | None:
        """Read the wire's ErrorObject; None stays None."""
        if document is None:
            return None
        return cls(
            document.get("ErrorType"),
            document.get("ErrorMessage"),
            document.get("ErrorData"),
            tuple(document.get("StackTrace") or ()),
        )


@dataclass(slots=True)
class TestOperation:
    """One operation of an execution, as its events describe it."""

    __test__ = False  # pytest: this is no test class

    id: str
    type: str
    """STEP, WAIT, CALLBACK, CHAINED_INVOKE or CONTEXT."""
    sub_type: str | None
    name: str | None
    parent_id: str | None
    started: datetime
    status: str = "STARTED"
    payload: str | None = None
    """The recorded result as text; `result` is its value."""
    error: ExecutionFailure | None = None
    ended: datetime | None = None
    attempts: int = 0
    """How often a step ran, or a condition was checked."""
    callback_id: str | None = None
    scheduled_end: datetime | None = None
    next_attempt: datetime | None = None
    """When a step that waits for its next attempt may run again."""
    child_arn: str | None = None
    """The ARN of the execution that a chained invoke started."""
    children: list[TestOperation] = field(default_factory=list)

    @property
    def result(self) -> Any:
        """Return the recorded result: JSON decoded, or the text when it is not JSON."""
        return decoded(self.payload)

    @property
    def duration(self) -> timedelta | None:
        """Return how long it took by the execution's clock; None while it is open."""
        return None if self.ended is None else self.ended - self.started

    @property
    def open(self) -> bool:
        """Return whether the operation has not ended."""
        return self.ended is None


@dataclass(frozen=True, slots=True)
class TestInvocation:
    """One run of the handler."""

    __test__ = False

    request_id: str
    started: datetime
    ended: datetime
    error: ExecutionFailure | None = None


def operations_of(events: Iterable[Mapping[str, Any]]) -> list[TestOperation]:
    """Fold a history into its operations."""
    operations: dict[str, TestOperation] = {}
    for event in events:
        kind = event["EventType"]
        prefix = next((name for name in _TYPES if kind.startswith(name)), None)
        if prefix is None:
            continue
        operation = operations.get(event["Id"])
        if operation is None:
            operation = operations[event["Id"]] = TestOperation(
                event["Id"],
                _TYPES[prefix],
                event.get("SubType"),
                event.get("Name"),
                event.get("ParentId"),
                instant(event["EventTimestamp"]),
            )
        _apply(operation, kind.removeprefix(prefix), event, event.get(f"{kind}Details") or {})
    for operation in operations.values():
        if operation.parent_id in operations:
            operations[operation.parent_id].children.append(operation)
    return list(operations.values())


def _apply(operation: TestOperation, ending: str, event: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    """Apply one event to its operation."""
    if ending == "Started":
        operation.status = "STARTED"
        operation.callback_id = details.get("CallbackId", operation.callback_id)
        operation.child_arn = details.get("DurableExecutionArn", operation.child_arn)
        if "ScheduledEndTimestamp" in details:
            operation.scheduled_end = instant(details["ScheduledEndTimestamp"])
        return
    retry = details.get("RetryDetails") or {}
    operation.attempts = retry.get("CurrentAttempt") or operation.attempts
    if details.get("Result") is not None:
        operation.payload = details["Result"].get("Payload")
        operation.error = None
    if details.get("Error") is not None:
        operation.error = ExecutionFailure.of(details["Error"].get("Payload") or {})
    if retry.get("NextAttemptDelaySeconds"):
        operation.status = "PENDING"
        delay = timedelta(seconds=retry["NextAttemptDelaySeconds"])
        operation.next_attempt = instant(event["EventTimestamp"]) + delay
        return
    operation.status = _ENDINGS[ending]
    operation.ended = instant(event["EventTimestamp"])
    if operation.status == "SUCCEEDED":
        operation.error = None  # what an earlier attempt failed with


def invocations_of(events: Iterable[Mapping[str, Any]]) -> list[TestInvocation]:
    """Return the invocations a history names."""
    found = []
    for event in events:
        if event["EventType"] == "InvocationCompleted":
            details = event["InvocationCompletedDetails"]
            error = (details.get("Error") or {}).get("Payload")
            found.append(
                TestInvocation(
                    details["RequestId"],
                    instant(details["StartTimestamp"]),
                    instant(details["EndTimestamp"]),
                    ExecutionFailure.of(error),
                )
            )
    return found
