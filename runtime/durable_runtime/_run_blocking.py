"""Runs a `def` handler on the calling thread."""

from __future__ import annotations

from durable_runtime._blocking import perform
from durable_runtime._checkpointer import Checkpointer
from durable_runtime._effects import Body
from durable_runtime.context import DurableContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from durable_runtime._commit import Line
    from durable_runtime._invocation import Invocation


def run_handler(invocation: Invocation, handler: Callable[..., Any], payload: Any, line: Line) -> Any:
    """Run the handler; return its result, or raise what ended it."""
    invocation.checkpointer = Checkpointer(
        invocation.log,
        outcome_linger=invocation.outcome_linger,
        start_linger=invocation.start_linger,
    )
    if invocation.plugins is not None:
        invocation.checkpointer.on_reply = invocation.plugins.changed
    context = DurableContext(invocation, None, line)
    return perform(_handler(handler, payload, context), context)


def _handler(handler: Callable[..., Any], payload: Any, context: DurableContext) -> Generator[Any, Any, Any]:
    return (yield Body(lambda inner: handler(payload, inner), (context,), context))
