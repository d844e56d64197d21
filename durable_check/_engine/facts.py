"""What the walk saw, as plain records. Rules are functions over these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ast

    from durable_check._catalogue import Entry
    from durable_check._engine.frames import Frame, Scope
    from durable_check._engine.values import FunctionRef, Value


class Arguments(NamedTuple):
    """The evaluated arguments of a call."""

    positional: tuple[Value, ...]
    keywords: dict[str, Value]

    def get(self, position: int | None, *names: str) -> Value | None:
        """Return an argument by keyword, or by position."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return None

    def every(self) -> tuple[Value, ...]:
        """Return all argument values."""
        return (*self.positional, *self.keywords.values())


class ExternalUse(NamedTuple):
    """Code outside the project is called or read: ``time.time()``, ``os.environ``."""

    frame: Frame
    node: ast.AST
    path: str
    entry: Entry | None
    arguments: Arguments | None  # None: read, not called
    operations: int = 0  # operations that the functions handed over perform


class OperationCall(NamedTuple):
    """A durable operation is called."""

    frame: Frame
    node: ast.Call
    operation: str
    scope: Scope
    name: Value | None
    arguments: Arguments
    functions: tuple[FunctionRef, ...]
    awaited: bool


class LeafResult(NamedTuple):
    """The body of a recorded operation returns this."""

    frame: Frame
    node: ast.AST
    value: Value
    function: FunctionRef


class Branch(NamedTuple):
    """A condition decides what runs."""

    frame: Frame
    node: ast.AST
    condition: Value
    operations: int
    leaves: bool  # one arm leaves the block: return, raise, break, continue


class Iteration(NamedTuple):
    """A loop or comprehension goes over something."""

    frame: Frame
    node: ast.AST
    iterable: Value
    operations: int


class TryBlock(NamedTuple):
    """A `try` statement in orchestration."""

    frame: Frame
    node: ast.Try
    operations: int
    final_operations: int


class WithBlock(NamedTuple):
    """A `with` statement over something outside the project."""

    frame: Frame
    node: ast.AST
    path: str
    arguments: tuple[Value, ...]
    operations: int


class OuterWrite(NamedTuple):
    """A function changes a variable that belongs to an enclosing function, an object or the module."""

    frame: Frame
    node: ast.AST
    name: str
    owner: Frame | None  # None: the module
    value: Value
    how: str


class GlobalRead(NamedTuple):
    """Orchestration reads a name of the module."""

    frame: Frame
    node: ast.AST
    name: str
    value: Value


class Discarded(NamedTuple):
    """A value is thrown away, or used as something it is not."""

    frame: Frame
    node: ast.AST
    value: Value
    how: str  # "statement", "task", "variable <name>", "use", "result"


class CalledEarly(NamedTuple):
    """An operation gets the result of a call where it needs the function."""

    frame: Frame
    node: ast.AST
    operation: str


Fact = (
    ExternalUse
    | OperationCall
    | LeafResult
    | Branch
    | Iteration
    | TryBlock
    | WithBlock
    | OuterWrite
    | GlobalRead
    | Discarded
    | CalledEarly
)
