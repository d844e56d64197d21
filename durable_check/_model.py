"""What the checker hands out: findings, notes and the report that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Edit(NamedTuple):
    """A replacement of one piece of a line; columns count characters from 0, lines from 1."""

    line: int
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Finding:
    """One replay bug, or one thing that kept a file from being checked.

    Attributes:
        rule: The rule's id, such as ``DUR001``.
        severity: ``error``, ``warning`` or ``info``.
        path: The file, spelled the way the caller spelled it.
        line: Counts from 1.
        column: Counts characters from 1.
        message: What is wrong at this place.
        fix: What to write instead.
        end_column: One past the last character when the place ends on the same line, else 0.
        edit: The safe automatic fix, where there is one.
    """

    rule: str
    severity: Severity
    path: str
    line: int
    column: int
    message: str
    fix: str
    end_column: int = field(default=0, compare=False)
    edit: Edit | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, str | int]:
        """Return the seven documented members, ready for JSON."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "fix": self.fix,
        }


class Note(NamedTuple):
    """Something the checker could not resolve. A note is not a finding: it says where it stopped looking."""

    path: str
    line: int
    message: str


class Operation(NamedTuple):
    """One durable operation as a handler calls it; the unit of the recorded baseline."""

    handler: str
    scope: str
    type: str
    name: str | None
    path: str
    line: int
    column: int
    patched: bool = False


@dataclass
class Report:
    """The outcome of a check.

    Attributes:
        findings: Sorted by file, line and column.
        notes: What could not be resolved.
        read: The files that were read, as they were spelled.
        handlers: The durable handlers that were found, as ``path:function``.
        operations: The operations of each handler in the order the code calls them.
    """

    findings: list[Finding] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many files were read."""
        return len(self.read)

    def worst(self) -> Severity | None:
        """Return the highest severity among the findings, or None when there is none."""
        found = {finding.severity for finding in self.findings}
        return next((severity for severity in SEVERITIES if severity in found), None)
