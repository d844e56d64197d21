"""``create_callback`` and ``wait_for_callback``: answers from people and other systems."""

from __future__ import annotations

from durable_runtime._effects import Acknowledged, Park
from durable_runtime._history import CREATED, SUCCEEDED
from durable_runtime._operations.base import FAILED_STATUSES
from durable_runtime.exceptions import CallbackExternalError, CallbackTimeoutError, ExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from durable_runtime._codec import Codec
    from durable_runtime._operations.base import Operation


def create_callback(operation: Operation, options: dict[str, int]) -> Generator[Any, Any, str]:
    """Create the callback, and return its id."""
    if operation.raw is None:
        yield Acknowledged(operation.record("START", CallbackOptions=options))
        operation.reload()
    callback_id = operation.details.get("CallbackId")
    if not callback_id:
        raise ExecutionError(f"{operation.label}: the service gave no callback id")
    operation.context.last_operation = CREATED + operation.id
    return str(callback_id)


def callback_result(operation: Operation, codec: Codec | None) -> Generator[Any, Any, Any]:
    """Return the callback's result once there is one."""
    operation.reload()
    while operation.status != SUCCEEDED:
        if operation.status == "TIMED_OUT":
            operation.raise_recorded(CallbackTimeoutError)
        if operation.status in FAILED_STATUSES:
            operation.raise_recorded(CallbackExternalError)
        if operation.status not in ("STARTED", "PENDING", "READY"):
            operation.unknown_status()
        yield Park(operation.id, None, f"{operation.label} has no result")
        operation.reload()
    operation.context.last_operation = operation.id
    text = operation.details.get("Result")
    return text if codec is None else codec.read(text)
