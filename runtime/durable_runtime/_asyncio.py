"""The asyncio driver: performs effects in tasks of one event loop, for `async def` handlers.

Results reach user code one at a time and in the order of history, each after everything else has come to
rest; so tasks, `gather` and races take the same turns on every replay. An operation that has to wait for
the service parks. When nothing but parked operations is left, the invocation suspends.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from functools import partial

from durable_runtime._async_branches import run_branches
from durable_runtime._async_checkpointer import AsyncCheckpointer
from durable_runtime._blocking import OVERDUE, REFRESH_PAUSE
from durable_runtime._effects import Acknowledged, Body, Call, Park
from durable_runtime._history import epoch_seconds
from durable_runtime._quiescence import is_at_rest
from durable_runtime._scope import current
from durable_runtime._threads import Job, Threads
from durable_runtime._timeline import LATEST, Entry, OperationFuture, Timeline
from durable_runtime.exceptions import ExecutionError, SuspendExecution, SuspendingError
from durable_runtime.execution import is_async

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import Any

    from durable_runtime._invocation import Invocation
    from durable_runtime._operations.base import Operation
    from durable_runtime.async_context import AsyncDurableContext

_PATIENCE = 10_000
"""Turns of the loop after which user code that never rests is taken to rest."""

_OUTSIDE = frozenset({"WAIT", "CALLBACK", "CHAINED_INVOKE"})

_STEP_THREADS = 32
"""Threads for `def` steps of `async def` handlers."""


class Driver:
    """Runs one invocation of an `async def` handler."""

    def __init__(self, invocation: Invocation, loop: asyncio.AbstractEventLoop) -> None:
        self.invocation = invocation
        self.loop = loop
        self.thread = threading.get_ident()
        self.bodies = 0
        self.suspending = False
        self.over = False
        self.parked: dict[OperationFuture, tuple[str, str | None, float | None]] = {}
        self._ready: Any = getattr(loop, "_ready", ())
        self._poked = False
        self._spins = 0
        self.timeline = Timeline()
        self.held: Entry | None = None
        self._held_back: list[OperationFuture] = []
        self._main: asyncio.Task[Any] | None = None
        self._before: set[asyncio.Task[Any]] = set()
        self._cancels = 0
        self._parked_at_end: frozenset[str] = frozenset()
        self._threads: dict[str, Threads] = {}
        self.checkpointer = AsyncCheckpointer(invocation.log, self)

    # ---- the handler

    async def run(self, handler: Callable[..., Any], payload: Any, context: AsyncDurableContext) -> Any:
        """Run the handler; return its result, or raise what ended it."""
        self._before = asyncio.all_tasks(self.loop)
        self._main = asyncio.Task(self._handler(handler, payload, context), loop=self.loop)
        try:
            await asyncio.wait([self._main])
            result = self._outcome(self._main)
            self.suspending = True
            return result
        finally:
            self.suspending = self.over = True
            await self._clear()

    async def _handler(self, handler: Callable[..., Any], payload: Any, context: AsyncDurableContext) -> Any:
        current.set(context)
        return await handler(payload, context)

    def _outcome(self, main: asyncio.Task[Any]) -> Any:
        error = asyncio.CancelledError() if main.cancelled() else main.exception()
        if self.invocation.fatal is not None:
            raise self.invocation.fatal
        if self.invocation.log.failure is not None:
            raise self.invocation.log.failure
        if isinstance(error, SuspendingError):
            raise error
        if self.suspending:
            signal = SuspendExecution("nothing can go on before something outside has happened")
            signal.parked = self._parked_at_end
            raise signal
        if isinstance(error, asyncio.CancelledError):
            raise ExecutionError("the handler was cancelled: a CancelledError escaped from it")
        if error is not None:
            raise error
        return main.result()

    async def _clear(self) -> None:
        """Cancel what the handler no longer waits for, such as the losers of a race."""
        rest = asyncio.all_tasks(self.loop) - self._before - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=1)
        for task in rest:
            if task.done() and not task.cancelled():
                task.exception()

    # ---- operations

    def start(
        self,
        operation: Operation,
        generator: Generator[Any, Any, Any],
        context: AsyncDurableContext,
        finished_at: float | None,
        stamp: str,
    ) -> Entry:
        """Start an operation; answer with what its result will be in.

        ``finished_at`` is set when history holds the result: it then keeps its place in the order of delivery.
        """
        outside = operation.kind in _OUTSIDE
        entry = Entry(
            operation.id,
            context,
            stamp,
            outside=outside,
            unrecorded=operation.unrecorded,
        )
        entry.future = OperationFuture(loop=self.loop)
        context.outstanding += 1
        context.outside += outside
        if finished_at is not None:
            self.timeline.line_up(context, finished_at, entry)
        task = asyncio.Task(
            self._operate(generator, context, entry, lined_up=finished_at is not None),
            loop=self.loop,
        )
        entry.future.add_done_callback(lambda future: task.cancel() if future.cancelled() else None)
        return entry

    def start_block(self, code: Coroutine[Any, Any, Any], context: AsyncDurableContext) -> Entry:
        """Start code that runs operations of the context it was called on, as a task of its own."""
        entry = Entry("", context, "EndTimestamp", unrecorded=True)
        entry.future = task = self.loop.create_task(code)
        # Nobody may look at its failure, as with the loser of a race.
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return entry

    def line_up_held(self) -> None:
        """Let a result that was held for the next await take its turn among others."""
        entry, self.held = self.held, None
        if entry is not None:
            entry.future = OperationFuture(loop=self.loop)
            entry.context.outstanding += 1
            self.timeline.line_up(entry.context, entry.place, entry)

    async def _operate(
        self,
        generator: Generator[Any, Any, Any],
        context: AsyncDurableContext,
        entry: Entry,
        *,
        lined_up: bool,
    ) -> None:
        key = LATEST
        try:
            entry.value = await self.perform(generator)
            key = await self._order(context, entry)
        except asyncio.CancelledError:
            context.outstanding -= 1
            context.outside -= entry.outside
            entry.future.cancel()
            raise
        except BaseException as error:  # noqa: BLE001  it goes to whoever awaits the operation
            entry.error = error
            if isinstance(error, Exception):
                key = await self._order(context, entry)
        entry.ready = True
        if not lined_up:
            self.timeline.line_up(context, key, entry)
        self.poke()

    async def _order(self, context: AsyncDurableContext, entry: Entry) -> float:
        """Return the place of a result among those of its context.

        Our own outcomes come in the order in which we record them. What ends outside may have ended before,
        unknown to us; so while there is such an operation, results wait for their recorded times.
        """
        if entry.unrecorded:
            return self.timeline.now  # it ended with the last result that its code was given
        if not context.outside:
            return LATEST
        if not entry.outside:
            await self.checkpointer.wait_for(context.line.past)
        raw = self.invocation.history.operations.get(entry.operation_id) or {}
        moment = epoch_seconds(raw.get(entry.stamp))
        return LATEST if moment is None else moment

    @property
    def alone(self) -> bool:
        """Whether no other task could take a turn before the running one continues."""
        return not self._ready

    async def perform(self, generator: Generator[Any, Any, Any]) -> Any:
        """Run an operation to its end."""
        advance: Any = generator.send
        argument: Any = None
        while True:
            try:
                effect = advance(argument)
            except StopIteration as stop:
                return stop.value
            try:
                kind = type(effect)
                if kind is Call:
                    argument = await self._call(effect)
                elif kind is Acknowledged:
                    argument = None
                    await self.checkpointer.wait_for(effect.sequence)
                elif kind is Body:
                    argument = await self._body(effect)
                elif kind is Park:
                    argument = None
                    await self._park(effect)
                else:
                    argument = None
                    await run_branches(effect.batch, self)
                advance = generator.send
            except Exception as error:  # noqa: BLE001  the operation decides what an error of user code means
                argument, advance = error, generator.throw
            except BaseException:
                generator.close()
                raise

    async def _call(self, effect: Call) -> Any:
        if self.timeline.replays:
            await self._after_replay()
        token = current.set(effect.scope)
        self.bodies += 1
        try:
            if is_async(effect.func):
                result = effect.func(*effect.args)
            else:
                result = await self._on_a_thread(effect)  # it may block, and the loop must not
            if hasattr(result, "__await__"):
                result = await result
        except StopIteration as error:
            raise RuntimeError("a step raised StopIteration") from error
        except asyncio.CancelledError as error:
            self._refuse_made_up(error)
            raise
        finally:
            self.bodies -= 1
            current.reset(token)
        return result

    def _refuse_made_up(self, error: asyncio.CancelledError) -> None:
        """Take a cancellation that nobody asked for as the failure of the user's code that it is.

        It would end this task without an outcome, and be waited for for ever.
        """
        task = asyncio.current_task()
        if not self.suspending and task is not None and not task.cancelling():
            raise RuntimeError("it ended with asyncio.CancelledError, although nobody cancelled it") from error

    async def _after_replay(self) -> None:
        """Let results that history holds come first: what user code learns from them may give this step up."""
        turn = OperationFuture(loop=self.loop)
        self._held_back.append(turn)
        self.poke()
        await turn

    def _let_go(self) -> bool:
        """Let steps run that were held back; answer with whether there were some."""
        held_back, self._held_back = self._held_back, []
        for turn in held_back:
            if not turn.done():
                turn.set_result(None)
        return bool(held_back)

    async def _on_a_thread(self, effect: Call) -> Any:
        over = OperationFuture(loop=self.loop)

        def settle(job: Job) -> None:
            if over.done():
                job.discard()
            else:
                over.set_result(None)

        def announce(job: Job) -> None:
            if over.done() or self.loop.is_closed():
                job.discard()
            else:
                self.loop.call_soon_threadsafe(settle, job)

        run = partial(copy_context().run, effect.func, *effect.args)
        job = self.threads("step", _STEP_THREADS).submit(run, announce)
        await over
        return job.result()

    async def _body(self, effect: Body) -> Any:
        token = current.set(effect.scope)
        try:
            result = effect.func(*effect.args)
            if hasattr(result, "__await__"):
                result = await result
        except SuspendingError:
            raise
        except asyncio.CancelledError as error:
            self._refuse_made_up(error)
            raise
        except Exception:
            # Cleanup code failed while the stack unwound for a suspension; the suspension is what counts.
            if self.suspending:
                raise asyncio.CancelledError from None
            raise
        finally:
            current.reset(token)
        if self.invocation.fatal is not None:
            raise self.invocation.fatal
        if self.suspending:
            raise asyncio.CancelledError  # user code swallowed the signal, so what it returned is no result
        return result

    async def _park(self, effect: Park) -> None:
        """Wait for a reply that shows a change, or for the operation's time; then let it look again."""
        raw = self.invocation.history.operations.get(effect.operation_id)
        future = OperationFuture(loop=self.loop)
        until, timer = effect.until, None
        self.parked[future] = (effect.operation_id, None if raw is None else raw["Status"], until)
        if until is not None:
            delay = until - self.invocation.clock()
            timer = self.loop.call_later(delay if delay > 0 else REFRESH_PAUSE, self._due, future)
        self.poke()
        try:
            await future
        finally:
            self.parked.pop(future, None)
            if timer is not None:
                timer.cancel()

    def _due(self, future: OperationFuture) -> None:
        async def look() -> None:
            await self.checkpointer.refresh()
            if not future.done():
                future.set_result(None)

        asyncio.Task(look(), loop=self.loop)

    def look_at_parked(self) -> None:
        """Wake operations that a reply has changed."""
        operations = self.invocation.history.operations
        for future, (operation_id, status, _until) in list(self.parked.items()):
            raw = operations.get(operation_id)
            if raw is not None and raw["Status"] != status and not future.done():
                future.set_result(None)

    # ---- turns

    def poke(self) -> None:
        """See to deliveries, calls and suspension as soon as everything else has come to rest."""
        if not self._poked and not self.over:
            self._poked = True
            self.loop.call_soon(self._tick)

    def _tick(self) -> None:
        self._poked = False
        if self._ready and self._spins < _PATIENCE:
            self._spins += 1
            self.poke()
            return
        self._spins = 0
        self.line_up_held()
        if self.timeline.deliver() or self._let_go() or self.checkpointer.send_if_wanted():
            self.poke()
        elif self.parked and not self.bodies and not self.checkpointer.is_waited_for:
            self._consider_suspending()

    def _consider_suspending(self) -> None:
        tasks = asyncio.all_tasks(self.loop) - self._before
        if not is_at_rest(tasks, OperationFuture):
            # User code waits for something of its own, outside all operations: let it.
            self.loop.call_later(0.01, self.poke)
            return
        if self.suspending:
            self._cancel_main()
            return
        until = min((until for _, _, until in self.parked.values() if until is not None), default=None)
        invocation = self.invocation
        if until is not None:
            delay = until - invocation.clock()
            in_time = invocation.deadline is None or until < invocation.deadline
            if -OVERDUE < delay <= invocation.sleep_in_place and in_time:
                return  # its timer will fire
        self.suspend()

    def suspend(self) -> None:
        """End the invocation: unwind the handler."""
        self.suspending = True
        self._parked_at_end = frozenset(operation_id for operation_id, _, _ in self.parked.values())
        self._cancel_main()

    def abort(self) -> None:
        """Unwind the handler: nothing more can be recorded."""
        if not self.suspending:
            self.suspend()

    def _cancel_main(self) -> None:
        if self._main is not None and not self._main.done() and self._cancels < 100:
            self._cancels += 1
            self._main.cancel(str(SuspendExecution()))
            self.loop.call_later(0.01, self.poke)

    def threads(self, name: str, limit: int) -> Threads:
        """Return the threads of this invocation for plain steps, or the one for calls while step bodies run."""
        if name not in self._threads:
            self._threads[name] = Threads(f"durable-{name}", limit)
        return self._threads[name]

    def close(self) -> None:
        """Let the threads end; those that still run a step that nobody waits for are left to it."""
        for threads in self._threads.values():
            threads.close(wait=not self.bodies)
