"""Chained invokes: a durable function that calls another function and rests until it is done."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine import _lifecycle
from durable_local._engine._core import Plain
from durable_local._engine._meter import size_of
from durable_local._engine._shapes import event_error, event_payload, wire_error
from durable_local._errors import ApiError

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution, Operation
    from durable_local._functions import Target
    from durable_local._invocation import InvocationResult

EVENTS = {
    "SUCCEEDED": "ChainedInvokeSucceeded",
    "FAILED": "ChainedInvokeFailed",
    "TIMED_OUT": "ChainedInvokeTimedOut",
    "STOPPED": "ChainedInvokeStopped",
}


def start(core: Core, execution: Execution, operation: Operation, update: dict[str, Any], now: int) -> None:
    """Start the target, or let the operation fail at once when there is none."""
    options = update["ChainedInvokeOptions"]
    payload = update.get("Payload") or ""
    details: dict[str, Any] = {
        "FunctionName": options["FunctionName"],
        "TenantId": options.get("TenantId"),
        "Input": event_payload(update.get("Payload")),
    }
    trace = options.get("XAmznTraceId") or execution.header["trace"]
    operation.private.update(
        payload=payload, target=options["FunctionName"], trace=trace, tenant=options.get("TenantId")
    )
    try:
        target = _target(core, options["FunctionName"])
    except ApiError as problem:
        execution.log("ChainedInvokeStarted", now, operation.data, **details)
        error = {"ErrorType": problem.code, "ErrorMessage": problem.message}
        finish(core, execution, operation, "FAILED", now, error=error)
        return
    parent = (execution.arn, operation.id)
    tenant = options.get("TenantId") or ""
    child_arn = None
    if target.function.durable:
        child = _lifecycle.start(
            core,
            target.function,
            str(uuid.uuid4()),
            payload,
            sync=False,
            invoked_arn=target.invoked_arn,
            trace_id=trace,
            tenant_id=tenant,
            parent=parent,
        )
        child_arn = operation.private["child"] = child.arn
    else:
        core.ready.append(_plain(target, payload, trace, tenant, parent))
    version = target.function.version
    execution.log(
        "ChainedInvokeStarted", now, operation.data, **details, ExecutedVersion=version, DurableExecutionArn=child_arn
    )


def _plain(target: Target, payload: str, trace: str, tenant: str, parent: tuple[str, str]) -> Plain:
    function = target.function
    return Plain(
        function.name, function.version, payload.encode() or b"{}", target.invoked_arn, trace, tenant, parent=parent
    )


def restart(core: Core, execution: Execution, operation: Operation) -> None:
    """Run the plain function of an open chained invoke again, after a restart of the service ended it."""
    private = operation.private
    try:
        target = _target(core, private["target"])
    except ApiError as problem:
        error = {"ErrorType": problem.code, "ErrorMessage": problem.message}
        finish(core, execution, operation, "FAILED", core.clock.now(), error=error)
        return
    parent = (execution.arn, operation.id)
    core.ready.append(_plain(target, private["payload"], private["trace"], private["tenant"] or "", parent))


def _target(core: Core, name: str) -> Target:
    """Resolve the target as the caller's account and region see it."""
    functions = core.functions
    parts = functions.parse(name, None)
    if parts.account not in {None, core.settings.account}:
        raise ApiError(400, "InvalidParameterValueException", rules.OTHER_ACCOUNT)
    if parts.region not in {None, core.settings.region}:
        raise ApiError(400, "InvalidParameterValueException", rules.OTHER_REGION)
    target = functions.resolve(name, None)
    if target.function.durable and not target.qualified:
        raise ApiError(400, "InvalidParameterValueException", rules.UNQUALIFIED)
    return target


def finish(
    core: Core,
    execution: Execution,
    operation: Operation,
    status: str,
    now: int,
    *,
    result: str | None = None,
    error: dict[str, Any] | None = None,
) -> None:
    """End the operation and wake its execution."""
    core.touch(execution)
    details = operation.data["ChainedInvokeDetails"]
    operation.data.update(Status=status, EndTimestamp=now)
    operation.private.pop("payload", None)
    if status == "SUCCEEDED":
        if result is not None:
            details["Result"] = result
        execution.meter.count(0, result)
        execution.log(EVENTS[status], now, operation.data, Result=event_payload(result))
    else:
        details["Error"] = error or {}
        execution.meter.count(0, error)
        execution.log(EVENTS[status], now, operation.data, Error=event_error(error))
    execution.note(operation, by_service=True)
    core.wake(execution)


def _open_parent(core: Core, parent: tuple[str, str]) -> tuple[Execution, Operation] | None:
    execution = core.executions.get(parent[0])
    operation = None if execution is None else execution.open.get(parent[1])
    return None if execution is None or operation is None else (execution, operation)


def child_ended(core: Core, child: Execution, now: int) -> None:
    """Pass the outcome of a child execution on to the parent that waits for it."""
    arn, operation_id = child.header["parent"]
    found = _open_parent(core, (arn, operation_id))
    if found is None:
        return
    status = child.status
    if status == rules.SUCCEEDED:
        succeeded(core, *found, child.outcome.get("result"), now)
        return
    error = child.outcome.get("error")
    if status == rules.TIMED_OUT:
        text, kind = rules.INVOKE_TIMED_OUT
        error = {"ErrorMessage": text.format(seconds=child.header["execution_timeout"]), "ErrorType": kind}
    finish(core, *found, status, now, error=error)


def succeeded(core: Core, execution: Execution, operation: Operation, result: str | None, now: int) -> None:
    """End the operation with a result, if the result is small enough."""
    limit = core.settings.max_operation_payload
    if size_of(result) > limit:
        text = rules.PAYLOAD_TOO_LARGE.format(type="CHAINED_INVOKE output", limit=limit)
        error = {"ErrorType": "InvalidParameterValueException", "ErrorMessage": text}
        finish(core, execution, operation, "FAILED", now, error=error)
    else:
        finish(core, execution, operation, "SUCCEEDED", now, result=result)


def plain_ended(core: Core, parent: tuple[str, str], result: InvocationResult, now: int) -> None:
    """Pass the outcome of a plain function on to the parent that waits for it."""
    found = _open_parent(core, parent)
    if found is None:
        return
    if result.kind == "ok":
        try:
            text = result.payload.decode()
            json.loads(text or "null")
        except (ValueError, RecursionError):
            error = {
                "ErrorType": "Runtime.MarshalError",
                "ErrorMessage": "The function returned something else than JSON.",
            }
            finish(core, *found, "FAILED", now, error=error)
            return
        succeeded(core, *found, text, now)
    else:
        finish(core, *found, "FAILED", now, error=wire_error(result.error))
