"""Identity of operations: the position of a call in its context, hashed (docs/architecture.md)."""

from __future__ import annotations

try:
    from _blake2 import blake2b  # hashlib costs a millisecond of cold start to hand out this same function
except ImportError:  # pragma: no cover  a build without the extension module
    from hashlib import blake2b


def hashed(text: bytes) -> str:
    """Return the first 64 hex characters of the 64-byte BLAKE2b digest."""
    return blake2b(text).digest()[:32].hex()


def prefix_of(owner_id: str | None) -> bytes:
    """Return what the ids of a context's operations are hashed with, before the position."""
    return b"" if owner_id is None else owner_id.encode() + b"-"


def position_id(prefix: bytes, position: int) -> str:
    """Return the id of the operation at a position: from 1 in a context, from 0 among branches."""
    return blake2b(prefix + b"%d" % position).digest()[:32].hex()


def marker_id(prefix: bytes, kind: str, name: str) -> str:
    """Return an id outside all positions, for operations that must not shift their neighbours."""
    return hashed(b"%b%b:%b" % (prefix, kind.encode(), name.encode()))
