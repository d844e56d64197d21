"""The same test against a running local service or AWS, through a boto3 Lambda client."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from functools import cached_property
from typing import TYPE_CHECKING, Any

from durable_local.testing._responders import (
    CallbackRequest,
    Respond,
    answer_for,
    encoded_result,
    find_responder,
)
from durable_local.testing._result import CLOSED, TestResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local.testing._faults import FaultPlan
    from durable_local.testing._handlers import Handler

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 1.0
_PATIENCE = 0.05
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class ThroughClient:
    """A service somewhere else."""

    def __init__(self, client: Any, wait_at_most: float) -> None:
        self._client = client
        self._wait_at_most = wait_at_most
        self._responders: dict[str, Any] = {}
        self._planned: dict[str, tuple[float, Respond]] = {}

    def define(self, name: str, handler: Handler, **_options: Any) -> None:
        """Refuse: functions live in the service."""
        raise TypeError(f"{name!r} ({handler}) cannot be registered through a client: deploy it to the service.")

    def start(
        self, target: str, payload: bytes, name: str | None, plan: FaultPlan | None, options: dict[str, Any]
    ) -> str:
        """Start an execution and return its ARN."""
        if plan is not None:
            raise TypeError("Faults can only be injected in process: leave out the client.")
        arguments: dict[str, Any] = {"InvocationType": options.pop("invocation_type", "Event")}
        if name is not None:
            arguments["DurableExecutionName"] = name
        tenant = options.pop("tenant_id", "")
        if tenant:
            arguments["TenantId"] = tenant
        if options:
            raise TypeError(f"Through a client, Invoke takes no {', '.join(options)}.")
        reply = self._client.invoke(FunctionName=target, Payload=payload, **arguments)
        arn = reply.get("DurableExecutionArn")
        if arn is None:
            raise ValueError(f"{target} is not a durable function: it has no execution to look at.")
        return str(arn)

    def drive(self, arn: str, *, skip_callbacks: bool, until: Callable[[], bool] | None = None) -> None:
        """Wait until the execution is closed, `until` holds, or it waits for somebody outside."""
        deadline = time.monotonic() + self._wait_at_most
        pause = _FIRST_PAUSE
        while not self._at_rest(arn, skip_callbacks, until):
            if skip_callbacks and pause > _PATIENCE:
                self._skip_timeouts(arn)
            if time.monotonic() > deadline:
                text = f"The execution did not come to rest within {self._wait_at_most} seconds."
                raise AssertionError(f"{text}\n{self.snapshot(arn).timeline()}")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _at_rest(self, arn: str, skip_callbacks: bool, until: Callable[[], bool] | None) -> bool:
        reply = self._client.get_durable_execution(DurableExecutionArn=arn, IncludeExecutionData=False)
        if reply["Status"] in CLOSED or (until is not None and until()):
            return True
        if self._responders:
            self._respond(arn)
        elif not skip_callbacks and until is None:
            return bool(self.snapshot(arn).open_callbacks())
        return False

    def _skip_timeouts(self, arn: str) -> None:
        """Let a local service whose clock skips jump to a time-out: nobody is going to answer.

        By itself it leaves somebody outside some real time to answer open callbacks.
        """
        if not self._local or not self._private("GET", "/_durable/clock")["skips"]:
            return
        open_ids = {operation.callback_id for operation in self.snapshot(arn).open_callbacks()}
        answered = {callback_id for callback_id, (_, answer) in self._planned.items() if not answer.silent}
        if open_ids & answered or self._private("GET", "/_durable/health")["busy"]:
            return
        clock = self._private("GET", "/_durable/clock")
        if clock["nextDue"] is not None:
            seconds = max(0.0, clock["nextDue"] - clock["now"])
            self._private("POST", "/_durable/clock/advance", {"seconds": seconds})

    def _respond(self, arn: str) -> None:
        """Answer the open callbacks whose answer is due."""
        result = self.snapshot(arn)
        parents = {operation.id: operation.name for operation in result.operations}
        for operation in result.open_callbacks():
            callback_id = str(operation.callback_id)
            if callback_id not in self._planned:
                responder = find_responder(self._responders, operation.name, parents.get(operation.parent_id or ""))
                request = CallbackRequest(callback_id, operation.name, arn)
                answer = Respond(silent=True) if responder is None else answer_for(responder, request)
                self._planned[callback_id] = (time.monotonic() + answer.after.total_seconds(), answer)
            due, answer = self._planned[callback_id]
            if not answer.silent and due <= time.monotonic():
                self._give(callback_id, answer)

    def _give(self, callback_id: str, answer: Respond) -> None:
        try:
            if answer.error is not None:
                self.fail_callback(callback_id, answer.error)
            else:
                self.complete_callback(callback_id, encoded_result(answer.result))
        except self._client.exceptions.CallbackTimeoutException:
            return  # it timed out, or somebody else was first

    def respond_to(self, name: str, responder: Any) -> None:
        """Declare who answers the callbacks of a name."""
        self._responders[name] = responder

    def complete_callback(self, callback_id: str, payload: bytes) -> None:
        """Complete a callback with a result."""
        self._client.send_durable_execution_callback_success(CallbackId=callback_id, Result=payload)

    def fail_callback(self, callback_id: str, error: dict[str, Any]) -> None:
        """Complete a callback with an error."""
        self._client.send_durable_execution_callback_failure(CallbackId=callback_id, Error=error)

    def heartbeat(self, callback_id: str) -> None:
        """Send a heartbeat."""
        self._client.send_durable_execution_callback_heartbeat(CallbackId=callback_id)

    def stop(self, arn: str, error: dict[str, Any]) -> None:
        """Stop an execution."""
        self._client.stop_durable_execution(DurableExecutionArn=arn, Error=error)

    def pause(self, arn: str, *, timeout_paused: bool, reason: str | None) -> None:
        """Pause an execution."""
        extra = {"Reason": reason} if reason is not None else {}
        self._client.pause_durable_execution(DurableExecutionArn=arn, ExecutionTimeoutPaused=timeout_paused, **extra)

    def resume(self, arn: str) -> None:
        """Resume an execution."""
        self._client.resume_durable_execution(DurableExecutionArn=arn)

    def advance(self, milliseconds: int) -> None:
        """Move the clock of a local service; time on AWS cannot be moved."""
        self._private("POST", "/_durable/clock/advance", {"seconds": milliseconds / 1000})

    def snapshot(self, arn: str) -> TestResult:
        """Return an execution as it is now."""
        execution = self._client.get_durable_execution(DurableExecutionArn=arn, IncludeExecutionData=True)
        pages = self._client.get_paginator("get_durable_execution_history").paginate(
            DurableExecutionArn=arn, IncludeExecutionData=True, PaginationConfig={"PageSize": 1000}
        )
        events = [event for page in pages for event in page["Events"]]
        if not self._local:
            return TestResult(execution, events)
        logs = self._private("GET", f"/_durable/logs?execution={urllib.parse.quote(arn, safe='')}&limit=10000")
        meter = self._private("GET", f"/_durable/meter/{urllib.parse.quote(arn, safe='')}")
        return TestResult(execution, events, logs=[line["message"] for line in logs["lines"]], meter=meter)

    @cached_property
    def _local(self) -> bool:
        """Whether the client speaks to the local service, which also has logs and meters."""
        if urllib.parse.urlsplit(self._client.meta.endpoint_url).hostname not in _LOOPBACK:
            return False
        try:
            return bool(self._private("GET", "/_durable/health"))
        except (ValueError, OSError):
            return False

    def close(self) -> None:
        """Leave the client to whoever made it."""

    def _private(self, method: str, path: str, body: Any = None) -> Any:
        """Call an endpoint that only the local service has."""
        endpoint = str(self._client.meta.endpoint_url)
        if urllib.parse.urlsplit(endpoint).hostname not in _LOOPBACK:
            raise TypeError(f"{endpoint} is not the local service: its clock cannot be moved.")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(endpoint + path, data, method=method)  # noqa: S310  checked above
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
                return json.load(reply)
        except urllib.error.HTTPError as error:
            raise ValueError(f"The service refused {method} {path}: {error.read().decode()}") from error
