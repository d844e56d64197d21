"""The calls of a boto3 Lambda client that the test kit makes, without boto3: for a local service only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from durable_local._errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DURABLE = "/2025-12-01"
TIMEOUT = 60.0


class _CallbackTimeout(Exception):  # noqa: N818  boto3's name is CallbackTimeoutException
    """The callback is over."""


class Reply(NamedTuple):
    """The reply to an Invoke."""

    body: bytes
    function_error: str | None


class HttpLambda:
    """A Lambda client for the local service."""

    def __init__(self, url: str) -> None:
        self.meta = SimpleNamespace(endpoint_url=url)
        self.exceptions = SimpleNamespace(CallbackTimeoutException=_CallbackTimeout)

    def invoke_plain(self, target: str, payload: bytes) -> Reply:
        """Invoke a plain function and wait for its answer."""
        headers, body = self._call("POST", f"/2015-03-31/functions/{quote(target, safe='')}/invocations", payload)
        return Reply(body, headers.get("X-Amz-Function-Error"))

    def invoke(
        self,
        *,
        FunctionName: str,  # noqa: N803  boto3's names
        Payload: bytes,  # noqa: N803
        InvocationType: str,  # noqa: N803
        DurableExecutionName: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """Start an execution."""
        headers = {"X-Amz-Invocation-Type": InvocationType}
        if DurableExecutionName is not None:
            headers["X-Amz-Durable-Execution-Name"] = DurableExecutionName
        path = f"/2015-03-31/functions/{quote(FunctionName, safe='')}/invocations"
        reply, _ = self._call("POST", path, Payload, headers)
        return {"DurableExecutionArn": reply["X-Amz-Durable-Execution-Arn"]}

    def get_durable_execution(
        self,
        *,
        DurableExecutionArn: str,  # noqa: N803
        IncludeExecutionData: bool,  # noqa: N803
    ) -> dict[str, Any]:
        """Describe an execution."""
        return self._get(self._execution(DurableExecutionArn), IncludeExecutionData=IncludeExecutionData)

    def get_paginator(self, operation: str) -> Any:
        """Return the paginator of the history."""
        if operation != "get_durable_execution_history":
            raise ValueError(f"This client has no paginator for {operation}.")
        return SimpleNamespace(paginate=self._history)

    def _history(self, *, DurableExecutionArn: str, **_options: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        path = self._execution(DurableExecutionArn) + "/history"
        page = self._get(path, IncludeExecutionData=True, MaxItems=1000)
        yield page
        while page.get("NextMarker"):
            page = self._get(path, IncludeExecutionData=True, MaxItems=1000, Marker=page["NextMarker"])
            yield page

    def send_durable_execution_callback_success(self, *, CallbackId: str, Result: bytes) -> None:  # noqa: N803
        """Complete a callback with a result."""
        self._callback(CallbackId, "succeed", Result)

    def send_durable_execution_callback_failure(self, *, CallbackId: str, Error: dict[str, Any]) -> None:  # noqa: N803
        """Complete a callback with an error."""
        self._callback(CallbackId, "fail", json.dumps(Error).encode())

    def send_durable_execution_callback_heartbeat(self, *, CallbackId: str) -> None:  # noqa: N803
        """Send a heartbeat."""
        self._callback(CallbackId, "heartbeat", b"")

    def _callback(self, callback_id: str, action: str, body: bytes) -> None:
        path = f"{_DURABLE}/durable-execution-callbacks/{quote(callback_id, safe='')}/{action}"
        try:
            self._call("POST", path, body)
        except ApiError as error:
            if error.code == "CallbackTimeoutException":
                raise _CallbackTimeout(error.message) from error
            raise

    @staticmethod
    def _execution(arn: str) -> str:
        return f"{_DURABLE}/durable-executions/{quote(arn, safe='')}"

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        text = urlencode(
            {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
        )
        _, body = self._call("GET", f"{path}?{text}")
        document: dict[str, Any] = json.loads(body)
        return document

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[Any, bytes]:
        url = self.meta.endpoint_url + path
        request = urllib.request.Request(url, body, headers or {}, method=method)  # noqa: S310  our own service
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:  # noqa: S310
                return reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            document = json.loads(error.read() or b"{}")
            code = (error.headers.get("x-amzn-errortype") or "Unknown").partition(":")[0]
            raise ApiError(error.code, code, document.get("message", "")) from error
