"""Reading source files: encodings, size, syntax. Everything that can go wrong becomes a `Trouble`."""

from __future__ import annotations

import ast
import io
import os
import stat
import tokenize
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 4_000_000  # a hand-written module stays far below; larger files are generated tables
SKIPPED_FOLDERS = frozenset(
    {
        "__pycache__",
        "node_modules",
        "site-packages",
        "cdk.out",
        "build",
        "dist",
        "venv",
        "__pypackages__",
    }
)


class Trouble(NamedTuple):
    """Why a file could not be read, and where in it."""

    line: int
    column: int
    message: str


class Source(NamedTuple):
    """One parsed file."""

    path: str
    text: str
    tree: ast.Module


def read(path: str) -> Source | Trouble:
    """Read and parse one file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        return Trouble(1, 1, f"the file cannot be read: {error.strerror or error}")
    return parse(path, data)


def parse(path: str, data: bytes) -> Source | Trouble:
    """Decode and parse the bytes of a file."""
    if len(data) > MAX_BYTES:
        size = f"{len(data) / 1e6:.1f} MB"
        return Trouble(1, 1, f"the file is {size}, over the limit of {MAX_BYTES / 1e6:.0f} MB: not checked")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        return Trouble(_line_of(data, error), 1, f"the file cannot be decoded: {error}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the user's strings are not our subject
            tree = ast.parse(text, path)
    except SyntaxError as error:
        return Trouble(error.lineno or 1, error.offset or 1, f"syntax error: {error.msg}")
    except ValueError as error:  # "source code string cannot contain null bytes"
        return Trouble(1, 1, f"the file cannot be parsed: {error}")
    except (RecursionError, MemoryError):
        return Trouble(1, 1, "the file is nested too deeply for Python's parser: not checked")
    return Source(path, text, tree)


def decoded(path: str) -> str:
    """Return a file's text for showing it: in its own encoding, with marks where it has none, empty when it is gone."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return ""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        encoding = "utf-8"
    return io.TextIOWrapper(io.BytesIO(data), encoding, errors="replace").read()


def _line_of(data: bytes, error: Exception) -> int:
    if isinstance(error, UnicodeDecodeError):
        return data[: error.start].count(b"\n") + 1
    return 1


def python_files(folder: str, excluded: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the Python files below a folder in a stable order, without environments and build output."""
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _skips(base, name, excluded))
        for name in sorted(files):
            path = os.path.join(base, name)  # noqa: PTH118  os.walk speaks strings, and this loop is hot
            path = path.removeprefix(f".{os.sep}")
            if name.endswith(".py") and not _matches(path, excluded) and not _blocks(path):
                yield path


def _skips(base: str, name: str, excluded: tuple[str, ...]) -> bool:
    if name in SKIPPED_FOLDERS or name.startswith("."):
        return True
    folder = Path(base, name)
    return (folder / "pyvenv.cfg").exists() or _matches(str(folder), excluded)


def _blocks(path: str) -> bool:
    """Whether opening the path could wait for somebody: a pipe or device, not a file. Broken links are files."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116  this loop is hot
    except OSError:
        return False


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    pure = Path(path)
    return any(pure.match(pattern) for pattern in patterns)
