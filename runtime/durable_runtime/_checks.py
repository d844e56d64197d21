"""Checks that several option classes share. Each raises ValidationError with option, value and rule."""

from __future__ import annotations

from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enum import Enum
    from typing import Any

    from durable_runtime._record import Record

_LABEL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def check_sub_type(sub_type: object, where: str) -> None:
    """Refuse a label that the service would refuse; None and "" select the default."""
    if not sub_type:
        return
    if isinstance(sub_type, str) and len(sub_type) <= 32 and _LABEL.issuperset(sub_type):
        return
    raise ValidationError(
        f"{where}: sub_type is {sub_type!r}; it must be 1 to 32 characters of A-Z, a-z, 0-9, '-' and '_'",
    )


def is_number(value: object) -> bool:
    """Say whether a value is a number that can be compared."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  NaN


def check_number(record: Record, name: str, least: int) -> None:
    """Refuse anything but None and integers from ``least`` up."""
    value = getattr(record, name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ValidationError(
            f"{type(record).__name__}: {name} is {value!r}; it must be an integer of at least {least}",
        )


def check_callable(record: Record, name: str) -> None:
    """Refuse anything but None and callables."""
    value = getattr(record, name)
    if value is not None and not callable(value):
        raise ValidationError(f"{type(record).__name__}: {name} is {value!r}; it must be callable")


def check_member(record: Record, name: str, kind: type[Enum]) -> None:
    """Refuse anything but a member of the enum."""
    value = getattr(record, name)
    if not isinstance(value, kind):
        choices = ", ".join(str(member) for member in kind)
        raise ValidationError(f"{type(record).__name__}: {name} is {value!r}; it must be one of {choices}")


def check_instance(record: Record, name: str, kind: type) -> None:
    """Refuse anything but an instance of the class."""
    value = getattr(record, name)
    if not isinstance(value, kind):
        raise ValidationError(f"{type(record).__name__}: {name} is {value!r}; it must be a {kind.__name__}")


def check_config(config: object, kind: type, word: str, name: str | None) -> None:
    """Refuse an object of the wrong kind where options belong."""
    if not isinstance(config, kind):
        label = f"{word} {name!r}" if name else word
        raise ValidationError(f"{label}: config is {config!r}; it must be a {kind.__name__}")


def check_serdes(record: Record, name: str) -> None:
    """Refuse anything but None and objects with both methods of a SerDes."""
    value = getattr(record, name)
    if value is not None and not (hasattr(value, "serialize") and hasattr(value, "deserialize")):
        raise ValidationError(
            f"{type(record).__name__}: {name} is {value!r}; "
            "it must be an object with serialize and deserialize (not the class itself)",
        )


def check_options(given: dict[str, Any], word: str, name: str | None) -> None:
    """Refuse keywords that an operation does not have, and values that it cannot use; make a tuple of ``aliases``."""
    if not given:
        return
    label, known = f"{word} {name!r}" if name else word, OPERATION_OPTIONS[word]
    for key, value in given.items():
        if key not in known:
            from difflib import get_close_matches

            close = " or ".join(map(repr, get_close_matches(key, sorted(known), 2)))
            hint = f"; did you mean {close}? It" if close else "; it"
            raise ValidationError(f"{label}: there is no option {key!r}{hint} takes {', '.join(sorted(known))}.")
        rule = None
        if value is None:
            continue
        if key in {"at_most_once", "virtual"}:
            rule = None if isinstance(value, bool) else "it must be True or False"
        elif key in {"serdes", "item_serdes"}:
            fits = hasattr(value, "serialize") and hasattr(value, "deserialize") and not isinstance(value, type)
            rule = None if fits else "it must be an object with serialize and deserialize (not the class itself)"
        elif key == "aliases":
            names = (value,) if isinstance(value, str) else value
            fits = isinstance(names, list | tuple | set | frozenset) and all(isinstance(one, str) for one in names)
            rule = None if fits else "it must be the former names of the operation, such as ('charge',)"
            if fits:
                given[key] = tuple(names)
        if rule is not None:
            raise ValidationError(f"{label}: {key} is {value!r}; {rule}")


_CALLBACK = frozenset({"timeout", "heartbeat_timeout", "serdes", "returns", "aliases"})
_PARALLEL = frozenset(
    {"max_concurrency", "completion_config", "nesting_type", "serdes", "item_serdes", "returns", "aliases"},
)
OPERATION_OPTIONS = {
    "step": frozenset({"retry", "at_most_once", "serdes", "returns", "aliases"}),
    "create_callback": _CALLBACK,
    "wait_for_callback": _CALLBACK | {"retry"},
    "invoke": frozenset({"tenant_id", "returns", "aliases"}),
    "run_in_child_context": frozenset({"virtual", "serdes", "returns", "aliases"}),
    "wait_for_condition": frozenset({"returns", "aliases"}),
    "map": _PARALLEL | {"item_namer"},
    "parallel": _PARALLEL,
}
"""Keywords of each operation; `_options.pyi` gives their types."""
