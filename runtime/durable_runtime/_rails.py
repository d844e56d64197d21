"""The texts of the rails: what went wrong, and what to write instead."""

from __future__ import annotations

from durable_runtime.exceptions import ForeignThreadError, NestedOperationError, SuspendingError, WrongContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from durable_runtime._context_base import ContextBase


def refuse(_context: ContextBase, word: str, busy: str | BaseException | None, *, foreign: bool) -> NoReturn:
    """Raise the error for an operation called where replay could not repeat it."""
    if isinstance(busy, BaseException):
        raise SuspendingError(
            f"{word} was called while the execution is suspending, from `finally`, `except` or `__exit__`. Cleanup "
            "code runs at every suspension, not only at the end. Use `with ctx.saga()` for compensation, or call the "
            "operation after the `try` block.",
        )
    if foreign and busy is None:
        raise ForeignThreadError(
            f"{word} was called from a thread that the runtime did not start, so replay could not give it the same "
            "position. Use ctx.map or ctx.parallel to run operations at the same time, or do the threads' work "
            "inside one step.",
        )
    if foreign or (busy or "").startswith(_FORKS):
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


_FORKS = ("map", "parallel")
