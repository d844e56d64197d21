"""Callbacks from outside: success, failure, heartbeat."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine._shapes import event_error, event_payload
from durable_local._engine._validation import error_object
from durable_local._errors import callback_over, invalid_parameter

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution, Operation

_token = re.compile(rules.TOKEN_PATTERN).fullmatch


def _find(core: Core, callback_id: str) -> tuple[Execution, Operation]:
    """Return the open callback of an id, or raise: over, or never heard of."""
    if not 0 < len(callback_id) <= rules.MAX_CALLBACK_ID or not _token(callback_id):
        raise invalid_parameter(rules.INVALID_CALLBACK)
    try:
        text = base64.b64decode(callback_id, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid_parameter(rules.INVALID_CALLBACK) from error
    execution_id, _, operation_id = text.partition("/")
    execution = core.find_by_id(execution_id)
    operation = None if execution is None else execution.operations.get(operation_id)
    if execution is None or operation is None or operation.data["Type"] != "CALLBACK":
        raise invalid_parameter(rules.INVALID_CALLBACK)
    if not execution.is_open or operation.ended:
        raise callback_over(rules.CALLBACK_OVER)
    return execution, operation


def _end(core: Core, execution: Execution, operation: Operation, status: str, *, wake: bool = True) -> None:
    core.touch(execution)
    operation.data.update(Status=status, EndTimestamp=core.clock.now())
    execution.note(operation, by_service=wake)
    if wake:
        core.wake(execution)


def succeed(core: Core, callback_id: str, payload: bytes) -> dict[str, Any]:
    """Complete a callback with a result."""
    limit = core.settings.max_operation_payload
    if len(payload) > limit:
        raise invalid_parameter(rules.RESULT_TOO_LARGE.format(limit=limit))
    try:
        result = payload.decode() or None
    except UnicodeDecodeError as error:
        raise invalid_parameter("Callback result must be UTF-8 text.") from error
    execution, operation = _find(core, callback_id)
    if result is not None:
        operation.data["CallbackDetails"]["Result"] = result
    execution.meter.count(0, result)
    _end(core, execution, operation, "SUCCEEDED")
    now = operation.data["EndTimestamp"]
    execution.log("CallbackSucceeded", now, operation.data, Result=event_payload(result))
    return {}


def fail(core: Core, callback_id: str, error: Any) -> dict[str, Any]:
    """Complete a callback with an error."""
    checked = error_object(error, core.settings.max_error)
    execution, operation = _find(core, callback_id)
    operation.data["CallbackDetails"]["Error"] = checked
    execution.meter.count(0, checked)
    _end(core, execution, operation, "FAILED", wake=bool(checked) or core.settings.bare_failure_invokes)
    now = operation.data["EndTimestamp"]
    execution.log("CallbackFailed", now, operation.data, Error=event_error(checked))
    return {}


def heartbeat(core: Core, callback_id: str) -> dict[str, Any]:
    """Start a callback's heartbeat time-out anew."""
    execution, operation = _find(core, callback_id)
    seconds = operation.private["heartbeat"]
    if seconds:
        core.touch(execution)
        operation.private["heartbeat_at"] = core.clock.now() + seconds * 1000
        execution.changed[operation.id] = operation
    return {}


def time_out(core: Core, execution: Execution, operation: Operation, text: tuple[str, str]) -> None:
    """End a callback whose time is over."""
    message, kind = text
    error = {"ErrorMessage": message, "ErrorType": kind}
    operation.data["CallbackDetails"]["Error"] = error
    execution.meter.count(0, error)
    _end(core, execution, operation, "TIMED_OUT")
    now = operation.data["EndTimestamp"]
    execution.log("CallbackTimedOut", now, operation.data, Error=event_error(error))
