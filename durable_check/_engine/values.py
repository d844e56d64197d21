"""Abstract values: what a name may stand for, and where its uncertainty comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ast

    from durable_check._engine.frames import Frame, Scope
    from durable_check._engine.modules import ClassInfo, FunctionInfo, ModuleInfo

MAX_KINDS = 16  # alternatives remembered for one value
MAX_ITEMS = 64  # elements remembered for one container
MAX_WEIGHT = 500  # values inside one container, at any depth; of heavier ones only the taints are remembered
MAX_TAINTS = 8  # sources remembered for one value; the first ones are the nearest to the reader
MAX_PATH = 160  # characters of a dotted path; longer chains of calls say nothing new


class Taint(NamedTuple):
    """A source of values that differ between two runs of the same code.

    ``kind`` is a category of the catalogue (clock, random, identity, environment, io) or one of the engine's own:
    order (iteration order), replay (`is_replaying`), global (module state), completion (who finished first).
    """

    kind: str
    what: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class External:
    """Something outside the project, by its dotted path; ``()`` marks a call: ``boto3.client().put_object``."""

    path: str


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A module of the project."""

    module: ModuleInfo


@dataclass(frozen=True, slots=True)
class ClassRef:
    """A class of the project."""

    info: ClassInfo

    @property
    def attributes(self) -> dict[str, Value]:
        """What was stored in the class itself."""
        return self.info.attributes


@dataclass(eq=False, slots=True)
class Instance:
    """What was stored in the objects that one call of a class makes in one kind of region."""

    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An instance of a class of the project; without `made`, one that came from anywhere."""

    info: ClassInfo
    made: Instance | None = None

    @property
    def attributes(self) -> dict[str, Value]:
        """What is known of the object's attributes."""
        return self.info.attributes if self.made is None else self.made.attributes


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function, method or lambda of the project, with what is already bound to it."""

    info: FunctionInfo
    closure: Frame | None = None
    receiver: Value | None = None
    bound: tuple[Value, ...] = ()
    loop_names: frozenset[str] = frozenset()
    loops: tuple[ast.AST, ...] = ()
    bound_last: bool = False  # bound by a durable decorator: the context comes first
    raw: bool = False  # the function itself, as its decorators got it


@dataclass(frozen=True, slots=True)
class Prepared:
    """What calling a decorated step, branch or submitter returns: a callable that has not run."""

    function: FunctionRef
    role: str


@dataclass(frozen=True, slots=True)
class ContextRef:
    """A durable context that belongs to one scope."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class LeafContext:
    """The context handed to a step body, a submitter or a condition check."""


@dataclass(frozen=True, slots=True)
class ContextMethod:
    """A bound method of a durable context, such as ``ctx.step``."""

    scope: Scope
    name: str


@dataclass(frozen=True, slots=True)
class CallbackHandle:
    """What `create_callback` returns; its ``result()`` suspends."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class SagaRef:
    """What `ctx.saga()` returns."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Pending:
    """An operation of an async handler that was called and not yet awaited."""

    operation: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Coroutine:
    """A call of an async project function that was not yet awaited."""

    name: str
    operations: int


Begun = Prepared | Coroutine | Pending
"""Calls whose outcome is still to be awaited, or that are still to be handed to an operation."""

Kind = (
    External
    | ModuleRef
    | ClassRef
    | ObjectRef
    | FunctionRef
    | Prepared
    | ContextRef
    | LeafContext
    | ContextMethod
    | CallbackHandle
    | SagaRef
    | Pending
    | Coroutine
)


@dataclass(frozen=True, slots=True)
class Value:
    """What the engine knows about one value.

    Attributes:
        kinds: What it may be; empty means unknown.
        taints: Where its uncertainty comes from.
        items: What it contains, order not kept.
        fields: Keys of a literal dict with their values.
        unordered: It is a set, or something else whose order changes between processes.
        literal: The text, when it is a string literal.
        keyed: Positions are known: it is a tuple or list literal and ``items`` is in order.
        text: It is a text put together from parts.
        node: Where a collected function or a pending operation was written.
    """

    kinds: tuple[Kind, ...] = ()
    taints: tuple[Taint, ...] = ()
    items: tuple[Value, ...] = ()
    fields: tuple[tuple[str, Value], ...] = ()
    unordered: bool = False
    literal: str | None = None
    keyed: bool = False
    text: bool = False
    node: ast.AST | None = field(default=None, compare=False)
    weight: int = field(default=1, init=False, compare=False, repr=False)  # values in it, counted each time they occur

    def __post_init__(self) -> None:
        """Keep containers small: code such as ``tree = [tree, tree]`` doubles what is in them with every line."""
        if not self.items and not self.fields:
            return
        weight = 1 + sum(item.weight for item in self.items) + sum(part.weight for _, part in self.fields)
        if weight <= MAX_WEIGHT:
            object.__setattr__(self, "weight", weight)
            return
        object.__setattr__(self, "taints", self.all_taints())
        object.__setattr__(self, "items", ())
        object.__setattr__(self, "fields", ())
        object.__setattr__(self, "keyed", False)

    def first(self, kind: type[Kind]) -> Kind | None:
        """Return the first alternative of one kind."""
        for known in self.kinds:
            if isinstance(known, kind):
                return known
        return None

    def all_taints(self) -> tuple[Taint, ...]:
        """Return the taints of the value and of what it contains."""
        if not self.items and not self.fields:
            return self.taints
        parts = (*self.items, *(value for _, value in self.fields))
        return union(self.taints, *(part.all_taints() for part in parts))


UNKNOWN = Value()


def of(*kinds: Kind) -> Value:
    """Return a clean value of the given kinds."""
    return Value(kinds)


def tainted(taints: tuple[Taint, ...]) -> Value:
    """Return a value of unknown kind with the given taints."""
    return Value((), taints) if taints else UNKNOWN


def union(*parts: tuple[Taint, ...]) -> tuple[Taint, ...]:
    """Unite taints, keeping the order in which they were met."""
    found = [part for part in parts if part]
    if not found:
        return ()
    if len(found) == 1:
        return found[0]
    return tuple(dict.fromkeys(taint for part in found for taint in part))[:MAX_TAINTS]


def merge(left: Value, right: Value) -> Value:
    """Return what holds when a name may be either value."""
    if left is right or left == right:
        return left
    if right is UNKNOWN:
        return left
    if left is UNKNOWN:
        return right
    return Value(
        tuple(dict.fromkeys(left.kinds + right.kinds))[:MAX_KINDS],
        union(left.taints, right.taints),
        tuple(dict.fromkeys(left.items + right.items))[:MAX_ITEMS],
        tuple(dict.fromkeys(left.fields + right.fields))[:MAX_ITEMS],
        left.unordered or right.unordered,
        left.literal if left.literal == right.literal else None,
    )


def merge_all(values: tuple[Value, ...]) -> Value:
    """Merge any number of values."""
    result = UNKNOWN
    for value in values:
        result = merge(result, value)
    return result


def extended(container: Value, item: Value, key: str | None = None) -> Value:
    """Return the container after one more element went in, under a key when it is known."""
    if not item.taints and not item.kinds and not item.items:
        return container
    if item in container.items or (key, item) in container.fields:
        return container
    if key is not None:
        fields = (*(pair for pair in container.fields if pair[0] != key), (key, item))[-MAX_ITEMS:]
        return Value(container.kinds, container.taints, container.items, fields, container.unordered)
    return Value(
        container.kinds,
        container.taints,
        (*container.items, item)[-MAX_ITEMS:],
        container.fields,
        container.unordered,
    )


def is_begun(value: Value) -> bool:
    """Say whether a value is a call whose outcome is still to come."""
    return bool(value.kinds) and isinstance(value.kinds[0], Begun)


def is_handle(value: Value) -> bool:
    """Whether a value is a client, a pool or an object: something made once and looked up, not state."""
    if value.taints:
        return False
    return any(
        isinstance(kind, ObjectRef) or (isinstance(kind, External) and "." in kind.path and "()" in kind.path)
        for kind in value.kinds
    )
