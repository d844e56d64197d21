"""The engine: roots, activations, memory, and the way from facts to findings."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from durable_check import _catalogue
from durable_check._engine import calls, comprehensions, expressions, facts, lookup, statements, stores
from durable_check._engine.facts import Arguments
from durable_check._engine.frames import NEUTRAL, Frame, Region, Scope, text_of
from durable_check._engine.names import OURS
from durable_check._engine.parameters import bind_parameters
from durable_check._engine.values import (
    MAX_PATH,
    UNKNOWN,
    ContextRef,
    External,
    FunctionRef,
    ModuleRef,
    ObjectRef,
    Taint,
    Value,
    is_handle,
    of,
    union,
)
from durable_check._model import Note, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from durable_check._engine.modules import ClassInfo, FunctionInfo, ModuleInfo, Project
    from durable_check._engine.values import ContextMethod

MAX_DEPTH = 16  # calls followed one into another; deeper ones are taken as clean
MAX_ACTIVATIONS = 5_000  # functions walked for one handler; what is beyond is taken as clean, and noted
MAX_VARIANTS = 6  # different argument values one function is walked with in one region

expressions.EVALUATORS[ast.Call] = calls.evaluate_call
expressions.EVALUATORS.update(comprehensions.EVALUATORS)


class Remembered(NamedTuple):
    """What walking a function with certain arguments gave."""

    value: Value
    performed: int
    operations: int


class Engine:
    """One check of one project."""

    def __init__(self, project: Project, listener: Callable[[facts.Fact], None]) -> None:
        self.project = project
        self.performed = 0  # operations called so far, anywhere
        self.awaiting: ast.Call | None = None
        self.notes: dict[Note, None] = {}
        self.operations: dict[tuple[ast.AST, str], Operation] = {}
        self.handlers: list[FunctionInfo] = []
        self.object_reads: set[tuple[ClassInfo, str]] = set()
        self.global_reads: set[tuple[ModuleInfo, str]] = set()
        self.logging_installed = False
        self.reached: set[ModuleInfo] = set()
        self.walked: set[FunctionInfo] = set()
        self.active_loops: list[ast.AST] = []
        self._listener = listener
        self._firsts: dict[object, object] = {}
        self._memory: dict[object, Remembered] = {}
        self._variants: dict[object, list[Remembered]] = {}
        self._active: list[FunctionInfo] = []
        self._handler = ""
        self._activations = 0
        self._rooted: set[FunctionInfo] = set()
        self._pending_roots: list[tuple[FunctionInfo, Frame | None]] = []

    # -- the small services that expressions, statements and calls use

    def emit(self, fact: facts.Fact) -> None:
        """Hand a fact to the rules; import time has none."""
        if fact.frame.region.kind != "neutral":
            self._listener(fact)

    def note(self, path: str, line: int, message: str) -> None:
        """Remember something that could not be resolved."""
        self.notes[Note(path, line, message)] = None

    def first_time(self, key: object, place: object) -> bool:
        """Whether a thing is seen for the first time, or again at the place where it was first seen."""
        return self._firsts.setdefault(key, place) == place

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

    # -- facts about the outside

    def external_call(
        self, frame: Frame, node: ast.Call, path: str, arguments: Arguments, operations_inside: int
    ) -> Value:
        """Something outside the project is called."""
        entry = _catalogue.lookup(path)
        if entry is not None and _is_harmless(path, node, arguments):
            entry = None
        taints = union(*(value.all_taints() for value in arguments.every()))
        if entry is not None:
            scope = frame.region.scope
            ordered = entry.category == "race" and scope is not None and scope.package == OURS and scope.is_async
            if _catalogue.taints(entry) and not ordered:
                taints = union((self._taint(entry.category, frame, node),), taints)
        self.emit(facts.ExternalUse(frame, node, path, entry, arguments, operations_inside))
        if path in _catalogue.UNORDERED:
            return Value((External(f"{path}()"),), taints, unordered=True)
        kinds = (External(f"{path}()"),) if len(path) < MAX_PATH else ()
        return Value(kinds, taints)

    def unresolved_call(self, frame: Frame, node: ast.Call, name: str, arguments: Arguments) -> None:
        """Something nobody knows is called: of interest only inside leaves, for what it is handed."""
        if frame.region.in_leaf:
            self.emit(facts.ExternalUse(frame, node, f"?.{name}", None, arguments))

    def external_read(
        self, frame: Frame, node: ast.AST, path: str, entry: _catalogue.Entry, key: str | None = None
    ) -> Value:
        """A value outside the project is read."""
        if entry.category == "environment" and key in _catalogue.VOLATILE_VARIABLES:
            entry = _catalogue.INVOCATION
        self.emit(facts.ExternalUse(frame, node, path, entry, None))
        return Value((External(path),), (self._taint(entry.category, frame, node),))

    def external_write(self, frame: Frame, node: ast.AST, path: str) -> None:
        """State outside the project is changed."""
        self.emit(facts.ExternalUse(frame, node, path, _catalogue.ENVIRONMENT_WRITE, None))

    def _taint(self, kind: str, frame: Frame, node: ast.AST) -> Taint:
        return Taint(kind, f"`{text_of(node, 50)}`", frame.module.path, getattr(node, "lineno", 1))

    # -- facts about names that outlive a function

    def read_global(self, frame: Frame, node: ast.Name, name: str, value: Value) -> Value:
        """Orchestration reads a name of its module."""
        self.global_reads.add((frame.module, name))
        self.emit(facts.GlobalRead(frame, node, name, value))
        if name in frame.module.rebound_globals() and not is_handle(value):
            taint = Taint("global", f"the global `{name}`", frame.module.path, node.lineno)
            return Value(value.kinds, union(value.taints, (taint,)), value.items, value.fields)
        return value

    def written(self, frame: Frame, node: ast.AST, target: ast.expr, value: Value, how: str) -> None:
        """A name, an attribute or an element is written: of interest when it belongs to someone else."""
        if frame.region.kind == "neutral":
            return
        name = stores.root_name(target)
        if isinstance(target, ast.Name) and how == "assigns":
            self._rebound(frame, node, name, value)
            return
        owner = frame.owner(name)
        if owner is not None and _same_activation(owner, frame):
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                self._object_written(frame, node, target, target.value, value, how)
            return
        if owner is None and not self._is_state(frame.module, name):
            return
        if owner is not None and owner.region.kind == "neutral":
            return  # a test or factory around the handler looks on; replay does not depend on it
        self.emit(facts.OuterWrite(frame, node, name, owner, value, how))

    def _is_state(self, module: ModuleInfo, name: str) -> bool:
        """Whether a name of the module is a variable of its own, not something imported."""
        value = lookup.module_value(self, module, name)
        if value is None:
            return False
        return not any(
            isinstance(kind, ModuleRef) or (isinstance(kind, External) and "()" not in kind.path)
            for kind in value.kinds
        )

    def _rebound(self, frame: Frame, node: ast.AST, name: str, value: Value) -> None:
        if name in frame.globals:
            self.emit(facts.OuterWrite(frame, node, name, None, value, "assigns"))
        elif name in frame.nonlocals:
            owner = frame.owner(name)
            if owner is not None and owner.region.kind != "neutral":
                self.emit(facts.OuterWrite(frame, node, name, owner, value, "assigns"))

    def _object_written(  # noqa: PLR0917
        self, frame: Frame, node: ast.AST, target: ast.Attribute, base: ast.Name, value: Value, how: str
    ) -> None:
        known = frame.env.get(base.id, UNKNOWN).first(ObjectRef)
        if isinstance(known, ObjectRef) and frame.where() != "__init__":
            self.emit(facts.OuterWrite(frame, node, f"{base.id}.{target.attr}", None, value, how))

    def returned(self, frame: Frame, node: ast.AST, value: Value) -> None:
        """A function returns; of interest when its result is recorded."""
        if frame.entry is not None:
            self.emit(facts.LeafResult(frame, node, value, frame.entry))

    def record(
        self,
        frame: Frame,
        node: ast.Call,
        method: ContextMethod,
        name: Value | None,
        functions: tuple[FunctionRef, ...],
    ) -> None:
        """Add an operation to the handler's sequence, once per place in the code."""
        if not self._handler:
            return  # a decorated function that no handler of the project calls
        label = name.literal if name is not None else None
        if name is None and len(functions) == 1 and functions[0].info.name != "<lambda>":
            label = functions[0].info.name
        chain = method.scope.chain()
        key = (node, f"{self._handler}/{chain}")
        if key not in self.operations:
            self.operations[key] = Operation(
                self._handler,
                chain,
                method.name,
                label,
                frame.module.path,
                node.lineno,
                node.col_offset + 1,
                patched=frame.patched > 0,
            )

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
        values = tuple(sorted(env.items(), key=lambda pair: pair[0]))
        known = self._memory.get((shared, None, values)) or self._memory.get((shared, region.scope, values))
        if known is None and len(self._variants.get((shared, region.scope), ())) >= MAX_VARIANTS:
            known = self._variants[shared, region.scope][0]
        if known is None:
            known = self._walk(frame, kind, env, region)
            # Without operations inside, the result is the same for every handler that calls the function.
            scope = region.scope if known.performed else None
            self._memory[shared, scope, values] = known
            self._variants.setdefault((shared, region.scope), []).append(known)
        else:
            self._repeat(region, known)
        return known.value

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
        return self._activate(frame, kind, env, region, kind if checks_result else None)

    def _activate(
        self, frame: Frame, kind: FunctionRef, env: dict[str, Value], region: Region, entry: FunctionRef | None
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
        if info.initialized:
            return
        info.initialized = True
        method = info.functions.get("__init__")
        if method is not None:
            reference = FunctionRef(method, receiver=of(ObjectRef(info)))
            frame = Frame(self, info.module, None, NEUTRAL)
            self.call_function(frame, reference, None, NEUTRAL)

    # -- roots

    def add_root(self, info: FunctionInfo, closure: Frame | None) -> None:
        """Remember a durable handler; it is walked when the current walk is over."""
        if info not in self._rooted:
            self._rooted.add(info)
            info.role, info.role_known = "handler", True
            self._pending_roots.append((info, closure))

    def drain(self) -> None:
        """Walk the handlers found so far, and those found on the way."""
        while self._pending_roots:
            info, closure = self._pending_roots.pop(0)
            self._walk_root(info, closure)

    def _walk_root(self, info: FunctionInfo, closure: Frame | None) -> None:
        self.handlers.append(info)
        self._handler = f"{info.module.path}:{qualified(info)}"
        is_async = isinstance(info.node, ast.AsyncFunctionDef)
        scope = Scope("handler", info.name, is_async, info.package)
        self.enter(info, Region("orchestration", scope), closure, (UNKNOWN, of(ContextRef(scope))))
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


def qualified(info: FunctionInfo) -> str:
    """Return a function's name with its class."""
    return f"{info.owner.node.name}.{info.name}" if info.owner is not None else info.name


def _same_activation(owner: Frame, frame: Frame) -> bool:
    """Whether two frames are one function call; comprehensions have frames of their own."""
    current: Frame | None = frame
    while current is not None and current is not owner:
        if current.function is not owner.function:
            return False
        current = current.parent
    return current is owner


def _is_harmless(path: str, node: ast.Call, arguments: Arguments) -> bool:
    """Whether this call of a catalogued name computes only from its arguments."""
    if path in {"time.gmtime", "time.localtime", "time.ctime", "time.asctime"}:
        return bool(arguments.positional)
    if path == "asyncio.sleep":
        first = node.args[0] if node.args else None
        return isinstance(first, ast.Constant) and first.value == 0
    if path == "hash":
        first = node.args[0] if node.args else None
        return isinstance(first, ast.Constant) and isinstance(first.value, int)
    if path.startswith(("random.Random()", "numpy.random.default_rng()")):
        return False
    return path == "print" and "file" in arguments.keywords
