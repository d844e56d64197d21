"""Applies the updates of a checkpoint, after the batch was found legal."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine import _chained, _lifecycle
from durable_local._engine._execution import Operation
from durable_local._engine._shapes import event_error, event_payload
from durable_local._engine._validation import error_object
from durable_local._errors import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution

    Apply = Callable[[Core, Execution, dict[str, Any], int], None]

CLOSING = {"SUCCEED": "SUCCEEDED", "FAIL": "FAILED"}


def apply(core: Core, execution: Execution, updates: list[dict[str, Any]]) -> None:
    """Apply a batch that `check_batch` accepted."""
    _check_quota(core, execution, updates)
    now = core.clock.now()
    core.touch(execution)
    for update in updates:
        _TABLE[update["Type"]](core, execution, update, now)


def _check_quota(core: Core, execution: Execution, updates: list[dict[str, Any]]) -> None:
    """Reject a batch that would pass a quota; an EXECUTION update ends things and always passes."""
    settings, meter = core.settings, execution.meter
    started = {update["Id"] for update in updates if update["Type"] != "EXECUTION"} - execution.operations.keys()
    new = len(started) + sum(1 for update in updates if update["Action"] == "RETRY")
    if new and meter.operations + new > settings.max_operations:
        raise invalid_parameter(rules.TOO_MANY_OPERATIONS.format(limit=settings.max_operations))
    if meter.stored > settings.max_storage and any(update["Type"] != "EXECUTION" for update in updates):
        raise invalid_parameter(rules.TOO_MUCH_STORAGE.format(limit=settings.max_storage))


def _created(
    execution: Execution, update: dict[str, Any], now: int, private: dict[str, Any] | None = None
) -> Operation:
    """Make the operation an update starts, and count it."""
    data: dict[str, Any] = {"Id": update["Id"], "Type": update["Type"], "Status": "STARTED", "StartTimestamp": now}
    for member in ("ParentId", "Name", "SubType"):
        if update.get(member) is not None:
            data[member] = update[member]
    execution.meter.count(1)
    return Operation(data, private)


def _context(core: Core, execution: Execution, update: dict[str, Any], now: int) -> None:
    action = update["Action"]
    replay = (update.get("ContextOptions") or {}).get("ReplayChildren")
    if action == "START":
        operation = _created(execution, update, now)
        operation.data["ContextDetails"] = {} if replay is None else {"ReplayChildren": replay}
        execution.log("ContextStarted", now, operation.data)
    else:
        operation = execution.operations[update["Id"]]
        details = operation.data["ContextDetails"]
        if replay is not None:
            details["ReplayChildren"] = replay
        _close(core, operation, update, details, now)
        _log_close(execution, "Context", operation.data, details, now)
    execution.note(operation)


def _close(core: Core, operation: Operation, update: dict[str, Any], details: dict[str, Any], now: int) -> None:
    """Put a step or context into its final status."""
    operation.data["Status"] = CLOSING[update["Action"]]
    operation.data["EndTimestamp"] = now
    if update["Action"] == "SUCCEED":
        if update.get("Payload") is not None:
            details["Result"] = update["Payload"]
    else:
        details["Error"] = error_object(update.get("Error"), core.settings.max_error)


def _log_close(
    execution: Execution, kind: str, data: dict[str, Any], details: dict[str, Any], now: int, **more: Any
) -> None:
    if data["Status"] == "SUCCEEDED":
        payload = details.get("Result")
        execution.meter.count(0, payload)
        execution.log(f"{kind}Succeeded", now, data, Result=event_payload(payload), **more)
    else:
        error = details.get("Error")
        execution.meter.count(0, error)
        execution.log(f"{kind}Failed", now, data, Error=event_error(error), **more)


def _step(core: Core, execution: Execution, update: dict[str, Any], now: int) -> None:
    action = update["Action"]
    operation = execution.operations.get(update["Id"])
    if operation is None:
        operation = _created(execution, update, now)
        operation.data["StepDetails"] = {"Attempt": 0}
    data, details = operation.data, operation.data["StepDetails"]
    if action == "START":
        data["Status"] = "STARTED"
        execution.log("StepStarted", now, data)
    else:
        details["Attempt"] += 1
        if action == "RETRY":
            _retry(core, execution, operation, update, now)
        else:
            details.pop("NextAttemptTimestamp", None)
            details.pop("Result", None)
            details.pop("Error", None)
            _close(core, operation, update, details, now)
            _log_close(execution, "Step", data, details, now, RetryDetails={"CurrentAttempt": details["Attempt"]})
    execution.note(operation)


def _retry(core: Core, execution: Execution, operation: Operation, update: dict[str, Any], now: int) -> None:
    """Let a step wait for its next attempt: after an error, or between the polls of a condition."""
    data, details = operation.data, operation.data["StepDetails"]
    delay = update["StepOptions"]["NextAttemptDelaySeconds"]
    data["Status"] = "PENDING"
    details["NextAttemptTimestamp"] = now + delay * 1000
    retry = {"CurrentAttempt": details["Attempt"], "NextAttemptDelaySeconds": delay}
    details.pop("Result", None)
    details.pop("Error", None)
    if update.get("Error") is not None:
        details["Error"] = error_object(update["Error"], core.settings.max_error)
        execution.log("StepFailed", now, data, Error=event_error(details["Error"]), RetryDetails=retry)
    else:
        if update.get("Payload") is not None:
            details["Result"] = update["Payload"]
        payload = details.get("Result")
        execution.log("StepSucceeded", now, data, Result=event_payload(payload), RetryDetails=retry)
    execution.meter.count(1, update.get("Error"), update.get("Payload"))
    core.timers.add(details["NextAttemptTimestamp"], "step", execution.arn, operation.id)


def _wait(core: Core, execution: Execution, update: dict[str, Any], now: int) -> None:
    if update["Action"] == "CANCEL":
        operation = execution.operations[update["Id"]]
        operation.data.update(Status="CANCELLED", EndTimestamp=now)
        execution.log("WaitCancelled", now, operation.data)
        execution.note(operation)
        return
    seconds = update["WaitOptions"]["WaitSeconds"]
    operation = _created(execution, update, now, {"seconds": seconds})
    end = now + seconds * 1000
    operation.data["WaitDetails"] = {"ScheduledEndTimestamp": end}
    execution.log("WaitStarted", now, operation.data, Duration=seconds, ScheduledEndTimestamp=end)
    execution.note(operation)
    core.timers.add(end, "wait", execution.arn, operation.id)


def callback_id_of(execution: Execution, operation_id: str) -> str:
    """Return the id that names a callback to the outside; it holds where the callback lives."""
    return base64.b64encode(f"{execution.id}/{operation_id}".encode()).decode()


def _callback(core: Core, execution: Execution, update: dict[str, Any], now: int) -> None:
    options = update.get("CallbackOptions") or {}
    timeout, heartbeat = options.get("TimeoutSeconds") or 0, options.get("HeartbeatTimeoutSeconds") or 0
    operation = _created(execution, update, now, {"heartbeat": heartbeat})
    callback_id = callback_id_of(execution, operation.id)
    operation.data["CallbackDetails"] = {"CallbackId": callback_id}
    execution.log(
        "CallbackStarted",
        now,
        operation.data,
        CallbackId=callback_id,
        HeartbeatTimeout=heartbeat or None,
        Timeout=timeout or None,
    )
    if timeout:
        operation.private["timeout_at"] = now + timeout * 1000
        core.timers.add(now + timeout * 1000, "callback", execution.arn, operation.id)
    if heartbeat:
        operation.private["heartbeat_at"] = now + heartbeat * 1000
        core.timers.add(now + heartbeat * 1000, "heartbeat", execution.arn, operation.id)
    execution.note(operation)


def _invoke(core: Core, execution: Execution, update: dict[str, Any], now: int) -> None:
    operation = _created(execution, update, now)
    operation.data["ChainedInvokeDetails"] = {}
    execution.meter.count(0, update.get("Payload"))
    execution.note(operation)
    _chained.start(core, execution, operation, update, now)


def _execution(core: Core, execution: Execution, update: dict[str, Any], now: int) -> None:
    status = CLOSING[update["Action"]]
    if status == "SUCCEEDED":
        _lifecycle.close(core, execution, status, now, result=update.get("Payload"))
    else:
        error = error_object(update.get("Error"), core.settings.max_error)
        _lifecycle.close(core, execution, status, now, error=error)


_TABLE: dict[str, Apply] = {
    "CONTEXT": _context,
    "STEP": _step,
    "WAIT": _wait,
    "CALLBACK": _callback,
    "CHAINED_INVOKE": _invoke,
    "EXECUTION": _execution,
}
