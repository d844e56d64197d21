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
            wire[ours] = str(error[theirs])
    trace = error.get("stackTrace")
    if isinstance(trace, list) and trace:
        wire["StackTrace"] = [str(line) for line in trace]
    return wire
