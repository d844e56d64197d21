"""Unpacks function code and layers into folders named after their content."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNZIPPED_LIMIT = 262_144_000
"""Function and layers, unzipped: 250 MB (Lambda quotas)."""


class CodeError(ValueError):
    """The archive is not usable as function code; the text says why."""


class CodeStore:
    """A folder of unpacked archives. The same bytes are unpacked once, also across restarts."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def unpack(self, archive: bytes) -> Path:
        """Unpack a zip archive and return its folder."""
        digest = hashlib.sha256(archive).hexdigest()[:32]
        return self._once(digest, lambda folder: _extract(archive, folder))

    def copy(self, source: Path) -> Path:
        """Copy a folder, named by its path and newest change, so that running it leaves no traces in it."""
        newest = max((entry.stat().st_mtime_ns for entry in [source, *source.rglob("*")]), default=0)
        digest = hashlib.sha256(f"{source.resolve()}\n{newest}".encode()).hexdigest()[:32]
        return self._once(
            digest,
            lambda folder: shutil.copytree(
                source, folder, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
            ),
        )

    def write(self, name: str, text: str) -> Path:
        """Make a folder with one file in it."""
        digest = hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()[:32]
        return self._once(digest, lambda folder: (folder / name).write_text(text, encoding="utf-8"))

    def _once(self, name: str, fill: Callable[[Path], object]) -> Path:
        target = self._root / name
        if target.is_dir():
            return target
        self._root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=self._root))
        try:
            fill(scratch)
            scratch.chmod(0o755)
            os.replace(scratch, target)  # noqa: PTH105  a rename that must be atomic
        except OSError:
            if not target.is_dir():  # another process may have been quicker
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return target


def _extract(archive: bytes, folder: Path) -> None:
    """Extract a zip archive with its permission bits, within the size limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
            entries = bundle.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > UNZIPPED_LIMIT:
                raise CodeError(f"Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes; it is {size}.")
            for entry in entries:
                path = Path(bundle.extract(entry, folder))  # refuses to leave the folder
                mode = stat.S_IMODE(entry.external_attr >> 16)
                if mode and not entry.is_dir():
                    path.chmod(mode | stat.S_IRUSR)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise CodeError(f"Could not unzip uploaded file: {error}. Upload a valid zip archive.") from error
