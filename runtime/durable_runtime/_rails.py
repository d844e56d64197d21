"""The texts of the rails: what went wrong, and what to write instead."""

from __future__ import annotations

from durable_runtime._blocking import ENDED
from durable_runtime.exceptions import (
    ForeignThreadError,
    NestedOperationError,
    SuspendExecution,
    SuspendingError,
    WrongContextError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from durable_runtime._context_base import ContextBase
    from durable_runtime._scope import Scope
    from durable_runtime.async_context import AsyncDurableContext


def refuse_async(context: AsyncDurableContext, word: str, here: Scope | None) -> NoReturn:
    """Raise the error for an operation of an `async def` handler called at the wrong place."""
    from _thread import get_ident

    from durable_runtime._step_scope import StepScope

    driver = context.driver
    busy: str | BaseException | None = None
    if driver.suspending:
        busy = SuspendExecution()
    elif isinstance(here, StepScope):
        busy = here.operation.label
    elif get_ident() == driver.thread and here is not None:
        busy = "a branch or child context"
    refuse(context, word, busy, foreign=busy is None)


def refuse(_context: ContextBase, word: str, busy: str | BaseException | None, *, foreign: bool) -> NoReturn:
    """Raise the error for an operation called where replay could not repeat it."""
    if isinstance(busy, BaseException):
        raise SuspendingError(
            f"{word} was called while the execution is suspending, from `finally`, `except` or `__exit__`. Cleanup "
            "code runs at every suspension, not only at the end. Use `with ctx.saga()` for compensation, or call the "
            "operation after the `try` block.",
        )
    if busy == ENDED:
        raise WrongContextError(
            f"{word} was called on a context whose function has returned. What it recorded is closed. Use the context "
            "of the code that runs now.",
        )
    if foreign and (busy is None or not busy.startswith(_FORKS)):
        raise ForeignThreadError(
            f"{word} was called from a thread that the runtime did not start, so replay could not give it the same "
            "position. Use ctx.map or ctx.parallel to run operations at the same time, or do the threads' work "
            "inside one step.",
        )
    if (busy or "").startswith(_FORKS):
        raise WrongContextError(
            f"{word} was called on an outer context, while that context runs {busy}. Positions would depend on "
            "timing. Use the context that the branch function is given as its first argument.",
        )
    if (busy or "").startswith("child context"):
        raise WrongContextError(
            f"{word} was called on an outer context, while that context runs {busy}. Replay skips what happens "
            "inside a finished child context. Use the context that the child function is given.",
        )
    raise NestedOperationError(
        f"{word} was called inside {busy}. A finished step is not run again on replay, so the operation inside it "
        "would shift all later ones. Call it outside, and pass its result in; to group operations use "
        "ctx.run_in_child_context.",
    )


_FORKS = ("map", "parallel", "a branch")
