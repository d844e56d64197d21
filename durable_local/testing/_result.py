"""What a run left behind: status, result, operations, events, invocations. Built from the history alone.

The history is the wire's own (`GetDurableExecutionHistory` with execution data), so a result reads the same
whether the execution ran in this process, on the local service or on AWS.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from durable_local.testing._operations import (
    ExecutionFailure,
    TestInvocation,
    TestOperation,
    decoded,
    instant,
    invocations_of,
    operations_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from durable_local.testing._faults import Fault

CLOSED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"})


class TestResult:
    """An execution, finished or as far as it got."""

    __test__ = False

    def __init__(
        self,
        execution: Mapping[str, Any],
        events: Sequence[Mapping[str, Any]],
        *,
        logs: Sequence[str] = (),
        meter: Mapping[str, Any] | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        self.arn: str = execution["DurableExecutionArn"]
        self.name: str = execution["DurableExecutionName"]
        self.status: str = execution["Status"]
        self.execution = execution
        """The reply of `GetDurableExecution`."""
        self.events = list(events)
        """The history, oldest first, in the wire's shape."""
        self.logs = list(logs)
        """What the handler printed, line by line (in process: what it logged)."""
        self.meter = dict(meter or {})
        """Operations, bytes and the estimated cost, when the service meters."""
        self.faults = tuple(faults)
        """The injected faults that struck."""
        self.error = ExecutionFailure.of(execution.get("Error"))

    @cached_property
    def operations(self) -> list[TestOperation]:
        """All operations in the order they started."""
        return operations_of(self.events)

    @cached_property
    def invocations(self) -> list[TestInvocation]:
        """The runs of the handler."""
        return invocations_of(self.events)

    @property
    def result(self) -> Any:
        """Return what the workflow returned; None unless it succeeded."""
        return decoded(self.execution.get("Result"))

    @property
    def started(self) -> datetime:
        """Return when the execution started."""
        return instant(self.execution["StartTimestamp"])

    @property
    def duration(self) -> timedelta | None:
        """Return how long the execution took by its own clock; None while it is open."""
        ended = self.execution.get("EndTimestamp")
        return None if ended is None else instant(ended) - self.started

    @property
    def closed(self) -> bool:
        """Return whether the execution has ended."""
        return self.status in CLOSED

    def operation(self, name: str) -> TestOperation:
        """Return the one operation of this name."""
        found = self.operations_named(name)
        if len(found) == 1:
            return found[0]
        names = ", ".join(dict.fromkeys(f"{op.name!r}" for op in self.operations if op.name)) or "none has a name"
        problem = f"There are {len(found)} operations" if found else "There is no operation"
        raise LookupError(f"{problem} named {name!r} in execution {self.name}. Its operations: {names}.")

    def operations_named(self, name: str) -> list[TestOperation]:
        """Return all operations of this name, in the order they started."""
        return [operation for operation in self.operations if operation.name == name]

    def open_callbacks(self) -> list[TestOperation]:
        """Return the callbacks that wait for an answer."""
        return [op for op in self.operations if op.type == "CALLBACK" and op.open]

    def assert_succeeded(self) -> TestResult:
        """Raise an AssertionError with the timeline unless the execution succeeded; return this result."""
        return self.assert_status("SUCCEEDED")

    def assert_status(self, status: str) -> TestResult:
        """Raise an AssertionError with the timeline unless the execution has this status; return this result."""
        if self.status != status:
            raise AssertionError(f"The execution is {self.status}, not {status}.\n{self.timeline()}")
        return self

    def timeline(self) -> str:
        """Return the execution as text: what happened when, as a tree."""
        from durable_local.testing._timeline import render

        return render(self)

    def history(self) -> dict[str, Any]:
        """Return the execution as a JSON document that `replay` and `durable replay` read."""
        return {"DurableExecution": plain(self.execution), "Events": plain(self.events)}

    def __repr__(self) -> str:
        return f"<TestResult {self.name} {self.status}>"


def plain(value: Any) -> Any:
    """Return a value with its datetimes as epoch seconds, ready for JSON."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value
