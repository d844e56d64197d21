"""What the service has recorded of this execution: raw operations by id, converted only when asked for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    RawOperation = dict[str, Any]

SUCCEEDED = "SUCCEEDED"
OPEN_STATUSES = frozenset({"STARTED", "PENDING", "READY"})
STATUSES = OPEN_STATUSES | {SUCCEEDED, "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"}

CREATED = "+"
"""Before the id of the operation that user code saw last: it saw the beginning, and not yet the end."""

PATCH_SUB_TYPE = "Patch"
CONTINUATION_SUB_TYPE = "Continuation"
_UNPOSITIONED = frozenset({PATCH_SUB_TYPE, CONTINUATION_SUB_TYPE})

_DETAILS = {
    "STEP": "StepDetails",
    "CONTEXT": "ContextDetails",
    "WAIT": "WaitDetails",
    "CALLBACK": "CallbackDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
    "EXECUTION": "ExecutionDetails",
}

_TEXT = str | None
_MEMBERS: dict[str, Any] = dict.fromkeys(
    ("CallbackId", "ErrorData", "ErrorMessage", "ErrorType", "InputPayload", "Result"),
    _TEXT,
) | {"Attempt": int, "Error": dict | None, "StackTrace": list | None}


class History:
    """The operations of one execution.

    Attributes:
        operations: Raw operation by id, as the service sent it last.
        recorded: Ids that were there when this invocation began: code that meets them replays.
        visited: Ids that the code has called in this invocation.
        finished_contexts: Ids of contexts whose body ran to its end in this invocation (None: the handler).
    """

    def __init__(self) -> None:
        self.operations: dict[str, RawOperation] = {}
        self.recorded: frozenset[str] = frozenset()
        self.visited: set[str] = set()
        self.finished_contexts: set[str | None] = set()

    def merge(self, operations: Iterable[RawOperation]) -> None:
        """Take over operations that the service sent.

        Raises:
            KeyError, TypeError: One is not of the shape that the API describes.
        """
        known = self.operations
        for operation in operations:
            parts = operation.get(_DETAILS.get(operation["Type"], ""))
            if operation["Status"] == SUCCEEDED and type(parts) is dict and type(parts.get("Result", "")) is str:
                known[operation["Id"]] = operation
            else:
                known[operation["Id"]] = _checked(operation, parts)

    def begin(self) -> None:
        """Take what is there now as recorded by earlier runs of the handler."""
        self.visited.clear()
        self.finished_contexts.clear()
        self.recorded = frozenset(key for key, raw in self.operations.items() if raw["Type"] != "EXECUTION")

    def apply(self, updates: list[dict[str, Any]], echoed: set[str]) -> None:
        """Note acknowledged updates that the reply did not repeat, so that a resumed branch finds them."""
        for update in updates:
            if update["Id"] not in echoed and update["Type"] != "EXECUTION":
                self._apply(update)

    def _apply(self, update: dict[str, Any]) -> None:
        before = self.operations.get(update["Id"], {})
        raw: RawOperation = {key: update[key] for key in ("Id", "Type", "ParentId", "Name", "SubType") if key in update}
        details = dict(before.get(_DETAILS[update["Type"]], ()))
        action = update["Action"]
        if action == "START":
            raw["Status"] = "STARTED"
        elif action == "RETRY":
            raw["Status"] = "PENDING"
            details["Attempt"] = details.get("Attempt", 0) + 1
        else:
            raw["Status"] = SUCCEEDED if action == "SUCCEED" else "FAILED"
        if "Payload" in update and update["Type"] != "CHAINED_INVOKE":
            details["Result"] = update["Payload"]
        if "Error" in update:
            details["Error"] = update["Error"]
        details.update(update.get("ContextOptions", ()))
        raw[_DETAILS[update["Type"]]] = details
        self.operations[update["Id"]] = before | raw

    def unvisited(self) -> list[RawOperation]:
        """Return, in order, recorded operations that the finished code should have called, and did not."""
        if self.recorded <= self.visited:
            return []
        missing = self.recorded - self.visited
        return [
            raw
            for key, raw in self.operations.copy().items()  # the losers of a race may have a call in flight
            if key in missing
            and raw.get("ParentId") in self.finished_contexts
            and raw.get("SubType") not in _UNPOSITIONED
        ]


def _checked(operation: RawOperation, parts: Any) -> RawOperation:
    """Return an operation with the details of its type, which the service leaves out where there is nothing to say."""
    name = _DETAILS.get(operation["Type"])
    if parts is None and name is not None:
        operation = operation | {name: {}}
    elif not isinstance(parts, dict | None):
        raise TypeError(f"{name} of operation {operation['Id']!r} is {parts!r:.80}")
    for member, kinds in (("Id", str), ("Type", str), ("Status", str), ("SubType", _TEXT), ("Name", _TEXT)):
        if not isinstance(operation.get(member), kinds):
            raise TypeError(f"{member} of operation {operation['Id']!r} is {operation.get(member)!r:.80}")
    _check_members(operation, parts or {})
    return operation


def _check_members(operation: RawOperation, parts: dict[str, Any]) -> None:
    for member, value in parts.items():
        if not isinstance(value, _MEMBERS.get(member, object)):
            raise TypeError(f"{member} of operation {operation['Id']!r} is {value!r:.80}")
        if member.endswith("Timestamp"):
            epoch_seconds(value)
        if member == "Error" and isinstance(value, dict):
            _check_members(operation, value)


def pages(read: Callable[[str], dict[str, Any]], marker: str | None) -> Iterator[Iterable[RawOperation]]:
    """Read the pages from a marker on; a marker that comes again would lead round in a circle for ever.

    Raises:
        TypeError: It does.
    """
    seen = set()
    while marker:
        if marker in seen:
            raise TypeError(f"the page after marker {marker!r:.80} leads back to it")
        seen.add(marker)
        page = read(marker)
        yield page.get("Operations") or ()
        marker = page.get("NextMarker")


def is_released(operations: dict[str, RawOperation], parked: Iterable[str]) -> bool:
    """Say whether one of some parked operations needs not wait any longer."""
    return any(operations[key]["Status"] not in ("STARTED", "PENDING") for key in parked if key in operations)


def details(raw: RawOperation) -> dict[str, Any]:
    """Return the part of an operation that depends on its type."""
    return raw.get(_DETAILS.get(raw["Type"], "")) or {}


def describe(kind: str, sub_type: str | None, name: str | None, parent_id: str | None) -> str:
    """Write an operation's identity on one line."""
    label = kind if not sub_type or sub_type.upper() == kind else f"{kind} ({sub_type})"
    where = "at top level" if parent_id is None else f"in context {parent_id[:12]}…"
    return f"{label} named {name!r} {where}" if name else f"{label} without a name {where}"


def describe_raw(raw: RawOperation) -> str:
    """Write a recorded operation's identity on one line."""
    return describe(raw["Type"], raw.get("SubType"), raw.get("Name"), raw.get("ParentId"))


def epoch_seconds(value: Any) -> float | None:
    """Read a timestamp: milliseconds in events, seconds, datetimes or ISO text in replies."""
    if value is None:
        return None
    if isinstance(value, int | float):
        # Seconds stay below this until the year 5138; milliseconds passed it in 1973.
        return value / 1000 if value > 99_999_999_999 else float(value)
    try:
        if isinstance(value, str):
            from datetime import datetime

            value = datetime.fromisoformat(value)
        return float(value.timestamp())
    except (AttributeError, ValueError) as error:
        raise TypeError(f"{value!r:.80} is no timestamp") from error
