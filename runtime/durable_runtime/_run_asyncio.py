"""Runs an `async def` handler in an event loop."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from functools import partial

from durable_runtime._asyncio import Driver
from durable_runtime._tasks import create
from durable_runtime._threads import run_elsewhere
from durable_runtime.async_context import AsyncDurableContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._commit import Line
    from durable_runtime._invocation import Invocation


def run_handler(invocation: Invocation, handler: Callable[..., Any], payload: Any, line: Line) -> Any:
    """Run an `async def` handler; return its result, or raise what ended it."""
    if asyncio._get_running_loop() is None:  # noqa: SLF001  the cheap question; the public one raises
        return _run_in_loop(invocation, handler, payload, line)
    # Somebody calls the handler from inside an event loop, as async tests do: two cannot run on one thread.
    return run_elsewhere(partial(_run_in_loop, invocation, handler, payload, line))


def _run_in_loop(invocation: Invocation, handler: Callable[..., Any], payload: Any, line: Line) -> Any:
    loop, keep = _loop()
    driver = Driver(invocation, loop)
    invocation.driver = driver
    invocation.checkpointer = driver.checkpointer
    context = AsyncDurableContext(invocation, None, line)
    loop.set_task_factory(create)  # type: ignore[arg-type]  # typeshed leaves the options out
    running = loop.create_task(driver.run(handler, payload, context))
    try:
        return loop.run_until_complete(running)
    finally:
        loop.set_task_factory(None)
        driver.checkpointer.close()
        driver.close()
        if not running.done():
            _wind_up(loop, running)
        if not keep:
            try:
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()


def _wind_up(loop: asyncio.AbstractEventLoop, running: asyncio.Task[Any]) -> None:
    """End what SystemExit or KeyboardInterrupt has torn apart, so that nothing of it wakes in the next invocation."""
    running.cancel()
    while not running.done():
        with suppress(BaseException):  # other tasks may end like the first, which is on its way out
            loop.run_until_complete(running)


_kept_loop: asyncio.AbstractEventLoop | None = None


def _loop() -> tuple[asyncio.AbstractEventLoop, bool]:
    """Return the loop to run in, and whether it is kept for the next invocation.

    A Lambda environment runs its invocations one by one on the main thread; there the loop is kept, so that
    clients which were created in one invocation work in the next.
    """
    global _kept_loop  # noqa: PLW0603  one loop per execution environment
    if threading.current_thread() is not threading.main_thread():
        return asyncio.new_event_loop(), False
    if _kept_loop is None or _kept_loop.is_closed():
        import atexit

        _kept_loop = asyncio.new_event_loop()
        atexit.register(_kept_loop.close)
    return _kept_loop, True
