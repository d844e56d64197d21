"""What goes into the runtime layer, and the hash that names it.

The hash covers sorted relative paths and bytes with LF line ends, so an editable install, a wheel and a
checkout with CRLF give the same layer. Byte code never goes in: pip compiles what it installs, and a layer
that changed with the installer would publish every function anew on each machine. What does go in is the
source without its prose (`_lean_source`), at unchanged line numbers, in one text (`_layer_archive`).
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import NamedTuple

from constructs_durable._cache import cache_folder, content_digest, with_unix_lines

__all__ = ["LayerContent", "layer_content"]

RUNTIME_PACKAGE = "durable_runtime"
AWS_SDK_PACKAGE = "aws_durable_execution_sdk_python"

LOADER = "_layer.py"
"""What `_layer_loader` is called in the package."""

PACKAGING = b"lean source without flags, modules in one text"
"""Part of the hash: change it when the same source is packaged in another way."""


class LayerContent(NamedTuple):
    """Source files of a layer by their path in it, and the hash over them and the way they are packaged."""

    files: tuple[tuple[str, bytes], ...]
    digest: str

    def archive(self) -> Path:
        """Return the zip file of the layer, from the cache when these files are there already.

        One file, because the CDK copies what it is given for each app: seventy files take 70 ms.
        """
        finished = cache_folder("layers") / f"{self.digest}.zip"
        if not finished.is_file():
            from constructs_durable._layer_archive import write_archive

            write_archive(self.files, RUNTIME_PACKAGE, finished)
        return finished


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
    files = {
        f"python/{RUNTIME_PACKAGE}/{path.relative_to(folder).as_posix()}": with_unix_lines(path)
        for path in _sources(folder)
    }
    files[f"python/{RUNTIME_PACKAGE}/{LOADER}"] = with_unix_lines(Path(__file__).with_name("_layer_loader.py"))
    if aws_sdk_alias:
        files[f"python/{AWS_SDK_PACKAGE}/__init__.py"] = _ALIAS_SOURCE.encode()
    content = tuple(sorted(files.items()))
    return LayerContent(content, content_digest(PACKAGING, content))


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


_ALIAS_SOURCE = f'''"""Stands for `{RUNTIME_PACKAGE}` under the name of AWS's SDK."""

import sys

del sys.modules[__name__]  # compat refuses to work beside another package of this name

import {RUNTIME_PACKAGE}.compat

sys.modules[__name__] = sys.modules["{RUNTIME_PACKAGE}"]
'''
