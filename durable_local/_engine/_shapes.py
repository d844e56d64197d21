"""The shapes in which payloads and errors appear in events and operations."""

from __future__ import annotations

from typing import Any


def event_payload(payload: str | None) -> dict[str, Any]:
    """Return a payload as an event carries it."""
    return {"Truncated": False} if payload is None else {"Payload": payload, "Truncated": False}


def event_error(error: dict[str, Any] | None) -> dict[str, Any]:
    """Return an error object as an event carries it."""
    return {"Payload": error or {}, "Truncated": False}


def wire_error(error: dict[str, Any] | None) -> dict[str, Any]:
    """Turn a Runtime API error (`errorMessage`, …) into an ErrorObject."""
    error = error or {}
    wire: dict[str, Any] = {}
    for ours, theirs in (("ErrorMessage", "errorMessage"), ("ErrorType", "errorType")):
        if error.get(theirs) is not None:
            wire[ours] = _valid(error[theirs])
    trace = error.get("stackTrace")
    if isinstance(trace, list) and trace:
        wire["StackTrace"] = [_valid(line) for line in trace]
    return wire


def _valid(value: Any) -> str:
    """Return what a handler said as valid Unicode: an exception may quote half of a surrogate pair."""
    return str(value).encode("utf-8", "replace").decode()
