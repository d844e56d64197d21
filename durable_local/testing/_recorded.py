"""A recorded execution: read from what the API returns, turned back into the operations a handler is given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_local.testing._operations import TestOperation, instant, operations_of
from durable_local.testing._result import TestResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DETAILS = {
    "STEP": "StepDetails",
    "CONTEXT": "ContextDetails",
    "WAIT": "WaitDetails",
    "CALLBACK": "CallbackDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
}
_CLOSING = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionStopped": "STOPPED",
}
_EXAMPLE_ARN = (
    "arn:aws:lambda:us-east-1:123456789012:function:recorded:$LATEST/durable-execution/recorded/"
    "00000000-0000-0000-0000-000000000000"
)


class HistoryError(ValueError):
    """The document is no recorded execution that can be replayed; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded execution."""

    arn: str
    name: str
    status: str
    """The execution's status, or RUNNING when the record does not tell."""
    operations: list[dict[str, Any]]
    """As an invocation's event carries them: the EXECUTION operation first, times in epoch milliseconds."""
    result: str | None = None
    """What the execution returned, as text, when it succeeded and the record tells."""


def read_recorded(document: Any) -> Recorded:
    """Read a recorded execution.

    Args:
        document: The reply of `get_durable_execution_history` (with `IncludeExecutionData=True`), its list of
            events, the reply of `get_durable_execution_state`, a `TestResult`, or a document with `Events` and
            `DurableExecution` (the reply of `get_durable_execution`), as `TestResult.history` returns it.
    """
    if isinstance(document, TestResult):
        document = document.history()
    if isinstance(document, (str, bytes)):
        try:
            document = json.loads(document)
        except ValueError as error:
            raise HistoryError(f"The history is not JSON: {error}.") from error
    if isinstance(document, list):
        document = {"Events": document}
    if not isinstance(document, dict):
        raise HistoryError(f"A history is a JSON object or a list of events, not {type(document).__name__}.")
    try:
        if document.get("Events"):
            return _from_events(document["Events"], document.get("DurableExecution") or {})
        if document.get("Operations"):
            return _from_state(document["Operations"], document.get("DurableExecution") or {})
    except (AttributeError, KeyError, TypeError) as error:
        raise HistoryError(f"The history is malformed: {error!r}.") from error
    raise HistoryError(
        "The document has neither `Events` nor `Operations`: export it with `get_durable_execution_history` and "
        "IncludeExecutionData=True, or with `get_durable_execution_state`."
    )


def _from_events(events: Sequence[Mapping[str, Any]], execution: Mapping[str, Any]) -> Recorded:
    if "NextMarker" in execution:
        raise HistoryError("The history is only its first page: read the other pages as well.")
    _refuse_truncated(events)
    ordered = sorted(events, key=lambda event: int(event["EventId"]))
    started = next((event for event in ordered if event["EventType"] == "ExecutionStarted"), None)
    if started is None:
        raise HistoryError("The history has no ExecutionStarted event: its first page is missing.")
    closing = next((event for event in reversed(ordered) if event["EventType"] in _CLOSING), None)
    status = execution.get("Status") or (_CLOSING[closing["EventType"]] if closing else "RUNNING")
    result = execution.get("Result")
    if result is None and closing is not None and closing["EventType"] == "ExecutionSucceeded":
        result = closing["ExecutionSucceededDetails"]["Result"].get("Payload")
    first = {
        "Id": started.get("Id") or "recorded",
        "Type": "EXECUTION",
        "Status": "STARTED",
        "Name": started.get("Name"),
        "StartTimestamp": _milliseconds(started["EventTimestamp"]),
        "ExecutionDetails": {"InputPayload": started["ExecutionStartedDetails"]["Input"].get("Payload", "")},
    }
    operations = [first, *map(_raw, operations_of(ordered))]
    name = execution.get("DurableExecutionName") or started.get("Name") or "recorded"
    return Recorded(execution.get("DurableExecutionArn", _EXAMPLE_ARN), name, status, operations, result)


def _refuse_truncated(events: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a history that was read without its payloads: replaying it would give wrong values."""
    for event in events:
        for member in (event.get(f"{event['EventType']}Details") or {}).values():
            if isinstance(member, dict) and member.get("Truncated"):
                raise HistoryError(
                    f"Event {event['EventId']} ({event['EventType']}) has no payload: export the history again with "
                    "IncludeExecutionData=True."
                )


def _from_state(operations: Sequence[Mapping[str, Any]], execution: Mapping[str, Any]) -> Recorded:
    raw = [_with_milliseconds(operation) for operation in operations]
    first = next((operation for operation in raw if operation["Type"] == "EXECUTION"), None)
    if first is None:
        raise HistoryError("The state has no EXECUTION operation: its first page is missing.")
    name = execution.get("DurableExecutionName") or first.get("Name") or "recorded"
    status = execution.get("Status") or "RUNNING"
    arn = execution.get("DurableExecutionArn", _EXAMPLE_ARN)
    return Recorded(arn, name, status, raw, execution.get("Result"))


def _milliseconds(value: Any) -> int:
    if isinstance(value, (int, float)) and value > 99_999_999_999:
        return int(value)
    return round(instant(value).timestamp() * 1000)


def _with_milliseconds(operation: Mapping[str, Any]) -> dict[str, Any]:
    raw = dict(operation)
    for member in ("StartTimestamp", "EndTimestamp"):
        if raw.get(member) is not None:
            raw[member] = _milliseconds(raw[member])
    for details, member in (("StepDetails", "NextAttemptTimestamp"), ("WaitDetails", "ScheduledEndTimestamp")):
        if (raw.get(details) or {}).get(member) is not None:
            raw[details] = {**raw[details], member: _milliseconds(raw[details][member])}
    return raw


def _raw(operation: TestOperation) -> dict[str, Any]:
    """Return an operation as an invocation's event carries it."""
    details: dict[str, Any] = {}
    if operation.payload is not None:
        details["Result"] = operation.payload
    if operation.error is not None:
        details["Error"] = _error_object(operation)
    if operation.type == "STEP":
        details["Attempt"] = operation.attempts
        if operation.next_attempt is not None and operation.status == "PENDING":
            details["NextAttemptTimestamp"] = _milliseconds(operation.next_attempt)
    elif operation.type == "WAIT" and operation.scheduled_end is not None:
        details = {"ScheduledEndTimestamp": _milliseconds(operation.scheduled_end)}
    elif operation.type == "CALLBACK":
        details["CallbackId"] = operation.callback_id
    elif operation.type == "CONTEXT" and _replays_children(operation):
        details["ReplayChildren"] = True
    raw: dict[str, Any] = {
        "Id": operation.id,
        "Type": operation.type,
        "Status": operation.status,
        "StartTimestamp": _milliseconds(operation.started),
        _DETAILS[operation.type]: details,
    }
    optional = {"ParentId": operation.parent_id, "Name": operation.name, "SubType": operation.sub_type}
    raw |= {member: value for member, value in optional.items() if value is not None}
    if operation.ended is not None:
        raw["EndTimestamp"] = _milliseconds(operation.ended)
    return raw


def _replays_children(operation: TestOperation) -> bool:
    """Say whether a finished context's result was left out because it was too large.

    Events do not carry `ReplayChildren`. Such a context has children and either no payload at all, which JSON
    cannot be, or the short record that stands for the result of a map or parallel.
    """
    if operation.status != "SUCCEEDED" or not operation.children:
        return False
    if not operation.payload:
        return True
    record = operation.result
    return isinstance(record, dict) and record.get("type") in {"MapResult", "ParallelResult"}


def _error_object(operation: TestOperation) -> dict[str, Any]:
    error = operation.error
    assert error is not None  # noqa: S101  the caller checked
    members = {
        "ErrorType": error.error_type,
        "ErrorMessage": error.message,
        "ErrorData": error.data,
        "StackTrace": list(error.stack_trace) or None,
    }
    return {name: value for name, value in members.items() if value is not None}
