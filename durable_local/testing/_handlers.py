"""Runs one invocation of a handler in this process: ours, one on AWS's SDK, or a plain function."""

from __future__ import annotations

import json
import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from durable_local._invocation import InvocationResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._invocation import FunctionVersion, InvocationRequest

    Handler = Callable[[Any, Any], Any]

_AWS_SDK = "aws_durable_execution_sdk_python"


class ServiceClient(Protocol):
    """The runtime's two calls to the service (docs/architecture.md)."""

    def checkpoint(self, arn: str, token: str, updates: list[dict[str, Any]], client_token: str) -> dict[str, Any]:
        """Record updates."""

    def get_state(self, arn: str, token: str, marker: str, max_items: int) -> dict[str, Any]:
        """Read a page of the history."""


class SimulatedCrash(BaseException):
    """Ends an invocation where a fault was injected.

    It derives from BaseException, so that a handler's `except Exception` does not survive its own death.
    """


class TestLambdaContext:
    """The Lambda context a handler gets in a test."""

    __test__ = False
    client_context = None
    identity = None
    log_stream_name = "local"

    def __init__(self, function: FunctionVersion, request_id: str, invoked_arn: str, tenant_id: str) -> None:
        self.aws_request_id = request_id
        self.function_name = function.name
        self.function_version = function.version
        self.memory_limit_in_mb = function.memory
        self.invoked_function_arn = invoked_arn or function.arn
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.tenant_id = tenant_id or None
        self._deadline = time.monotonic() + function.timeout

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left before the function timeout."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def is_durable(handler: Handler) -> bool:
    """Return whether a handler is a durable one, on our runtime or on AWS's SDK."""
    return bool(getattr(handler, "__durable_execution__", False)) or _on_aws_sdk(handler)


def _on_aws_sdk(handler: Handler) -> bool:
    module = getattr(handler, "__globals__", {}).get("__name__", "")
    return bool(module.startswith(_AWS_SDK))


def handler_name(handler: Handler) -> str:
    """Return a function name for a handler: its own name where Lambda would take it."""
    name = str(getattr(handler, "__name__", "handler"))
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:64] or "handler"


def run_invocation(handler: Handler, request: InvocationRequest, client: ServiceClient) -> InvocationResult:
    """Run one invocation and say how it ended."""
    context = TestLambdaContext(request.function, request.request_id, request.invoked_arn, request.tenant_id)
    try:
        event = json.loads(request.event)
        output = call_handler(handler, event, context, client)
        return InvocationResult.ok(json.dumps(output, separators=(",", ":")).encode())
    except SimulatedCrash as crash:
        return InvocationResult.crashed(f"RequestId: {request.request_id} Error: {crash}")
    except SystemExit as exit_:
        reason = f"Runtime exited with error: exit status {exit_.code or 0}"
        return InvocationResult.crashed(f"RequestId: {request.request_id} Error: {reason}")
    except Exception as error:  # noqa: BLE001  what a handler raises is the service's to record
        document = {
            "errorType": type(error).__name__,
            "errorMessage": str(error),
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        return InvocationResult.failed(document)


def call_handler(handler: Handler, event: dict[str, Any], context: Any, client: ServiceClient) -> Any:
    """Call a handler with an event of the service; a durable one speaks to `client`."""
    invoke_with = getattr(handler, "invoke_with", None)
    if invoke_with is not None:
        return invoke_with(event, context, client)
    if _on_aws_sdk(handler) and "DurableExecutionArn" in event:
        return handler(_aws_input(event, client), context)
    return handler(event, context)


# --- AWS's SDK -------------------------------------------------------------------------------------------------------


def _aws_input(event: dict[str, Any], client: ServiceClient) -> Any:
    """Return the SDK's invocation input with a client of ours in it."""
    from aws_durable_execution_sdk_python.execution import (
        DurableExecutionInvocationInput,
        DurableExecutionInvocationInputWithClient,
    )
    from aws_durable_execution_sdk_python.lambda_service import LambdaClient

    plain = DurableExecutionInvocationInput.from_json_dict(event)
    service: Any = _Boto3LookAlike(client)
    return DurableExecutionInvocationInputWithClient.from_durable_execution_invocation_input(
        plain, LambdaClient(service)
    )


class _ClientError(Exception):
    """An API error in the shape in which boto3 raises it."""

    def __init__(self, status: int, code: str, message: str, operation: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling the {operation} operation: {message}")
        self.response = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }


class _Boto3LookAlike:
    """The two calls of a boto3 Lambda client that AWS's SDK makes."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    def checkpoint_durable_execution(self, **arguments: Any) -> dict[str, Any]:
        """Record updates."""
        import uuid

        reply = self._call(
            "CheckpointDurableExecution",
            self._client.checkpoint,
            arguments["DurableExecutionArn"],
            arguments["CheckpointToken"],
            arguments["Updates"],
            arguments.get("ClientToken") or str(uuid.uuid4()),  # as botocore fills it in
        )
        state = reply["NewExecutionState"]
        return {**reply, "NewExecutionState": {**state, "Operations": _with_datetimes(state["Operations"])}}

    def get_durable_execution_state(self, **arguments: Any) -> dict[str, Any]:
        """Read a page of the history."""
        reply = self._call(
            "GetDurableExecutionState",
            self._client.get_state,
            arguments["DurableExecutionArn"],
            arguments["CheckpointToken"],
            arguments["Marker"],
            arguments["MaxItems"],
        )
        return {**reply, "Operations": _with_datetimes(reply["Operations"])}

    @staticmethod
    def _call(operation: str, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        from durable_runtime._service import ServiceError

        try:
            return function(*arguments)
        except ServiceError as error:
            raise _ClientError(error.status, error.code, error.message, operation) from error
        except SimulatedCrash as crash:
            # The SDK calls from a thread of its own, which a BaseException would end without anybody noticing.
            raise ConnectionError(str(crash)) from crash


_TIMES = ("StartTimestamp", "EndTimestamp")
_NESTED_TIMES = (("StepDetails", "NextAttemptTimestamp"), ("WaitDetails", "ScheduledEndTimestamp"))


def _with_datetimes(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return operations as boto3 returns them."""
    converted = []
    for operation in operations:
        data = dict(operation)
        for member in _TIMES:
            if member in data:
                data[member] = datetime.fromtimestamp(data[member], UTC)
        for details, member in _NESTED_TIMES:
            nested = data.get(details)
            if nested is not None and member in nested:
                data[details] = {**nested, member: datetime.fromtimestamp(nested[member], UTC)}
        converted.append(data)
    return converted
