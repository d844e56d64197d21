"""The event a durable handler gets, and the pages of its state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._clock import machine_time
from durable_local._errors import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_local._engine._execution import Execution, Operation

_TIMES = ("StartTimestamp", "EndTimestamp")
_NESTED_TIMES = ("NextAttemptTimestamp", "ScheduledEndTimestamp")
DETAILS = {
    "EXECUTION": "ExecutionDetails",
    "CONTEXT": "ContextDetails",
    "STEP": "StepDetails",
    "WAIT": "WaitDetails",
    "CALLBACK": "CallbackDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
}
"""The member that carries the details of an operation, by its type."""
_PAYLOAD_MEMBERS = ("Result", "InputPayload")
_FIXED_BYTES = 600  # of an operation without its payload [O]


def deadline(timeout: int) -> int:
    """Return when a function's timeout is over, in the machine's time: workers are killed in real time."""
    return machine_time() + timeout * 1000


def build(execution: Execution, token: str, page_bytes: int) -> bytes:
    """Return the event of the next invocation, and take everything in it as seen."""
    operations, marker = page(execution.visible_operations(), 0, rules.MAX_OPERATIONS + 1, page_bytes)
    updated = {**execution.delivered, **execution.woken}
    execution.unseen = {}
    execution.woken = {}
    execution.delivered = {}
    event = {
        "DurableExecutionArn": execution.arn,
        "CheckpointToken": token,
        "InitialExecutionState": {"Operations": [operation.data for operation in operations], "NextMarker": marker},
        "UpdatedOperationIds": list(updated),
    }
    return json.dumps(event, separators=(",", ":")).encode()


def page(
    operations: list[Operation], start: int, max_items: int, page_bytes: int, prefix: str = "s"
) -> tuple[list[Operation], str]:
    """Return the operations from `start` that fit a page, and the marker of the next page ("" at the end)."""
    taken: list[Operation] = []
    size = 0
    for operation in operations[start : start + max_items]:
        size += _size(operation.data)
        if taken and size > page_bytes:
            break
        taken.append(operation)
    following = start + len(taken)
    return taken, (f"{prefix}{following}" if following < len(operations) else "")


def _size(data: dict[str, Any]) -> int:
    size = _FIXED_BYTES
    for value in data.values():
        if isinstance(value, dict):
            size += sum(len(value[member]) for member in _PAYLOAD_MEMBERS if member in value)
            if "Error" in value:
                size += len(json.dumps(value["Error"]))
    return size


def in_seconds(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """Return operations as API replies carry them: copies, times in epoch seconds."""
    wire = []
    for operation in operations:
        data = operation.data.copy()
        for member in _TIMES:
            if member in data:
                data[member] = data[member] / 1000
        name = DETAILS[data["Type"]]
        details = data.get(name)
        if details is not None:
            details = data[name] = details.copy()
            for member in _NESTED_TIMES:
                if member in details:
                    details[member] = details[member] / 1000
        wire.append(data)
    return wire


def parse_marker(marker: str | None, prefixes: str) -> tuple[str, int]:
    """Return a marker's kind and position."""
    if not marker:
        return prefixes[0], 0
    if marker[0] not in prefixes or not marker[1:].isascii() or not marker[1:].isdecimal() or len(marker) > 16:
        raise invalid_parameter(rules.INVALID_MARKER)
    return marker[0], int(marker[1:])


def page_size(max_items: Any) -> int:
    """Return how many items a page may have."""
    if max_items is None:
        return rules.PAGE_DEFAULT
    if isinstance(max_items, bool) or not isinstance(max_items, int) or not 0 <= max_items <= rules.PAGE_MAX:
        raise invalid_parameter(f"MaxItems must be between 0 and {rules.PAGE_MAX}")
    return max_items or rules.PAGE_DEFAULT
