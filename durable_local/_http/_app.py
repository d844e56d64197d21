"""The ASGI application: checks where a request comes from, finds its handler, and writes the answer."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from durable_local._engine import Reply
from durable_local._errors import ApiError, service_failure
from durable_local._http._request import MAX_BODY, MAX_CODE_BODY, Request, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from durable_local._http._gate import Gate
    from durable_local._http._router import Router

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger("durable_local")

_LOOPBACK = re.compile(rb"(?:(?:https?)://)?(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?").fullmatch
_JSON = (b"content-type", b"application/json")
_EMPTY = b"{}"


class Disconnected(Exception):  # noqa: N818  nothing went wrong with us
    """The client went away before its request was complete."""


class App:
    """The application. `after` is called when a request was handled: the driver's turn."""

    def __init__(self, router: Router, gate: Gate, after: Callable[[], None]) -> None:
        self._router = router
        self._gate = gate
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            status, headers, body = await self._answer(scope, receive)
        except ApiError as error:
            status, headers, body = _failure(error)
        except Disconnected:
            return
        except asyncio.CancelledError:  # by the server, which ends and has been patient long enough
            status, headers, body = _failure(service_failure("The local service ends."))
        except Exception:
            logger.exception("a request could not be answered")
            status, headers, body = _failure(service_failure("The local service failed; its log says why."))
        if scope["method"] == "HEAD":
            body = b""
        request_id = str(uuid.uuid4()).encode()
        headers += [(b"content-length", str(len(body)).encode()), (b"x-amzn-requestid", request_id)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        headers = scope["headers"]
        length = _check_headers(headers)
        route, params = self._router.find(scope["method"], scope["raw_path"])
        limit = MAX_CODE_BODY if route.carries_code else MAX_BODY
        if length > limit:
            raise too_large(limit)
        body = await _read(receive, limit)
        if self._gate.active:
            self._gate.check(route.operation)
        request = Request(scope["method"], params, scope["query_string"], headers, body)
        try:
            answer = route.handler(request)
        finally:
            self._after()
        if isinstance(answer, Awaitable):
            answer = await _unless_left(answer, receive)
        if isinstance(answer, Reply):
            return _reply(answer)
        if answer is None:
            return route.status, [], b""
        return route.status, [_JSON], json.dumps(answer).encode() if answer else _EMPTY


async def _unless_left(answer: Awaitable[Any], receive: Receive) -> Any:
    """Wait for an answer as long as the client does."""
    work = asyncio.ensure_future(answer)
    left = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Disconnected
        return work.result()
    finally:
        work.cancel()
        left.cancel()


def _check_headers(headers: list[tuple[bytes, bytes]]) -> int:
    """Refuse requests that a browser sends for a foreign page; return the content length."""
    host = False
    length = 0
    for name, value in headers:
        if name == b"host":
            host = _LOOPBACK(value) is not None
        elif name == b"origin" and _LOOPBACK(value) is None:
            raise ApiError(403, "AccessDeniedException", "The local service does not answer requests of web pages.")
        elif name == b"content-length":
            length = int(value) if value.isdigit() else 0
    if not host:
        raise ApiError(403, "AccessDeniedException", "The local service answers only to localhost and 127.0.0.1.")
    return length


async def _read(receive: Receive, limit: int) -> bytes:
    """Read the body, but not more than `limit` bytes."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and message["type"] == "http.request":
        if len(body) > limit:
            raise too_large(limit)
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    if message["type"] == "http.disconnect":
        raise Disconnected
    return b"".join(parts)


def _reply(reply: Reply) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    if reply.payload:
        headers.append(_JSON)
    return reply.status, headers, reply.payload


def _failure(error: ApiError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Write an error so that every SDK finds its code and its text."""
    headers = [_JSON, (b"x-amzn-errortype", error.code.encode())]
    if error.status == 429:
        headers.append((b"retry-after", b"1"))
    return error.status, headers, json.dumps(error.body()).encode()
