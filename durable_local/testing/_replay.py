"""Replays a recorded execution against today's code, without side effects: the gate before a deploy.

The handler gets the recorded history and a service that records nothing. It never runs a step: the runtime starts no
new work when the Lambda time-out is over, and here it is over from the beginning. What is left is the question whether
the code still makes the calls that the history holds.
"""

from __future__ import annotations

import functools
import linecache
import re
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_local.testing._handlers import TestLambdaContext, call_handler, is_durable
from durable_local.testing._operations import decoded
from durable_local.testing._recorded import HistoryError, Recorded, read_recorded
from durable_local.testing._result import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_local.testing._handlers import Handler

__all__ = ["Divergence", "HistoryError", "ReplayReport", "replay"]

_NONDETERMINISTIC = "NonDeterministicExecutionError"
_LINE = re.compile(r"^  (the code calls|the history holds|operation id|called at): +(.*)$", re.MULTILINE)

_ID = re.compile(r"\bid ([0-9a-f]{64})\b")


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where code and history disagree."""

    expected: str
    """What the history holds."""
    found: str
    """What the code does."""
    source: str | None = None
    """File, line and text of the code's call, where there is one."""
    operation_id: str | None = None

    def __str__(self) -> str:
        lines = [f"expected (history): {self.expected}", f"found (code):       {self.found}"]
        if self.source:
            lines.append(f"at:                 {self.source}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """Whether today's code can take over a recorded execution."""

    name: str
    status: str
    """Status of the recorded execution."""
    operations: int
    """Operations in the record."""
    divergence: Divergence | None = None
    goes_on_with: str | None = None
    """For an execution that is still open: the operation the code would start next, with its source line."""

    @property
    def compatible(self) -> bool:
        """Return whether the code repeats the whole record."""
        return self.divergence is None

    def __str__(self) -> str:
        head = f"{self.name} ({self.status}, {self.operations} operation{'s' * (self.operations != 1)})"
        if self.divergence is not None:
            return f"{head}: diverges\n  " + str(self.divergence).replace("\n", "\n  ")
        return f"{head}: compatible"

    def assert_compatible(self) -> ReplayReport:
        """Raise an AssertionError with the divergence if there is one; return this report."""
        if self.divergence is not None:
            raise AssertionError(str(self))
        return self


def replay(handler: Handler, history: Any) -> ReplayReport:
    """Run today's code against a recorded execution and report the first divergence.

    No step, submitter or condition check runs, nothing is invoked, and no service is called.

    Args:
        handler: The decorated handler, on `durable_runtime` (or on AWS's SDK through `durable_runtime.compat`).
        history: See `read_recorded`: replies of the API, JSON text, or a `TestResult`.
    """
    recorded = history if isinstance(history, Recorded) else read_recorded(history)
    if not hasattr(handler, "invoke_with"):
        hint = (
            "import `durable_runtime.compat` before the handler's module, so that it runs on this runtime"
            if is_durable(handler)
            else "decorate it with `durable_runtime.durable_execution`"
        )
        raise TypeError(f"{handler!r} cannot be replayed without side effects: {hint}.")
    service = _NoService()
    context = _ReplayContext()
    event = {
        "DurableExecutionArn": recorded.arn,
        "CheckpointToken": "cmVwbGF5",
        "InitialExecutionState": {"Operations": recorded.operations, "NextMarker": ""},
        "UpdatedOperationIds": [],
    }
    with _observed(context) as notes:
        try:
            output = call_handler(handler, event, context, service)
        except Exception as error:  # noqa: BLE001  an error for Lambda is an outcome like others
            output = {"Status": "RAISED", "Error": {"ErrorType": type(error).__name__, "ErrorMessage": str(error)}}
    frontier = notes.frontier
    divergence = _compare(recorded, output, notes)
    still_open = recorded.status not in CLOSED
    count = sum(operation["Type"] != "EXECUTION" for operation in recorded.operations)
    following = f"{frontier[0]}, called at {frontier[1]}" if frontier and still_open and divergence is None else None
    return ReplayReport(recorded.name, recorded.status, count, divergence, following)


def _compare(recorded: Recorded, output: dict[str, Any], notes: _Notes) -> Divergence | None:
    """Return how an outcome contradicts the record, if it does."""
    frontier = notes.frontier
    status, error = output.get("Status"), output.get("Error") or {}
    if str(error.get("ErrorType", "")).endswith(_NONDETERMINISTIC):
        return _from_message(str(error.get("ErrorMessage", "")), recorded, notes)
    found = _outcome_text(output)
    if recorded.status not in CLOSED:
        if status == "RAISED":
            return Divergence("the execution goes on", found)
        return None
    if recorded.status in {"STOPPED", "TIMED_OUT"}:
        return None  # it was ended from outside, wherever the code was
    expected = f"the execution ends as {recorded.status}"
    if status == "PENDING":
        label, source = frontier or ("an operation", None)
        return Divergence(f"{expected} here, with nothing after it", f"the code calls {label}", source)
    if status != recorded.status:
        return Divergence(expected, found, frontier[1] if frontier else None)
    if status == "SUCCEEDED" and recorded.result is not None:
        old, new = decoded(recorded.result), decoded(output.get("Result"))
        if old != new:
            return Divergence(f"{expected} with result {_short(recorded.result)}", found)
    return None


def _from_message(message: str, recorded: Recorded, notes: _Notes) -> Divergence:
    """Read the runtime's report on code and history that disagree."""
    parts = dict(_LINE.findall(message))
    if "the history holds" in parts:
        return Divergence(
            parts["the history holds"],
            parts.get("the code calls", "something else"),
            notes.mismatch or parts.get("called at"),
            parts.get("operation id"),
        )
    named = set(_ID.findall(message))
    missed = [raw for raw in recorded.operations if raw["Id"] in named]
    if "finished without calling" in message and missed:
        from durable_runtime._history import describe_raw

        first = missed[0]
        return Divergence(describe_raw(first), "the code finishes without calling it", operation_id=first["Id"])
    return Divergence("a history that the code repeats", message.splitlines()[0], notes.mismatch)


def _outcome_text(output: dict[str, Any]) -> str:
    status, error = output.get("Status"), output.get("Error")
    if error:
        verb = "raises" if status == "RAISED" else "fails with"
        return f"the code {verb} {error.get('ErrorType')}: {_short(str(error.get('ErrorMessage')))}"
    if status == "SUCCEEDED":
        return f"the code returns {_short(output.get('Result') or 'null')}"
    return f"the code ends as {status}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:199]}…"


class _NoService:
    """A service that takes no checkpoint: its replies carry no token, which ends an invocation as PENDING."""

    def checkpoint(self, arn: str, token: str, updates: list[dict[str, Any]], client_token: str) -> dict[str, Any]:
        """Record nothing."""
        del arn, token, updates, client_token
        return {"NewExecutionState": {"Operations": [], "NextMarker": ""}}

    def get_state(self, arn: str, token: str, marker: str, max_items: int) -> dict[str, Any]:
        """Return nothing: all of the history came with the event."""
        del arn, token, marker, max_items
        return {"Operations": [], "NextMarker": ""}


class _ReplayContext(TestLambdaContext):
    """A Lambda context whose time is over, so that no new work starts."""

    def __init__(self) -> None:
        from durable_local._invocation import FunctionVersion

        arn = "arn:aws:lambda:us-east-1:123456789012:function:recorded:$LATEST"
        super().__init__(FunctionVersion("recorded", "$LATEST", arn, "replay"), "replay", arn, "")

    def get_remaining_time_in_millis(self) -> Any:
        """Return the smallest time that is one: zero would mean that nobody knows."""
        return 1e-9


class _Notes:
    """What was seen of one replay: where the record ends for the code, and where the code left it."""

    def __init__(self) -> None:
        self.frontier: tuple[str, str] | None = None
        self.mismatch: str | None = None


_observing = threading.Lock()


@contextmanager
def _observed(context: _ReplayContext) -> Iterator[_Notes]:
    """Note the first operation that the history does not hold, and the source line of a mismatch."""
    from durable_runtime._operations.base import Operation
    from durable_runtime.exceptions import NonDeterministicExecutionError

    notes = _Notes()
    original = Operation.__init__

    @functools.wraps(original)
    def observed(self: Operation, owner: Any, *arguments: Any, **options: Any) -> None:
        mine = owner.invocation.lambda_context is context
        try:
            original(self, owner, *arguments, **options)
        except NonDeterministicExecutionError:
            if mine and notes.mismatch is None:
                notes.mismatch = _call_site()
            raise
        if mine and self.raw is None and notes.frontier is None:
            notes.frontier = (self.label, _call_site())

    with _observing:
        Operation.__init__ = observed  # type: ignore[method-assign, assignment]  # the runtime has no hook here
        try:
            yield notes
        finally:
            Operation.__init__ = original  # type: ignore[method-assign]


def _call_site() -> str:
    """Return file, line and text of the user's code that is calling the runtime."""
    frame = sys._getframe(1)  # noqa: SLF001  as the runtime's own report does
    while frame.f_back is not None and _is_machinery(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}: {text}"


def _is_machinery(module: str) -> bool:
    return module == __name__ or module.startswith("durable_runtime.")
