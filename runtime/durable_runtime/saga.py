"""Sagas: undo what was done when a later part fails, in reverse, as durable steps."""

from __future__ import annotations

from durable_runtime._names import name_of
from durable_runtime.exceptions import DurableOperationError, ExecutionError, InvocationError, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self


class Saga:
    """A scope that undoes its finished parts when it fails.

        with ctx.saga() as saga:
            flight = ctx.step(book_flight)
            saga.add(cancel_flight, flight)
            ctx.step(book_hotel)

    When the block raises, the compensations run in reverse order, each as a step of its own, and the error goes
    on. A suspension runs none of them. In an `async def` handler, a task that is cancelled, say because another task
    of its `TaskGroup` failed, has failed too. A compensation that fails after its retries does not stop the others;
    its error is added to the block's as a note. With an ``async def`` handler, use ``async with``.
    """

    def __init__(self, context: Any, name: str | None = None) -> None:
        self._context = context
        self._name = name_of(name, None, "saga")
        self._compensations: list[tuple[_step, str, Any]] = []

    def add(
        self,
        compensate: Callable[..., Any],
        *args: Any,
        name: str | None = None,
        retry: Any = None,
        **kwargs: Any,
    ) -> None:
        """Register what undoes the part that has just finished.

        Args:
            compensate: Called with the arguments that follow; it gets no StepContext.
            *args: Arguments for it. They are taken from the replayed workflow, not recorded.
            name: Name of its step; ``undo <function>`` by default.
            retry: Its retry strategy; an undo is worth trying for long.
            **kwargs: Keyword arguments for it.
        """
        from durable_runtime.retries import as_retry_strategy

        if not callable(compensate):
            raise ValidationError(f"saga.add: compensate is {compensate!r}; it must be a function")
        step_name = name_of(name, compensate, "saga.add")
        if name is None:
            step_name = f"undo {step_name or len(self._compensations) + 1}"
        prefix = f"{self._name}: " if self._name else ""
        strategy = as_retry_strategy(retry, f"saga.add {step_name!r}")
        self._compensations.append((_step(compensate, args, kwargs), f"{prefix}{step_name}"[:256], strategy))

    def __enter__(self) -> Self:
        if hasattr(self._context, "driver"):
            raise ValidationError("saga: in an `async def` handler, write `async with ctx.saga() as saga`")
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if not _undoes(error):
            return
        while self._compensations:
            undo, name, retry = self._compensations.pop()
            try:
                self._context.step(undo, name, retry=retry)
            except Exception as failure:  # noqa: BLE001  the other parts must be undone as well
                _note(error, name, failure)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if not (_undoes(error) or self._is_cancelled(error)):
            return
        while self._compensations:
            undo, name, retry = self._compensations.pop()
            try:
                await self._context.step(undo, name, retry=retry)
            except Exception as failure:  # noqa: BLE001  the other parts must be undone as well
                _note(error, name, failure)

    def _is_cancelled(self, error: BaseException | None) -> bool:
        """Say whether user code cancelled the task of the block, as a `TaskGroup` does when a sibling fails."""
        from asyncio import CancelledError

        context = self._context
        return isinstance(error, CancelledError) and not (context.driver.suspending or context.line.is_orphaned())


class _step:  # noqa: N801  stands for a function
    """A compensation in the shape of a step function."""

    __slots__ = ("args", "func", "kwargs")

    def __init__(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs

    def __call__(self, _step_context: Any) -> Any:
        return self.func(*self.args, **self.kwargs)


def _undoes(error: BaseException | None) -> bool:
    """Say whether an error is the workflow's, and not a signal that ends the invocation only."""
    if not isinstance(error, Exception):
        return False
    if isinstance(error, InvocationError | ExecutionError):
        return isinstance(error, DurableOperationError | ExecutionError)
    return True


def _note(error: BaseException | None, name: str, failure: Exception) -> None:
    if error is not None:
        error.add_note(f"compensation {name!r} failed as well: {type(failure).__name__}: {failure}")
