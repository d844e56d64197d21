"""The Lambda Runtime API of one worker: a port of its own, so that a dead worker never takes a live one's event."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Protocol

import httptools

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "/2018-06-01/runtime/"
MAX_BODY_BYTES = 6 * 1024 * 1024 + 4096
"""Lambda's response limit (6 MB) and some room for the error envelope."""

_ACCEPTED = b'{"status":"OK"}'


class Listener(Protocol):
    """What the endpoint reports to."""

    def worker_is_ready(self) -> None:
        """The worker asks for its next event."""

    def worker_answered(self, request_id: str, body: bytes, *, is_error: bool) -> bool:
        """The worker posted a result or an error; returns whether the request is the one it holds."""

    def worker_failed_to_start(self, body: bytes) -> None:
        """The worker could not import its handler."""


class RuntimeEndpoint:
    """Serves the Runtime API on a free loopback port."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._waiting: _Connection | None = None
        self._connections: set[_Connection] = set()
        self.address = ""

    async def start(self) -> None:
        """Open the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"

    def close(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()

    def send_event(self, headers: Mapping[str, str], body: bytes) -> None:
        """Answer the worker's waiting `next` with an event."""
        if self._waiting is None:
            raise RuntimeError("The worker has not asked for an event.")
        connection, self._waiting = self._waiting, None
        connection.reply(200, body, headers)

    def opened(self, connection: _Connection) -> None:
        """Remember a connection."""
        self._connections.add(connection)

    def closed(self, connection: _Connection) -> None:
        """Forget a connection, and with it a `next` that waited on it."""
        self._connections.discard(connection)
        if self._waiting is connection:
            self._waiting = None

    def handle(self, connection: _Connection, method: str, path: str, body: bytes) -> None:
        """Answer one request of the worker."""
        parts = path.removeprefix(_PREFIX).split("/") if path.startswith(_PREFIX) else []
        match method, parts:
            case "GET", ["invocation", "next"]:
                self._waiting = connection
                self._listener.worker_is_ready()
            case "POST", ["invocation", request_id, "response" | "error" as outcome]:
                known = self._listener.worker_answered(request_id, body, is_error=outcome == "error")
                if known:
                    connection.reply(202, _ACCEPTED)
                else:
                    connection.refuse(400, "InvalidRequestID", f"No invocation {request_id} is in progress.")
            case "POST", ["init", "error"]:
                connection.reply(202, _ACCEPTED)
                self._listener.worker_failed_to_start(body)
            case _:
                connection.refuse(404, "UnknownPath", f"The Runtime API has no {method} {path}.")


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection; httptools parses, replies leave in one write."""

    def __init__(self, endpoint: RuntimeEndpoint) -> None:
        self._endpoint = endpoint
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  TCP servers hand out nothing else
        self._transport = transport
        self._endpoint.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._transport = None
        self._endpoint.closed(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.refuse(400, "BadRequest", f"Not HTTP: {error}")
            self.close()

    def on_message_begin(self) -> None:
        self._url, self._body, self._size = b"", [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= MAX_BODY_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("ascii")
        path = self._url.decode("latin-1").partition("?")[0]
        if self._size > MAX_BODY_BYTES and path.endswith("/response"):
            body, path = _too_large(self._size), path.removesuffix("response") + "error"
        else:
            body = b"".join(self._body)
        self._endpoint.handle(self, method, path, body)

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send one reply."""
        if self._transport is None:
            return
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode("latin-1") + body)

    def refuse(self, status: int, kind: str, message: str) -> None:
        """Send an error in the Runtime API's shape."""
        document = {"errorType": kind, "errorMessage": message}
        self.reply(status, json.dumps(document).encode())

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


def _too_large(size: int) -> bytes:
    document: dict[str, Any] = {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": f"Response payload size ({size} bytes) exceeded maximum allowed payload size (6291556 bytes).",
    }
    return json.dumps(document).encode()
