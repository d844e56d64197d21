"""One execution in memory: its operations, its event log and the changes that are not written yet."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine._meter import Meter

if TYPE_CHECKING:
    from durable_local._engine._calls import Call
    from durable_local._store import Header

ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"})
"""Statuses after which an operation never changes."""

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Operation:
    """One operation: the wire's members (`data`, times in epoch milliseconds) and what only the service knows."""

    __slots__ = ("change", "data", "private")

    def __init__(self, data: dict[str, Any], private: dict[str, Any] | None = None) -> None:
        self.data = data
        self.private: dict[str, Any] = private or {}
        self.change = 0

    @property
    def id(self) -> str:
        """The operation's id."""
        return str(self.data["Id"])

    @property
    def ended(self) -> bool:
        """Whether the operation is in a final status."""
        return self.data["Status"] in ENDED


class Execution:
    """One durable execution.

    Whatever changes is noted in `changed` and `new_events`; `row()` turns the notes into one journal row.
    """

    def __init__(self, header: dict[str, Any], key: int) -> None:
        self.header = header
        self.key = key
        self.arn: str = header["arn"]
        self.id: str = header["id"]
        self.state: dict[str, Any] = {
            "status": rules.RUNNING,
            "token": "",
            "tokens": 0,
            "invocation": None,
            "queued": False,
            "attempts": 0,
            "retry_at": None,
            "pause": None,
            "timeout_at": header["started"] + header["execution_timeout"] * 1000,
            "ended": None,
        }
        self.outcome: dict[str, Any] = {}
        self.operations: dict[str, Operation] = {self.id: Operation(self._execution_operation())}
        self.open: dict[str, Operation] = {}
        self.events: list[dict[str, Any]] = []
        self.meter = Meter()
        self.changes = 0
        # Volatile: what a restart may forget, because it ends the running invocation.
        self.unseen: dict[str, Operation] = {}
        self.woken: dict[str, None] = {}
        self.delivered: dict[str, None] = {}
        self.replies: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
        self.waiters: list[Call] = []
        self.last_log = ""
        # Notes for the next journal row.
        self.changed: dict[str, Operation] = {}
        self.new_events: list[dict[str, Any]] = []
        self.is_new = False
        self.status_changed = False

    def _execution_operation(self) -> dict[str, Any]:
        return {
            "Id": self.id,
            "Name": self.header["name"],
            "Type": "EXECUTION",
            "Status": "STARTED",
            "StartTimestamp": self.header["started"],
            "ExecutionDetails": {"InputPayload": self.header["input"]},
        }

    # --- reading ---

    @property
    def status(self) -> str:
        """The execution's status."""
        return str(self.state["status"])

    @property
    def is_open(self) -> bool:
        """Whether the execution is RUNNING, PAUSING or PAUSED."""
        return self.state["status"] in rules.OPEN_STATUSES

    @property
    def expires(self) -> int | None:
        """When the retention of a closed execution is over, or its deletion was asked for."""
        ended = self.state["ended"]
        if self.state.get("delete_at") is not None:
            return int(self.state["delete_at"])
        return None if ended is None else int(ended) + self.header["retention_days"] * rules.DAY * 1000

    def waits_for_outside(self) -> bool:
        """Whether somebody outside may still complete a callback of this execution."""
        return any(operation.data["Type"] == "CALLBACK" for operation in self.open.values())

    def has_pending(self) -> bool:
        """Whether something is going on that will start the next invocation."""
        return any(
            operation.data["Type"] in {"WAIT", "CALLBACK", "CHAINED_INVOKE"}
            or operation.data["Status"] in {"PENDING", "READY"}
            for operation in self.open.values()
        )

    def visible_operations(self) -> list[Operation]:
        """Return the operations a function is shown: children of a completed context only when it replays them."""
        hidden: set[str] = set()
        shown: list[Operation] = []
        for operation_id, operation in self.operations.items():
            data = operation.data
            if data.get("ParentId") in hidden:
                hidden.add(operation_id)
                continue
            shown.append(operation)
            if data["Type"] == "CONTEXT" and operation.ended and not data["ContextDetails"].get("ReplayChildren"):
                hidden.add(operation_id)
        return shown

    # --- changing ---

    def note(self, operation: Operation, *, by_service: bool = False) -> None:
        """Record that an operation is new or changed."""
        self.changes += 1
        operation.change = self.changes
        operation_id = operation.id
        self.operations.setdefault(operation_id, operation)
        if operation.ended:
            self.open.pop(operation_id, None)
        else:
            self.open[operation_id] = operation
        self.changed[operation_id] = operation
        self.unseen[operation_id] = operation
        if by_service:
            self.woken[operation_id] = None

    def log(self, event_type: str, now: int, operation: dict[str, Any] | None, **details: Any) -> None:
        """Append an event; members that are None are left out."""
        event: dict[str, Any] = {
            "EventType": event_type,
            "EventId": len(self.events) + 1,
            "EventTimestamp": now,
        }
        if operation is not None:
            for member in ("Id", "ParentId", "Name", "SubType"):
                if member in operation:
                    event[member] = operation[member]
        event[f"{event_type}Details"] = {name: value for name, value in details.items() if value is not None}
        self.events.append(event)
        self.new_events.append(event)

    def new_token(self) -> str:
        """Replace the checkpoint token; the old one is stale from here on."""
        self.state["tokens"] += 1
        text = f"{self.id}:{self.state['tokens']}"
        self.state["token"] = base64.b64encode(text.encode()).decode()
        return str(self.state["token"])

    def set_status(self, status: str) -> None:
        """Change the status."""
        self.state["status"] = status
        self.status_changed = True

    # --- the journal ---

    def row(self) -> str:
        """Return the journal row of what changed since the last one, and forget the notes."""
        body: dict[str, Any] = {"state": self.state, "meter": self.meter.as_list()}
        if self.changed:
            body["operations"] = [[operation.data, operation.private] for operation in self.changed.values()]
        if self.new_events:
            body["events"] = self.new_events
        if self.status_changed and not self.is_open:
            body["outcome"] = self.outcome
        text = _encode(body)
        self.changed = {}
        self.new_events = []
        self.is_new = self.status_changed = False
        return text

    def fold(self, body: dict[str, Any]) -> None:
        """Apply a journal row that was read back."""
        self.state = body["state"]
        self.meter = Meter.from_list(body["meter"])
        self.outcome = body.get("outcome", self.outcome)
        for data, private in body.get("operations", ()):
            known = self.operations.get(data["Id"])
            if known is None:
                known = self.operations[data["Id"]] = Operation(data, private)
            else:
                known.data, known.private = data, private
            self.changes += 1
            known.change = self.changes
            if known.ended:
                self.open.pop(known.id, None)
            elif data["Type"] != "EXECUTION":
                self.open[known.id] = known
        self.events.extend(body.get("events", ()))

    def end_operation(self) -> None:
        """Let the EXECUTION operation show how the execution ended; derived, so it is not written to the journal."""
        operation = self.operations[self.id]
        operation.data = {**operation.data, "Status": self.status, "EndTimestamp": self.state["ended"]}

    def header_row(self) -> Header:
        """Return the row of the executions table."""
        from durable_local._store import Header

        header = self.header
        return Header(
            self.key,
            self.arn,
            self.id,
            header["function"],
            header["version"],
            header["name"],
            self.status,
            header["started"],
            self.state["ended"],
            self.expires,
            json.dumps(header, separators=(",", ":")),
        )
