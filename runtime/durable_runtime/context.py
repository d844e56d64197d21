"""What a `def` handler is given: every durable operation, as a blocking call."""

from __future__ import annotations

from _thread import get_ident

from durable_runtime import _values
from durable_runtime._blocking import perform
from durable_runtime._context_base import ExecutionContext
from durable_runtime._decorators import (
    durable_parallel_branch,
    durable_step,
    durable_wait_for_callback,
    durable_with_child_context,
)
from durable_runtime._plans import OperationPlans
from durable_runtime._replay_safe import ReplaySafe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
    from typing import Any, Unpack, overload

    from durable_runtime._codec import Codec
    from durable_runtime._duration import DurationLike
    from durable_runtime._operations.base import Operation
    from durable_runtime._options import (
        CallbackOptions,
        ChildOptions,
        ConditionOptions,
        InvokeOptions,
        MapOptions,
        ParallelOptions,
        Retry,
        StepOptions,
        WaitForCallbackOptions,
    )
    from durable_runtime._plans import Plan
    from durable_runtime._record import T
    from durable_runtime.concurrency.models import BatchResult
    from durable_runtime.config import (
        CallbackConfig,
        ChildConfig,
        InvokeConfig,
        MapConfig,
        ParallelBranch,
        ParallelConfig,
        StepConfig,
        WaitForCallbackConfig,
    )
    from durable_runtime.retries import WithRetryConfig
    from durable_runtime.saga import Saga
    from durable_runtime.types import StepContext
    from durable_runtime.waits import WaitForConditionConfig

__all__ = [
    "Callback",
    "DurableContext",
    "ExecutionContext",
    "durable_parallel_branch",
    "durable_step",
    "durable_wait_for_callback",
    "durable_with_child_context",
]


class Callback:
    """A callback that was created.

    Attributes:
        callback_id: What to hand to whoever shall answer.
    """

    def __init__(self, context: DurableContext, operation: Operation, codec: Codec | None, callback_id: str) -> None:
        self.callback_id = callback_id
        self._context = context
        self._operation = operation
        self._codec = codec

    def result(self) -> Any:
        """Return the answer; suspend until there is one.

        Raises:
            CallbackExternalError: The answer is a failure.
            CallbackTimeoutError: Nobody answered in time.
        """
        context = self._context
        context._enter("callback result")  # noqa: SLF001  the callback is part of its context
        return context._perform(context._plan_callback_result(self._operation, self._codec))  # noqa: SLF001


class DurableContext(ReplaySafe, OperationPlans):
    """Runs durable operations: each runs once, is recorded, and on replay returns what it returned then."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._busy: str | BaseException | None = None
        self._thread = get_ident()

    if TYPE_CHECKING:

        @overload
        def step(
            self,
            func: Callable[[StepContext], Coroutine[Any, Any, T]],
            name: str | None = None,
            config: StepConfig | None = None,
            **options: Unpack[StepOptions],
        ) -> T: ...
        @overload
        def step(
            self,
            func: Callable[[StepContext], T],
            name: str | None = None,
            config: StepConfig | None = None,
            **options: Unpack[StepOptions],
        ) -> T: ...

    def step(
        self,
        func: Callable[[StepContext], Any],
        name: str | None = None,
        config: StepConfig | None = None,
        **options: Unpack[StepOptions],
    ) -> Any:
        """Run a function with side effects, and record its result.

        Args:
            func: Gets a StepContext. An ``async def`` function runs in an event loop of its own.
            name: Name in the history; the function's own by default.
            config: Options as an object.
            **options: The same, and more, as keywords: ``retry`` (a strategy, a number of attempts, False for
                none), ``at_most_once``, ``serdes``, ``returns`` (the result's type, where the function is not
                annotated), ``aliases`` (former names).

        Raises:
            StepError: The function failed and its retries are used up. It is an instance of the original
                exception's class as well, where that can be imported.
        """
        if self._busy is not None or get_ident() != self._thread:
            self._enter("step")
        if config is None and not options:
            raw = self._replayed_step(func, name)
            if raw is not None:
                self.last_operation = raw["Id"]
                return _values.decode(raw["StepDetails"].get("Result"), _values.return_annotation(func))
        return self._perform(self._plan_step(func, name, config, options))

    def wait(self, duration: DurationLike, name: str | None = None) -> None:
        """Let time pass without paying for it.

        Args:
            duration: A timedelta, a Duration or seconds; 1 s to 366 days, parts of a second round up.
            name: Name in the history.
        """
        self._enter("wait")
        self._perform(self._plan_wait(duration, name))

    def create_callback(
        self,
        name: str | None = None,
        config: CallbackConfig | None = None,
        **options: Unpack[CallbackOptions],
    ) -> Callback:
        """Create a callback for somebody outside to answer.

        Args:
            name: Name in the history.
            config: Options as an object.
            **options: The same as keywords: ``timeout``, ``heartbeat_timeout``, ``serdes``, ``returns``.
        """
        self._enter("create_callback")
        return self._perform(self._plan_create_callback(name, config, options))  # type: ignore[no-any-return]

    def wait_for_callback(
        self,
        submitter: Callable[..., Any],
        name: str | None = None,
        config: WaitForCallbackConfig | None = None,
        **options: Unpack[WaitForCallbackOptions],
    ) -> Any:
        """Create a callback, hand its id out in a step, and wait for the answer.

        Args:
            submitter: Gets the callback id and a WaitForCallbackContext.
            name: Name in the history; the submitter's own by default.
            config: Options as an object.
            **options: The same as keywords: ``timeout``, ``heartbeat_timeout``, ``serdes``, ``returns``, ``retry``.
        """
        self._enter("wait_for_callback")
        return self._perform(self._plan_wait_for_callback(submitter, name, config, options))

    def invoke(
        self,
        function_name: str,
        payload: Any = None,
        name: str | None = None,
        config: InvokeConfig[Any, Any] | None = None,
        **options: Unpack[InvokeOptions],
    ) -> Any:
        """Invoke another Lambda function and suspend until it has ended.

        Args:
            function_name: Name or ARN; a durable function needs a qualifier.
            payload: Any value that can be written as JSON.
            name: Name in the history.
            config: Options as an object.
            **options: The same as keywords: ``tenant_id``, ``returns`` (the result's type).

        Raises:
            InvokeError: The function failed, timed out or was stopped.
        """
        self._enter("invoke")
        return self._perform(self._plan_invoke(function_name, payload, name, config, options))

    def run_in_child_context(
        self,
        func: Callable[[DurableContext], T],
        name: str | None = None,
        config: ChildConfig[Any] | None = None,
        **options: Unpack[ChildOptions],
    ) -> T:
        """Run a group of operations with an id space of its own, and record its result.

        Args:
            func: Gets the child context.
            name: Name in the history; the function's own by default.
            config: Options as an object.
            **options: The same as keywords: ``virtual``, ``serdes``, ``returns``, ``aliases``.
        """
        self._enter("run_in_child_context")
        return self._perform(self._plan_child(func, name, config, options))  # type: ignore[no-any-return]

    def map(
        self,
        inputs: Iterable[Any],
        func: Callable[..., T],
        name: str | None = None,
        config: MapConfig[Any] | None = None,
        **options: Unpack[MapOptions],
    ) -> BatchResult[T]:
        """Run a function for every item, many at once, each in a context of its own.

        Args:
            inputs: Any iterable; it must give the same items on every replay.
            func: Gets (context, item, index, inputs), or as many of them as it takes.
            name: Name in the history; the function's own by default.
            config: Options as an object.
            **options: The same as keywords: ``max_concurrency``, ``completion_config``, ``item_namer``,
                ``serdes``, ``item_serdes``, ``nesting_type``, ``returns`` (one item's result type).
        """
        self._enter("map")
        return self._perform(self._plan_map(inputs, func, name, config, options))  # type: ignore[no-any-return]

    def parallel(
        self,
        functions: Iterable[Callable[..., T] | ParallelBranch[T]] | Mapping[str, Callable[..., T]],
        name: str | None = None,
        config: ParallelConfig | None = None,
        **options: Unpack[ParallelOptions],
    ) -> BatchResult[T]:
        """Run several functions at once, each in a context of its own.

        Args:
            functions: Functions of a context, ParallelBranch objects, or a mapping from names to functions.
            name: Name in the history.
            config: Options as an object.
            **options: The same as keywords, as for `map`.
        """
        self._enter("parallel")
        return self._perform(self._plan_parallel(functions, name, config, options))  # type: ignore[no-any-return]

    def wait_for_condition(
        self,
        check: Callable[..., T],
        config: WaitForConditionConfig[T],
        name: str | None = None,
        **options: Unpack[ConditionOptions],
    ) -> T:
        """Ask again and again, with pauses that cost nothing, until the wait strategy is content.

        Args:
            check: Gets the state and a WaitForConditionCheckContext; returns the new state.
            config: The strategy and the initial state.
            name: Name in the history; the check's own by default.
            **options: ``returns`` (the state's type).
        """
        self._enter("wait_for_condition")
        return self._perform(self._plan_condition(check, config, name, options))  # type: ignore[no-any-return]

    def with_retry(
        self,
        func: Callable[[DurableContext, int], T],
        name: str | None = None,
        config: WithRetryConfig[T] | None = None,
        *,
        retry: Retry = None,
    ) -> T:
        """Run a block of operations, and run all of it again when it fails.

        Args:
            func: Gets a context and the attempt, counted from 1.
            name: Names the child context; the waits between attempts are ``<name>-backoff-<attempt>``.
            config: The strategy, and whether the block gets a child context.
            retry: The strategy alone.
        """
        from durable_runtime._operations.retry_block import Block, blocking_retries

        block = Block(func, name, config, retry)
        if not block.wrap:
            alone: T = blocking_retries(self, block)
            return alone
        result: T = self.run_in_child_context(
            lambda inner: blocking_retries(inner, block),
            block.name,
            block.child_config,
            returns=block.annotation,
        )
        return result

    def saga(self, name: str | None = None) -> Saga:
        """Open a scope that undoes its finished parts when it fails: ``with ctx.saga() as saga``."""
        from durable_runtime.saga import Saga

        return Saga(self, name)

    # ---- the driver's side

    def is_replaying(self) -> bool:
        """Say whether the code that runs now ran before: whether the next operation is in the history."""
        if super().is_replaying():
            return True
        # History does not tell of the end of a virtual context, but the code that waited for it went on.
        return self.is_virtual and self._parent is not None and self._parent.is_replaying()

    def _perform(self, plan: Plan) -> Any:
        """Run an operation on this thread."""
        operation, generator = plan
        self._busy = operation.label
        try:
            result = perform(generator, self)
        except Exception:
            self._busy = None
            raise
        except BaseException as signal:
            # Cleanup code that runs while the stack unwinds must not start operations.
            self._busy = signal
            raise
        self._busy = None
        return result

    def _enter(self, word: str) -> None:
        if self._busy is not None or get_ident() != self._thread:
            from durable_runtime._rails import refuse

            refuse(self, word, self._busy, foreign=get_ident() != self._thread)

    def make_callback(
        self,
        operation: Operation,
        create: Generator[Any, Any, str],
        codec: Codec | None,
    ) -> Generator[Any, Any, Any]:
        """Create a callback; answer with the object for the user."""
        return Callback(self, operation, codec, (yield from create))

    def _settle(self) -> None:
        """Wait until everything this code has seen is recorded."""
        self.invocation.checkpointer.wait_for(self.line.past)
