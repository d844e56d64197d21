"""What goes into the runtime layer, and the hash that names it.

The hash covers sorted relative paths and bytes with LF line ends, so an editable install, a wheel and a
checkout with CRLF give the same layer. Byte code never goes in: pip compiles what it installs, and a layer
that changed with the installer would publish every function anew on each machine.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

__all__ = ["LayerContent", "layer_content"]

RUNTIME_PACKAGE = "durable_runtime"
AWS_SDK_PACKAGE = "aws_durable_execution_sdk_python"


class LayerContent(NamedTuple):
    """Files of a layer by their path in it, and the hash over them."""

    files: tuple[tuple[str, bytes], ...]
    digest: str

    def archive(self) -> Path:
        """Write the files, once, to a zip file that lives as long as this process.

        One file, because the CDK copies what it is given for each app: seventy files take 70 ms.
        """
        return _archive(self)


def layer_content(*, aws_sdk_alias: bool = False) -> LayerContent:
    """Collect the runtime as it is installed here.

    Args:
        aws_sdk_alias: Also put a package with the name of AWS's SDK into the layer.
            It hands every import on to the runtime.
    """
    folder = runtime_folder()
    stamp = tuple((str(path), path.stat().st_mtime_ns) for path in _sources(folder))
    return _collect(folder, stamp, aws_sdk_alias)


def runtime_folder() -> Path:
    """Find the runtime's package folder without importing it."""
    spec = importlib.util.find_spec(RUNTIME_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"The package `{RUNTIME_PACKAGE}` is not installed, so there is nothing to put into the layer. "
            "It ships with `constructs-durable`: reinstall that distribution."
        )
    return Path(spec.origin).parent


@functools.lru_cache(maxsize=8)
def _collect(folder: Path, _stamp: object, aws_sdk_alias: bool) -> LayerContent:
    import hashlib

    files = {
        f"python/{RUNTIME_PACKAGE}/{path.relative_to(folder).as_posix()}": _normalized(path)
        for path in _sources(folder)
    }
    if aws_sdk_alias:
        files[f"python/{AWS_SDK_PACKAGE}/__init__.py"] = _ALIAS_SOURCE.encode()
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return LayerContent(tuple(sorted(files.items())), digest.hexdigest())


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def _normalized(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


_ALIAS_SOURCE = f'''"""Stands for `{RUNTIME_PACKAGE}` under the name of AWS's SDK."""

import sys

del sys.modules[__name__]  # compat refuses to work beside another package of this name

import {RUNTIME_PACKAGE}.compat

sys.modules[__name__] = sys.modules["{RUNTIME_PACKAGE}"]
'''


@functools.lru_cache(maxsize=8)
def _archive(content: LayerContent) -> Path:
    import zipfile

    root = Path(tempfile.mkdtemp(prefix="constructs-durable-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    path = root / f"{content.digest}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.files:
            entry = zipfile.ZipInfo(name)  # of 1980, like every entry without a time: the bytes are the same anywhere
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # readable for the sandbox user
            archive.writestr(entry, data)
    return path
