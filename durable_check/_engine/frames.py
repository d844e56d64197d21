"""One activation of one function: its region, its names, and the frame it was written in."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from durable_check._engine.values import UNKNOWN, FunctionRef, Value, merge

if TYPE_CHECKING:
    from durable_check._engine.modules import FunctionInfo, ModuleInfo
    from durable_check._engine.run import Engine


@dataclass(eq=False)
class Scope:
    """One id space of operations: a handler, a child context, an item of a map, a branch of a parallel."""

    kind: str
    name: str
    is_async: bool
    package: str
    parent: Scope | None = None
    operations: int = 0

    def describe(self) -> str:
        """Return the scope in words, for messages."""
        words = {"handler": "the handler", "child": "the child context", "item": "the map item"}
        return f"{words.get(self.kind, 'the ' + self.kind)} `{self.name}`"

    def chain(self) -> str:
        """Return the scope's place below its handler, as the baseline records it."""
        if self.parent is None:
            return ""
        outer = self.parent.chain()
        return f"{outer}/{self.name}" if outer else self.name


@dataclass(frozen=True)
class Region:
    """What the rules of replay say about the code being walked.

    ``kind`` is ``neutral`` (import time, tests), ``orchestration`` (runs again on every replay) or ``leaf``
    (its result is recorded; it runs again only when an attempt was interrupted or failed).
    """

    kind: str
    scope: Scope | None = None
    leaf: str = ""
    rerunnable: bool = True
    threaded: bool = False

    @property
    def orchestration(self) -> bool:
        """Whether replay runs this code again."""
        return self.kind == "orchestration"

    @property
    def in_leaf(self) -> bool:
        """Whether this code is the body of a step, submitter or condition check."""
        return self.kind == "leaf"


NEUTRAL = Region("neutral")


@dataclass(eq=False)
class Loop:
    """A loop that is being walked, with the names it rebinds."""

    node: ast.AST
    names: frozenset[str]


@dataclass(eq=False)
class Frame:
    """One activation."""

    engine: Engine
    module: ModuleInfo
    function: FunctionInfo | None
    region: Region
    parent: Frame | None = None
    env: dict[str, Value] = field(default_factory=dict)
    returned: Value = UNKNOWN
    loops: list[Loop] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    quiet: int = 0  # inside `if not ctx.is_replaying()`
    patched: int = 0  # inside `if ctx.patched(...)`
    finals: int = 0  # inside a `finally` whose `try` may suspend
    outermost: bool = False  # the runtime calls this function itself
    entry: FunctionRef | None = None  # set when this is the body whose result is recorded

    def bind(self, name: str, value: Value) -> None:
        """Give a name a new value."""
        if name in self.nonlocals:
            owner = self.owner(name)
            if owner is not None and owner is not self:
                owner.env[name] = merge(owner.env[name], value)
                return
        self.env[name] = value

    def owner(self, name: str) -> Frame | None:
        """Return the function frame that owns a name, nearest first."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.env and not (frame is self and name in self.nonlocals):
                return frame
            frame = frame.parent
        return None

    def where(self) -> str:
        """Return the function's name, for messages."""
        return self.function.name if self.function is not None else "<module>"

    def handler_context(self) -> str | None:
        """Return the local name of the durable context that belongs here, if the function has one in reach."""
        from durable_check._engine.values import ContextRef

        for name, value in self.env.items():
            known = value.first(ContextRef)
            if isinstance(known, ContextRef) and known.scope is self.region.scope and name.isidentifier():
                return name
        return None


def location(node: ast.AST) -> tuple[int, int]:
    """Return line and column of a node, columns from 0 in bytes as `ast` counts them."""
    return getattr(node, "lineno", 1), getattr(node, "col_offset", 0)


def text_of(node: ast.AST, limit: int = 60) -> str:
    """Return a node's code on one line, shortened, for messages."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (ValueError, RecursionError, AttributeError):
        return "this expression"
    return text if len(text) <= limit else text[: limit - 1] + "…"
