"""The engine: roots, activations, memory, and the way from facts to findings."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from durable_check import _catalogue
from durable_check._engine import calls, comprehensions, expressions, facts, operators, statements
from durable_check._engine.facts import Arguments
from durable_check._engine.frames import NEUTRAL, Frame, Region, Scope
from durable_check._engine.installing import logging_installed
from durable_check._engine.names import OURS
from durable_check._engine.parameters import bind_parameters
from durable_check._engine.values import (
    UNKNOWN,
    ContextRef,
    FunctionRef,
    ObjectRef,
    Value,
    of,
)
from durable_check._engine.witness import Witness
from durable_check._engine.wrappers import wrapper_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from durable_check._engine.modules import ClassInfo, FunctionInfo, ModuleInfo, Project

MAX_DEPTH = 16  # calls followed one into another; deeper ones are taken as clean
MAX_ACTIVATIONS = 5_000  # functions walked for one handler; what is beyond is taken as clean, and noted
MAX_VARIANTS = 6  # arguments one function is walked with in one region; after these, texts are not told apart

expressions.EVALUATORS[ast.Call] = calls.evaluate_call
expressions.EVALUATORS.update(comprehensions.EVALUATORS | operators.EVALUATORS)


class Remembered(NamedTuple):
    """What walking a function with certain arguments gave."""

    value: Value
    performed: int
    operations: int


class Engine(Witness):
    """One check of one project."""

    def __init__(self, project: Project, listener: Callable[[facts.Fact], None]) -> None:
        super().__init__(listener)
        self.project = project
        self.awaiting: ast.Call | None = None
        self.handlers: list[FunctionInfo] = []
        self.reached: set[ModuleInfo] = set()
        self.walked: set[FunctionInfo] = set()
        self.active_loops: list[ast.AST] = []
        self.wrappers: dict[FunctionInfo, FunctionRef | None] = {}
        self._memory: dict[object, Remembered] = {}
        self._variants: dict[object, list[Remembered]] = {}
        self._active: list[FunctionInfo] = []
        self._activations = 0
        self._rooted: set[tuple[FunctionInfo, FunctionInfo | None]] = set()
        self._pending_roots: list[tuple[FunctionInfo, Frame | None]] = []

    # -- the small services that expressions, statements and calls use

    def evaluate(self, frame: Frame, node: ast.AST) -> Value:
        """Evaluate an expression; the door for modules below `expressions`."""
        return expressions.evaluate(frame, node)

    def execute(self, frame: Frame, body: Sequence[ast.stmt]) -> bool:
        """Execute statements; the door for modules below `statements`."""
        return statements.execute(frame, body)

    def runs_elsewhere(self, path: str) -> bool:
        """Whether an external call runs its function in a thread or process."""
        entry = _catalogue.lookup(path)
        return entry is not None and entry.category == "thread"

    @cached_property
    def logging_installed(self) -> bool:
        """Whether the project makes ordinary `logging` replay-aware; to be asked when everything was walked."""
        return logging_installed(self.project)

    # -- activations

    def call_function(self, frame: Frame, kind: FunctionRef, arguments: Arguments | None, region: Region) -> Value:
        """Walk a project function in a region; walks with equal arguments are remembered."""
        info = kind.info
        if info in self._active or len(self._active) >= MAX_DEPTH:
            return UNKNOWN  # recursion and very deep chains are taken as clean
        env = bind_parameters(frame, kind, arguments or Arguments((), {}))
        if kind.closure is not None:
            return self._walk(frame, kind, env, region).value
        flags = (info, region.kind, region.leaf, region.rerunnable, region.threaded)
        shared = (*flags, frame.quiet > 0, frame.finals > 0, frame.patched > 0)
        variants = self._variants.setdefault((shared, region.scope), [])
        if len(variants) >= MAX_VARIANTS:
            env = {name: UNKNOWN if value.literal and not value.taints else value for name, value in env.items()}
        values = tuple(sorted(env.items(), key=lambda pair: pair[0]))
        known = self._memory.get((shared, None, values)) or self._memory.get((shared, region.scope, values))
        if known is None and len(variants) >= 2 * MAX_VARIANTS:
            # One more than was walked: what it returns is taken as clean.
            known = next((each for each in variants if not each.value.all_taints()), None)
            known = known or variants[0]._replace(value=UNKNOWN)
        if known is None:
            known = self._walk(frame, kind, env, region)
            # Without operations inside, the result is the same for every handler that calls the function.
            scope = region.scope if known.performed else None
            self._memory[shared, scope, values] = known
            variants.append(known)
        else:
            self._repeat(region, known)
        return known.value

    def runs(self, info: FunctionInfo) -> bool:
        """Whether a function is being walked right now."""
        return info in self._active

    def _repeat(self, region: Region, known: Remembered) -> None:
        self.performed += known.performed
        if region.scope is not None:
            region.scope.operations += known.operations

    def _walk(self, frame: Frame, kind: FunctionRef, env: dict[str, Value], region: Region) -> Remembered:
        scope = region.scope
        before, scope_before = self.performed, scope.operations if scope else 0
        value = self._activate(frame, kind, env, region, None)
        return Remembered(value, self.performed - before, (scope.operations if scope else 0) - scope_before)

    def call_entry(self, frame: Frame, kind: FunctionRef, region: Region, *, checks_result: bool) -> Value:
        """Walk the function of an operation: a new region, nothing remembered."""
        if kind.info in self._active or len(self._active) >= MAX_DEPTH:
            return UNKNOWN
        env = bind_parameters(frame, kind, Arguments((), {}))
        return self._activate(frame, kind, env, region, kind if checks_result else None, outermost=True)

    def _activate(
        self,
        frame: Frame,
        kind: FunctionRef,
        env: dict[str, Value],
        region: Region,
        entry: FunctionRef | None,
        *,
        outermost: bool = False,
    ) -> Value:
        info = kind.info
        self._activations += 1
        if self._activations > MAX_ACTIVATIONS:
            return UNKNOWN
        inner = Frame(
            self,
            info.module,
            info,
            region,
            kind.closure,
            env,
            quiet=frame.quiet,
            patched=frame.patched,
            finals=frame.finals if not region.in_leaf else 0,
            outermost=outermost,
            entry=entry,
        )
        self._active.append(info)
        self.walked.add(info)
        self.reached.add(info.module)
        awaiting, self.awaiting = self.awaiting, None
        try:
            if isinstance(info.node, ast.Lambda):
                inner.returned = expressions.evaluate(inner, info.node.body)
                self.returned(inner, info.node.body, inner.returned)
            else:
                statements.execute(inner, info.node.body)
        finally:
            self._active.pop()
            self.awaiting = awaiting
        return inner.returned

    def initialize(self, info: ClassInfo) -> None:
        """Learn a class's attributes from its `__init__`, as at import time."""
        method = info.functions.get("__init__")
        if info.initialized or method in self._active:
            return
        info.initialized = True
        if method is not None:
            reference = FunctionRef(method, receiver=of(ObjectRef(info)))
            frame = Frame(self, info.module, None, NEUTRAL)
            self.call_function(frame, reference, None, NEUTRAL)

    # -- roots

    def add_root(self, info: FunctionInfo, closure: Frame | None) -> None:
        """Remember a durable handler; it is walked when the current walk is over."""
        key = (info, wrapped_in(info, closure))
        if key not in self._rooted:
            self._rooted.add(key)
            info.role, info.role_known = "handler", True
            self._pending_roots.append((info, closure))

    def drain(self) -> None:
        """Walk the handlers found so far, and those found on the way."""
        while self._pending_roots:
            info, closure = self._pending_roots.pop(0)
            wrapped = wrapped_in(info, closure)
            if wrapped is not None or all(known is None for other, known in self._rooted if other is info):
                self._walk_root(info, closure, wrapped or info)

    def _walk_root(self, info: FunctionInfo, closure: Frame | None, named: FunctionInfo) -> None:
        self.handlers.append(named)
        self._handler = f"{named.module.path}:{qualified(named)}"
        is_async = isinstance(info.node, ast.AsyncFunctionDef)
        scope = Scope("handler", named.name, is_async, info.package)
        region = Region("orchestration", scope)
        self.enter(info, region, closure, (UNKNOWN, of(ContextRef(scope))))
        wrapper = wrapper_of(self, info) if closure is None else None
        if wrapper is not None:  # under the durable decorator: `@durable_execution @timed def handler`
            self.enter(wrapper.info, region, wrapper.closure, (UNKNOWN, of(ContextRef(scope))))
        self._handler = ""

    def enter(self, info: FunctionInfo, region: Region, closure: Frame | None, arguments: Iterable[Value]) -> None:
        """Walk a function from the outside, as Lambda or an operation would call it."""
        receiver = of(ObjectRef(info.owner)) if info.owner is not None and not info.is_static else None
        if info.owner is not None:
            self.initialize(info.owner)
        frame = Frame(self, info.module, None, region)
        reference = FunctionRef(info, closure, receiver, tuple(arguments))
        self.guarded(info, lambda: self.call_entry(frame, reference, region, checks_result=False))

    def guarded(self, info: FunctionInfo, walk: Callable[[], object]) -> None:
        """Walk, and turn code nested beyond Python's own limits into a note."""
        active = len(self._active)
        self._activations = 0
        try:
            walk()
        except RecursionError:
            del self._active[active:]
            self.note(
                info.module.path,
                getattr(info.node, "lineno", 1),
                f"`{info.name}` is nested too deeply: checked only in part",
            )
        if self._activations > MAX_ACTIVATIONS:
            line = getattr(info.node, "lineno", 1)
            self.note(info.module.path, line, f"`{info.name}` reaches too much code: checked only in part")

    def leaf_region(self, role: str) -> Region:
        """Return the region a decorated function runs in when nobody in the project calls it."""
        scope = Scope("handler", "its caller", is_async=False, package=OURS)
        return Region("leaf", scope, role)


def wrapped_in(info: FunctionInfo, closure: Frame | None) -> FunctionInfo | None:
    """Return the function a decorator of the project was put on, when `info` is the durable wrapper it made."""
    values = closure.env.values() if closure is not None else ()
    found = (kind.info for value in values for kind in value.kinds if isinstance(kind, FunctionRef))
    return next((known for known in found if known is not info and not known.outer), None)


def qualified(info: FunctionInfo) -> str:
    """Return a function's name with its class."""
    return f"{info.owner.node.name}.{info.name}" if info.owner is not None else info.name
