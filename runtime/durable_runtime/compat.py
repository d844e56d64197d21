"""Lets code written for AWS's SDK run on this runtime without changing its imports.

::

    import durable_runtime.compat  # before anything that imports the other package

From then on, ``import aws_durable_execution_sdk_python`` and its submodules give this runtime's modules, also
where the other package is installed. Without this import, the other package stays what it is.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

from durable_runtime.exceptions import InvalidStateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

THEIRS = "aws_durable_execution_sdk_python"
OURS = "durable_runtime"


class _Finder:
    """Finds every module of the other package under our names."""

    @classmethod
    def find_spec(
        cls,
        fullname: str,
        _path: Sequence[str] | None = None,
        _target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Answer for the other package and its submodules only."""
        package, _, rest = fullname.partition(".")
        if package != THEIRS:
            return None
        return ModuleSpec(fullname, _Loader(f"{OURS}.{rest}" if rest else OURS), is_package=not rest)  # type: ignore[arg-type]


class _Loader:
    """Loads our module, and leaves it itself: the same objects under both names."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return our module."""
        from importlib import import_module

        try:
            module = import_module(self._name)
        except ModuleNotFoundError as error:
            if error.name != self._name:
                raise
            raise ModuleNotFoundError(
                f"{spec.name} has no counterpart in {OURS}; its public names are in {OURS} itself",
                name=spec.name,
            ) from None
        self._spec = module.__spec__, module.__loader__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back its own spec, which the import system has just replaced."""
        module.__spec__, module.__loader__ = self._spec


def install() -> None:
    """Make the other package's name stand for this one. Importing this module has already done it.

    Raises:
        InvalidStateError: The other package was imported first; two runtimes in one process would mix.
    """
    loaded = sys.modules.get(THEIRS)
    if loaded is not None and loaded is not sys.modules[OURS]:
        raise InvalidStateError(
            f"{THEIRS} is already imported from {getattr(loaded, '__file__', None)}; "
            "import durable_runtime.compat first, at the top of the handler's module",
        )
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def uninstall() -> None:
    """Give the name back to whatever is installed."""
    if _Finder in sys.meta_path:
        sys.meta_path.remove(_Finder)
    for name in [name for name in sys.modules if name.partition(".")[0] == THEIRS]:
        del sys.modules[name]


install()
