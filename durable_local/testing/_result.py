"""What a run left behind: status, result, operations, events, invocations. Built from the history alone.

The history is the wire's own (`GetDurableExecutionHistory` with execution data), so a result reads the same
whether the execution ran in this process, on the local service or on AWS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from durable_local.testing._faults import Fault

CLOSED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"})

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


class TestResult:
    """An execution, finished or as far as it got."""

    __test__ = False

    def __init__(
        self,
        execution: Mapping[str, Any],
        events: Sequence[Mapping[str, Any]],
        *,
        logs: Sequence[str] = (),
        meter: Mapping[str, Any] | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        self.arn: str = execution["DurableExecutionArn"]
        self.name: str = execution["DurableExecutionName"]
        self.status: str = execution["Status"]
        self.execution = execution
        """The reply of `GetDurableExecution`."""
        self.events = list(events)
        """The history, oldest first, in the wire's shape."""
        self.logs = list(logs)
        """What the handler printed, line by line (in process: what it logged)."""
        self.meter = dict(meter or {})
        """Operations, bytes and the estimated cost, when the service meters."""
        self.faults = tuple(faults)
        """The injected faults that struck."""
        self.error = ExecutionFailure.of(execution.get("Error"))

    @cached_property
    def operations(self) -> list[TestOperation]:
        """All operations in the order they started."""
        return operations_of(self.events)

    @cached_property
    def invocations(self) -> list[TestInvocation]:
        """The runs of the handler."""
        return invocations_of(self.events)

    @property
    def result(self) -> Any:
        """Return what the workflow returned; None unless it succeeded."""
        return decoded(self.execution.get("Result"))

    @property
    def started(self) -> datetime:
        """Return when the execution started."""
        return instant(self.execution["StartTimestamp"])

    @property
    def duration(self) -> timedelta | None:
        """Return how long the execution took by its own clock; None while it is open."""
        ended = self.execution.get("EndTimestamp")
        return None if ended is None else instant(ended) - self.started

    @property
    def closed(self) -> bool:
        """Return whether the execution has ended."""
        return self.status in CLOSED

    def operation(self, name: str) -> TestOperation:
        """Return the one operation of this name."""
        found = self.operations_named(name)
        if len(found) == 1:
            return found[0]
        names = ", ".join(dict.fromkeys(f"{op.name!r}" for op in self.operations if op.name)) or "none has a name"
        problem = f"There are {len(found)} operations" if found else "There is no operation"
        raise LookupError(f"{problem} named {name!r} in execution {self.name}. Its operations: {names}.")

    def operations_named(self, name: str) -> list[TestOperation]:
        """Return all operations of this name, in the order they started."""
        return [operation for operation in self.operations if operation.name == name]

    def open_callbacks(self) -> list[TestOperation]:
        """Return the callbacks that wait for an answer."""
        return [op for op in self.operations if op.type == "CALLBACK" and op.open]

    def assert_succeeded(self) -> TestResult:
        """Raise an AssertionError with the timeline unless the execution succeeded; return this result."""
        return self.assert_status("SUCCEEDED")

    def assert_status(self, status: str) -> TestResult:
        """Raise an AssertionError with the timeline unless the execution has this status; return this result."""
        if self.status != status:
            raise AssertionError(f"The execution is {self.status}, not {status}.\n{self.timeline()}")
        return self

    def timeline(self) -> str:
        """Return the execution as text: what happened when, as a tree."""
        from durable_local.testing._timeline import render

        return render(self)

    def history(self) -> dict[str, Any]:
        """Return the execution as a JSON document that `replay` and `durable replay` read."""
        return {"DurableExecution": plain(self.execution), "Events": plain(self.events)}

    def __repr__(self) -> str:
        return f"<TestResult {self.name} {self.status}>"


def plain(value: Any) -> Any:
    """Return a value with its datetimes as epoch seconds, ready for JSON."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value


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
