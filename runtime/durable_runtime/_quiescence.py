"""Finds out whether anything but durable operations can still wake a workflow."""

from __future__ import annotations

import asyncio
import os.path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep  # noqa: PTH120  compared with file names as text

# Parts of asyncio whose waits end only when another task does something. Sleeping and I/O are not among them.
_JOINING = frozenset(
    f"{_ASYNCIO}{name}.py" for name in ("tasks", "taskgroups", "timeouts", "locks", "queues", "futures")
)


def is_at_rest(tasks: Iterable[asyncio.Task[Any]], operation_future: type) -> bool:
    """Say whether every task waits for a durable operation, or for another of the tasks."""
    return all(task.done() or _waits_inside(task, operation_future) for task in tasks)


def _waits_inside(task: asyncio.Task[Any], operation_future: type) -> bool:
    waiter = getattr(task, "_fut_waiter", None)
    if waiter is None:
        return False  # it is about to run
    if isinstance(waiter, (operation_future, asyncio.Task)):
        return True
    children = getattr(waiter, "_children", None)
    if children is not None:
        return all(child.done() or isinstance(child, (operation_future, asyncio.Task)) for child in children)
    code = _innermost_code(task.get_coro())
    return code is not None and code.co_filename in _JOINING and code.co_name != "sleep"


def _innermost_code(coroutine: Any) -> Any:
    """Return the code that awaits the future itself."""
    code = None
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None) or code
        inner = getattr(coroutine, "cr_await", None)
        if inner is None:
            inner = getattr(coroutine, "gi_yieldfrom", None)
        coroutine = inner
    return code
