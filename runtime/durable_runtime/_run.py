"""One invocation: envelope in, history, handler, envelope out."""

from __future__ import annotations

import time

from durable_runtime import _values
from durable_runtime._commit import PAGE_SIZE, CommitLog, Line
from durable_runtime._history import History, is_released, pages
from durable_runtime._invocation import Invocation
from durable_runtime._operations.child import escapes
from durable_runtime.exceptions import (
    BackgroundThreadError,
    CheckpointError,
    ExecutionError,
    GetExecutionStateError,
    InvocationError,
    NonDeterministicExecutionError,
    OrphanedChildException,
    SerDesError,
    SuspendExecution,
)
from durable_runtime.execution import invalid_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._invocation import Options
    from durable_runtime._service import ServiceClient

OUTPUT_LIMIT = 6 * 1024 * 1024
"""Bytes of a response that Lambda takes."""

PENDING = {"Status": "PENDING"}


def run_invocation(
    handler: Callable[..., Any],
    options: Options,
    event: Any,
    lambda_context: Any,
    client: ServiceClient,
    *,
    is_async: bool,
) -> dict[str, Any]:
    """Run one invocation of a durable handler; answer with the output envelope."""
    arn, token, state = _envelope(event)
    client = _bounded(client, lambda_context)
    try:
        history = _load(client, arn, token, state)
        payload = _input(handler, history)
    except (ExecutionError, SerDesError) as error:
        return _failed(error)  # every further invocation would meet the same
    log = CommitLog(client, arn, token, history)
    invocation = Invocation(arn, history, log, lambda_context, options=options, clock=time.time)
    if is_async:
        from durable_runtime._run_asyncio import run_handler
    else:
        from durable_runtime._run_blocking import run_handler
    if options.plugins:
        from durable_runtime._plugins import PluginHost

        invocation.plugins = PluginHost(options.plugins, invocation, event, payload)
    output: dict[str, Any] | None = None
    try:
        while output is None:
            try:
                output = _outcome(invocation, handler, lambda: run_handler(invocation, handler, payload, Line()))
            finally:
                invocation.checkpointer.close()
    except BaseException as error:
        if invocation.plugins is not None:
            invocation.plugins.invocation_ended(None, error)
        raise
    if invocation.plugins is not None:
        invocation.plugins.invocation_ended(output, None)
    return output


def _outcome(
    invocation: Invocation,
    handler: Callable[..., Any],
    run: Callable[[], Any],
) -> dict[str, Any] | None:
    """Run the handler and flush; turn what came of it into an output, or into an error for Lambda.

    None asks for another run: what the handler waits for has happened by the time everything was recorded.
    """
    try:
        try:
            result = run()
            _check_unvisited(invocation)
            output = _succeeded(invocation, handler, result)
        except (ExecutionError, InvocationError) as error:
            if escapes(error) and isinstance(error, InvocationError):
                raise
            output = _failed(error)
        except Exception as error:
            if invocation.fatal is not None:
                raise invocation.fatal from error
            output = _failed(error)
        invocation.checkpointer.flush()
    except (SuspendExecution, OrphanedChildException) as signal:
        return _suspended(invocation, signal)
    except NonDeterministicExecutionError as error:
        return _failed_for_good(invocation, error)
    except BackgroundThreadError as error:
        return _checkpoint_failed(error)
    return output


def _suspended(invocation: Invocation, signal: BaseException) -> dict[str, Any] | None:
    """End as PENDING once everything is recorded."""
    if invocation.fatal is not None:
        return _failed_for_good(invocation, invocation.fatal)
    if isinstance(invocation.log.failure, SuspendExecution):
        return dict(PENDING)
    ended = _flushed(invocation)
    if ended is not None:
        return ended
    parked = getattr(signal, "parked", ())
    if not invocation.leaving and is_released(invocation.history.operations, parked):
        invocation.history.begin()
        return None
    return dict(PENDING)


def _failed_for_good(invocation: Invocation, error: BaseException) -> dict[str, Any]:
    """End as FAILED, recording what was queued before if the service still takes it."""
    return _flushed(invocation) or _failed(error)


def _flushed(invocation: Invocation) -> dict[str, Any] | None:
    """Record what is queued; answer with how the invocation ends if that cannot be."""
    try:
        invocation.checkpointer.flush()
    except SuspendExecution:
        return dict(PENDING)
    except BackgroundThreadError as error:
        return _checkpoint_failed(error)
    return None


def _checkpoint_failed(error: BackgroundThreadError) -> dict[str, Any]:
    """Fail the execution if the service refused for good; else let Lambda invoke again."""
    source = error.source_exception
    failure = source if isinstance(source, CheckpointError) else CheckpointError.from_exception(_as_exception(source))
    if failure.is_retryable():
        raise failure from source
    return _failed(failure)


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


def _check_unvisited(invocation: Invocation) -> None:
    if invocation.fatal is not None:
        raise invocation.fatal
    history = invocation.history
    history.finished_contexts.add(None)
    missing = history.unvisited()
    if missing:
        from durable_runtime._mismatch import raise_unvisited

        raise_unvisited(invocation, missing)


def _succeeded(invocation: Invocation, handler: Callable[..., Any], result: Any) -> dict[str, Any]:
    """Write the handler's result; one that is too large for a response is recorded instead."""
    text = _values.encode(result, _values.return_annotation(handler), plain=True, root="result of the handler")
    if 12 * len(text) + 64 > OUTPUT_LIMIT:
        import json

        if len(json.dumps({"Status": "SUCCEEDED", "Result": text})) > OUTPUT_LIMIT:
            _record_result(invocation, text)
            text = ""
    return {"Status": "SUCCEEDED", "Result": text}


def _record_result(invocation: Invocation, text: str) -> None:
    update = {
        "Id": f"execution-result-{int(invocation.clock() * 1000)}",
        "Type": "EXECUTION",
        "Action": "SUCCEED",
        "Payload": text,
    }
    invocation.checkpointer.add(update, Line(), outcome=True)


def _failed(error: BaseException) -> dict[str, Any]:
    from durable_runtime._errors import error_object

    return {"Status": "FAILED", "Error": error_object(error)}


def _bounded(client: ServiceClient, lambda_context: Any) -> ServiceClient:
    """Let our own client mind the seconds that are left, so that no retry outlasts the invocation."""
    bounded = getattr(client, "bounded", None)
    remaining = getattr(lambda_context, "get_remaining_time_in_millis", None)
    if bounded is None or remaining is None:
        return client
    result: ServiceClient = bounded(lambda: remaining() / 1000)
    return result


def _envelope(event: Any) -> tuple[str, str, dict[str, Any]]:
    """Take the input envelope apart; refuse anything else."""
    try:
        arn, token, state = event["DurableExecutionArn"], event["CheckpointToken"], event["InitialExecutionState"]
    except (KeyError, TypeError):
        raise invalid_event(event) from None
    if not (arn and isinstance(arn, str) and token and isinstance(token, str) and isinstance(state, dict)):
        raise invalid_event(event)
    return arn, token, state


def _load(client: ServiceClient, arn: str, token: str, state: dict[str, Any]) -> History:
    """Read the whole history: what came with the event, and the pages that did not fit."""

    def read(marker: str) -> dict[str, Any]:
        try:
            return client.get_state(arn, token, marker, PAGE_SIZE)
        except Exception as error:
            failure = GetExecutionStateError.from_exception(error)
            if failure.is_retryable():
                raise failure from error
            raise ExecutionError(f"the execution's history could not be read: {error}") from error

    history = History()
    try:
        history.merge(state.get("Operations") or ())
        for page in pages(read, state.get("NextMarker")):
            history.merge(page)
        history.begin()
    except (AttributeError, KeyError, TypeError) as error:
        raise ExecutionError(f"the execution's history is malformed: {error!r}") from error
    return history


def _input(handler: Callable[..., Any], history: History) -> Any:
    """Read the caller's payload as the handler's first parameter declares it."""
    execution = next((raw for raw in history.operations.values() if raw["Type"] == "EXECUTION"), None)
    if execution is None:
        raise ExecutionError("the execution's history is malformed: it has no EXECUTION operation")
    text = (execution.get("ExecutionDetails") or {}).get("InputPayload")
    if text is None or not text.strip():
        return {}
    return _values.decode(text, _values.parameter_annotation(handler), plain=True, root="event")
