"""The report on code and history that disagree."""

from __future__ import annotations

from durable_runtime._history import describe, describe_raw
from durable_runtime.exceptions import NonDeterministicExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from durable_runtime._history import RawOperation
    from durable_runtime._invocation import Invocation
    from durable_runtime._operations.base import Operation

_FIX = (
    "Code that runs before this point has changed since the execution started, or it does not repeat itself "
    "(time, random numbers, the environment, the order of a set). Deploy the old code for running executions "
    "(keep published versions), put the change behind `if ctx.patched('...')`, name a rename with `aliases=`, "
    "and move what does not repeat into a step."
)


def call_site() -> str:
    """Return file, line and text of the user's code that is calling the runtime."""
    import sys

    frame = sys._getframe(1)  # noqa: SLF001  only taken when something has gone wrong
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("durable_runtime."):
        frame = frame.f_back
    import linecache

    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    place = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
    return f"{place}: {text}" if text else place


def raise_mismatch(operation: Operation, raw: RawOperation) -> NoReturn:
    """End the execution: the operation at this position is not the recorded one."""
    expected = describe(operation.kind, operation.sub_type, operation.name, operation.parent_id)
    error = NonDeterministicExecutionError(
        "The code does not repeat the recorded history.\n"
        f"  the code calls:     {expected}\n"
        f"  the history holds:  {describe_raw(raw)}\n"
        f"  operation id:       {operation.id}\n"
        f"  called at:          {call_site()}\n"
        f"{_FIX}",
        step_id=operation.id,
    )
    end_with(operation.context.invocation, error)


def raise_unvisited(invocation: Invocation, missing: list[RawOperation]) -> NoReturn:
    """End the execution: the code returned without calling what it called before."""
    shown = "\n".join(f"  {describe_raw(raw)}, id {raw['Id']}" for raw in missing[:5])
    more = f"\n  and {len(missing) - 5} more" if len(missing) > 5 else ""
    error = NonDeterministicExecutionError(
        f"The code finished without calling what the recorded history holds:\n{shown}{more}\n{_FIX}",
        step_id=missing[0]["Id"],
    )
    end_with(invocation, error)


def end_with(invocation: Invocation, error: NonDeterministicExecutionError) -> NoReturn:
    """Raise an error that ends the invocation even if user code swallows it."""
    if invocation.fatal is None:
        invocation.fatal = error
    raise error


def raise_nesting(operation: Operation) -> NoReturn:
    """End the execution: the history has an operation for what the code now keeps virtual."""
    error = NonDeterministicExecutionError(
        f"The code runs {operation.label} without an operation of its own (virtual or FLAT), but the history holds "
        f"one from an earlier run.\n  operation id:       {operation.id}\n  called at:          {call_site()}\n{_FIX}",
        step_id=operation.id,
    )
    end_with(operation.context.invocation, error)
