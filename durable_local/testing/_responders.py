"""Declared answers to callbacks: who answers which callback, how and when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CallbackRequest", "Respond", "fail", "never", "succeed"]


class CallbackRequest(NamedTuple):
    """An open callback, as a responder sees it."""

    callback_id: str
    name: str | None
    execution_arn: str


@dataclass(frozen=True, slots=True)
class Respond:
    """An answer to a callback: a result or an error, after a while, with heartbeats meanwhile."""

    result: Any = None
    error: dict[str, Any] | None = None
    after: timedelta = timedelta()
    """How long after the callback was created, by the execution's clock."""
    heartbeat_every: timedelta | None = None
    silent: bool = False

    def delayed(self, delay: timedelta) -> Respond:
        """Return the same answer, given later."""
        return Respond(self.result, self.error, delay, self.heartbeat_every, self.silent)


def succeed(result: Any = None, *, after: timedelta = timedelta(), heartbeat_every: timedelta | None = None) -> Respond:
    """Answer a callback with a result: text and bytes go as they are, everything else as JSON."""
    return Respond(result=result, after=after, heartbeat_every=heartbeat_every)


def fail(
    message: str = "",
    *,
    error_type: str | None = None,
    data: str | None = None,
    after: timedelta = timedelta(),
    heartbeat_every: timedelta | None = None,
) -> Respond:
    """Answer a callback with an error."""
    return Respond(error=error_object(message, error_type, data), after=after, heartbeat_every=heartbeat_every)


def never() -> Respond:
    """Leave a callback without an answer, so that it runs into its time-out."""
    return Respond(silent=True)


def error_object(message: str, error_type: str | None = None, data: str | None = None) -> dict[str, Any]:
    """Return the wire's ErrorObject."""
    members = {"ErrorMessage": message, "ErrorType": error_type, "ErrorData": data}
    return {name: value for name, value in members.items() if value}


def encoded_result(result: Any) -> bytes:
    """Return a callback result as it travels: text and bytes as they are, everything else as JSON."""
    if result is None:
        return b""
    if isinstance(result, bytes):
        return result
    if isinstance(result, str):
        return result.encode()
    return json.dumps(result, ensure_ascii=False).encode()


def answer_for(responder: Any, request: CallbackRequest) -> Respond:
    """Return what a responder answers: itself, what it returns when called, or the plain value it is."""
    value = responder(request) if callable(responder) else responder
    return value if isinstance(value, Respond) else Respond(result=value)


def find_responder(
    responders: dict[str, Any], name: str | None, parent_name: str | None
) -> Callable[[CallbackRequest], Any] | Any:
    """Return the responder of a callback: by its name, by that of its `wait_for_callback`, or the one for all."""
    for key in (name, parent_name, "*"):
        if key is not None and key in responders:
            return responders[key]
    return None
