"""The blocking driver: performs effects on the calling thread, and branches on a few threads more."""

from __future__ import annotations

import sys
import time

from durable_runtime._effects import Acknowledged, Body, Call, Fork, Park
from durable_runtime._scope import current
from durable_runtime.exceptions import SuspendExecution, SuspendingError, TimedSuspendExecution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from durable_runtime.context import DurableContext

REFRESH_PAUSE = 0.1
"""Seconds between two looks at an operation that is due by our clock and not yet by the service's."""

ENDED = "nothing: its function has returned"
"""Mark of a context that may not be used any more."""

OVERDUE = 1.0
"""Seconds past its time after which an operation is not asked for any more in this invocation."""


def perform(generator: Generator[Any, Any, Any], context: DurableContext) -> Any:
    """Run an operation to its end on this thread."""
    advance, argument = generator.send, None
    while True:
        try:
            effect = advance(argument)
        except StopIteration as stop:
            return stop.value
        try:
            argument = _EFFECTS[type(effect)](effect, context)
            advance = generator.send
        except Exception as error:  # noqa: BLE001  the operation decides what an error of user code means
            argument, advance = error, generator.throw
        except BaseException:
            generator.close()
            raise


def _call(effect: Call, _context: DurableContext) -> Any:
    token = current.set(effect.scope)
    try:
        result = effect.func(*effect.args)
        if hasattr(result, "__await__"):
            return _run_awaitable(result)
    except BaseException as error:
        asyncio = sys.modules.get("asyncio")
        if asyncio is not None and isinstance(error, asyncio.CancelledError):
            # Left as it is, it would end the invocation without an outcome, and Lambda would repeat it for ever.
            raise RuntimeError("it ended with asyncio.CancelledError, although nobody cancelled it") from error
        raise
    finally:
        current.reset(token)
    return result


def _body(effect: Body, context: DurableContext) -> Any:
    inner: DurableContext = effect.args[0]
    token = current.set(effect.scope)
    try:
        result = effect.func(*effect.args)
    except SuspendingError:
        raise
    except Exception:
        # Cleanup code failed while the stack unwound for a suspension; the suspension is what counts.
        if isinstance(inner._busy, SuspendExecution):  # noqa: SLF001  the driver's own mark
            raise inner._busy from None  # noqa: SLF001
        raise
    finally:
        current.reset(token)
    if isinstance(inner._busy, BaseException):  # noqa: SLF001
        raise inner._busy  # noqa: SLF001  user code swallowed a signal that it must not swallow
    inner._busy = ENDED  # noqa: SLF001
    if context.invocation.fatal is not None:
        raise context.invocation.fatal
    if hasattr(result, "__await__"):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        from durable_runtime.exceptions import ValidationError

        raise ValidationError(
            f"{effect.func!r} is `async def`, but it was given to a `def` handler's context; make the handler "
            "`async def` as well",
        )
    return result


def _acknowledged(effect: Acknowledged, context: DurableContext) -> None:
    context.invocation.checkpointer.wait_for(effect.sequence)


def _park(effect: Park, context: DurableContext) -> None:
    """Suspend; or sleep here and look again, where the handler allows that."""
    invocation = context.invocation
    until = effect.until
    if until is None:
        raise _parked(SuspendExecution(effect.reason), effect)
    delay = until - invocation.clock()
    deadline = invocation.deadline
    overdue = delay < -OVERDUE
    if overdue or delay > invocation.sleep_in_place or (deadline is not None and until > deadline):
        raise _parked(TimedSuspendExecution(effect.reason, until), effect)
    time.sleep(delay if delay > 0 else REFRESH_PAUSE)
    invocation.checkpointer.refresh()


def _parked(signal: SuspendExecution, effect: Park) -> SuspendExecution:
    signal.parked = frozenset((effect.operation_id,))
    return signal


def _fork(effect: Fork, context: DurableContext) -> None:
    from durable_runtime._branches import run_branches

    run_branches(effect.batch, context.invocation)


def _run_awaitable(awaitable: Any) -> Any:
    """Run an `async def` step of a `def` handler in an event loop of its own."""
    import asyncio

    async def run() -> Any:
        return await awaitable

    if asyncio._get_running_loop() is None:  # noqa: SLF001  the cheap question; the public one raises
        return asyncio.run(run())
    # The handler itself was called from inside a loop, as async tests do: two cannot run on one thread.
    from durable_runtime._threads import run_elsewhere

    return run_elsewhere(lambda: asyncio.run(run()))


_EFFECTS: dict[type, Any] = {
    Call: _call,
    Body: _body,
    Acknowledged: _acknowledged,
    Park: _park,
    Fork: _fork,
}
