"""What an operation of an `async def` handler answers with: its result, to be awaited now or later."""

from __future__ import annotations

from collections.abc import Coroutine

from durable_runtime._record import T

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType
    from typing import Any

    from durable_runtime._timeline import Entry, OperationFuture


class DurableAwaitable(Coroutine[object, object, T]):
    """The result of an operation that has started. Await it now or later, or hand it to `asyncio`.

    It counts as a coroutine, so that `asyncio.create_task`, `gather`, `wait_for`, `as_completed` and
    `TaskGroup.create_task` take it as it is. It may be awaited more than once.
    """

    __slots__ = ("_entry", "_steps")

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._steps: Generator[Any, Any, Any] | None = None

    def __hash__(self) -> int:
        """Go by the position, so that sets have the same order on every replay."""
        return int(self._entry.operation_id[:15] or "0", 16)

    def __await__(self) -> Generator[Any, Any, T]:
        entry = self._entry
        if entry.context.take(entry):
            if entry.error is not None:
                raise entry.error
            return entry.value  # type: ignore[no-any-return]
        future = self._line_up()
        if future.done():
            return future.result()  # type: ignore[no-any-return]
        return (yield from future)  # type: ignore[no-any-return]

    def _line_up(self) -> OperationFuture:
        """Return the future of the result, which comes in its turn."""
        entry = self._entry
        if entry.future is None:
            entry.context.driver.line_up_held()
            entry.context.driver.poke()
        future: OperationFuture = entry.future
        return future

    def send(self, value: Any) -> Any:
        """Run to the next wait; for the event loop."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.send(value)

    def throw(self, kind: Any, value: Any = None, traceback: TracebackType | None = None, /) -> Any:
        """Raise at the current wait; for the event loop."""
        if self._steps is None:
            self._steps = self.__await__()
        if value is None and isinstance(kind, BaseException):
            return self._steps.throw(kind)
        return self._steps.throw(kind, value, traceback)

    def close(self) -> None:
        """Stop waiting; for the event loop."""
        if self._steps is not None:
            self._steps.close()

    def done(self) -> bool:
        """Say whether the result is there."""
        return self._entry.taken or self._line_up().done()

    def result(self) -> T:
        """Return the result, if it is there."""
        if self._entry.taken and self._entry.error is None:
            return self._entry.value  # type: ignore[no-any-return]
        return self._line_up().result()  # type: ignore[no-any-return]

    def cancel(self) -> bool:
        """Give the operation up, if its result is not there yet. Nothing more of it is recorded."""
        return not self._entry.taken and self._line_up().cancel()
