"""``invoke``: another Lambda function, run by the service while this one sleeps."""

from __future__ import annotations

from durable_runtime._effects import Acknowledged, Park
from durable_runtime._history import SUCCEEDED
from durable_runtime._operations.base import FAILED_STATUSES
from durable_runtime.exceptions import InvokeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from durable_runtime._codec import Codec
    from durable_runtime._operations.base import Operation


def invoke(
    operation: Operation,
    payload: str | None,
    options: dict[str, Any],
    codec: Codec,
) -> Generator[Any, Any, Any]:
    """Start the function, and return what it returned."""
    if operation.raw is None:
        yield Acknowledged(operation.record("START", Payload=payload, ChainedInvokeOptions=options))
        operation.reload()
    while operation.status != SUCCEEDED:
        if operation.status in FAILED_STATUSES:
            operation.raise_recorded(InvokeError)
        if operation.status not in ("STARTED", "PENDING", "READY"):
            operation.unknown_status()
        yield Park(operation.id, None, f"{operation.label} has not ended")
        operation.reload()
    operation.context.last_operation = operation.id
    return codec.read(operation.details.get("Result"))
