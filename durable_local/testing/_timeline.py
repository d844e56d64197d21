"""An execution as text: one line for each operation, as a tree, with times by the execution's own clock."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from durable_local.testing._operations import TestInvocation, TestOperation
    from durable_local.testing._result import TestResult

WIDTH = 60
"""Characters of a result or an error that one line shows."""

# Where the wire's sub type is not the word users know.
_WORDS = {
    "ChainedInvoke": "invoke",
    "CHAINED_INVOKE": "invoke",
    "RunInChildContext": "child context",
    "MapIteration": "item",
    "ParallelBranch": "branch",
}


def render(result: TestResult) -> str:
    """Return the timeline of an execution."""
    started = result.started
    rows = [(_offset(op.started, started), _indented(op, depth), op) for op, depth in _walk(result.operations)]
    offset_width = max((len(offset) for offset, _, _ in rows), default=0)
    name_width = max((len(name) for _, name, _ in rows), default=0)
    lines = [_headline(result)]
    lines += [f"  {offset:>{offset_width}}  {name:<{name_width}}  {_outcome(op)}" for offset, name, op in rows]
    lines += [
        f"  invocation {number} at {_offset(run.started, started)}: {_run(run)}"
        for number, run in enumerate(result.invocations, 1)
        if run.error is not None
    ]
    if result.error is not None:
        lines.append(f"  error: {shortened(str(result.error), 4 * WIDTH)}")
    elif result.closed:
        lines.append(f"  result: {shortened(json.dumps(result.result, ensure_ascii=False), 4 * WIDTH)}")
    return "\n".join(lines)


def _headline(result: TestResult) -> str:
    runs, operations = len(result.invocations), len(result.operations)
    parts = [
        f"{result.name}: {result.status}",
        *([f"after {length(result.duration)}"] if result.duration is not None else []),
        f"{runs} invocation{'s' * (runs != 1)}",
        f"{operations} operation{'s' * (operations != 1)}",
    ]
    return ", ".join(parts)


def _walk(operations: list[TestOperation]) -> list[tuple[TestOperation, int]]:
    """Return the operations depth first, each with its depth."""
    known = {operation.id for operation in operations}
    rows: list[tuple[TestOperation, int]] = []
    stack = [(operation, 0) for operation in reversed(operations) if operation.parent_id not in known]
    while stack:
        operation, depth = stack.pop()
        rows.append((operation, depth))
        stack += [(child, depth + 1) for child in reversed(operation.children)]
    return rows


def _indented(operation: TestOperation, depth: int) -> str:
    kind = operation.sub_type or operation.type
    word = _WORDS.get(kind) or re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", kind).lower()
    return f"{'  ' * depth}{word} {operation.name or ''}".rstrip()


def _outcome(operation: TestOperation) -> str:
    parts = [operation.status]
    if operation.attempts > 1:
        parts.append(f"{operation.attempts} attempts")
    if operation.duration is not None and operation.duration.total_seconds() >= 1:
        parts.append(f"took {length(operation.duration)}")
    if operation.error is not None:
        parts.append(shortened(str(operation.error), WIDTH))
    elif operation.payload is not None and operation.type != "CONTEXT":
        parts.append(shortened(operation.payload, WIDTH))
    return "  ".join(parts)


def _run(run: TestInvocation) -> str:
    return shortened(str(run.error), 2 * WIDTH)


def _offset(moment: datetime, start: datetime) -> str:
    return f"+{length(moment - start)}"


def length(span: timedelta) -> str:
    """Return a duration in the two largest units that say something: `3d 4h`, `1m 5s`, `0.012s`."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    whole = round(seconds)
    units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]
    parts = []
    for unit, size in units:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def shortened(text: str, width: int) -> str:
    """Return the text on one line, cut to `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
