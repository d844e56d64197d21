"""Finds the part of a value that cannot be written; loaded only when there is one."""

from __future__ import annotations

from durable_runtime._tagged import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def find(tree: Any, reason: str) -> Problem:
    """Return what is wrong with a tree of JSON types, with the way to it; ``reason`` if it cannot be told."""
    return _find(tree) or Problem(f"cannot be written as JSON: {reason}")


def _find(tree: Any) -> Problem | None:
    rule = _broken_rule(tree)
    if rule is not None:
        return Problem(rule)
    if isinstance(tree, dict):
        for key, item in tree.items():
            if (rule := _broken_rule(key)) is not None:
                return Problem(f"the key {key!a}: {rule}")
            if (problem := _find(item)) is not None:
                # A tag is no step of the way that the user knows.
                return problem if len(tree) == 1 and key[:1] == "$" else problem.under(key)
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            if (problem := _find(item)) is not None:
                return problem.under(index)
    return None


def _broken_rule(value: Any) -> str | None:
    """Say which rule of JSON or UTF-8 a scalar breaks, and what to do."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return (
                f"the text holds half a surrogate pair at position {error.start}; decode it with errors='replace' first"
            )
    elif isinstance(value, int):
        try:
            str(value)
        except ValueError as error:
            return f"the integer is too long to be written as text, return it as bytes or hex: {error}"
    elif isinstance(value, float) and value - value != 0:
        return f"JSON has no {value!r}"
    return None
