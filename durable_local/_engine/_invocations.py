"""The invocations of an execution: how each begins, and what its outcome means."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine import _envelope, _lifecycle
from durable_local._engine._core import Flight
from durable_local._engine._meter import size_of
from durable_local._engine._shapes import event_error, wire_error
from durable_local._engine._validation import error_object
from durable_local._errors import ApiError
from durable_local._invocation import InvocationRequest

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution
    from durable_local._invocation import InvocationResult


def begin(core: Core, execution: Execution) -> InvocationRequest | None:
    """Start the next invocation of an execution; None when its function is gone."""
    core.touch(execution)
    now, state, header = core.clock.now(), execution.state, execution.header
    state["queued"] = False
    request_id = str(uuid.uuid4())
    state["invocation"] = {"id": request_id, "started": now}
    execution.meter.invocations += 1
    token = execution.new_token()
    function = core.functions.version(header["function"], header["version"])
    if function is None:
        gone = {
            "errorType": "ResourceNotFoundException",
            "errorMessage": f"Function not found: {header['function_arn']}",
        }
        _failed(core, execution, wire_error(gone), now, request_id)
        return None
    event = _envelope.build(execution, token, core.settings.max_page_bytes)
    request = InvocationRequest(
        request_id,
        function,
        event,
        _envelope.deadline(function.timeout),
        execution.arn,
        header["invoked_arn"],
        header["trace"],
        header["tenant"],
    )
    core.flights[request_id] = Flight(request, now)
    return request


def complete(core: Core, execution: Execution, flight: Flight, result: InvocationResult) -> None:
    """Take in how an invocation ended."""
    core.touch(execution)
    now, state = core.clock.now(), execution.state
    request_id = flight.request.request_id
    running = state["invocation"]
    if not execution.is_open or running is None or running["id"] != request_id:
        _log_invocation(execution, request_id, flight.started, now, result)
        return
    if result.kind != "ok":
        _failed(core, execution, wire_error(result.error), now, request_id)
        return
    state.update(invocation=None, token="", attempts=0)
    _log_invocation(execution, request_id, flight.started, now, result)
    try:
        _take_output(core, execution, result.payload, now)
    except ApiError as problem:
        error = {"ErrorType": problem.code, "ErrorMessage": problem.message}
        _lifecycle.close(core, execution, rules.FAILED, now, error=error)


def _log_invocation(execution: Execution, request_id: str, started: int, now: int, result: InvocationResult) -> None:
    error = None if result.kind == "ok" else event_error(wire_error(result.error))
    execution.log(
        "InvocationCompleted",
        now,
        None,
        StartTimestamp=started,
        EndTimestamp=now,
        RequestId=request_id,
        Error=error,
    )


def _failed(core: Core, execution: Execution, error: dict[str, Any], now: int, request_id: str) -> None:
    """Record an invocation that died, and set the time of the next try."""
    state, settings = execution.state, core.settings
    execution.log(
        "InvocationCompleted",
        now,
        None,
        StartTimestamp=state["invocation"]["started"],
        EndTimestamp=now,
        RequestId=request_id,
        Error=event_error(error),
    )
    state.update(invocation=None, token="", attempts=state["attempts"] + 1)
    execution.meter.count(1, error)
    if settings.max_invocation_attempts is not None and state["attempts"] >= settings.max_invocation_attempts:
        _lifecycle.close(core, execution, rules.FAILED, now, error=error)
        return
    if execution.meter.operations > settings.max_operations:
        text = rules.TOO_MANY_OPERATIONS.format(limit=settings.max_operations)
        _lifecycle.close(core, execution, rules.FAILED, now, error={**error, "ErrorMessage": text})
        return
    if state["pause"] is not None:
        state["pause"]["woken"] = True
        execution.set_status(rules.PAUSED)
        return
    delay = settings.retry_delays[min(state["attempts"], len(settings.retry_delays)) - 1]
    state["retry_at"] = now + delay * 1000
    core.timers.add(state["retry_at"], "retry", execution.arn)


def _take_output(core: Core, execution: Execution, payload: bytes, now: int) -> None:
    """Act on what a handler returned, or raise the service's objection."""
    try:
        output = json.loads(payload)
    except (ValueError, RecursionError):
        output = None
    status = output.get("Status") if isinstance(output, dict) else None
    if status not in ("SUCCEEDED", "FAILED", "PENDING"):  # a tuple: a status may be anything, even unhashable
        raise ApiError(400, "InvalidParameterValueException", rules.OUTPUT_STATUS)
    result, error = output.get("Result"), output.get("Error")
    if status == "SUCCEEDED":
        if error is not None:
            raise ApiError(400, "InvalidParameterValueException", rules.OUTPUT_ERROR)
        if result is not None and not isinstance(result, str):
            result = json.dumps(result)
        settings = core.settings
        limit = settings.max_sync_payload if execution.header["sync"] else settings.max_async_payload
        if size_of(result) > limit:
            text = rules.OUTPUT_TOO_LARGE.format(limit=limit)
            raise ApiError(400, "InvalidParameterValueException", text)
        _lifecycle.close(core, execution, rules.SUCCEEDED, now, result=result)
    elif status == "FAILED":
        if result is not None:
            raise ApiError(400, "InvalidParameterValueException", rules.OUTPUT_RESULT)
        _lifecycle.close(core, execution, rules.FAILED, now, error=error_object(error, core.settings.max_error))
    else:
        _suspend(core, execution)


def _suspend(core: Core, execution: Execution) -> None:
    """Let an execution rest until something happens; what happened meanwhile starts the next invocation at once."""
    state = execution.state
    missed = bool(execution.woken or execution.delivered)
    if state["pause"] is not None:
        state["pause"]["woken"] = state["pause"]["woken"] or missed
        if execution.status == rules.PAUSING:
            execution.set_status(rules.PAUSED)
        return
    if missed or state.pop("resume", False):
        core.wake(execution)
        return
    if core.settings.strict_pending and not execution.has_pending():
        raise ApiError(400, "InvalidParameterValueException", rules.OUTPUT_PENDING)
