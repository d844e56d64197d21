"""The order in which results reach the user code of `async def` handlers.

One result at a time, each after everything else has come to rest, in the order of history: so tasks, `gather`
and races take the same turns on every replay.
"""

from __future__ import annotations

import asyncio
from heapq import heapify, heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from durable_runtime.async_context import AsyncDurableContext

LATEST = float("inf")
"""Place of a result that has just come about: after all that history holds."""


class OperationFuture(asyncio.Future):  # type: ignore[type-arg]
    """What user code and operations wait on; known by its class when the loop is searched for other waits."""


class Entry:
    """One result on its way to user code.

    Attributes:
        stamp: The member of the operation whose time says when the result came about.
        outside: Somebody else brings the result about (time, another function, the answer to a callback), and
            may have done so before the service tells.
        unrecorded: A virtual context, which history does not know.
        future: What user code waits on; None while the result is held for whoever awaits it next.
        place: Its place in the order of results.
        taken: User code has got it without waiting.
    """

    __slots__ = (
        "context",
        "error",
        "future",
        "operation_id",
        "outside",
        "place",
        "ready",
        "stamp",
        "taken",
        "unrecorded",
        "value",
    )

    def __init__(
        self,
        operation_id: str,
        context: AsyncDurableContext,
        stamp: str,
        *,
        outside: bool = False,
        unrecorded: bool = False,
    ) -> None:
        self.unrecorded = unrecorded
        self.operation_id = operation_id
        self.stamp = stamp
        self.outside = outside
        self.context = context
        self.future: Any = None
        self.place = LATEST
        self.taken = False
        self.ready = False
        self.value: Any = None
        self.error: BaseException | None = None


def _place(item: tuple[float, int, Entry, Any]) -> tuple[float, int]:
    return item[:2]


class Timeline:
    """Results on their way to user code, of all contexts.

    Attributes:
        now: The time of the last recorded result that was handed out, in epoch seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._line: list[tuple[float, int, Entry, AsyncDurableContext]] = []
        self._count = 0

    def line_up(self, context: AsyncDurableContext, place: float, entry: Entry) -> None:
        """Take in a result; those of one place keep the order in which they come."""
        self._count += 1
        heappush(self._line, (place, self._count, entry, context))

    @property
    def replays(self) -> bool:
        """Whether history holds results that user code is still to get."""
        return bool(self._line) and self._line[0][0] < LATEST

    def deliver(self) -> bool:
        """Hand out the next result; answer with whether there was one."""
        line = self._line
        while line and line[0][2].future.done():
            heappop(line)  # cancelled by whoever awaited it
        if not line:
            return False
        if line[0][2].ready:
            place, _, entry, context = heappop(line)
        else:
            # History has its result, but its children must replay first, and one of them has to wait.
            first = next((item for item in sorted(line, key=_place) if item[2].ready), None)
            if first is None:
                return False
            line.remove(first)
            heapify(line)
            place, _, entry, context = first
        if place < LATEST:
            self.now = max(self.now, place)
        context.deliver(entry)
        return True
