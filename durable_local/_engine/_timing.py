"""What happens when time has come, and what is due next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from durable_local import _rules as rules
from durable_local._engine import _callbacks, _lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution
    from durable_local._engine._timers import Timer


class Due(NamedTuple):
    """The next thing the clock will bring."""

    at: int
    """Epoch milliseconds."""
    outside: bool
    """Whether somebody outside could act first: a callback is open. A driver that skips may want to wait for them."""


def fire_due(core: Core) -> bool:
    """Let everything happen that is due; return whether anything did."""
    now = core.clock.now()
    fired = False
    for timers in (core.timers, core.retention):
        first = timers.first()
        while first is not None and first.at <= now:
            fired = _fire(core, timers.pop(), now) or fired
            first = timers.first()
    return fired


def _fire(core: Core, timer: Timer, now: int) -> bool:
    if timer.kind == "queue":
        return core.release(timer.owner)
    execution = core.executions.get(timer.owner)
    if timer.kind == "retention":
        return _expire(core, timer.owner, now)
    if execution is None or not execution.is_open:
        return False
    return _TABLE[timer.kind](core, execution, timer, now)


def _wait(core: Core, execution: Execution, timer: Timer, now: int) -> bool:
    operation = execution.open.get(timer.operation)
    if operation is None:
        return False
    core.touch(execution)
    operation.data.update(Status="SUCCEEDED", EndTimestamp=now)
    execution.log("WaitSucceeded", now, operation.data, Duration=operation.private["seconds"])
    execution.note(operation, by_service=True)
    core.wake(execution)
    return True


def _step(core: Core, execution: Execution, timer: Timer, _now: int) -> bool:
    operation = execution.open.get(timer.operation)
    if operation is None or operation.data["Status"] != "PENDING":
        return False
    details = operation.data["StepDetails"]
    if details["NextAttemptTimestamp"] != timer.at:
        return False
    core.touch(execution)
    operation.data["Status"] = "READY"
    del details["NextAttemptTimestamp"]
    execution.note(operation, by_service=True)
    core.wake(execution)
    return True


def _callback(core: Core, execution: Execution, timer: Timer, _now: int) -> bool:
    operation = execution.open.get(timer.operation)
    if operation is None:
        return False
    _callbacks.time_out(core, execution, operation, rules.CALLBACK_TIMED_OUT)
    return True


def _heartbeat(core: Core, execution: Execution, timer: Timer, now: int) -> bool:
    operation = execution.open.get(timer.operation)
    if operation is None:
        return False
    deadline = operation.private["heartbeat_at"]
    if deadline > now:
        core.timers.add(deadline, "heartbeat", execution.arn, operation.id)
        return False
    _callbacks.time_out(core, execution, operation, rules.HEARTBEAT_TIMED_OUT)
    return True


def _execution(core: Core, execution: Execution, timer: Timer, now: int) -> bool:
    if execution.state["timeout_at"] != timer.at:
        return False
    seconds = execution.header["execution_timeout"]
    error = {"ErrorMessage": rules.EXECUTION_TIMED_OUT.format(seconds=seconds)}
    _lifecycle.close(core, execution, rules.TIMED_OUT, now, error=error)
    return True


def _retry(core: Core, execution: Execution, timer: Timer, _now: int) -> bool:
    if execution.state["retry_at"] != timer.at:
        return False
    core.touch(execution)
    execution.state["retry_at"] = None
    core.wake(execution)
    return True


_TABLE: dict[str, Callable[[Core, Execution, Timer, int], bool]] = {
    "wait": _wait,
    "step": _step,
    "callback": _callback,
    "heartbeat": _heartbeat,
    "execution": _execution,
    "retry": _retry,
}


def _expire(core: Core, arn: str, now: int) -> bool:
    """Forget a closed execution whose retention is over."""
    execution = core.find(arn)
    if execution is None or execution.is_open or execution.expires is None or execution.expires > now:
        return False
    core.dirty.pop(arn, None)
    core.batch.deleted.append(execution.key)
    core.forget(execution)
    return True


def next_due(core: Core) -> Due | None:
    """Return what the clock will bring next, leaving out retention and what can no longer happen.

    An execution timeout does not count while only an open callback without a time-out of its own keeps the execution
    waiting: a clock that skips must not run into it before anybody could answer.
    """
    timers = core.timers
    first = timers.first()
    while first is not None and not _holds(core, first):
        timers.pop()
        first = timers.first()
    if first is None or not _unanswered(core, first):
        return None if first is None else _due(core, first)
    for timer in timers.in_order():
        if _holds(core, timer) and not _unanswered(core, timer):
            return _due(core, timer)
    return None


def _due(core: Core, timer: Timer) -> Due:
    execution = core.executions.get(timer.owner)
    return Due(timer.at, outside=execution is not None and execution.waits_for_outside())


def _holds(core: Core, timer: Timer) -> bool:
    """Whether a timer still means something."""
    if timer.kind == "queue":
        return core.is_queued(timer.owner)
    execution = core.executions.get(timer.owner)
    if execution is None:
        return False
    if timer.kind == "execution":
        return bool(timer.at == execution.state["timeout_at"])
    if timer.kind == "retry":
        return bool(timer.at == execution.state["retry_at"])
    operation = execution.open.get(timer.operation)
    if operation is None:
        return False
    if timer.kind == "step":
        return bool(operation.data["StepDetails"].get("NextAttemptTimestamp") == timer.at)
    return True


def _unanswered(core: Core, timer: Timer) -> bool:
    """Whether a timer ends an execution that is paused, or that only somebody outside can move."""
    if timer.kind != "execution":
        return False
    execution = core.executions[timer.owner]
    return execution.status != rules.RUNNING or _only_outside(execution)


def _only_outside(execution: Execution) -> bool:
    return any(
        operation.data["Type"] == "CALLBACK" and "timeout_at" not in operation.private
        for operation in execution.open.values()
    )
