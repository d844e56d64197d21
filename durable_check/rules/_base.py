"""What a rule is made of."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from durable_check._engine.frames import Frame, text_of
from durable_check._engine.values import is_handle

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable

    from durable_check._engine.run import Engine
    from durable_check._engine.values import Taint
    from durable_check._model import Severity


class Rule(NamedTuple):
    """The one source of a rule's documentation: its page, `--explain`, the table and the SARIF entry.

    Attributes:
        id: Stable id, ``DUR001``.
        name: Readable name, accepted wherever the id is.
        severity: What a finding of it counts as.
        reported: What the rule reports.
        why: What goes wrong in production.
        fix: What to write instead.
        bad: A handler the rule reports.
        good: The same handler, right.
        limits: What the rule does not see, or leaves alone on purpose.
        automatic: What `--fix` changes; empty when it changes nothing.
    """

    id: str
    name: str
    severity: Severity
    reported: str
    why: str
    fix: str
    bad: str
    good: str
    limits: str
    automatic: str = ""


class Problem(NamedTuple):
    """One place a rule objects to."""

    frame: Frame
    node: ast.AST
    message: str
    fix: str | None = None  # None: the rule's own
    severity: Severity | None = None
    replacement: str | None = None  # the safe automatic fix: code that takes the place of `replaces`
    replaces: ast.AST | None = None  # None: the node itself
    only_if: Callable[[Engine], bool] | None = None  # asked when the whole project was walked


def where(frame: Frame) -> str:
    """Return the code that is looked at, in words: which function, and what runs it."""
    scope = frame.region.scope
    name = frame.where()
    if scope is None:
        return f"`{name}`"
    if name in {scope.name, "<lambda>"}:
        return scope.describe()
    return f"`{name}` (called from {scope.describe()})"


def source_of(taint: Taint, frame: Frame) -> str:
    """Return a taint's source and its line, with the file when it is another one than the frame's."""
    if taint.path == frame.module.path:
        return f"{taint.what} (line {taint.line})"
    return f"{taint.what} ({PurePath(taint.path).name}:{taint.line})"


__all__ = ["Problem", "Rule", "is_handle", "source_of", "text_of", "where"]
