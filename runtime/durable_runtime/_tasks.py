"""Tasks of user code that come out of sets in the same order on every replay.

A `TaskGroup` keeps its tasks in a set and cancels them in the set's order; `asyncio.wait` answers with sets. By
default, order in a set goes by memory addresses. Here it goes by the numbers that a context's code gives its tasks
by creating them, which it does in the same order every time.
"""

from __future__ import annotations

import asyncio

from durable_runtime._scope import current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any


class NumberedTask(asyncio.Task):  # type: ignore[type-arg]
    """A task whose hash is its number."""

    def __init__(self, coro: Coroutine[Any, Any, Any], number: int, **options: Any) -> None:
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


def create(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
    """Make a task for the code of a context, or a plain one for the code of a step, which replays do not run."""
    scope: Any = current.get()
    count = getattr(scope, "tasks", None)
    if count is None:
        return asyncio.Task(coro, loop=loop, **options)
    scope.tasks = count + 1
    return NumberedTask(coro, count + 1, loop=loop, **options)
