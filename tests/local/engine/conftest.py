"""A hand-driven engine: the test plays the function, the clock stands still until it is moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from durable_local._clock import ManualClock
from durable_local._engine import Engine
from durable_local._errors import ApiError
from durable_local._invocation import InvocationResult
from durable_local._store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from durable_local._engine import Call
    from durable_local._invocation import InvocationRequest
    from durable_local._rules import Settings

START = 1_800_000_000_000
PENDING = b'{"Status":"PENDING"}'


class Hand:
    """An engine with one durable function `work` and one plain function `plain`, and the hand that plays them."""

    def __init__(self, path: Path | str = ":memory:", settings: Settings | None = None, now: int = START) -> None:
        self.clock = ManualClock(now)
        self.records: list[dict[str, Any]] = []
        self.engine = Engine(Store(path), self.clock, settings, sink=self.records.append)
        if not self.engine.functions.documents["function"]:
            self.engine.functions.define("work", execution_timeout=900)
            self.engine.functions.define("plain")
        self.call: Call | None = None
        self.request: InvocationRequest | None = None
        self.event: dict[str, Any] = {}
        self.arn = ""
        self.token = ""

    def start(self, payload: str = '{"a":1}', **options: Any) -> str:
        self.call = self.engine.invoke(options.pop("function", "work:$LATEST"), payload.encode(), **options)
        self.take()
        return self.arn

    def take(self) -> InvocationRequest:
        """Take the one invocation that is ready."""
        (request,) = self.engine.take_ready()
        return self.hold(request)

    def hold(self, request: InvocationRequest) -> InvocationRequest:
        self.request = request
        if request.execution_arn is not None:
            self.event = json.loads(request.event)
            self.arn = request.execution_arn
            self.token = self.event["CheckpointToken"]
        return request

    def idle(self) -> bool:
        return self.engine.take_ready() == []

    def checkpoint(self, *updates: dict[str, Any], client_token: str | None = None) -> dict[str, Any]:
        reply = self.engine.checkpoint(self.arn, self.token, list(updates), client_token)
        self.token = reply.get("CheckpointToken", "")
        return reply

    def end(self, output: Any = None, *, raw: bytes | None = None) -> None:
        assert self.request is not None
        payload = raw if raw is not None else json.dumps(output).encode()
        assert self.engine.complete_invocation(self.request.request_id, InvocationResult.ok(payload))

    def pend(self) -> None:
        self.end(raw=PENDING)

    def succeed(self, result: str = '"done"') -> None:
        self.end({"Status": "SUCCEEDED", "Result": result})

    def crash(self, message: str = "exit 1") -> None:
        assert self.request is not None
        self.engine.complete_invocation(self.request.request_id, InvocationResult.crashed(message))

    def advance(self, seconds: float) -> None:
        self.clock.advance_to(self.clock.now() + round(seconds * 1000))
        self.engine.fire_due()

    def status(self) -> str:
        return str(self.engine.get_execution(self.arn)["Status"])

    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.get_execution(self.arn)["Error"]
        return found

    def operation(self, operation_id: str) -> dict[str, Any]:
        (found,) = [o for o in self.engine.operations(self.arn) if o["Id"] == operation_id]
        return found

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.get_history(self.arn, max_items=1000)["Events"]
        return found

    def event_types(self) -> list[str]:
        return [event["EventType"] for event in self.events()]

    def refused(self, *updates: Any) -> str:
        """Return the text a batch is refused with, after checking that nothing of it was applied."""
        before = self.engine.operations(self.arn), self.events()
        with pytest.raises(ApiError) as caught:
            self.engine.checkpoint(self.arn, self.token, list(updates))
        assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
        assert (self.engine.operations(self.arn), self.events()) == before
        return caught.value.message

    def reopen(self) -> Hand:
        """Drop the engine the way a SIGKILL does and open its file again."""
        path, now = self.engine.store.path, self.clock.now()
        self.engine.store.close()
        return Hand(path, self.engine.settings, now)


def update(kind: str, action: str, operation_id: str = "x", **members: Any) -> dict[str, Any]:
    return {"Id": operation_id, "Type": kind, "Action": action, **members}


def wait(operation_id: str = "w", seconds: int = 60, **members: Any) -> dict[str, Any]:
    return update("WAIT", "START", operation_id, WaitOptions={"WaitSeconds": seconds}, **members)


def callback(operation_id: str = "c", timeout: int = 0, heartbeat: int = 0) -> dict[str, Any]:
    options = {"TimeoutSeconds": timeout, "HeartbeatTimeoutSeconds": heartbeat}
    return update("CALLBACK", "START", operation_id, CallbackOptions=options)


def invoke(operation_id: str = "i", function: str = "plain", payload: str | None = '{"n":1}') -> dict[str, Any]:
    members = {} if payload is None else {"Payload": payload}
    return update("CHAINED_INVOKE", "START", operation_id, ChainedInvokeOptions={"FunctionName": function}, **members)


class Updates:
    """Builders of updates, as a fixture: test modules cannot import each other."""

    make = staticmethod(update)
    wait = staticmethod(wait)
    callback = staticmethod(callback)
    invoke = staticmethod(invoke)


@pytest.fixture
def u() -> type[Updates]:
    return Updates


@pytest.fixture
def hand() -> Iterator[Hand]:
    made = Hand()
    yield made
    made.engine.close()


@pytest.fixture
def make_hand(tmp_path: Path) -> Iterator[Any]:
    made: list[Hand] = []

    def build(settings: Settings | None = None, *, file: bool = False) -> Hand:
        made.append(Hand(tmp_path / "service.sqlite" if file else ":memory:", settings))
        return made[-1]

    yield build
    for each in made:
        each.engine.store.close()
