"""How executions begin and end, and what an invocation's outcome means for them."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine import _chained, _envelope, _replies
from durable_local._engine._core import Flight
from durable_local._engine._execution import Execution
from durable_local._engine._meter import size_of
from durable_local._engine._validation import error_object
from durable_local._errors import ApiError
from durable_local._invocation import InvocationRequest

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._invocation import FunctionVersion, InvocationResult


def event_payload(payload: str | None) -> dict[str, Any]:
    """Return a payload as an event carries it."""
    return {"Truncated": False} if payload is None else {"Payload": payload, "Truncated": False}


def event_error(error: dict[str, Any] | None) -> dict[str, Any]:
    """Return an error object as an event carries it."""
    return {"Payload": error or {}, "Truncated": False}


def wire_error(error: dict[str, Any] | None) -> dict[str, Any]:
    """Turn a Runtime API error (`errorMessage`, …) into an ErrorObject."""
    error = error or {}
    wire: dict[str, Any] = {}
    for ours, theirs in (("ErrorMessage", "errorMessage"), ("ErrorType", "errorType")):
        if error.get(theirs) is not None:
            wire[ours] = str(error[theirs])
    trace = error.get("stackTrace")
    if isinstance(trace, list) and trace:
        wire["StackTrace"] = [str(line) for line in trace]
    return wire


def start(
    core: Core,
    function: FunctionVersion,
    name: str,
    payload: str,
    *,
    sync: bool,
    invoked_arn: str = "",
    trace_id: str = "",
    tenant_id: str = "",
    parent: tuple[str, str] | None = None,
) -> Execution:
    """Start an execution; the first invocation is queued."""
    now = core.clock.now()
    execution_id = str(uuid.uuid4())
    header = {
        "arn": f"{function.arn}/durable-execution/{name}/{execution_id}",
        "id": execution_id,
        "name": name,
        "function": function.name,
        "function_arn": function.arn,
        "version": function.version,
        "input": payload,
        "started": now,
        "execution_timeout": function.execution_timeout,
        "retention_days": function.retention_days,
        "sync": sync,
        "invoked_arn": invoked_arn or function.arn,
        "trace": trace_id or new_trace(now),
        "tenant": tenant_id,
        "parent": parent,
    }
    execution = Execution(header, core.store.new_key())
    core.add(execution)
    execution.meter.count(1, payload)
    execution.log(
        "ExecutionStarted",
        now,
        {"Id": execution_id, "Name": name},
        Input=event_payload(payload),
        ExecutionTimeout=function.execution_timeout,
    )
    core.timers.add(execution.state["timeout_at"], "execution", execution.arn)
    core.wake(execution)
    emit_status(core, execution)
    return execution


def new_trace(now: int) -> str:
    """Return a tracing header for an execution that was started without one; all its invocations share it."""
    return f"Root=1-{now // 1000:08x}-{uuid.uuid4().hex[:24]}"


def emit_status(core: Core, execution: Execution) -> None:
    """Tell the sink that the status changed."""
    header = execution.header
    core.emit(
        "status",
        arn=execution.arn,
        name=header["name"],
        function=header["function"],
        function_arn=header["function_arn"],
        status=execution.status,
        started=header["started"],
        ended=execution.state["ended"],
        operations=execution.meter.operations,
        stored=execution.meter.stored,
    )


def close(
    core: Core,
    execution: Execution,
    status: str,
    now: int,
    *,
    result: str | None = None,
    error: dict[str, Any] | None = None,
) -> None:
    """End an execution; whoever waits for it hears of it once it is written."""
    core.touch(execution)
    state = execution.state
    state.update(ended=now, token="", queued=False, retry_at=None, pause=None)
    execution.outcome = {"result": result} if status == rules.SUCCEEDED else {"error": error}
    execution.set_status(status)
    execution.meter.count(0, result, error)
    subject = {"Id": execution.id, "Name": execution.header["name"]}
    if status == rules.SUCCEEDED:
        execution.log("ExecutionSucceeded", now, subject, Result=event_payload(result))
    else:
        event = {"FAILED": "ExecutionFailed", "STOPPED": "ExecutionStopped", "TIMED_OUT": "ExecutionTimedOut"}[status]
        execution.log(event, now, subject, Error=event_error(error))
    execution.end_operation()
    execution.replies.clear()
    if execution.expires is not None:
        core.retention.add(execution.expires, "retention", execution.arn)
    core.retire(execution)
    emit_status(core, execution)
    if status != rules.SUCCEEDED and not execution.header["sync"] and execution.header["parent"] is None:
        emit_dead_letter(core, execution, error)
    if execution.waiters:
        core.after_commit.append(lambda: _answer(execution))
    if execution.header["parent"] is not None:
        _chained.child_ended(core, execution, now)


def _answer(execution: Execution) -> None:
    waiters, execution.waiters = execution.waiters, []
    for call in waiters:
        call.answer(_replies.execution_reply(execution, tail=call.tail))


def emit_dead_letter(core: Core, execution: Execution, error: dict[str, Any] | None) -> None:
    """Tell the sink that an asynchronous start came to nothing."""
    header = execution.header
    core.emit(
        "dead_letter",
        function=header["function"],
        function_arn=header["function_arn"],
        arn=execution.arn,
        payload=header["input"],
        error=error or {},
        target=core.functions.dead_letter_target(header["function"]),
    )


# --- invocations ---


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
        close(core, execution, rules.FAILED, now, error=error)


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
        close(core, execution, rules.FAILED, now, error=error)
        return
    if execution.meter.operations > settings.max_operations:
        text = rules.TOO_MANY_OPERATIONS.format(limit=settings.max_operations)
        close(core, execution, rules.FAILED, now, error={**error, "ErrorMessage": text})
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
        close(core, execution, rules.SUCCEEDED, now, result=result)
    elif status == "FAILED":
        if result is not None:
            raise ApiError(400, "InvalidParameterValueException", rules.OUTPUT_RESULT)
        close(core, execution, rules.FAILED, now, error=error_object(error, core.settings.max_error))
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
