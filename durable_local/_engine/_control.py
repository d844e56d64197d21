"""Stop, pause, resume and delete an execution."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine import _lifecycle
from durable_local._engine._meter import size_of
from durable_local._engine._shapes import event_payload
from durable_local._engine._validation import error_object, text_of
from durable_local._errors import conflict, invalid_parameter

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution

_client_token = re.compile(rules.CLIENT_TOKEN_PATTERN).fullmatch


def stop(core: Core, arn: str, error: Any) -> dict[str, Any]:
    """Stop an open execution; stopping it again repeats the first answer."""
    checked = error_object(error, core.settings.max_error)
    execution = core.get(arn)
    if execution.is_open:
        _lifecycle.close(core, execution, rules.STOPPED, core.clock.now(), error=checked)
    elif execution.status != rules.STOPPED:
        raise invalid_parameter(rules.NOT_STOPPABLE.format(status=execution.status))
    return {"StopTimestamp": execution.state["ended"] / 1000}


def pause(
    core: Core, arn: str, *, client_token: str | None, reason: str | None, timeout_paused: bool
) -> dict[str, Any]:
    """Pause an execution: no invocation starts until it is resumed."""
    execution = core.get(arn)
    request = {"Reason": reason, "ExecutionTimeoutPaused": timeout_paused}
    if _repeated(core, execution, "pause", client_token, request):
        return {}
    _check_reason(reason)
    if execution.status != rules.RUNNING:
        raise conflict(rules.NOT_PAUSABLE.format(status=execution.status))
    core.touch(execution)
    now, state = core.clock.now(), execution.state
    state["pause"] = {
        "requested": now,
        "timeout_paused": timeout_paused,
        "reason": reason,
        "woken": state["queued"] or state["retry_at"] is not None,
        "remaining": state["timeout_at"] - now,
    }
    state.update(queued=False, retry_at=None)
    if timeout_paused:
        _set_timeout(core, execution, execution.header["started"] + rules.LONGEST_LIFE * 1000)
    execution.set_status(rules.PAUSED if state["invocation"] is None else rules.PAUSING)
    execution.log(
        "ExecutionPaused",
        now,
        {"Id": execution.id, "Name": execution.header["name"]},
        PauseRequestTimestamp=now,
        ExecutionTimeoutPaused=timeout_paused,
        Reason=None if reason is None else event_payload(reason),
    )
    _remember(core, execution, "pause", client_token, request)
    _lifecycle.emit_status(core, execution)
    return {}


def resume(core: Core, arn: str, *, client_token: str | None, reason: str | None) -> dict[str, Any]:
    """Resume a paused execution; an invocation starts if one was interrupted or something completed meanwhile."""
    execution = core.get(arn)
    request = {"Reason": reason}
    if _repeated(core, execution, "resume", client_token, request):
        return {}
    _check_reason(reason)
    state = execution.state
    paused = state["pause"]
    if execution.status not in {rules.PAUSED, rules.PAUSING} or paused is None:
        raise conflict(rules.NOT_RESUMABLE.format(status=execution.status))
    core.touch(execution)
    now = core.clock.now()
    was_paused = execution.status == rules.PAUSED
    state["pause"] = None
    execution.set_status(rules.RUNNING)
    if paused["timeout_paused"]:
        longest = execution.header["started"] + rules.LONGEST_LIFE * 1000
        _set_timeout(core, execution, min(now + paused["remaining"], longest))
    execution.log(
        "ExecutionResumed",
        now,
        {"Id": execution.id, "Name": execution.header["name"]},
        ResumeRequestTimestamp=now,
        Reason=None if reason is None else event_payload(reason),
    )
    if was_paused and state["invocation"] is not None:
        state["resume"] = True
    elif paused["woken"]:
        core.wake(execution)
    _remember(core, execution, "resume", client_token, request)
    _lifecycle.emit_status(core, execution, resumed=True)
    return {}


def delete(core: Core, arn: str) -> dict[str, Any]:
    """Delete a closed execution; it is DELETING until the next look at the clock."""
    execution = core.get(arn)
    if execution.status not in rules.CLOSED_STATUSES:
        raise conflict(rules.NOT_DELETABLE.format(status=execution.status))
    core.touch(execution)
    now = core.clock.now()
    execution.state["delete_at"] = now
    execution.set_status(rules.DELETING)
    core.retention.add(now, "retention", execution.arn)
    return {"DeletionRequestTimestamp": now / 1000}


def _set_timeout(core: Core, execution: Execution, instant: int) -> None:
    execution.state["timeout_at"] = instant
    core.timers.add(instant, "execution", execution.arn)


def _check_reason(reason: Any) -> None:
    if reason is not None and (not isinstance(reason, str) or len(reason) > rules.MAX_REASON):
        raise invalid_parameter(f"Reason must be a string of at most {rules.MAX_REASON} characters")
    size_of(reason)


def _repeated(core: Core, execution: Execution, what: str, client_token: str | None, request: dict[str, Any]) -> bool:
    """Whether this is the same request again, within the window."""
    if client_token is None:
        return False
    text_of({"ClientToken": client_token}, "ClientToken", rules.MAX_CLIENT_TOKEN, _client_token, "")
    return [what, client_token, request] in [known for _, known in _recent(core, execution)]


def _recent(core: Core, execution: Execution) -> list[list[Any]]:
    """Return when which requests with a client token came, within the window; they survive a restart."""
    window = core.clock.now() - rules.CLIENT_TOKEN_WINDOW * 1000
    return [entry for entry in execution.state.get("requests", ()) if entry[0] > window]


def _remember(core: Core, execution: Execution, what: str, client_token: str | None, request: dict[str, Any]) -> None:
    if client_token is not None:
        entry = [core.clock.now(), [what, client_token, request]]
        execution.state["requests"] = [*_recent(core, execution), entry]
