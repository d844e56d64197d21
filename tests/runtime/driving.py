"""Drive handlers against the in-memory service, under a watchdog, for `def` and `async def` alike.

A workflow in these tests is a generator that yields what it would await: `value = yield ctx.step(...)`.
`as_sync` and `as_async` turn that one description into the two kinds of function.
"""

from __future__ import annotations

import contextvars
import dataclasses
import functools
import json
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from tests.runtime.rules import Refused
from tests.runtime.service import InvocationDied, Service

if TYPE_CHECKING:
    from collections.abc import Callable

WATCHDOG_SECONDS = 30.0


class Hang(AssertionError):  # noqa: N818  reads as what happened
    """An invocation did not come back."""


def watched(call: Callable[[], Any], seconds: float = WATCHDOG_SECONDS) -> Any:
    """Run a call in a thread; if it does not return in time, fail with the stacks of all threads."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((call(), None))
        except BaseException as error:
            outcome.append((None, error))

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), daemon=True, name="invocation")
    thread.start()
    thread.join(seconds)
    if not outcome:
        stacks = "\n".join("".join(traceback.format_stack(f)) for f in sys._current_frames().values())
        raise Hang(f"the invocation hangs after {seconds} s\n{stacks}")
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


def as_sync(flow: Callable[..., Any]) -> Callable[..., Any]:
    """The `def` function of a generator workflow: what it yields is already the result."""

    @functools.wraps(flow)
    def function(*args: Any, **kwargs: Any) -> Any:
        generator = flow(*args, **kwargs)
        value = None
        while True:
            try:
                value = generator.send(value)
            except StopIteration as stop:
                return stop.value

    return function


def as_async(flow: Callable[..., Any]) -> Callable[..., Any]:
    """The `async def` function of a generator workflow: what it yields is awaited."""

    @functools.wraps(flow)
    async def function(*args: Any, **kwargs: Any) -> Any:
        generator = flow(*args, **kwargs)
        send, value = generator.send, None
        while True:
            try:
                awaitable = send(value)
            except StopIteration as stop:
                return stop.value
            try:
                send, value = generator.send, await awaitable
            except BaseException as error:
                send, value = generator.throw, error

    return function


DRIVERS = {"sync": as_sync, "async": as_async}


class LambdaContext:
    """As much of Lambda's context object as a handler reads."""

    aws_request_id = "request-1"
    function_name = "orders"
    function_version = "7"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:orders:7"
    log_group_name, log_stream_name = "group", "stream"
    identity = client_context = None
    tenant_id = None

    def __init__(self, remaining_ms: int = 900_000) -> None:
        self.remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


class ContractClient:
    """The service as the runtime's ServiceClient."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def checkpoint(self, arn: str, token: str, updates: list[dict[str, Any]], client_token: str) -> dict[str, Any]:
        return self._call(self.service.checkpoint, arn, token, updates, client_token)

    def get_state(self, arn: str, token: str, marker: str, max_items: int) -> dict[str, Any]:
        return self._call(self.service.get_state, arn, token, marker, max_items)

    @staticmethod
    def _call(method: Callable[..., Any], *args: Any) -> dict[str, Any]:
        from durable_runtime._service import ServiceError

        try:
            return method(*args)
        except Refused as refused:
            raise ServiceError(refused.status, refused.code, refused.message) from None


class Boto3Client:
    """The service as a boto3 client, as both SDKs accept it."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def checkpoint_durable_execution(self, **request: Any) -> dict[str, Any]:
        return self._call(
            self.service.checkpoint,
            request["DurableExecutionArn"],
            request["CheckpointToken"],
            request["Updates"],
            request.get("ClientToken"),
        )

    def get_durable_execution_state(self, **request: Any) -> dict[str, Any]:
        return self._call(
            self.service.get_state,
            request["DurableExecutionArn"],
            request["CheckpointToken"],
            request["Marker"],
            request.get("MaxItems", 1000),
        )

    @staticmethod
    def _call(method: Callable[..., Any], *args: Any) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        try:
            return with_datetimes(method(*args))
        except Refused as refused:
            reply = {
                "Error": {"Code": refused.code, "Message": refused.message},
                "ResponseMetadata": {"HTTPStatusCode": refused.status},
            }
            raise ClientError(reply, "CheckpointDurableExecution") from None


def with_datetimes(value: Any) -> Any:
    """Epoch seconds as datetimes, as boto3 gives them."""
    import datetime as dt

    if isinstance(value, dict):
        return {
            k: dt.datetime.fromtimestamp(v, dt.UTC)
            if k.endswith("Timestamp") and isinstance(v, (int, float))
            else with_datetimes(v)
            for k, v in value.items()
        }
    return [with_datetimes(v) for v in value] if isinstance(value, list) else value


def ours(handler: Any, event: dict[str, Any], service: Service, context: Any) -> Any:
    """Invoke a handler of this runtime."""
    return handler.invoke_with(event, context, ContractClient(service))


@dataclasses.dataclass
class Run:
    """How an execution ended."""

    status: str
    service: Service
    text: str | None = None
    error: dict[str, Any] | None = None
    raised: list[BaseException] = dataclasses.field(default_factory=list)

    @property
    def result(self) -> Any:
        assert self.status == "SUCCEEDED", (self.status, self.error)
        return json.loads(self.text) if self.text else None

    @property
    def message(self) -> str:
        assert self.status == "FAILED", (self.status, self.text)
        return f"{self.error.get('ErrorType')}: {self.error.get('ErrorMessage')}"


def invoke_once(handler: Any, service: Service, *, context: Any = None, invoke: Callable[..., Any] = ours) -> Any:
    """One invocation, its envelope returned unchecked."""
    event = service.begin()
    return watched(lambda: invoke(handler, event, service, context or LambdaContext()))


def run_to_end(
    handler: Any,
    payload: Any = None,
    *,
    service: Service | None = None,
    invoke: Callable[..., Any] = ours,
    context: Any = None,
    limit: int = 300,
    retries: int = 0,
    between: Callable[[Service], Any] = Service.pass_time,
) -> Run:
    """Invoke until the execution is over, as the service would.

    An invocation that raises is retried only after an injected fault or, `retries` times, where the test says so.
    """
    service = service or Service(payload)
    raised: list[BaseException] = []
    for _ in range(limit):
        try:
            output = invoke_once(handler, service, context=context, invoke=invoke)
        except Hang:
            raise
        except (Exception, InvocationDied) as error:
            service.abandon()
            raised.append(error)
            if not service.revoked:
                retries -= 1
                if retries < 0:
                    raise
            continue
        if service.end(output) != "RUNNING":
            assert not service.problems, service.problems
            return Run(service.status, service, service.result, service.error, raised)
        between(service)
    raise AssertionError(f"not over after {limit} invocations: {service.updates()[-20:]}")


def outcome_of(call: Callable[[], Any]) -> Any:
    """What a call returns, or the exception it raises, as a value."""
    try:
        return watched(call)
    except Hang:
        raise
    except Exception as error:
        return error
