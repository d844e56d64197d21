"""Where things that are expensive to make and named by their content are kept between synths."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CACHE_VARIABLE", "cache_folder"]

CACHE_VARIABLE = "CONSTRUCTS_DURABLE_CACHE"
"""Names the cache's folder. Default: `constructs-durable` in the user's cache folder."""


def cache_folder(kind: str) -> Path:
    """Return the folder for one kind of things; it may not exist yet."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).absolute() / kind
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "constructs-durable" / kind
