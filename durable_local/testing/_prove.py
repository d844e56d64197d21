"""Proofs over many runs: the same end whatever checkpoint the process dies at, and the same calls on every replay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durable_local.testing._faults import Fault, crash_after, crash_before, lost_result
from durable_local.testing._replay import replay
from durable_local.testing._runner import DurableTestRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local.testing._handlers import Handler
    from durable_local.testing._result import TestResult

MOST_POINTS = 5_000
"""Crash points tried before a workflow is said to never end. Our own choice."""

Outcome = tuple[Any, ...]


@dataclass(slots=True)
class CrashReport:
    """What `crash_everywhere` tried."""

    reference: TestResult
    """The run without a fault."""
    runs: list[tuple[Fault, TestResult]] = field(default_factory=list)
    """Each fault that struck, with the execution it left behind."""

    @property
    def points(self) -> int:
        """Return at how many points the process died."""
        return len(self.runs)


def outcome(result: TestResult) -> Outcome:
    """Return what must be the same: how the execution ended, and which operations it holds in which status."""
    error = (result.error.error_type, result.error.message) if result.error else None
    operations = sorted((op.id, op.type, op.sub_type or "", op.name or "", op.status) for op in result.operations)
    return result.status, result.result, error, operations


def crash_everywhere(
    handler: Handler,
    event: Any = None,
    *,
    same: Callable[[TestResult], Any] = outcome,
    before_each: Callable[[], None] | None = None,
    **options: Any,
) -> CrashReport:
    """Prove that a workflow ends the same whatever checkpoint its process dies at.

    Runs the workflow once without a fault, then once for each checkpoint with a crash before and one with a crash
    after it, and once for each invocation with its result lost. Raises an AssertionError with both timelines at the
    first run that ends differently.

    Args:
        handler: The decorated handler.
        event: The input.
        same: Returns what is compared of a result; by default status, result, error and all operations.
        before_each: Called before each run, to reset what the steps changed.
        options: Passed to `DurableTestRunner`: `functions`, `responders`, `execution_timeout`, …
    """
    reference = _run(handler, event, None, before_each, options)
    report = CrashReport(reference)
    wanted = same(reference)
    for make in (crash_before, crash_after, lost_result):
        for number in range(1, MOST_POINTS + 1):
            fault = make(number)
            result = _run(handler, event, fault, before_each, options)
            if not result.faults:
                break  # the workflow had ended before
            report.runs.append((fault, result))
            got = same(result)
            if got != wanted:
                raise AssertionError(_difference(fault, reference, result))
        else:
            raise AssertionError(f"The workflow did not end within {MOST_POINTS} checkpoints.\n{reference.timeline()}")
    return report


def assert_deterministic(
    handler: Handler,
    event: Any = None,
    *,
    before_each: Callable[[], None] | None = None,
    **options: Any,
) -> TestResult:
    """Prove that a handler makes the same calls when it is replayed; return the plain run.

    Runs the workflow once, once more with the process dying after every single checkpoint, so that every line is
    replayed from the history, and then replays both recorded histories without side effects.
    """
    plain = _run(handler, event, None, before_each, options)
    if before_each is not None:
        before_each()
    with DurableTestRunner(handler, **options) as runner:
        replayed = runner.run(event, replay_always=True)
    if outcome(plain) != outcome(replayed):
        raise AssertionError(
            "The handler is not deterministic: replayed after every checkpoint it ends differently.\n"
            f"Without replay:\n{plain.timeline()}\nWith replay:\n{replayed.timeline()}"
        )
    if hasattr(handler, "invoke_with"):
        for result in (plain, replayed):
            replay(handler, result).assert_compatible()
    return plain


def _run(
    handler: Handler,
    event: Any,
    fault: Fault | None,
    before_each: Callable[[], None] | None,
    options: dict[str, Any],
) -> TestResult:
    if before_each is not None:
        before_each()
    with DurableTestRunner(handler, **options) as runner:
        return runner.run(event, faults=[fault] if fault is not None else ())


def _difference(fault: Fault, reference: TestResult, result: TestResult) -> str:
    return (
        f"The workflow ends differently with {fault.kind}({fault.at}).\n"
        f"Without a fault:\n{reference.timeline()}\nWith it:\n{result.timeline()}"
    )
