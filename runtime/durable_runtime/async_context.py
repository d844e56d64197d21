"""What an `async def` handler is given: every durable operation, as an awaitable that has already started."""

from __future__ import annotations

from _thread import get_ident

from durable_runtime import _values
from durable_runtime._awaitable import DurableAwaitable
from durable_runtime._history import CREATED, OPEN_STATUSES, epoch_seconds
from durable_runtime._plans import OperationPlans
from durable_runtime._replay_safe import ReplaySafe
from durable_runtime._scope import current
from durable_runtime._timeline import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
    from typing import Any, Unpack, overload

    from durable_runtime._codec import Codec
    from durable_runtime._duration import DurationLike
    from durable_runtime._history import RawOperation
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

__all__ = ["AsyncCallback", "AsyncDurableContext", "DurableAwaitable"]


class AsyncCallback:
    """A callback that was created.

    Attributes:
        callback_id: What to hand to whoever shall answer.
    """

    def __init__(
        self,
        context: AsyncDurableContext,
        operation: Operation,
        codec: Codec | None,
        callback_id: str,
    ) -> None:
        self.callback_id = callback_id
        self._context = context
        self._operation = operation
        self._codec = codec

    def result(self) -> DurableAwaitable[Any]:
        """Return the answer once there is one.

        Raises:
            CallbackExternalError: The answer is a failure.
            CallbackTimeoutError: Nobody answered in time.
        """
        context = self._context
        context._enter("callback result")  # noqa: SLF001  the callback is part of its context
        self._operation.reload()
        return context._perform(context._plan_callback_result(self._operation, self._codec))  # noqa: SLF001


class AsyncDurableContext(ReplaySafe, OperationPlans):
    """Runs durable operations: each runs once, is recorded, and on replay returns what it returned then.

    Every operation starts when it is called, and takes its position then. The methods and their options are
    those of `DurableContext`; each answers with an awaitable.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._delivered: str | None = None
        super().__init__(*args, **kwargs)
        self.driver = self.invocation.driver
        self.tasks = 0
        self.outstanding = 0
        self.outside = 0
        self._positions: dict[str, int] = {}
        self._newest_outcome = (0, 0)

    if TYPE_CHECKING:

        @overload
        def step(
            self,
            func: Callable[[StepContext], Awaitable[T]],
            name: str | None = None,
            config: StepConfig | None = None,
            **options: Unpack[StepOptions],
        ) -> DurableAwaitable[T]: ...
        @overload
        def step(
            self,
            func: Callable[[StepContext], T],
            name: str | None = None,
            config: StepConfig | None = None,
            **options: Unpack[StepOptions],
        ) -> DurableAwaitable[T]: ...

    def step(
        self,
        func: Callable[[StepContext], Any],
        name: str | None = None,
        config: StepConfig | None = None,
        **options: Unpack[StepOptions],
    ) -> DurableAwaitable[Any]:
        """Run a function with side effects, and record its result; see `DurableContext.step`.

        An ``async def`` function runs in this loop. A ``def`` function runs in a thread, since it may block.
        """
        self._enter("step")
        if config is None and not options:
            raw = self._replayed_step(func, name)
            if raw is not None:
                text, annotation = raw["StepDetails"].get("Result"), _values.return_annotation(func)
                return self._hold(raw, "EndTimestamp", lambda: _values.decode(text, annotation))
        return self._perform(self._plan_step(func, name, config, options))

    def wait(self, duration: DurationLike, name: str | None = None) -> DurableAwaitable[None]:
        """Let time pass without paying for it; see `DurableContext.wait`."""
        self._enter("wait")
        return self._perform(self._plan_wait(duration, name))

    def create_callback(
        self,
        name: str | None = None,
        config: CallbackConfig | None = None,
        **options: Unpack[CallbackOptions],
    ) -> DurableAwaitable[AsyncCallback]:
        """Create a callback for somebody outside to answer; see `DurableContext.create_callback`."""
        self._enter("create_callback")
        operation, generator = self._plan_create_callback(name, config, options)
        return self._perform((operation, generator), creates=True)

    def wait_for_callback(
        self,
        submitter: Callable[..., Any],
        name: str | None = None,
        config: WaitForCallbackConfig | None = None,
        **options: Unpack[WaitForCallbackOptions],
    ) -> DurableAwaitable[Any]:
        """Create a callback, hand its id out, wait for the answer; see `DurableContext.wait_for_callback`."""
        self._enter("wait_for_callback")
        return self._perform(self._plan_wait_for_callback(submitter, name, config, options))

    def invoke(
        self,
        function_name: str,
        payload: Any = None,
        name: str | None = None,
        config: InvokeConfig[Any, Any] | None = None,
        **options: Unpack[InvokeOptions],
    ) -> DurableAwaitable[Any]:
        """Invoke another Lambda function; see `DurableContext.invoke`."""
        self._enter("invoke")
        return self._perform(self._plan_invoke(function_name, payload, name, config, options))

    def run_in_child_context(
        self,
        func: Callable[[AsyncDurableContext], Awaitable[T]],
        name: str | None = None,
        config: ChildConfig[Any] | None = None,
        **options: Unpack[ChildOptions],
    ) -> DurableAwaitable[T]:
        """Run a group of operations; see `DurableContext.run_in_child_context`."""
        self._enter("run_in_child_context")
        return self._perform(self._plan_child(func, name, config, options))

    def map(
        self,
        inputs: Iterable[Any],
        func: Callable[..., Awaitable[T]],
        name: str | None = None,
        config: MapConfig[Any] | None = None,
        **options: Unpack[MapOptions],
    ) -> DurableAwaitable[BatchResult[T]]:
        """Run a function for every item, many at once; see `DurableContext.map`."""
        self._enter("map")
        return self._perform(self._plan_map(inputs, func, name, config, options))

    def parallel(
        self,
        functions: Iterable[Callable[..., Awaitable[T]] | ParallelBranch[Awaitable[T]]]
        | Mapping[str, Callable[..., Awaitable[T]]],
        name: str | None = None,
        config: ParallelConfig | None = None,
        **options: Unpack[ParallelOptions],
    ) -> DurableAwaitable[BatchResult[T]]:
        """Run several functions at once; see `DurableContext.parallel`."""
        self._enter("parallel")
        return self._perform(self._plan_parallel(functions, name, config, options))

    def wait_for_condition(
        self,
        check: Callable[..., Any],
        config: WaitForConditionConfig[T],
        name: str | None = None,
        **options: Unpack[ConditionOptions],
    ) -> DurableAwaitable[T]:
        """Ask again and again until the wait strategy is content; see `DurableContext.wait_for_condition`."""
        self._enter("wait_for_condition")
        return self._perform(self._plan_condition(check, config, name, options))

    def with_retry(
        self,
        func: Callable[[AsyncDurableContext, int], Awaitable[T]],
        name: str | None = None,
        config: WithRetryConfig[T] | None = None,
        *,
        retry: Retry = None,
    ) -> DurableAwaitable[T]:
        """Run a block of operations, and run all of it again when it fails; see `DurableContext.with_retry`."""
        from durable_runtime._operations.retry_block import Block, async_retries

        self._enter("with_retry")
        block = Block(func, name, config, retry)
        if not block.wrap:
            return DurableAwaitable(self.driver.start_block(async_retries(self, block), self))
        return self.run_in_child_context(
            lambda inner: async_retries(inner, block),
            block.name,
            block.child_config,
            returns=block.annotation,
        )

    def saga(self, name: str | None = None) -> Saga:
        """Open a scope that undoes its finished parts when it fails: ``async with ctx.saga() as saga``."""
        from durable_runtime.saga import Saga

        return Saga(self, name)

    # ---- the driver's side

    @property
    def last_operation(self) -> str | None:
        """The operation whose result user code was given last."""
        return self._delivered

    @last_operation.setter
    def last_operation(self, operation_id: str | None) -> None:
        """Operations finish in any order; what counts is the order in which user code learns of it."""
        if not hasattr(self, "driver"):
            self._delivered = operation_id

    def deliver(self, entry: Entry) -> None:
        """Give user code a result."""
        self.outstanding -= 1
        self.outside -= entry.outside
        self._note(entry)
        _resolve(entry)

    def _note(self, entry: Entry) -> None:
        """Take down what user code has seen last."""
        created = entry.stamp == "StartTimestamp"
        self._delivered = CREATED + entry.operation_id if created else entry.operation_id

    def take(self, entry: Entry) -> bool:
        """Give user code a replayed result at once, if nothing else could come before it.

        That shows when the result is awaited, not when the operation is called: what is called in between races
        with it.
        """
        driver = self.driver
        if driver.held is entry and driver.alone:
            driver.held = None
            entry.taken = True
            self._note(entry)
            driver.timeline.now = max(driver.timeline.now, entry.place)
        return entry.taken

    def next_id(self) -> str:
        """Take the next position."""
        operation_id = super().next_id()
        self._positions[operation_id] = self._count
        return operation_id

    def overtakes(self, operation_id: str) -> bool:
        """Say whether an outcome comes after that of a later call, and so needs a later time of its own."""
        position = self._positions.get(operation_id, 0)
        sequence, newest = self._newest_outcome
        log = self.invocation.log
        if position >= newest or sequence <= log.acknowledged:
            self._newest_outcome = (log.queued + 1, position)
            return False
        return True

    def _perform(self, plan: Plan, *, creates: bool = False) -> DurableAwaitable[Any]:
        """Start an operation in the event loop."""
        operation, generator = plan
        raw = operation.raw
        stamp = "StartTimestamp" if creates else "EndTimestamp"
        driver = self.driver
        if raw is not None and (creates or raw["Status"] not in OPEN_STATUSES):
            if not operation.details.get("ReplayChildren"):
                return self._hold(raw, stamp, lambda: _value_of(generator))
            finished_at: float | None = _moment(raw, stamp)
        else:
            finished_at = None
        driver.line_up_held()
        return DurableAwaitable(driver.start(operation, generator, self, finished_at, stamp))

    def _hold(self, raw: RawOperation, stamp: str, read: Callable[[], Any]) -> DurableAwaitable[Any]:
        """Hold a recorded result for the next await, or let it take its turn where others are on their way."""
        driver = self.driver
        driver.line_up_held()
        entry = Entry(raw["Id"], self, stamp)
        entry.ready, entry.place = True, _moment(raw, stamp)
        try:
            entry.value = read()
        except Exception as error:  # noqa: BLE001  it goes to whoever awaits the operation
            entry.error = error
        driver.held = entry
        if self.outstanding or not driver.alone:
            driver.line_up_held()
            driver.poke()
        return DurableAwaitable(entry)

    def _enter(self, word: str) -> None:
        here = current.get()
        if here is self and not self.driver.suspending and get_ident() == self.driver.thread:
            return
        from durable_runtime._rails import refuse_async

        refuse_async(self, word, here)

    def make_callback(
        self,
        operation: Operation,
        create: Generator[Any, Any, str],
        codec: Codec | None,
    ) -> Generator[Any, Any, Any]:
        """Create a callback; answer with the object for the user."""
        return AsyncCallback(self, operation, codec, (yield from create))

    def _settle(self) -> None:
        """Block the loop until everything this code has seen is recorded."""
        self.driver.checkpointer.settle(self.line.past)


def _moment(raw: RawOperation, stamp: str) -> float:
    """Return the place of a recorded result among others."""
    return epoch_seconds(raw.get(stamp) or raw.get("StartTimestamp")) or 0.0


def _value_of(generator: Generator[Any, Any, Any]) -> Any:
    """Return what an operation returns that has nothing to wait for."""
    try:
        generator.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a recorded operation asked for an effect")  # pragma: no cover  its status says it has ended


def _resolve(entry: Entry) -> None:
    """Give a future its result."""
    future = entry.future
    if entry.error is None:
        future.set_result(entry.value)
    else:
        future.set_exception(entry.error)
        future.exception()  # the loser of a race may fail without anybody looking
