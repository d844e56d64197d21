"""Which updates a checkpoint may carry: shapes, sizes and the legal transitions.

A batch is checked as a whole before anything is applied; the first violation rejects all of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine._meter import size_of
from durable_local._errors import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._engine._execution import Execution
    from durable_local._rules import Settings

Update = dict[str, Any]

ACTIONS: dict[str, frozenset[str]] = {
    "EXECUTION": frozenset({"SUCCEED", "FAIL"}),
    "CONTEXT": frozenset({"START", "SUCCEED", "FAIL"}),
    "STEP": frozenset({"START", "SUCCEED", "FAIL", "RETRY"}),
    "WAIT": frozenset({"START", "CANCEL"}),
    "CALLBACK": frozenset({"START"}),
    "CHAINED_INVOKE": frozenset({"START"}),
}
ALL_ACTIONS = frozenset({"START", "SUCCEED", "FAIL", "RETRY", "CANCEL"})
AFTER = {"START": "STARTED", "SUCCEED": "SUCCEEDED", "FAIL": "FAILED", "RETRY": "PENDING", "CANCEL": "CANCELLED"}

_id = re.compile(rules.NAME_PATTERN).fullmatch
_name = re.compile(rules.OPERATION_NAME_PATTERN).fullmatch
_tenant = re.compile(rules.TENANT_PATTERN).fullmatch

_TEXT_MEMBERS: tuple[tuple[str, int, Callable[[str], Any]], ...] = (
    ("Id", rules.MAX_OPERATION_ID, _id),
    ("ParentId", rules.MAX_OPERATION_ID, _id),
    ("Name", rules.MAX_OPERATION_NAME, _name),
    ("SubType", rules.MAX_SUB_TYPE, _id),
)
_ERROR_MEMBERS = ("ErrorMessage", "ErrorType", "ErrorData")


def _wrong(member: str, value: Any, constraint: str) -> Exception:
    shown = repr(value)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return invalid_parameter(
        f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: {constraint}"
    )


def text_of(container: Any, member: str, limit: int, matches: Callable[[str], Any] | None, where: str) -> str | None:
    """Return an optional text member after checking its length and pattern."""
    value = container.get(member)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(where + member, value, "Member must be a string")
    if not 0 < len(value) <= limit:
        raise _wrong(where + member, value, f"Member must have length between 1 and {limit}")
    if matches is not None and not matches(value):
        raise _wrong(where + member, value, "Member must satisfy the regular expression of the API model")
    size_of(value)
    return value


def number_of(container: Any, member: str, low: int, high: int, where: str) -> int | None:
    """Return an optional integer member after checking its range."""
    value = container.get(member)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(where + member, value, "Member must be an integer")
    if not low <= value <= high:
        raise _wrong(where + member, value, f"Member must have value between {low} and {high}")
    return value


def options_of(update: Update, member: str) -> dict[str, Any] | None:
    """Return an optional structure member."""
    options = update.get(member)
    if options is not None and not isinstance(options, dict):
        raise _wrong(member, options, "Member must be a structure")
    return options


def error_object(value: Any, limit: int) -> dict[str, Any]:
    """Check an ErrorObject and return its known members."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong("Error", value, "Member must be a structure")
    error: dict[str, Any] = {}
    for member in _ERROR_MEMBERS:
        text = value.get(member)
        if text is not None:
            if not isinstance(text, str):
                raise _wrong(f"Error.{member}", text, "Member must be a string")
            error[member] = text
    trace = value.get("StackTrace")
    if trace is not None:
        if not isinstance(trace, list) or not all(isinstance(line, str) for line in trace):
            raise _wrong("Error.StackTrace", trace, "Member must be a list of strings")
        error["StackTrace"] = trace
    if size_of(error) > limit:
        raise invalid_parameter(rules.ERROR_TOO_LARGE.format(limit=limit))
    return error


def check_batch(execution: Execution, updates: Any, settings: Settings) -> list[Update]:
    """Check all updates of a checkpoint against the execution and each other."""
    if not isinstance(updates, list):
        raise _wrong("Updates", updates, "Member must be a list")
    planned: dict[str, tuple[str, Update]] = {}
    for position, update in enumerate(updates):
        _check_shape(update, settings, sync=execution.header["sync"])
        kind, action, operation_id = update["Type"], update["Action"], update["Id"]
        if kind == "EXECUTION":
            _check_execution_update(updates, position)
            continue
        before = planned.get(operation_id)
        if before is not None and not _may_follow(kind, action, before[1]):
            raise invalid_parameter(rules.SAME_OPERATION_TWICE)
        known = execution.operations.get(operation_id)
        status = before[0] if before else (known.data["Status"] if known else None)
        reference: Any = before[1] if before else (known.data if known else None)
        if reference is not None:
            _check_identity(reference, update)
        else:
            _check_parent(execution, planned, update.get("ParentId"))
        _check_transition(kind, action, status, update)
        planned[operation_id] = (AFTER[action], update if reference is None else {**reference, "Action": action})
    return updates


def _check_shape(update: Any, settings: Settings, *, sync: bool) -> None:
    if not isinstance(update, dict):
        raise _wrong("Updates", update, "Member must be a structure")
    kind, action = update.get("Type"), update.get("Action")
    if not isinstance(kind, str) or kind not in ACTIONS:
        raise _wrong("Type", kind, f"Member must satisfy enum value set: [{', '.join(ACTIONS)}]")
    if not isinstance(action, str) or action not in ALL_ACTIONS:
        raise _wrong("Action", action, f"Member must satisfy enum value set: [{', '.join(sorted(ALL_ACTIONS))}]")
    for member, limit, matches in _TEXT_MEMBERS:
        text_of(update, member, limit, matches, "")
    if "Id" not in update:
        raise _wrong("Id", None, "Member must not be null")
    if action not in ACTIONS[kind]:
        raise invalid_parameter(rules.INVALID_ACTION.format(type=kind))
    if update.get("Payload") is not None:
        _check_payload(kind, action, update["Payload"], settings, sync=sync)
    if update.get("Error") is not None:
        if action == "SUCCEED":
            raise invalid_parameter(rules.ERROR_ON_SUCCEED)
        error_object(update["Error"], settings.max_error)


def _check_payload(kind: str, action: str, payload: Any, settings: Settings, *, sync: bool) -> None:
    if not isinstance(payload, str):
        raise _wrong("Payload", payload, "Member must be a string")
    if action == "FAIL":
        raise invalid_parameter(rules.PAYLOAD_ON_FAIL)
    limit = settings.max_operation_payload
    if kind == "EXECUTION":
        limit = settings.max_sync_payload if sync else settings.max_async_payload
    if size_of(payload) > limit:
        text = rules.INPUT_TOO_LARGE if kind == "CHAINED_INVOKE" else rules.PAYLOAD_TOO_LARGE
        raise invalid_parameter(text.format(type=kind, limit=limit))


def _check_execution_update(updates: list[Update], position: int) -> None:
    rest: list[Any] = list(updates)
    if sum(1 for update in rest if isinstance(update, dict) and update.get("Type") == "EXECUTION") > 1:
        raise invalid_parameter(rules.TWO_EXECUTION_UPDATES)
    if position != len(updates) - 1:
        raise invalid_parameter(rules.EXECUTION_NOT_LAST)


def _may_follow(kind: str, action: str, before: Update) -> bool:
    """Whether a second update of an id is the close (or retry) of the START before it."""
    return (
        before["Action"] == "START"
        and before["Type"] == kind
        and (action in {"SUCCEED", "FAIL"} or (kind == "STEP" and action == "RETRY"))
        and kind in {"STEP", "CONTEXT"}
    )


def _check_identity(known: dict[str, Any], update: Update) -> None:
    if known["Type"] != update["Type"]:
        raise invalid_parameter(rules.INCONSISTENT_TYPE)
    for member, text in (
        ("SubType", rules.INCONSISTENT_SUB_TYPE),
        ("Name", rules.INCONSISTENT_NAME),
        ("ParentId", rules.INCONSISTENT_PARENT),
    ):
        if update.get(member) is not None and known.get(member) != update[member]:
            raise invalid_parameter(text)


def _check_parent(execution: Execution, planned: dict[str, tuple[str, Update]], parent: str | None) -> None:
    if parent is None:
        return
    if parent in planned:
        status, update = planned[parent]
        good = update["Type"] == "CONTEXT" and status == "STARTED"
    else:
        known = execution.open.get(parent)
        good = known is not None and known.data["Type"] == "CONTEXT"
    if not good:
        raise invalid_parameter(rules.INVALID_PARENT)


def _check_transition(kind: str, action: str, status: str | None, update: Update) -> None:
    if kind == "STEP":
        _check_step(action, status, update)
    elif kind == "CONTEXT":
        _check_context(action, status, update)
    elif kind == "WAIT":
        _check_wait(action, status, update)
    elif kind == "CALLBACK":
        _check_callback(status, update)
    else:
        _check_invoke(status, update)


def _check_step(action: str, status: str | None, update: Update) -> None:
    options = options_of(update, "StepOptions")
    delay = None
    if options is not None:
        delay = number_of(options, "NextAttemptDelaySeconds", 1, rules.MAX_DURATION, "StepOptions.")
    if action == "START":
        if status not in {None, "READY"}:
            raise invalid_parameter(rules.STEP_NOT_STARTABLE)
    elif status not in {None, "STARTED", "READY"}:
        raise invalid_parameter(rules.NOT_CLOSABLE.format(type="STEP"))
    if action == "RETRY":
        if delay is None:
            raise invalid_parameter(rules.INVALID_STEP_OPTIONS)
        if update.get("Payload") is not None and update.get("Error") is not None:
            raise invalid_parameter(rules.RETRY_BOTH)
    elif delay is not None:
        raise invalid_parameter(rules.INVALID_STEP_OPTIONS)


def _check_context(action: str, status: str | None, update: Update) -> None:
    options = options_of(update, "ContextOptions")
    if options is not None:
        replay = options.get("ReplayChildren")
        if replay is not None and not isinstance(replay, bool):
            raise _wrong("ContextOptions.ReplayChildren", replay, "Member must be a boolean")
    if action == "START":
        if status is not None:
            raise invalid_parameter(rules.CANNOT_START_EXISTING.format(type="CONTEXT"))
    elif status != "STARTED":
        raise invalid_parameter(rules.NOT_CLOSABLE.format(type="CONTEXT"))


def _check_wait(action: str, status: str | None, update: Update) -> None:
    if action == "CANCEL":
        if status != "STARTED":
            raise invalid_parameter(rules.WAIT_NOT_CANCELLABLE)
        return
    if status is not None:
        raise invalid_parameter(rules.CANNOT_START_EXISTING.format(type="WAIT"))
    options = options_of(update, "WaitOptions") or {}
    if number_of(options, "WaitSeconds", 1, rules.MAX_DURATION, "WaitOptions.") is None:
        raise invalid_parameter(rules.WAIT_OPTIONS_MISSING)


def _check_callback(status: str | None, update: Update) -> None:
    if status is not None:
        raise invalid_parameter(rules.CANNOT_START_EXISTING.format(type="CALLBACK"))
    options = options_of(update, "CallbackOptions") or {}
    number_of(options, "TimeoutSeconds", 0, rules.MAX_CALLBACK_TIMEOUT, "CallbackOptions.")
    number_of(options, "HeartbeatTimeoutSeconds", 0, rules.MAX_CALLBACK_TIMEOUT, "CallbackOptions.")


def _check_invoke(status: str | None, update: Update) -> None:
    if status is not None:
        raise invalid_parameter(rules.CANNOT_START_EXISTING_INVOKE)
    options = options_of(update, "ChainedInvokeOptions") or {}
    where = "ChainedInvokeOptions."
    if text_of(options, "FunctionName", rules.MAX_FUNCTION_NAME, None, where) is None:
        raise invalid_parameter(rules.INVOKE_OPTIONS_MISSING)
    text_of(options, "TenantId", rules.MAX_TENANT_ID, _tenant, where)
    text_of(options, "XAmznTraceId", rules.MAX_TRACE_HEADER, None, where)
