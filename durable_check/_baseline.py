"""The recorded sequence of operations, and what changed against it.

The file is JSON meant for review in a pull request: one entry for each handler, one line for each operation.
"""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_check._model import Finding, Operation, Report
from durable_check.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 1
_RULE = RULES["DUR025"]


class BaselineError(ValueError):
    """The baseline file cannot be used; the message says why and what to do."""


class Step(NamedTuple):
    """What is recorded of one operation."""

    scope: str
    type: str
    name: str | None

    def describe(self) -> str:
        """Return the operation in words."""
        name = f' "{self.name}"' if self.name is not None else ""
        return f"{self.type}{name}" + (f" in {self.scope}" if self.scope else "")


def record(report: Report, folder: str) -> str:
    """Return the baseline file for a report; paths are relative to the folder the file lies in."""
    handlers = {
        key: [_as_row(operation) for operation in operations] for key, operations in _by_handler(report, folder).items()
    }
    return json.dumps({"version": VERSION, "handlers": dict(sorted(handlers.items()))}, indent=1) + "\n"


def load(path: Path) -> dict[str, list[Step]]:
    """Read a baseline file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise BaselineError(
                f"{path}: version {document['version']!r} of the baseline is not known here. "
                "Record it again with `--write-baseline`."
            )
        return {handler: [_from_row(row) for row in rows] for handler, rows in document["handlers"].items()}
    except FileNotFoundError as error:
        raise BaselineError(f"{path}: there is no such file. Record one with `--write-baseline {path}`.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, BaselineError):
            raise
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BaselineError(f"{path}: not a baseline file: {what}") from error


def _as_row(operation: Operation) -> dict[str, Any]:
    row: dict[str, Any] = {"type": operation.type, "name": operation.name}
    if operation.scope:
        row["in"] = operation.scope
    return row


def _from_row(row: dict[str, Any]) -> Step:
    return Step(row.get("in", ""), row["type"], row["name"])


def _by_handler(report: Report, folder: str) -> dict[str, list[Operation]]:
    handlers: dict[str, list[Operation]] = {}
    for entry in report.handlers:
        path, _, name = entry.rpartition(":")
        handlers[f"{_relative(path, folder)}:{name}"] = []
    for operation in report.operations:
        path, _, name = operation.handler.rpartition(":")
        handlers.setdefault(f"{_relative(path, folder)}:{name}", []).append(operation)
    return handlers


def _relative(path: str, folder: str) -> str:
    return Path(os.path.relpath(path, folder or ".")).as_posix()


def compare(report: Report, recorded: dict[str, list[Step]], folder: str, source: str) -> list[Finding]:
    """Return one finding for each operation that is not where the baseline has it."""
    now = _by_handler(report, folder)
    read = {_relative(path, folder) for path in report.read}
    findings: list[Finding] = []
    for handler, steps in sorted(recorded.items()):
        operations = now.get(handler)
        file = handler.rpartition(":")[0]
        if operations is None:
            if file not in read and Path(folder or ".", file).exists():
                continue  # this run checks other files, as a pre-commit hook does
            message = f"the baseline has the handler `{handler}`, and it is no longer there"
            findings.append(_finding(source, 1, 1, message))
        else:
            home = str(Path(folder or ".", file))
            findings.extend(_drift(steps, operations, home))
    return findings


def _drift(steps: list[Step], operations: list[Operation], home: str) -> Iterator[Finding]:
    """Compare scope by scope: ids count within one context."""
    for scope in dict.fromkeys([step.scope for step in steps]):
        before = [step for step in steps if step.scope == scope]
        after = [operation for operation in operations if operation.scope == scope]
        yield from _scope_drift(before, after, home)


def _scope_drift(before: list[Step], after: list[Operation], home: str) -> Iterator[Finding]:
    current = [Step(operation.scope, operation.type, operation.name) for operation in after]
    matcher = difflib.SequenceMatcher(None, before, current, autojunk=False)
    for tag, start, end, low, high in matcher.get_opcodes():
        if tag == "equal":
            continue
        for step, position in zip(before[start:end], range(low, high), strict=False):
            operation = after[position]
            if _same(step, current[position]) or operation.patched:
                continue
            yield _at(operation, f"{_verb(step, current, before, position)}: the baseline has {step.describe()} here")
        for position in range(low + (end - start), high):
            operation = after[position]
            if not operation.patched and _followed(end, before):
                moved = "moved" if before.count(current[position]) >= current.count(current[position]) else "new"
                text = f"{current[position].describe()} is {moved}"
                yield _at(operation, f"{text} in front of recorded operations, and shifts their ids")
        for step in before[start + (high - low) : end]:
            if before.count(step) > current.count(step):
                line, column, path = _near(after, low, home)
                yield _finding(path, line, column, f"{step.describe()} is in the baseline and no longer in the code")


def _same(left: Step, right: Step) -> bool:
    """Whether two records agree; a computed name is unknown and agrees with every name."""
    return left.type == right.type and (left.name == right.name or left.name is None or right.name is None)


def _verb(step: Step, current: list[Step], before: list[Step], position: int) -> str:
    text = current[position].describe()
    if step in current or current[position] in before:
        return f"{text} is reordered"
    if step.type == current[position].type:
        return f"{text} is renamed"
    return f"{text} took another operation's place"


def _followed(end: int, before: list[Step]) -> bool:
    return end < len(before)


def _near(after: list[Operation], position: int, home: str) -> tuple[int, int, str]:
    if not after:
        return 1, 1, home
    operation = after[min(position, len(after) - 1)]
    return operation.line, operation.column, operation.path


def _at(operation: Operation, message: str) -> Finding:
    return _finding(operation.path, operation.line, operation.column, message)


def _finding(path: str, line: int, column: int, message: str) -> Finding:
    return Finding(_RULE.id, _RULE.severity, path, line, column, message, _RULE.fix)
