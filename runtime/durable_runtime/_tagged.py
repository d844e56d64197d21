"""Values without an annotation: plain JSON, and a small self-describing object only where JSON has no word.

``{"price": Decimal("12.30")}`` is written as ``{"price": {"$decimal": "12.30"}}``. An object of the user's with
one key that starts with ``$`` is wrapped in ``{"$object": ...}``, so nothing is mistaken for a tag.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_DEPTH = 200
"""Deepest nesting that is written; the JSON reader of the standard library gives up near 1,000."""

SCALARS = frozenset({str, int, bool, type(None)})


class Problem(Exception):  # noqa: N818  private; always turned into a SerDesError
    """A part that cannot be written or read, and the way to it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []

    def under(self, key: object) -> Problem:
        """Note one more step of the way, from the inside out."""
        if isinstance(key, str) and key.isidentifier():
            self.path.append(f".{key}")
        else:
            self.path.append(f"[{key!r}]")
        return self

    def text(self, root: str) -> str:
        """Say where and what; a path too long to read is cut in the middle."""
        steps = self.path[::-1]
        if len(steps) > 12:
            steps[8:-3] = [" … "]
        return f"{root}{''.join(steps)}: {self.reason}"


def lower(value: Any, depth: int = 0) -> Any:
    """Turn a value into JSON types, with a tag where one is needed."""
    kind = type(value)
    if kind in SCALARS:
        return value
    if depth > MAX_DEPTH:
        raise Problem(f"nested deeper than {MAX_DEPTH} levels, or contains itself")
    if kind is float:
        return value if value - value == 0 else {"$float": repr(value)}
    if kind is list:
        return lower_items(value, depth)
    if kind is dict:
        return _lower_dict(value, depth)
    if kind is tuple:
        return {"$tuple": lower_items(value, depth)}
    tag = _TAGS.get((kind.__module__, kind.__qualname__))
    if tag is not None:
        return {tag[0]: tag[1](value, depth)}
    return _lower_subclass(value, depth)


def lower_items(value: Any, depth: int) -> list[Any]:
    """Lower what is inside a list, tuple or set."""
    items = []
    index = -1
    try:
        for index, item in enumerate(value):  # noqa: B007  the handler below needs it
            items.append(lower(item, depth + 1))
    except Problem as problem:
        raise problem.under(index) from None
    return items


def _lower_dict(value: dict[Any, Any], depth: int) -> Any:
    if not all(type(key) is str for key in value):
        return _lower_pairs(value, depth)
    result = {}
    key = None
    try:
        for key, item in value.items():
            result[key] = lower(item, depth + 1)
    except Problem as problem:
        raise problem.under(key) from None
    return {"$object": result} if len(result) == 1 and key is not None and key[:1] == "$" else result


def _lower_pairs(value: dict[Any, Any], depth: int) -> Any:
    """Write a dict whose keys are not all text as pairs; keys of str subclasses become text."""
    if all(isinstance(key, str) for key in value):
        return _lower_dict({str.__str__(key): item for key, item in value.items()}, depth)
    pairs = []
    for key, item in value.items():
        try:
            pairs.append([lower(key, depth + 1), lower(item, depth + 1)])
        except Problem as problem:
            raise problem.under(key) from None
    return {"$map": pairs}


def _lower_subclass(value: Any, depth: int) -> Any:
    """Write subclasses of JSON's types as the plain type; refuse what replay could not rebuild."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return lower(float(value), depth)
    if isinstance(value, dict):
        return _lower_dict(dict(value), depth)
    if isinstance(value, list):
        return lower_items(value, depth)
    raise Problem(refusal(value))


def refusal(value: Any) -> str:
    """Say why a value cannot be written, and what to do."""
    kind = type(value)
    name = kind.__name__
    if hasattr(value, "__await__") or hasattr(value, "__aiter__") or hasattr(value, "__next__"):
        if hasattr(value, "close") and hasattr(value, "__await__"):
            value.close()  # a coroutine that nobody will await would warn on top of the error
        return f"{name} is not a value; await or collect it first (an async function needs an async handler)"
    if hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__pydantic_validator__") or _is_enum_or_named(kind):
        return (
            f"{name} can only be rebuilt on replay when its type is known; "
            f"annotate the function (`-> {name}`) or pass `returns={name}`"
        )
    return (
        f"{kind.__module__}.{name} cannot be written to a checkpoint; return a dataclass, a dict or another "
        "plain value, or give the operation a serdes"
    )


def _is_enum_or_named(kind: type) -> bool:
    return hasattr(kind, "__members__") or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def revive(tree: Any) -> Any:
    """Turn JSON types with tags back into the value."""
    if isinstance(tree, list):
        return [revive(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        ((key, item),) = tree.items()
        reader = _READERS.get(key)
        if reader is not None:
            try:
                return reader(item)
            except (TypeError, ValueError, ArithmeticError) as error:
                raise Problem(f"{key} holds {item!r}, which cannot be read: {error}") from None
    return {key: revive(item) for key, item in tree.items()}


def iso(value: Any) -> str:
    """Write a date, time or datetime."""
    return value.isoformat()  # type: ignore[no-any-return]


def write_timedelta(value: Any) -> str:
    """Write a timedelta exactly, as days, seconds and microseconds: ``P1DT30.000005S``."""
    seconds = f"{value.seconds}.{value.microseconds:06d}" if value.microseconds else str(value.seconds)
    return f"P{value.days}DT{seconds}S"


def read_timedelta(text: Any) -> Any:
    """Read a timedelta: ours, any ISO 8601 duration without months and years, or a number of seconds."""
    from datetime import timedelta

    if isinstance(text, int | float) and not isinstance(text, bool):
        return timedelta(seconds=text)
    import re

    number = r"(-?\d+(?:\.\d+)?)"
    pattern = rf"([-+]?)P(?:{number}W)?(?:{number}D)?(?:T(?:{number}H)?(?:{number}M)?(?:{number}S)?)?"
    match = re.fullmatch(pattern, text)
    if match is None or not any(match.groups()[1:]):
        raise ValueError(f"{text!r} is no ISO 8601 duration such as P1DT30S")
    sign, *parts = match.groups()
    weeks, days, hours, minutes, seconds = parts
    whole, _, fraction = (seconds or "0").partition(".")
    micros = int(f"{'-' if whole.startswith('-') else ''}{fraction:0<6.6}") if fraction else 0
    span = timedelta(
        weeks=float(weeks or 0),
        days=_number(days),
        hours=_number(hours),
        minutes=_number(minutes),
        seconds=int(whole),
        microseconds=micros,
    )
    return -span if sign == "-" else span


def _number(text: str | None) -> float:
    """Read a number, exactly if it is whole: large day counts are beyond a float's precision."""
    return float(text) if text and "." in text else int(text or 0)


def write_bytes(value: Any) -> str:
    """Write bytes as base64."""
    from binascii import b2a_base64

    return b2a_base64(value, newline=False).decode("ascii")


def read_bytes(text: str) -> bytes:
    """Read base64, refusing anything else."""
    from binascii import a2b_base64

    return a2b_base64(text, strict_mode=True)


def read_decimal(text: Any) -> Any:
    """Read a Decimal from text or a whole number; a float would have lost digits already."""
    from decimal import Decimal

    if isinstance(text, bool) or not isinstance(text, str | int):
        raise TypeError(f"a Decimal is written as text, not as {type(text).__name__}")
    return Decimal(text)


def read_uuid(text: Any) -> Any:
    """Read a UUID."""
    from uuid import UUID

    if not isinstance(text, str):
        raise TypeError("a UUID is written as text")
    return UUID(text)


def read_iso(name: str) -> Callable[[Any], Any]:
    """Make the reader of ``datetime.<name>``."""

    def read(text: Any) -> Any:
        import datetime as dt

        return getattr(dt, name).fromisoformat(text)

    return read


def sorted_items(items: list[Any]) -> list[Any]:
    """Sort what came out of a set if it can be sorted, so that the text does not depend on hash seeds."""
    try:
        return sorted(items)
    except TypeError:
        return items


def _shallow(write: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
    return lambda value, _depth: write(value)


STANDARD: dict[tuple[str, str], tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    ("decimal", "Decimal"): (str, read_decimal),
    ("uuid", "UUID"): (str, read_uuid),
    ("datetime", "datetime"): (iso, read_iso("datetime")),
    ("datetime", "date"): (iso, read_iso("date")),
    ("datetime", "time"): (iso, read_iso("time")),
    ("datetime", "timedelta"): (write_timedelta, read_timedelta),
    ("builtins", "bytes"): (write_bytes, read_bytes),
    ("builtins", "bytearray"): (write_bytes, lambda text: bytearray(read_bytes(text))),
}
"""Classes whose values are written as text: module and name, how to write, how to read. The tag is ``$<name>``."""

_TAGS: dict[tuple[str, str], tuple[str, Callable[[Any, int], Any]]] = {
    key: (f"${key[1].lower()}", _shallow(write)) for key, (write, _) in STANDARD.items()
} | {
    ("builtins", "set"): ("$set", lambda value, depth: sorted_items(lower_items(value, depth))),
    ("builtins", "frozenset"): ("$frozenset", lambda value, depth: sorted_items(lower_items(value, depth))),
}

_READERS: dict[str, Callable[[Any], Any]] = {f"${name.lower()}": read for (_, name), (_, read) in STANDARD.items()} | {
    "$set": lambda items: set(revive(items)),
    "$frozenset": lambda items: frozenset(revive(items)),
    "$tuple": lambda items: tuple(revive(items)),
    "$float": float,
    "$any": revive,
    "$typed": revive,
    "$map": lambda pairs: {revive(key): revive(item) for key, item in pairs},
    "$object": lambda tree: {key: revive(item) for key, item in tree.items()},
}


def register(kind: type, tag: str, write: Callable[[Any], Any], read: Callable[[Any], Any]) -> None:
    """Teach both directions a class of the runtime's own, such as BatchResult."""
    _TAGS[kind.__module__, kind.__qualname__] = (tag, lambda value, depth: lower(write(value), depth + 1))
    _READERS[tag] = lambda tree: read(revive(tree))
