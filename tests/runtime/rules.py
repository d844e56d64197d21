"""What the service checks on a checkpoint: shapes, limits, identity and legal transitions.

The rules and texts are those of the real service; a refused batch changes nothing.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_UPDATES = 250  # as AWS's SDKs send; the API model names no limit
MAX_BATCH_BYTES = 750 * 1024
TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"})
DETAILS = {
    "CONTEXT": "ContextDetails",
    "STEP": "StepDetails",
    "WAIT": "WaitDetails",
    "CALLBACK": "CallbackDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
}
ACTIONS = {
    "EXECUTION": {"SUCCEED", "FAIL"},
    "CONTEXT": {"START", "SUCCEED", "FAIL"},
    "STEP": {"START", "SUCCEED", "FAIL", "RETRY"},
    "WAIT": {"START", "CANCEL"},
    "CALLBACK": {"START"},
    "CHAINED_INVOKE": {"START"},
}
OPTIONS = {
    "CONTEXT": "ContextOptions",
    "STEP": "StepOptions",
    "WAIT": "WaitOptions",
    "CALLBACK": "CallbackOptions",
    "CHAINED_INVOKE": "ChainedInvokeOptions",
}
UPDATE_KEYS = {"Id", "Type", "Action", "ParentId", "Name", "SubType", "Payload", "Error", *OPTIONS.values()}
ERROR_KEYS = {"ErrorMessage", "ErrorType", "ErrorData", "StackTrace"}
ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
NAME = re.compile(r"[\x20-\x7E]{1,256}\Z")
SUBTYPE = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
CLIENT_TOKEN = re.compile(r"[\x21-\x7E]{1,64}\Z")
LONGEST = 31_622_400


class Refused(Exception):  # noqa: N818  reads as what happened
    """The service refuses a call, with the status, code and message of the real one."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


def invalid(message: str) -> Refused:
    return Refused(400, "InvalidParameterValueException", message)


def check(condition: object, message: str) -> None:
    if not condition:
        raise invalid(message)


class Rules:
    """The checks of one batch against the operations as they stand."""

    def __init__(
        self, operations: dict[str, dict[str, Any]], payload_limit: int, error_limit: int, closed: bool
    ) -> None:
        self.operations = operations
        self.payload_limit, self.error_limit = payload_limit, error_limit
        self.execution_closed = closed

    def validate(self, updates: list[dict[str, Any]]) -> None:
        check(isinstance(updates, list), "Updates")
        check(len(updates) <= MAX_UPDATES, f"{len(updates)} updates in one request")
        size = len(json.dumps(updates, ensure_ascii=False).encode())
        check(size <= MAX_BATCH_BYTES or len(updates) == 1, f"{size} bytes in one request")
        states: dict[str, str] = {}  # id -> status as the batch goes
        seen: dict[str, list[str]] = {}
        earlier: dict[str, dict[str, Any]] = {}
        for position, update in enumerate(updates):
            self._validate_shape(update)
            if update["Type"] == "EXECUTION":
                check(position == len(updates) - 1, "EXECUTION checkpoint must be the last update.")
                check(not self.execution_closed, "Cannot checkpoint multiple EXECUTION updates.")
                continue
            actions = seen.setdefault(update["Id"], [])
            actions.append(update["Action"])
            twice = len(actions) == 2 and actions[0] == "START" and update["Type"] in ("STEP", "CONTEXT")
            check(len(actions) == 1 or twice, "Cannot update the same operation twice in a single request.")
            self._validate_identity(update, earlier, states)
            self._validate_transition(update, states)
            earlier.setdefault(update["Id"], update)

    def _validate_shape(self, update: dict[str, Any]) -> None:
        check(set(update) <= UPDATE_KEYS, f"unknown members {set(update) - UPDATE_KEYS}")
        kind, action = update.get("Type"), update.get("Action")
        check(kind in ACTIONS, f"Type {kind!r}")
        check(action in ACTIONS[kind], f"Invalid {kind} action.")
        check(ID.match(update.get("Id", "")), f"Id {update.get('Id')!r}")
        check("ParentId" not in update or ID.match(update["ParentId"]), "ParentId")
        check("Name" not in update or NAME.match(update["Name"]), f"Name {update.get('Name')!r}")
        check("SubType" not in update or SUBTYPE.match(update["SubType"]), "SubType")
        check(action != "SUCCEED" or "Error" not in update, "Cannot provide an Error for SUCCEED action.")
        check(action != "FAIL" or "Payload" not in update, "Cannot provide a Payload for FAIL action.")
        both = action == "RETRY" and "Error" in update and "Payload" in update
        check(not both, "Cannot provide both error and payload to RETRY a STEP.")
        if "Payload" in update:
            check(isinstance(update["Payload"], str), f"Payload {type(update['Payload'])}")
            limit = {"CHAINED_INVOKE": 1_048_576, "EXECUTION": 6_291_456}.get(kind, self.payload_limit)
            size = len(update["Payload"].encode())
            check(size <= limit, f"{kind} output payload size must be less than or equal to {limit} bytes.")
        if "Error" in update:
            error = update["Error"]
            check(set(error) <= ERROR_KEYS, f"Error {error}")
            check(all(isinstance(line, str) for line in error.get("StackTrace", [])), "StackTrace")
            check(len(json.dumps(error).encode()) <= self.error_limit, "Error object too large")
        self._validate_options(update)

    def _validate_options(self, update: dict[str, Any]) -> None:
        kind, action = update["Type"], update["Action"]
        given = set(update) & set(OPTIONS.values())
        check(given <= {OPTIONS.get(kind)}, f"Invalid options {given} for {kind}.")
        options = update.get(OPTIONS.get(kind, ""), {})
        if kind == "STEP":
            check(bool(given) == (action == "RETRY"), "Invalid StepOptions for the given action.")
            delay = options.get("NextAttemptDelaySeconds", 1)
            check(isinstance(delay, int) and 1 <= delay <= LONGEST, f"NextAttemptDelaySeconds {delay}")
        elif kind == "WAIT" and action == "START":
            seconds = options.get("WaitSeconds")
            check(isinstance(seconds, int) and 1 <= seconds <= LONGEST, f"WaitSeconds {seconds}")
        elif kind == "CALLBACK":
            for key, value in options.items():
                check(key in ("TimeoutSeconds", "HeartbeatTimeoutSeconds"), key)
                check(isinstance(value, int) and 0 <= value <= 99_999_999, f"{key} {value}")
        elif kind == "CHAINED_INVOKE":
            check(1 <= len(options.get("FunctionName", "")) <= 256, "FunctionName")
            check("TenantId" not in options or 1 <= len(options["TenantId"]) <= 256, "TenantId")
        elif kind == "CONTEXT":
            check(set(options) <= {"ReplayChildren"}, "ContextOptions")

    def _validate_identity(
        self, update: dict[str, Any], earlier: dict[str, dict[str, Any]], states: dict[str, str]
    ) -> None:
        parent = update.get("ParentId")
        if parent is not None:
            kind = (self.operations.get(parent) or earlier.get(parent) or {}).get("Type")
            status = states.get(parent) or self.operations.get(parent, {}).get("Status")
            check(kind == "CONTEXT" and status == "STARTED", "Invalid parent operation id.")
        first = self.operations.get(update["Id"]) or earlier.get(update["Id"])
        if first is not None:
            check(first["Type"] == update["Type"], "Inconsistent operation type.")
            check(first.get("SubType") == update.get("SubType"), "Inconsistent operation subtype.")
            check(first.get("Name") == update.get("Name"), "Inconsistent operation name.")
            check(first.get("ParentId") == parent, "Inconsistent parent operation id.")

    def _validate_transition(self, update: dict[str, Any], states: dict[str, str]) -> None:
        kind, action, key = update["Type"], update["Action"], update["Id"]
        status = states.get(key) or self.operations.get(key, {}).get("Status")
        if action == "START":
            if kind == "STEP":
                check(status in (None, "READY"), "Invalid current STEP state to start.")
            else:
                check(status is None, f"Cannot start a {kind} that already exist.")
            states[key] = "STARTED"
        elif kind == "WAIT":
            check(status == "STARTED", "Cannot cancel a WAIT that does not exist or has already completed.")
        elif kind == "CONTEXT":
            check(status == "STARTED", "Invalid current CONTEXT state to close.")
        else:
            check(status in (None, "STARTED", "READY"), "Invalid current STEP state to close.")
        if action != "START":
            states[key] = {"SUCCEED": "SUCCEEDED", "FAIL": "FAILED", "RETRY": "PENDING"}.get(action, "CANCELLED")
