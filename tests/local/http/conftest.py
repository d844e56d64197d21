"""A running service whose functions are played by the test, and clients that talk to it over a socket."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import queue
import threading
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from durable_local import LocalService
from durable_local._invocation import InvocationResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from durable_local._invocation import InvocationRequest

ROLE = "arn:aws:iam::123456789012:role/worker"
PATIENCE = 20


class Puppet:
    """An invoker that leaves every invocation to the test."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.waiting: queue.Queue[tuple[InvocationRequest, Callable[[InvocationResult], None]]] = queue.Queue()
        self.answers: dict[str, bytes] = {}

    def start(self, request: InvocationRequest, done: Callable[[InvocationResult], None]) -> None:
        answer = self.answers.get(request.function.name)
        if answer is not None:
            self.loop.call_soon(done, InvocationResult.ok(answer))
        else:
            self.waiting.put((request, done))

    def retire(self, function_arn: str, revision: str) -> None:
        """There are no workers to retire."""

    async def close(self) -> None:
        """There is nothing to close."""


class Stage:
    """A service on the manual clock, with boto3 and the hand that plays its functions."""

    def __init__(self, **options: Any) -> None:
        self.puppet: Puppet | None = None
        self.service = LocalService(clock="manual", invoker=self._make, **options)
        self.lambda_ = client(self.service.url)
        self.done: Callable[[InvocationResult], None] = lambda _result: None

    def _make(self, _url: str) -> Puppet:
        self.puppet = Puppet()
        return self.puppet

    def create(self, name: str, *, durable: int | None = 900, publish: bool = True, **members: Any) -> dict[str, Any]:
        if durable is not None:
            members["DurableConfig"] = {"ExecutionTimeout": durable, "RetentionPeriodInDays": 7}
        return self.lambda_.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="app.handler",
            Code={"ZipFile": archive()},
            Publish=publish,
            **members,
        )

    def start(self, function: str = "work:1", payload: bytes = b"{}", **members: Any) -> str:
        """Start an execution and take its first invocation."""
        reply = self.lambda_.invoke(FunctionName=function, Payload=payload, InvocationType="Event", **members)
        self.take()
        return str(reply["DurableExecutionArn"])

    def take(self) -> InvocationRequest:
        assert self.puppet is not None
        self.request, self.done = self.puppet.waiting.get(timeout=PATIENCE)
        self.event = json.loads(self.request.event)
        if isinstance(self.event, dict):
            self.token = self.event.get("CheckpointToken")
        return self.request

    def checkpoint(self, *updates: dict[str, Any]) -> dict[str, Any]:
        reply = self.lambda_.checkpoint_durable_execution(
            DurableExecutionArn=self.event["DurableExecutionArn"], CheckpointToken=self.token, Updates=list(updates)
        )
        self.token = reply.get("CheckpointToken")
        return reply

    def end(self, result: InvocationResult | dict[str, Any]) -> None:
        """End the invocation in hand, and wait until the service knows."""
        assert self.puppet is not None
        if isinstance(result, dict):
            result = InvocationResult.ok(json.dumps(result).encode())
        over = threading.Event()
        self.puppet.loop.call_soon_threadsafe(lambda: (self.done(result), over.set()))
        assert over.wait(PATIENCE)

    def advance(self, seconds: float) -> None:
        self.post("/_durable/clock/advance", {"seconds": seconds, "patience": 0})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        status, answer = self.raw("POST", path, json.dumps(body).encode())
        assert status == 200, answer
        return json.loads(answer)

    def get(self, path: str) -> Any:
        status, answer = self.raw("GET", path)
        assert status == 200, answer
        return json.loads(answer)

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, text in (files or {"app": "def handler(event, context):\n    return event\n"}).items():
            bundle.writestr(f"{name}.py", text)
    return buffer.getvalue()


def client(url: str) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, read_timeout=PATIENCE),
    )


@pytest.fixture(scope="module")
def service_stage() -> Iterator[Stage]:
    made = Stage()
    with made.service:
        made.create("work")
        made.create("plain", durable=None)
        yield made


@pytest.fixture
def stage(service_stage: Stage) -> Stage:
    """The module's stage, with nothing left over from the test before."""
    assert service_stage.puppet is not None
    while not service_stage.puppet.waiting.empty():
        _, done = service_stage.puppet.waiting.get()
        service_stage.puppet.loop.call_soon_threadsafe(done, InvocationResult.ok(b'{"Status":"SUCCEEDED"}'))
    return service_stage


@pytest.fixture
def make_stage() -> type[Stage]:
    return Stage


@pytest.fixture
def zipped() -> Callable[..., bytes]:
    return archive


@pytest.fixture
def make_client() -> Callable[[str], Any]:
    return client
