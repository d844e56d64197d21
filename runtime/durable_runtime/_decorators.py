"""Decorators that bind arguments to functions of an operation."""

from __future__ import annotations

from durable_runtime.config import ParallelBranch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Concatenate, ParamSpec, TypeVar

    from durable_runtime.context import DurableContext
    from durable_runtime.types import StepContext, WaitForCallbackContext

    P = ParamSpec("P")
    T = TypeVar("T")


class _Bound:
    """A function with all its arguments but those that the operation gives."""

    __slots__ = ("_original_name", "args", "func", "kwargs")

    def __init__(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self._original_name = getattr(func, "__name__", None)

    def __call__(self, *given: Any) -> Any:
        return self.func(*given, *self.args, **self.kwargs)

    def __repr__(self) -> str:
        return f"<{self._original_name} bound to {len(self.args) + len(self.kwargs)} arguments>"


def _binder(func: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> _Bound:
        return _Bound(func, args, kwargs)

    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        if hasattr(func, name):
            setattr(wrapper, name, getattr(func, name))
    wrapper.__wrapped__ = func  # type: ignore[attr-defined]
    wrapper._original_name = getattr(func, "__name__", None)  # type: ignore[attr-defined]  # noqa: SLF001  AWS's name
    return wrapper


def durable_step(
    func: Callable[Concatenate[StepContext, P], T],
) -> Callable[P, Callable[[StepContext], T]]:
    """Make a step function that takes arguments: ``ctx.step(charge(order))`` for ``def charge(step, order)``."""
    return _binder(func)


def durable_with_child_context(
    func: Callable[Concatenate[DurableContext, P], T],
) -> Callable[P, Callable[[DurableContext], T]]:
    """Make a child function that takes arguments: ``ctx.run_in_child_context(ship(order))``."""
    return _binder(func)


def durable_wait_for_callback(
    func: Callable[Concatenate[str, WaitForCallbackContext, P], T],
) -> Callable[P, Callable[[str, WaitForCallbackContext], T]]:
    """Make a submitter that takes arguments: ``ctx.wait_for_callback(ask(manager))``."""
    return _binder(func)


class BranchFactory:
    """A function of a context and arguments; called with the arguments it gives the branch of a parallel."""

    __slots__ = ("func", "name")

    def __init__(self, func: Callable[..., Any], name: str | None) -> None:
        self.func = func
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> ParallelBranch[Any]:
        return ParallelBranch(_Bound(self.func, args, kwargs), self.name)

    def __repr__(self) -> str:
        return f"<branch {self.name!r}>"


def durable_parallel_branch(
    name: str | None = None,
) -> Callable[[Callable[Concatenate[DurableContext, P], T]], Callable[P, ParallelBranch[T]]]:
    """Make a named branch that takes arguments: ``ctx.parallel([fetch(user)])`` for ``def fetch(ctx, user)``.

    The name is the function's own by default. A branch without arguments may be given uncalled.
    """
    from durable_runtime._names import check_name, name_of

    given = check_name(name, "durable_parallel_branch")

    def decorate(func: Callable[Concatenate[DurableContext, P], T]) -> Callable[P, ParallelBranch[T]]:
        return BranchFactory(func, name_of(given, func, "durable_parallel_branch"))

    return decorate
