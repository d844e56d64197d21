"""Where things that are expensive to make and named by their content are kept between synths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CACHE_VARIABLE", "cache_folder", "content_digest", "with_unix_lines"]

CACHE_VARIABLE = "CONSTRUCTS_DURABLE_CACHE"
"""Names the cache's folder. Default: `constructs-durable` in the user's cache folder."""


def cache_folder(kind: str) -> Path:
    """Return the folder for one kind of things; it may not exist yet."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).absolute() / kind
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "constructs-durable" / kind


def content_digest(start: bytes, files: Iterable[tuple[str, bytes]]) -> str:
    """Return the hash of files, by name and content, and of what else decides about the thing made of them."""
    import hashlib

    digest = hashlib.sha256(start)
    for name, content in files:
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def with_unix_lines(path: Path) -> bytes:
    """Read a file as it is in a checkout with LF, so that one with CRLF has the same hash."""
    return path.read_bytes().replace(b"\r\n", b"\n")
