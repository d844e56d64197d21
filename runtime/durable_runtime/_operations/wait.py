"""``wait``: time that costs nothing while it passes."""

from __future__ import annotations

from durable_runtime._effects import Acknowledged, Park
from durable_runtime._history import SUCCEEDED, epoch_seconds
from durable_runtime._operations.base import FAILED_STATUSES
from durable_runtime.exceptions import DurableOperationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from durable_runtime._operations.base import Operation


def wait(operation: Operation, seconds: int) -> Generator[Any, Any, None]:
    """Wait until the service says that the time has passed."""
    if operation.raw is None:
        yield Acknowledged(operation.record("START", WaitOptions={"WaitSeconds": seconds}))
        operation.reload()
    while operation.status != SUCCEEDED:
        if operation.status == "CANCELLED":
            break  # it is over: there is nothing more to wait for
        if operation.status in FAILED_STATUSES:
            operation.raise_recorded(DurableOperationError)
        if operation.status != "STARTED":
            operation.unknown_status()
        until = epoch_seconds(operation.details.get("ScheduledEndTimestamp"))
        yield Park(operation.id, until, f"{operation.label} is not over")
        operation.reload()
    operation.context.last_operation = operation.id
