"""What the walk sees of the world outside and of state that outlives a function, made into facts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check import _catalogue
from durable_check._engine import facts, lookup
from durable_check._engine.frames import Frame, text_of
from durable_check._engine.names import OURS
from durable_check._engine.stores import root_name
from durable_check._engine.values import (
    MAX_PATH,
    UNKNOWN,
    ContextMethod,
    External,
    FunctionRef,
    ModuleRef,
    ObjectRef,
    Taint,
    Value,
    is_handle,
    union,
)
from durable_check._model import Note, Operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_check._engine.facts import Arguments
    from durable_check._engine.modules import ClassInfo, ModuleInfo


class Witness:
    """Collects what matters for replay and hands it to the rules.

    Attributes:
        performed: Operations called so far, in any context.
        notes: What could not be resolved, in the order it was met.
        operations: The operations of each handler, once per place in the code.
        object_reads: Attributes that orchestration reads.
        global_reads: Names of modules that orchestration reads.
    """

    def __init__(self, listener: Callable[[facts.Fact], None]) -> None:
        self.performed = 0
        self.notes: dict[Note, None] = {}
        self.operations: dict[tuple[ast.AST, str], Operation] = {}
        self.object_reads: set[tuple[ClassInfo, str]] = set()
        self.global_reads: set[tuple[ModuleInfo, str]] = set()
        self._listener = listener
        self._firsts: dict[object, object] = {}
        self._handler = ""

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
        name = root_name(target)
        if isinstance(target, ast.Name) and how == "assigns":
            self._rebound(frame, node, name, value)
            return
        owner = frame.owner(name)
        if owner is not None and _same_activation(owner, frame):
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                self._object_written(frame, node, target, value, how)
            return
        if owner is None and not _is_state(frame, name):
            return
        if owner is not None and owner.region.kind == "neutral":
            return  # a test or factory around the handler looks on; replay does not depend on it
        self.emit(facts.OuterWrite(frame, node, name, owner, value, how))

    def _rebound(self, frame: Frame, node: ast.AST, name: str, value: Value) -> None:
        if name in frame.globals:
            self.emit(facts.OuterWrite(frame, node, name, None, value, "assigns"))
        elif name in frame.nonlocals:
            owner = frame.owner(name)
            if owner is not None and owner.region.kind != "neutral":
                self.emit(facts.OuterWrite(frame, node, name, owner, value, "assigns"))

    def _object_written(self, frame: Frame, node: ast.AST, target: ast.Attribute, value: Value, how: str) -> None:
        name = root_name(target)
        known = frame.env.get(name, UNKNOWN).first(ObjectRef)
        if isinstance(known, ObjectRef) and frame.where() != "__init__":
            self.emit(facts.OuterWrite(frame, node, f"{name}.{target.attr}", None, value, how))

    def returned(self, frame: Frame, node: ast.AST, value: Value) -> None:
        """A function returns; of interest when its result is recorded."""
        if frame.entry is not None:
            self.emit(facts.LeafResult(frame, node, value, frame.entry))
        elif frame.outermost and frame.function is not None and frame.function.is_async:
            self.emit(facts.Discarded(frame, node, value, "result"))

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


def _is_state(frame: Frame, name: str) -> bool:
    """Whether a name of the module is a variable of its own, not something imported."""
    value = lookup.module_value(frame.engine, frame.module, name)
    if value is None:
        return False
    return not any(
        isinstance(kind, ModuleRef) or (isinstance(kind, External) and "()" not in kind.path) for kind in value.kinds
    )


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
    if path == "time.strftime":
        return len(arguments.positional) > 1
    if path == "asyncio.sleep":
        first = node.args[0] if node.args else None
        return isinstance(first, ast.Constant) and first.value == 0
    if path == "hash":
        first = node.args[0] if node.args else None
        return isinstance(first, ast.Constant) and isinstance(first.value, int)
    if path.startswith(("random.Random()", "numpy.random.default_rng()")):
        return False
    return path == "print" and "file" in arguments.keywords and not _is_console(arguments.keywords["file"])


def _is_console(stream: Value) -> bool:
    return any(isinstance(kind, External) and kind.path in {"sys.stdout", "sys.stderr"} for kind in stream.kinds)
