"""Names of operations and functions: found, and checked before any side effect."""

from __future__ import annotations

from durable_runtime.exceptions import ValidationError

MAX_NAME = 256


def name_of(name: str | None, func: object, word: str) -> str | None:
    """Return an operation's name: the given one, or the function's own unless it is a lambda."""
    if name is not None and name != "":
        return check_name(name, word)
    found = getattr(func, "_original_name", None) or getattr(func, "__name__", None)
    if found is None:
        inner = getattr(func, "func", None)  # functools.partial, ParallelBranch
        return None if inner is None else name_of(None, inner, word)
    if found == "<lambda>" or not isinstance(found, str):
        return None
    if found.isascii() and len(found) <= MAX_NAME:
        return found
    return found.encode("ascii", "backslashreplace").decode()[:MAX_NAME]


def check_name(name: str | None, word: str) -> str | None:
    """Refuse a name that the service would refuse; None and "" mean no name."""
    given: object = name
    if given is None or given == "":
        return None
    if isinstance(given, str) and given.isascii() and given.isprintable() and len(given) <= MAX_NAME:
        return given
    raise ValidationError(
        f"{word}: name is {_short(name)}; it must be text of 1 to {MAX_NAME} printable ASCII characters",
    )


def check_function_name(function_name: object) -> None:
    """Refuse a function that the service could not find."""
    if not isinstance(function_name, str) or not 1 <= len(function_name) <= MAX_NAME:
        raise ValidationError(
            f"invoke: function_name is {_short(function_name)}; it must be a function's name or ARN of 1 to "
            f"{MAX_NAME} characters",
        )
    if not (function_name.isascii() and _FUNCTION_CHARACTERS.issuperset(function_name)):
        raise ValidationError(
            f"invoke: function_name is {_short(function_name)}; a function's name or ARN has letters, digits and "
            "'-', '_', ':', '.', '$', '/' only",
        )


def check_tenant(tenant_id: object) -> None:
    """Refuse a tenant id that the service would refuse."""
    if tenant_id is None:
        return
    if isinstance(tenant_id, str) and 1 <= len(tenant_id) <= MAX_NAME and _TENANT_CHARACTERS.issuperset(tenant_id):
        return
    raise ValidationError(
        f"invoke: tenant_id is {_short(tenant_id)}; it must be 1 to {MAX_NAME} characters of letters, digits, "
        "space and ._:/=+-@",
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FUNCTION_CHARACTERS = frozenset(_ALPHANUMERIC + "-_:.$/")
_TENANT_CHARACTERS = frozenset(_ALPHANUMERIC + "._:/=+-@ ")
