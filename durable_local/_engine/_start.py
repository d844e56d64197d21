"""Invoke: starts of durable executions by name, and calls of plain functions."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING

from durable_local import _rules as rules
from durable_local._clock import machine_time
from durable_local._engine import _lifecycle, _replies
from durable_local._engine._calls import Call, Reply
from durable_local._engine._core import Flight, Plain
from durable_local._engine._envelope import deadline
from durable_local._engine._shapes import wire_error
from durable_local._errors import ApiError, invalid_parameter
from durable_local._invocation import InvocationRequest

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution
    from durable_local._functions import Target
    from durable_local._invocation import InvocationResult

TYPES = ("RequestResponse", "Event", "DryRun")
_name = re.compile(rules.NAME_PATTERN).fullmatch


class Invocation:
    """What the caller of Invoke asked for, checked."""

    __slots__ = ("client_context", "kind", "name", "payload", "tail", "tenant_id", "trace_id")

    def __init__(
        self,
        payload: str,
        kind: str,
        name: str | None,
        *,
        tail: bool,
        tenant_id: str,
        trace_id: str,
        client_context: str,
    ) -> None:
        self.payload = payload
        self.kind = kind
        self.name = name
        self.tail = tail
        self.tenant_id = tenant_id
        self.trace_id = trace_id
        self.client_context = client_context


def check_payload(core: Core, payload: bytes, kind: str) -> str:
    """Return the payload as text after checking its size and that it is JSON."""
    settings = core.settings
    limit = settings.max_async_payload if kind == "Event" else settings.max_sync_payload
    if len(payload) > limit:
        operation = "InvokeAsync" if kind == "Event" else "InvokeFunction"
        text = rules.REQUEST_TOO_LARGE.format(limit=limit, operation=operation)
        raise ApiError(413, "RequestTooLargeException", text)
    if not payload.strip():
        return ""
    try:
        text = payload.decode()
        json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        message = rules.NOT_JSON.format(detail=error)
        raise ApiError(400, "InvalidRequestContentException", message) from error
    return text


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def check_name(name: str | None) -> None:
    """Check the name of an execution."""
    if name is not None and (not 0 < len(name) <= rules.MAX_NAME or not _name(name)):
        raise invalid_parameter(
            f"Value {name[:80]!r} at 'durableExecutionName' must have 1 to {rules.MAX_NAME} of the characters "
            "a-z, A-Z, 0-9, - and _"
        )


def invoke(core: Core, target: Target, invocation: Invocation) -> Call:
    """Invoke a function that was found."""
    function = target.function
    headers = {"X-Amz-Executed-Version": function.version}
    if not function.durable:
        if invocation.name is not None:
            raise invalid_parameter(rules.NAME_ON_PLAIN)
        if invocation.kind == "DryRun":
            return Call(Reply(204, b"", headers))
        return _call_plain(core, target, invocation)
    if not target.qualified:
        raise invalid_parameter(rules.UNQUALIFIED)
    if invocation.kind == "RequestResponse" and (function.execution_timeout or 0) > rules.MAX_SYNC_TIMEOUT:
        raise invalid_parameter(rules.SYNC_TOO_LONG)
    if invocation.kind == "DryRun":
        return Call(Reply(204, b"", headers))
    return _start_durable(core, target, invocation)


# --- durable functions ---


def _start_durable(core: Core, target: Target, invocation: Invocation) -> Call:
    sync = invocation.kind == "RequestResponse"
    execution = _existing(core, target, invocation)
    if execution is None:
        execution = _lifecycle.start(
            core,
            target.function,
            invocation.name or str(uuid.uuid4()),
            invocation.payload,
            sync=sync,
            invoked_arn=target.invoked_arn,
            trace_id=invocation.trace_id,
            tenant_id=invocation.tenant_id,
        )
    if not sync:
        return Call(_replies.started_reply(execution), execution_arn=execution.arn)
    if not execution.is_open:
        reply = _replies.execution_reply(execution, tail=invocation.tail)
        return Call(reply, execution_arn=execution.arn)
    call = Call(tail=invocation.tail, execution_arn=execution.arn)
    execution.waiters.append(call)
    return call


def _existing(core: Core, target: Target, invocation: Invocation) -> Execution | None:
    """Return the execution that already has the name, if the start is the same; raise the 409 if it is not."""
    if invocation.name is None:
        return None
    for row in core.store.named(invocation.name):
        if core.settings.name_scope == "function" and row.function != target.function.name:
            continue
        if row.status == rules.DELETING:
            continue
        execution = core.recall(row)
        same = (
            execution.header["function_arn"] == target.function.arn and execution.header["input"] == invocation.payload
        )
        if not same:
            message = rules.ALREADY_STARTED.format(arn=execution.arn)
            raise ApiError(409, "DurableExecutionAlreadyStartedException", message)
        return execution
    return None


# --- plain functions ---


def _call_plain(core: Core, target: Target, invocation: Invocation) -> Call:
    function = target.function
    if invocation.kind == "Event":
        now = core.clock.now()
        body = {
            "function": function.name,
            "version": function.version,
            "payload": invocation.payload or "{}",
            "invoked_arn": target.invoked_arn,
            "trace": invocation.trace_id,
            "tenant": invocation.tenant_id,
            "attempts": 0,
            "at": now,
            "queued": now,
        }
        core.enqueue(f"{now:013d}-{uuid.uuid4()}", body)
        return Call(Reply(202, b"", {"X-Amz-Executed-Version": function.version}))
    call = Call(tail=invocation.tail)
    core.ready.append(
        Plain(
            function.name,
            function.version,
            invocation.payload.encode() or b"{}",
            target.invoked_arn,
            invocation.trace_id,
            invocation.tenant_id,
            invocation.client_context,
            call,
        )
    )
    return call


def begin_plain(core: Core, plain: Plain) -> InvocationRequest | None:
    """Hand out the invocation of a plain function; None when the function is gone."""
    request_id = str(uuid.uuid4())
    function = core.functions.version(plain.function, plain.version)
    if function is None:
        _gone(core, plain)
        return None
    request = InvocationRequest(
        request_id,
        function,
        plain.payload,
        deadline(function.timeout),
        None,
        plain.invoked_arn,
        plain.trace_id,
        plain.tenant_id,
        plain.client_context,
    )
    core.flights[request_id] = Flight(request, machine_time(), plain.call, plain.parent, plain.queue_key)
    return request


def _gone(core: Core, plain: Plain) -> None:
    """Answer for a function that was deleted while its invocation waited."""
    from durable_local._engine import _chained
    from durable_local._invocation import InvocationResult

    error = {"errorType": "ResourceNotFoundException", "errorMessage": f"Function not found: {plain.invoked_arn}"}
    if plain.parent is not None:
        _chained.plain_ended(core, plain.parent, InvocationResult.failed(error), core.clock.now())
    if plain.queue_key:
        core.dequeue(plain.queue_key)
    if plain.call is not None:
        headers = {"X-Amz-Function-Error": "Unhandled"}
        plain.call.answer(Reply(200, json.dumps(error).encode(), headers))


def complete_plain(core: Core, flight: Flight, result: InvocationResult) -> None:
    """Take in how the invocation of a plain function ended."""
    from durable_local._engine import _chained

    if flight.parent is not None:
        _chained.plain_ended(core, flight.parent, result, core.clock.now())
    if flight.queue_key:
        _take_queued(core, flight, result)
    if flight.call is not None:
        call = flight.call
        log = _replies.log_text(flight.request, result, machine_time() - flight.started)
        reply = _replies.plain_reply(flight.request, result, log, tail=call.tail)
        core.after_commit.append(lambda: call.answer(reply))


def _take_queued(core: Core, flight: Flight, result: InvocationResult) -> None:
    """Finish an asynchronous invocation, try it again later, or give it up as a dead letter."""
    key = flight.queue_key
    body = core.queue.get(key)
    if body is None:
        return
    if result.kind == "ok":
        core.dequeue(key)
        return
    retries, age = core.functions.event_limits(body["function"])
    now = core.clock.now()
    attempts = body["attempts"] + 1
    if attempts > retries or now - body["queued"] > age * 1000:
        core.dequeue(key)
        core.emit(
            "dead_letter",
            function=body["function"],
            function_arn=flight.request.function.arn,
            arn=None,
            payload=body["payload"],
            error=wire_error(result.error),
            target=core.functions.dead_letter_target(body["function"]),
        )
        return
    delay = rules.EVENT_RETRY_DELAYS[min(attempts, len(rules.EVENT_RETRY_DELAYS)) - 1]
    core.enqueue(key, {**body, "attempts": attempts, "at": now + delay * 1000})
