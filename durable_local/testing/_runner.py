"""The test runner: one handler, its sibling functions, a service of its own or a boto3 client."""

from __future__ import annotations

import weakref
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from durable_local.testing._faults import FaultPlan
from durable_local.testing._handlers import handler_name
from durable_local.testing._options import FUNCTION_TIMEOUT, LONGEST, encoded_event, in_range, seconds_of
from durable_local.testing._responders import encoded_result, error_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from durable_local._rules import Settings
    from durable_local.testing._faults import Fault
    from durable_local.testing._handlers import Handler
    from durable_local.testing._in_process import InProcess
    from durable_local.testing._operations import TestOperation
    from durable_local.testing._result import TestResult
    from durable_local.testing._through_client import ThroughClient


class DurableTestRunner:
    """Runs a durable workflow in a test.

    Without a client the workflow runs in this process against a service of its own, on a clock that skips all
    waiting. With a boto3 Lambda `client` the same test runs against a local service or AWS, where `handler` is
    the name of a deployed function with its qualifier.

    Args:
        handler: The decorated handler; with `client`, the name or ARN of the function, qualified.
        functions: Functions that the workflow invokes: name, or ``name:alias``, to handler.
        responders: Answers to callbacks by name; ``"*"`` answers all others. A value, `succeed(...)`,
            `fail(...)`, `never()`, or a callable that is given the callback and returns one of these.
        name: Name of the function; the handler's own name by default.
        clock: ``"skip"`` jumps over all waiting, ``"manual"`` moves only by `advance`, ``"real"`` waits.
        execution_timeout: How long an execution may take by its clock; seconds or timedelta.
        timeout: The function timeout in seconds, as `get_remaining_time_in_millis` reports it.
        settings: The service's switches and limits.
        sink: Called with each record the service emits: status changes, invocations, dead letters, quotas.
        database: Where the service keeps its state; in memory by default.
        client: A boto3 Lambda client.
        wait_at_most: With `client`: seconds to wait for an execution before the test fails.
    """

    __test__ = False

    def __init__(
        self,
        handler: Handler | str,
        *,
        functions: Mapping[str, Handler] | None = None,
        responders: Mapping[str, Any] | None = None,
        name: str | None = None,
        clock: str = "skip",
        execution_timeout: float | timedelta = LONGEST,
        timeout: int = FUNCTION_TIMEOUT,
        settings: Settings | None = None,
        sink: Callable[[dict[str, Any]], None] | None = None,
        database: str | Path = ":memory:",
        client: Any = None,
        wait_at_most: float = 60.0,
    ) -> None:
        self._service: InProcess | ThroughClient
        self._execution_timeout = seconds_of(execution_timeout)
        self._timeout = in_range("timeout", timeout, FUNCTION_TIMEOUT)
        self._arns: dict[str, None] = {}
        self._end: weakref.finalize[[], DurableTestRunner]
        if client is not None:
            from durable_local.testing._through_client import ThroughClient

            if not isinstance(handler, str):
                raise TypeError("With a client, pass the name of the deployed function: the handler runs there.")
            self._service, self._target = ThroughClient(client, wait_at_most), handler
        else:
            from durable_local.testing._in_process import InProcess

            if isinstance(handler, str):
                raise TypeError(f"Pass the handler itself, not its name {handler!r}, or a boto3 client with the name.")
            self._service = InProcess(clock=clock, settings=settings, sink=sink, database=database)
            self._target = f"{name or handler_name(handler)}:$LATEST"
            self._define(name or handler_name(handler), handler, durable=True)
        self._end = weakref.finalize(self, self._service.close)  # also for a runner that nobody closes
        for key, function in (functions or {}).items():
            self.register(key, function)
        for key, responder in (responders or {}).items():
            self.respond(key, responder)

    # --- what surrounds the workflow ---------------------------------------------------------------------------------

    def register(self, name: str, handler: Handler) -> None:
        """Register a function that the workflow invokes; ``name:alias`` gives it a version and an alias."""
        self._define(name, handler, durable=None)

    def _define(self, name: str, handler: Handler, *, durable: bool | None) -> None:
        if not callable(handler):
            raise TypeError(f"The handler of {name!r} must be a function, not {handler!r}.")
        bare, _, alias = name.partition(":")
        self._service.define(
            bare,
            handler,
            durable=durable,
            execution_timeout=self._execution_timeout,
            timeout=self._timeout,
            alias=None if alias in {"", "$LATEST"} else alias,
        )

    def respond(self, callback: str, responder: Any) -> None:
        """Declare the answer to the callbacks of a name; ``"*"`` answers all that have no other."""
        self._service.respond_to(callback, responder)

    # --- running -----------------------------------------------------------------------------------------------------

    def run(
        self,
        event: Any = None,
        *,
        name: str | None = None,
        faults: Sequence[Fault] = (),
        replay_always: bool = False,
        **options: Any,
    ) -> TestResult:
        """Run an execution to its end and return what it left behind.

        A clock that skips jumps over waits, retries and time-outs alike: a callback that nobody answers runs
        into its time-out. Without a time-out, the execution stays RUNNING and the result says what it waits for.

        Args:
            event: The input: anything JSON can hold.
            name: The execution's name; the same name starts nothing twice.
            faults: What goes wrong on the way.
            replay_always: Let the handler die after each checkpoint, so that all of it is replayed.
            options: Members of Invoke: `tenant_id`, `trace_id`, `invocation_type`.
        """
        plan = FaultPlan(faults, replay_always=replay_always) if faults or replay_always else None
        arn = self._start(event, name, plan, options)
        self._service.drive(arn, skip_callbacks=True)
        return self._service.snapshot(arn)

    def start(
        self, event: Any = None, *, name: str | None = None, faults: Sequence[Fault] = (), **options: Any
    ) -> TestExecution:
        """Start an execution and run it until it waits for somebody outside, or ends."""
        plan = FaultPlan(faults) if faults else None
        arn = self._start(event, name, plan, options)
        self._service.drive(arn, skip_callbacks=False)
        return TestExecution(self, arn)

    def execution(self, arn: str) -> TestExecution:
        """Return a handle of an execution: of a child, say, by `operation.child_arn`."""
        return TestExecution(self, arn)

    def advance(self, delta: timedelta | None = None, **parts: float) -> None:
        """Let time pass: `advance(days=3)`. Everything due meanwhile happens at its moment."""
        span = (delta or timedelta()) + timedelta(**parts)
        if span < timedelta():
            raise ValueError(f"Time goes forward only, not by {span}.")
        self._service.advance(round(span.total_seconds() * 1000))

    def complete_callback(self, callback_id: str, result: Any = None) -> None:
        """Complete a callback with a result: text and bytes go as they are, everything else as JSON."""
        self._service.complete_callback(callback_id, encoded_result(result))

    def fail_callback(
        self, callback_id: str, message: str = "", *, error_type: str | None = None, data: str | None = None
    ) -> None:
        """Complete a callback with an error."""
        self._service.fail_callback(callback_id, error_object(message, error_type, data))

    def heartbeat(self, callback_id: str) -> None:
        """Send the heartbeat of a callback."""
        self._service.heartbeat(callback_id)

    def latest(self) -> list[TestResult]:
        """Return the executions this runner started, as they are now; failure reports show their timelines."""
        return [self._service.snapshot(arn) for arn in self._arns]

    def _start(self, event: Any, name: str | None, plan: FaultPlan | None, options: dict[str, Any]) -> str:
        arn = self._service.start(self._target, encoded_event(event), name, plan, options)
        self._arns[arn] = None
        return arn

    # --- life --------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give back what the runner holds."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TestExecution:
    """A started execution: look at it, answer its callbacks, run it on."""

    __test__ = False

    def __init__(self, runner: DurableTestRunner, arn: str) -> None:
        self._runner = runner
        self._service = runner._service  # noqa: SLF001  the two classes are one thing
        self.arn = arn

    @property
    def now(self) -> TestResult:
        """Return the execution as it is now."""
        return self._service.snapshot(self.arn)

    @property
    def status(self) -> str:
        """Return the execution's status."""
        return self.now.status

    def wait(self) -> TestResult:
        """Run the execution to its end, over all time-outs, and return what it left behind."""
        self._service.drive(self.arn, skip_callbacks=True)
        return self.now

    def run_on(self) -> TestResult:
        """Run the execution until it waits for somebody outside again, or ends."""
        self._service.drive(self.arn, skip_callbacks=False)
        return self.now

    def callback(self, name: str | None = None) -> TestOperation:
        """Return the open callback of this name, or of the `wait_for_callback` of this name; running on if need be."""
        self._service.drive(self.arn, skip_callbacks=False, until=lambda: bool(self._matching(name)))
        found = self._matching(name)
        if len(found) == 1:
            return found[0]
        names = ", ".join(repr(op.name) for op in self.now.open_callbacks()) or "none"
        problem = "more than one open callback" if found else "no open callback"
        wanted = f" named {name!r}" if name else ""
        raise LookupError(f"There is {problem}{wanted}. Open: {names}.\n{self.now.timeline()}")

    def _matching(self, name: str | None) -> list[TestOperation]:
        result = self.now
        parents = {operation.id: operation.name for operation in result.operations}
        return [op for op in result.open_callbacks() if name in (None, op.name, parents.get(op.parent_id or ""))]

    def complete(self, callback: str | None = None, result: Any = None) -> TestResult:
        """Complete the open callback of a name and run on."""
        self._runner.complete_callback(str(self.callback(callback).callback_id), result)
        return self.run_on()

    def fail(self, callback: str | None = None, message: str = "", *, error_type: str | None = None) -> TestResult:
        """Fail the open callback of a name and run on."""
        self._runner.fail_callback(str(self.callback(callback).callback_id), message, error_type=error_type)
        return self.run_on()

    def heartbeat(self, callback: str | None = None) -> None:
        """Send a heartbeat for the open callback of a name."""
        self._runner.heartbeat(str(self.callback(callback).callback_id))

    def stop(self, message: str = "", *, error_type: str | None = None) -> TestResult:
        """Stop the execution."""
        self._service.stop(self.arn, error_object(message, error_type))
        return self.run_on()

    def pause(self, *, timeout_paused: bool = True, reason: str | None = None) -> None:
        """Pause the execution."""
        self._service.pause(self.arn, timeout_paused=timeout_paused, reason=reason)

    def resume(self) -> TestResult:
        """Resume the paused execution and run it on."""
        self._service.resume(self.arn)
        return self.run_on()
