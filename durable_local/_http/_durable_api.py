"""The twelve durable operations and Invoke, from HTTP to the engine."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._errors import ApiError, invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from durable_local._engine import Engine, Reply
    from durable_local._http._request import Request
    from durable_local._http._router import Router

EXECUTION = "/2025-12-01/durable-executions/{Arn}"
EXECUTIONS_OF = "/2025-12-01/functions/{FunctionName}/durable-executions"
INVOCATIONS = "/2015-03-31/functions/{FunctionName}/invocations"
CALLBACK = "/2025-12-01/durable-execution-callbacks/{CallbackId}"


class DurableApi:
    """Handlers of the durable operations."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def mount(self, router: Router) -> None:
        """Add all operations to the table."""
        rows = (
            ("CheckpointDurableExecution", "POST", f"{EXECUTION}/checkpoint", self.checkpoint, 200),
            ("GetDurableExecutionState", "GET", f"{EXECUTION}/state", self.get_state, 200),
            ("GetDurableExecution", "GET", EXECUTION, self.get_execution, 200),
            ("GetDurableExecutionHistory", "GET", f"{EXECUTION}/history", self.get_history, 200),
            ("ListDurableExecutionsByFunction", "GET", EXECUTIONS_OF, self.list_executions, 200),
            ("StopDurableExecution", "POST", f"{EXECUTION}/stop", self.stop, 200),
            ("PauseDurableExecution", "POST", f"{EXECUTION}/pause", self.pause, 202),
            ("ResumeDurableExecution", "POST", f"{EXECUTION}/resume", self.resume, 202),
            ("DeleteDurableExecution", "DELETE", EXECUTION, self.delete, 202),
            ("SendDurableExecutionCallbackSuccess", "POST", f"{CALLBACK}/succeed", self.callback_succeed, 200),
            ("SendDurableExecutionCallbackFailure", "POST", f"{CALLBACK}/fail", self.callback_fail, 200),
            ("SendDurableExecutionCallbackHeartbeat", "POST", f"{CALLBACK}/heartbeat", self.callback_heartbeat, 200),
            ("Invoke", "POST", INVOCATIONS, self.invoke, 200),
        )
        for operation, method, path, handler, status in rows:
            router.add(method, path, handler, status, operation=operation)

    def checkpoint(self, request: Request) -> dict[str, Any]:
        """CheckpointDurableExecution."""
        body = request.json()
        return self.engine.checkpoint(
            request.params["Arn"], body.get("CheckpointToken"), body.get("Updates"), body.get("ClientToken")
        )

    def get_state(self, request: Request) -> dict[str, Any]:
        """GetDurableExecutionState."""
        return self.engine.get_state(
            request.params["Arn"], request.text("CheckpointToken"), request.text("Marker"), request.number("MaxItems")
        )

    def get_execution(self, request: Request) -> dict[str, Any]:
        """GetDurableExecution."""
        return self.engine.get_execution(request.params["Arn"], include=request.flag("IncludeExecutionData"))

    def get_history(self, request: Request) -> dict[str, Any]:
        """GetDurableExecutionHistory."""
        return self.engine.get_history(
            request.params["Arn"],
            include=request.flag("IncludeExecutionData"),
            max_items=request.number("MaxItems"),
            marker=request.text("Marker"),
            reverse=bool(request.flag("ReverseOrder")),
        )

    def list_executions(self, request: Request) -> dict[str, Any]:
        """ListDurableExecutionsByFunction."""
        return self.engine.list_executions(
            request.params["FunctionName"],
            qualifier=request.text("Qualifier"),
            name=request.text("DurableExecutionName"),
            statuses=request.query.get("Statuses"),
            started_after=request.instant("StartedAfter"),
            started_before=request.instant("StartedBefore"),
            reverse=bool(request.flag("ReverseOrder")),
            marker=request.text("Marker"),
            max_items=request.number("MaxItems"),
        )

    def stop(self, request: Request) -> dict[str, Any]:
        """StopDurableExecution: the error object is the body itself."""
        return self.engine.stop(request.params["Arn"], request.json())

    def pause(self, request: Request) -> dict[str, Any]:
        """PauseDurableExecution."""
        body = request.json()
        timeout_paused = body.get("ExecutionTimeoutPaused", True)
        if not isinstance(timeout_paused, bool):
            raise invalid_parameter("ExecutionTimeoutPaused must be a boolean")
        return self.engine.pause(
            request.params["Arn"],
            client_token=body.get("ClientToken"),
            reason=body.get("Reason"),
            timeout_paused=timeout_paused,
        )

    def resume(self, request: Request) -> dict[str, Any]:
        """ResumeDurableExecution."""
        body = request.json()
        return self.engine.resume(
            request.params["Arn"], client_token=body.get("ClientToken"), reason=body.get("Reason")
        )

    def delete(self, request: Request) -> dict[str, Any]:
        """DeleteDurableExecution."""
        return self.engine.delete(request.params["Arn"])

    def callback_succeed(self, request: Request) -> dict[str, Any]:
        """SendDurableExecutionCallbackSuccess: the body is the result."""
        return self.engine.callback_succeed(request.params["CallbackId"], request.body)

    def callback_fail(self, request: Request) -> dict[str, Any]:
        """SendDurableExecutionCallbackFailure: the error object is the body itself."""
        return self.engine.callback_fail(request.params["CallbackId"], request.json())

    def callback_heartbeat(self, request: Request) -> dict[str, Any]:
        """SendDurableExecutionCallbackHeartbeat."""
        return self.engine.callback_heartbeat(request.params["CallbackId"])

    def invoke(self, request: Request) -> Reply | Awaitable[Reply]:
        """Invoke: the reply of a sync call comes when the work is done."""
        call = self.engine.invoke(
            request.params["FunctionName"],
            request.body,
            qualifier=request.text("Qualifier"),
            invocation_type=request.header("x-amz-invocation-type") or "RequestResponse",
            execution_name=request.header("x-amz-durable-execution-name") or None,
            tenant_id=request.header("x-amz-tenant-id"),
            trace_id=request.header("x-amzn-trace-id"),
            client_context=_client_context(request.header("x-amz-client-context")),
            log_type=request.header("x-amz-log-type") or "None",
        )
        if call.reply is not None:
            return call.reply
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        call.when_done(lambda reply: None if future.done() else future.set_result(reply))
        future.add_done_callback(lambda done: self.engine.abandon(call) if done.cancelled() else None)
        return future


def _client_context(text: str) -> str:
    """Return the client context as JSON text."""
    if len(text) > rules.MAX_CLIENT_CONTEXT:
        message = f"Client context must be at most {rules.MAX_CLIENT_CONTEXT} bytes of Base64"
        raise ApiError(400, "InvalidRequestContentException", message)
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        message = f"Client context must be a valid Base64-encoded JSON object: {error}"
        raise ApiError(400, "InvalidRequestContentException", message) from error
