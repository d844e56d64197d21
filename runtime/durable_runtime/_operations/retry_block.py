"""``with_retry``: a block of operations that runs again from its beginning when it fails."""

from __future__ import annotations

from durable_runtime._names import name_of
from durable_runtime.exceptions import DurableOperationError, DurableUsageError, ExecutionError, InvocationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._context_base import ContextBase
    from durable_runtime.async_context import AsyncDurableContext
    from durable_runtime.config import ChildConfig
    from durable_runtime.context import DurableContext


class Block:
    """What a retried block was told."""

    def __init__(self, func: Callable[..., Any], name: str | None, config: Any, retry: Any) -> None:
        from durable_runtime.exceptions import ValidationError
        from durable_runtime.retries import WithRetryConfig, as_retry_strategy, create_retry_strategy

        if not callable(func):
            raise ValidationError(f"with_retry: func is {func!r}; it must be a function of a context and an attempt")
        if config is not None and not isinstance(config, WithRetryConfig):
            raise ValidationError(f"with_retry: config is {config!r}; it must be a WithRetryConfig")
        from durable_runtime._values import return_annotation

        self.func = func
        self.annotation = return_annotation(func)
        self.name = name_of(name, func, "with_retry")
        config = config or WithRetryConfig()
        self.strategy = as_retry_strategy(retry, "with_retry") or config.retry_strategy or create_retry_strategy()
        self.wrap: bool = config.wrap_with_run_in_child_context
        self.child_config: ChildConfig[Any] | None = config.child_context_config

    def delay(self, error: Exception, attempt: int) -> int | None:
        """Ask the strategy for the pause before the next attempt; None means give up."""
        from durable_runtime.retries import decide

        ends = isinstance(error, ExecutionError | InvocationError) and not isinstance(error, DurableOperationError)
        if ends or isinstance(error, DurableUsageError):
            return None
        return decide(self.strategy, error, attempt, f"with_retry {self.name!r}")

    def wait_name(self, context: ContextBase, attempt: int) -> str | None:
        """Name the pause after an attempt: by the name in the history, where a rename is known."""
        name = self.name
        if self.wrap:
            name = context.invocation.history.operations.get(context.operation_id or "", {}).get("Name", name)
        return f"{name}-backoff-{attempt}" if name else None


def blocking_retries(context: DurableContext, block: Block) -> Any:
    """Run a block with retries on the calling thread."""
    attempt = 1
    while True:
        try:
            return block.func(context, attempt)
        except Exception as error:
            delay = block.delay(error, attempt)
            if delay is None:
                raise
        context.wait(delay, block.wait_name(context, attempt))
        attempt += 1


async def async_retries(context: AsyncDurableContext, block: Block) -> Any:
    """Run a block with retries in an event loop."""
    attempt = 1
    while True:
        try:
            return await block.func(context, attempt)
        except Exception as error:
            delay = block.delay(error, attempt)
            if delay is None:
                raise
        await context.wait(delay, block.wait_name(context, attempt))
        attempt += 1
