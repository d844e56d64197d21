"""Plugins: nothing is loaded here unless a handler has some."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def load_plugins(plugins: Any) -> list[Any]:
    """Return the plugins of a handler."""
    return list(plugins or ())
