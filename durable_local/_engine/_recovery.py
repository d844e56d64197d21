"""What the engine does when it starts on a store that has lived before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_local import _rules as rules
from durable_local._engine import _chained
from durable_local._engine._shapes import event_error

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution, Operation


def recover(core: Core) -> None:
    """Take up every open execution where the last process left it; invocations that ran then have died with it."""
    for row in core.store.open_executions():
        _take_up(core, core.recall(row))
    for expires, arn in core.store.expiring():
        core.retention.add(expires, "retention", arn)
    for key, body in core.store.queue().items():
        core.queue[key] = body
        core.timers.add(body["at"], "queue", key)


def rearm(core: Core, execution: Execution) -> None:
    """Set an execution's timers and queue it if it was queued: what it has in memory besides its rows."""
    if not execution.is_open:
        if execution.expires is not None:
            core.retention.add(execution.expires, "retention", execution.arn)
        return
    state = execution.state
    core.timers.add(state["timeout_at"], "execution", execution.arn)
    for operation in execution.open.values():
        _set_timer(core, execution, operation)
    if state["retry_at"] is not None:
        core.timers.add(state["retry_at"], "retry", execution.arn)
    if state["queued"]:
        core.ready.append(execution.arn)


def _take_up(core: Core, execution: Execution) -> None:
    core.touch(execution)
    state = execution.state
    was_queued, state["queued"] = state["queued"], False
    rearm(core, execution)
    for operation in list(execution.open.values()):
        if operation.data["Type"] == "CHAINED_INVOKE" and "child" not in operation.private:
            _chained.restart(core, execution, operation)
    if state["invocation"] is not None:
        _end_invocation(core, execution)
        was_queued = True
    if state["pause"] is not None:
        state["pause"]["woken"] = state["pause"]["woken"] or was_queued
        if execution.status == rules.PAUSING:
            execution.set_status(rules.PAUSED)
    elif was_queued:
        core.wake(execution)


def _end_invocation(core: Core, execution: Execution) -> None:
    state, now = execution.state, core.clock.now()
    message, kind = rules.SERVICE_RESTARTED
    error = {"ErrorMessage": message, "ErrorType": kind}
    execution.log(
        "InvocationCompleted",
        now,
        None,
        StartTimestamp=state["invocation"]["started"],
        EndTimestamp=now,
        RequestId=state["invocation"]["id"],
        Error=event_error(error),
    )
    state.update(invocation=None, token="")


def _set_timer(core: Core, execution: Execution, operation: Operation) -> None:
    data, private = operation.data, operation.private
    kind = data["Type"]
    if kind == "WAIT":
        core.timers.add(data["WaitDetails"]["ScheduledEndTimestamp"], "wait", execution.arn, operation.id)
    elif kind == "STEP" and data["Status"] == "PENDING":
        core.timers.add(data["StepDetails"]["NextAttemptTimestamp"], "step", execution.arn, operation.id)
    elif kind == "CALLBACK":
        if "timeout_at" in private:
            core.timers.add(private["timeout_at"], "callback", execution.arn, operation.id)
        if "heartbeat_at" in private:
            core.timers.add(private["heartbeat_at"], "heartbeat", execution.arn, operation.id)
