"""How executions begin and end."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine import _chained, _replies
from durable_local._engine._execution import Execution
from durable_local._engine._shapes import event_error, event_payload

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._invocation import FunctionVersion


KEY_MEMBER = "kms_key_arn"
"""Member of an execution's header, if its function names a key."""


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
    if function.kms_key_arn:
        header[KEY_MEMBER] = function.kms_key_arn
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


def emit_status(core: Core, execution: Execution, *, resumed: bool = False) -> None:
    """Tell the sink that the status changed; `resumed` tells RUNNING again from RUNNING at last."""
    header = execution.header
    core.emit(
        "status",
        arn=execution.arn,
        name=header["name"],
        function=header["function"],
        function_arn=header["function_arn"],
        status=execution.status,
        resumed=resumed,
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
