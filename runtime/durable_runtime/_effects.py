"""What an operation asks its driver to do.

Operations are generators. They look at the history, queue updates, and yield one of these when somebody
has to wait or user code has to run. A driver performs the effect and sends the result back in; how it
waits (a blocked thread, a parked task) is its own affair.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._operations.batch import Batch
    from durable_runtime._scope import Scope


class Body:
    """Run the body of a context: user code that may call operations. Answers with its result."""

    __slots__ = ("args", "func", "scope")

    def __init__(self, func: Callable[..., Any], args: tuple[Any, ...], scope: Scope) -> None:
        self.func = func
        self.args = args
        self.scope = scope


class Call:
    """Run a step, submitter or check: user code with side effects. Answers with its result."""

    __slots__ = ("args", "func", "scope")

    def __init__(self, func: Callable[..., Any], args: tuple[Any, ...], scope: Scope) -> None:
        self.func = func
        self.args = args
        self.scope = scope


class Acknowledged:
    """Wait until the service has recorded everything up to a sequence number."""

    __slots__ = ("sequence",)

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence


class Park:
    """Wait until the service completes an operation or its time comes; then look again.

    ``until`` is in epoch seconds, or None when only somebody outside can complete the operation.
    """

    __slots__ = ("operation_id", "reason", "until")

    def __init__(self, operation_id: str, until: float | None, reason: str) -> None:
        self.operation_id = operation_id
        self.until = until
        self.reason = reason


class Fork:
    """Run the branches of a map or parallel until its completion rule holds."""

    __slots__ = ("batch",)

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
