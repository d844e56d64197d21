"""Checks that several option classes share. Each raises ValidationError with option, value and rule."""

from __future__ import annotations

from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enum import Enum

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


def check_serdes(record: Record, name: str) -> None:
    """Refuse anything but None and objects with both methods of a SerDes."""
    value = getattr(record, name)
    if value is not None and not (hasattr(value, "serialize") and hasattr(value, "deserialize")):
        raise ValidationError(
            f"{type(record).__name__}: {name} is {value!r}; "
            "it must be an object with serialize and deserialize (not the class itself)",
        )
