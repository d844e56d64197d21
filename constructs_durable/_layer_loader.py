"""Imports the runtime's modules out of one text. Runs in the layer, as `durable_runtime/_layer.py`.

The text holds every module: a form feed, a line with its path in the package, and its source. Modules carry the names,
files and lines they would have as files of their own, so tracebacks and `inspect` show the same. Python's own
`zipimport` would do, were it not for compiling each module twice: once to find it, once to load it.
"""

from __future__ import annotations

import os
from importlib.machinery import ModuleSpec, SourceFileLoader
from sys import path_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

FOLDER = os.path.dirname(__file__)  # noqa: PTH120  pathlib costs cold start
PLACE = os.path.join(FOLDER, "modules.txt")  # noqa: PTH118  the same


def read_sources() -> dict[str, bytes]:
    """Return the modules' sources by their files."""
    text: bytes = __loader__.get_data(PLACE)  # type: ignore[name-defined]  # every module has one
    pages = [page.partition(b"\n") for page in text.split(b"\f")[1:]]
    return {os.path.join(FOLDER, *name.decode().split("/")): source for name, _, source in pages}  # noqa: PTH118  the same


class Finder:
    """Finds modules at one place of `__path__`: `modules.txt`, or a folder that would be below it."""

    def __init__(self, path: str) -> None:
        """Serve a place. As a path hook, refuse those of others."""
        self._below = path.removeprefix(PLACE)
        if self._below == path or self._below[:1] not in ("", os.sep):
            raise ImportError(f"{path} is not in {PLACE}", path=path)

    def find_spec(self, fullname: str, _target: object = None) -> ModuleSpec | None:
        """Return what the import system needs to know of a module, if it is here."""
        name = fullname.rpartition(".")[2]
        stem = os.path.join(FOLDER + self._below, name)  # noqa: PTH118  the same
        package = os.path.join(stem, "__init__.py")  # noqa: PTH118  the same
        file = package if package in SOURCES else f"{stem}.py"
        if file not in SOURCES:
            return None
        spec = ModuleSpec(fullname, Loader(fullname, file), origin=file, is_package=file == package)
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(PLACE + self._below + os.sep + name)
        return spec

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """List modules for `pkgutil`."""
        start = FOLDER + self._below + os.sep
        for file in SOURCES:
            name, *inner = file.removeprefix(start).removesuffix(".py").split(os.sep)  # noqa: PTH206  the same
            if file.startswith(start) and name != "__init__" and inner in ([], ["__init__"]):
                yield prefix + name, bool(inner)


class Loader(SourceFileLoader):
    """Loads a module from its source in memory; byte code of it is neither looked for nor written."""

    def get_data(self, path: str) -> bytes:
        """Return a module's source; other data lies in files."""
        return SOURCES[path] if path in SOURCES else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  the base class names it
        """Compile a module."""
        return self.source_to_code(self.get_data(self.path), self.path)


SOURCES = read_sources()
path_hooks.insert(0, Finder)
