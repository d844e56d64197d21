"""The engine driven in this process: no HTTP, no worker, no file. Whoever waits for an execution drives it."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from durable_local._clock import make_clock
from durable_local._engine import Engine
from durable_local._functions._registry import ALIAS, FUNCTION, VERSION
from durable_local._invocation import InvocationResult
from durable_local._rules import Settings
from durable_local._store import Store
from durable_local.testing import _logs
from durable_local.testing._answers import Answers
from durable_local.testing._faults import FaultPlan, InProcessClient
from durable_local.testing._handlers import is_durable, run_invocation
from durable_local.testing._result import TestResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from durable_local._invocation import InvocationRequest
    from durable_local.testing._handlers import Handler

PAGE = 1000


class InProcess:
    """A service of its own for one test: engine, clock and handlers in this process."""

    def __init__(
        self,
        *,
        clock: str = "skip",
        settings: Settings | None = None,
        sink: Callable[[dict[str, Any]], None] | None = None,
        database: str | Path = ":memory:",
    ) -> None:
        store = Store(database)
        self._clock = make_clock(clock, start=store.present())
        self.engine = Engine(store, self._clock, settings or Settings(), sink=sink)
        self._handlers: dict[str, Handler] = {}
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[InvocationRequest] = deque()
        self._running = 0
        self._plans: dict[str, FaultPlan] = {}
        self._answers = Answers(self.engine)
        self._logs = _logs.Logs()

    # --- functions -------------------------------------------------------------------------------------------------

    def define(
        self,
        name: str,
        handler: Handler,
        *,
        durable: bool | None = None,
        execution_timeout: int,
        timeout: int,
        alias: str | None = None,
    ) -> None:
        """Add a function whose code is a handler of this process."""
        with self._lock:
            functions = self.engine.functions
            is_one = is_durable(handler) if durable is None else durable
            functions.define(name, execution_timeout=execution_timeout if is_one else None, Timeout=timeout)
            if alias is not None:
                document = functions.documents[FUNCTION][name]
                published = {"Name": alias, "FunctionVersion": "1"}
                functions.put((VERSION, f"{name}:1", document), (ALIAS, f"{name}:{alias}", published))
            self._handlers[name] = handler

    # --- executions ------------------------------------------------------------------------------------------------

    def start(
        self, target: str, payload: bytes, name: str | None, plan: FaultPlan | None, options: dict[str, Any]
    ) -> str:
        """Start an execution and return its ARN; nothing of it has run yet."""
        with self._lock:
            call = self.engine.invoke(
                target, payload, invocation_type=options.pop("invocation_type", "Event"), execution_name=name, **options
            )
            arn = call.execution_arn or (call.reply.execution_arn if call.reply else None)
            if arn is None:
                raise ValueError(f"{target} is not a durable function: it has no execution to look at.")
            if plan is not None:
                self._plans[arn] = plan
            return arn

    def drive(self, arn: str, *, skip_callbacks: bool, until: Callable[[], bool] | None = None) -> None:
        """Run until an execution is closed, `until` holds, or nothing can happen without help from outside."""
        while not self._done(arn, until):
            if not self._work() and not self._pass_time(skip_callbacks=skip_callbacks):
                return

    def _done(self, arn: str, until: Callable[[], bool] | None) -> bool:
        with self._lock:
            return arn not in self._open() or (until is not None and until())

    def _work(self) -> bool:
        """Run one invocation, wait for one of another thread, or give an answer; return False when there is nothing."""
        with self._changed:
            request = self._take()
            if request is None:
                if self._running:
                    self._changed.wait()
                    return True
                return self._answers.give_due(self._open())
            self._running += 1
        self._run(request)
        return True

    def advance(self, milliseconds: int) -> None:
        """Let time pass, with everything happening at its moment."""
        with self._lock:
            target = self._clock.now() + milliseconds
        self._settle()
        while True:
            with self._lock:
                due = self._next_moment()
                at = target if due is None else min(due, target)
                self._clock.advance_to(at)
                self.engine.fire_due()
            self._settle()
            if at >= target:
                return

    def _settle(self) -> None:
        """Run whatever can run now."""
        while self._work():
            continue

    def _open(self) -> list[str]:
        """Return the ARNs of the open executions."""
        return self.engine.arns()

    def _take(self) -> InvocationRequest | None:
        if not self._waiting:
            self._waiting.extend(self.engine.take_ready())
        return self._waiting.popleft() if self._waiting else None

    def _run(self, request: InvocationRequest) -> None:
        arn = request.execution_arn
        plan = self._plans.get(arn) if arn is not None else None
        client = InProcessClient(self.engine, self._lock, plan)
        result = InvocationResult.crashed("The driver was interrupted.")
        try:
            with self._logs.of(arn or request.function.arn):
                result = run_invocation(self._handlers[request.function.name], request, client)
        finally:
            again = False
            with self._changed:
                self._running -= 1
                result, again = _judge(request, result, client, plan)
                self.engine.complete_invocation(request.request_id, result)
                self._changed.notify_all()
        if again:  # a second delivery: the service takes neither its checkpoints nor its result
            with self._logs.of(arn or request.function.arn):
                run_invocation(self._handlers[request.function.name], request, client)

    # --- time ------------------------------------------------------------------------------------------------------

    def _next_moment(self) -> int | None:
        due = self.engine.next_due()
        moments = [due.at if due is not None else None, self._answers.next_moment]
        return min((moment for moment in moments if moment is not None), default=None)

    def _pass_time(self, *, skip_callbacks: bool) -> bool:
        """Let the clock reach the next moment at which something happens; return False when it cannot."""
        with self._changed:
            if self._running or self._waiting or self.engine.busy:  # another thread was quicker
                return True
            due, moment = self.engine.next_due(), self._next_moment()
            if moment is None:
                return False
            somebody_answers = self._answers.responders or self._answers.next_moment == moment
            if due is not None and due.outside and not skip_callbacks and not somebody_answers:
                return False
            delay = (moment - self._clock.now()) / 1000
            if self._clock.skips:
                self._clock.advance_to(moment)
            elif delay > 0 and not self._clock.ticks:
                return False
            elif delay > 0:
                self._changed.wait(delay)
            self.engine.fire_due()
            return True

    # --- callbacks -------------------------------------------------------------------------------------------------

    def respond_to(self, name: str, responder: Any) -> None:
        """Declare who answers the callbacks of a name."""
        with self._lock:
            self._answers.responders[name] = responder

    def complete_callback(self, callback_id: str, payload: bytes) -> None:
        """Complete a callback with a result."""
        with self._lock:
            self.engine.callback_succeed(callback_id, payload)

    def fail_callback(self, callback_id: str, error: dict[str, Any]) -> None:
        """Complete a callback with an error."""
        with self._lock:
            self.engine.callback_fail(callback_id, error)

    def heartbeat(self, callback_id: str) -> None:
        """Send a heartbeat."""
        with self._lock:
            self.engine.callback_heartbeat(callback_id)

    # --- operators -------------------------------------------------------------------------------------------------

    def stop(self, arn: str, error: dict[str, Any]) -> None:
        """Stop an execution."""
        with self._lock:
            self.engine.stop(arn, error)

    def pause(self, arn: str, *, timeout_paused: bool, reason: str | None) -> None:
        """Pause an execution."""
        with self._lock:
            self.engine.pause(arn, timeout_paused=timeout_paused, reason=reason)

    def resume(self, arn: str) -> None:
        """Resume an execution."""
        with self._lock:
            self.engine.resume(arn)

    def snapshot(self, arn: str) -> TestResult:
        """Return an execution as it is now."""
        with self._lock:
            execution = self.engine.get_execution(arn, include=True)
            page = self.engine.get_history(arn, include=True, max_items=PAGE)
            events = page["Events"]
            while "NextMarker" in page:
                page = self.engine.get_history(arn, include=True, max_items=PAGE, marker=page["NextMarker"])
                events += page["Events"]
            plan = self._plans.get(arn)
            return TestResult(
                execution,
                events,
                logs=self._logs.lines(arn),
                meter=self.engine.meter(arn),
                faults=plan.struck if plan is not None else (),
            )

    def close(self) -> None:
        """Close the engine."""
        self._logs.close()
        with self._lock:
            self.engine.close()


def _judge(
    request: InvocationRequest, result: InvocationResult, client: InProcessClient, plan: FaultPlan | None
) -> tuple[InvocationResult, bool]:
    """Return what the service gets to see of an invocation, and whether its event is delivered twice."""
    if client.timed_out:
        return InvocationResult.timed_out(request.request_id, request.function.timeout), False
    if client.death is not None:
        return InvocationResult.crashed(f"RequestId: {request.request_id} Error: The process {client.death}."), False
    if plan is None:
        return result, False
    plan.invocations += 1
    if plan.at(plan.invocations, "lost_result"):
        text = f"RequestId: {request.request_id} Error: The process crashed before its result was sent."
        return InvocationResult.crashed(text), False
    return result, plan.at(plan.invocations, "duplicate") is not None
