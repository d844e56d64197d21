"""Histories made by hand: operations as the service would send them."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from tests.runtime.rules import DETAILS

KINDS = {
    "step": ("STEP", "Step"),
    "condition": ("STEP", "WaitForCondition"),
    "wait": ("WAIT", "Wait"),
    "callback": ("CALLBACK", "Callback"),
    "invoke": ("CHAINED_INVOKE", "ChainedInvoke"),
    "child": ("CONTEXT", "RunInChildContext"),
    "map": ("CONTEXT", "Map"),
    "item": ("CONTEXT", "MapIteration"),
    "parallel": ("CONTEXT", "Parallel"),
    "branch": ("CONTEXT", "ParallelBranch"),
    "wait_for_callback": ("CONTEXT", "WaitForCallback"),
}
HOUR = 3600.0


def op_id(position: int | str, parent: str | None = None) -> str:
    """The id of the operation at a position, as every SDK computes it."""
    text = f"{parent}-{position}" if parent else str(position)
    return hashlib.blake2b(text.encode()).hexdigest()[:64]


def op(
    kind: str,
    status: str,
    *,
    at: int | str = 1,
    name: str | None = "it",
    parent: str | None = None,
    error: str | None = None,
    **details: Any,
) -> dict[str, Any]:
    """One operation of a history. `error` is the message of its error object."""
    type_, sub_type = KINDS[kind]
    operation: dict[str, Any] = {
        "Id": op_id(at, parent),
        "Type": type_,
        "SubType": sub_type,
        "Status": status,
        "StartTimestamp": time.time() - 60,
    }
    if name is not None:
        operation["Name"] = name
    if parent is not None:
        operation["ParentId"] = parent
    if error is not None:
        details["Error"] = {"ErrorMessage": error, "ErrorType": "Recorded"}
    if type_ == "STEP":
        details.setdefault("Attempt", 0 if status == "STARTED" else 1)
    if details:
        operation[DETAILS[type_]] = details
    return operation


def soon() -> float:
    return time.time() + HOUR


def past() -> float:
    return time.time() - 1
