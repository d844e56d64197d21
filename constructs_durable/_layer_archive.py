"""How the layer's files become its zip: the runtime's modules lie in one text, which compresses as one.

Zipped one by one, eighty small modules cannot refer to each other and bring eighty headers; together they take a
quarter less. Only the package's `__init__.py` stays a file, and the loader beside it (`_layer_loader`). One line that
was empty before names the text to Python.
"""

from __future__ import annotations

import ast
import itertools
import re
import tempfile
import zipfile
from collections import Counter
from typing import TYPE_CHECKING

from constructs_durable._layer_content import LOADER
from constructs_durable._lean_source import lean_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["write_archive"]

_TEXT = "modules.txt"
_POINTER = "from {}._layer import PLACE; __path__.append(PLACE)"

_WINDOW = 30_000
"""As far as deflate looks back for what it has seen before, nearly: it stops at 32 KB."""

_RARE = 1_000
"""The weight of wording that two modules share."""


def write_archive(files: Iterable[tuple[str, bytes]], package: str, finished: Path) -> None:
    """Write a layer.

    Args:
        files: Sources by their path in the layer.
        package: The package whose modules go into one text.
        finished: The zip file, which appears whole or not at all, also when two apps synthesize at once.
    """
    sources = {name: lean_source(data.decode()) for name, data in files}
    folder = f"python/{package}/"
    apart = {f"{folder}__init__.py", folder + LOADER} | {name for name in sources if not name.startswith(folder)}
    modules = {name.removeprefix(folder): text for name, text in sources.items() if name not in apart}
    contents = {name: sources[name] for name in sorted(apart)}
    contents[f"{folder}__init__.py"] = _pointed(contents[f"{folder}__init__.py"], package)
    contents[folder + _TEXT] = _as_one_text(modules)
    finished.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=finished.parent, prefix=".packing-") as scratch:
        fresh = finished.parent / scratch / finished.name
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, text in contents.items():
                entry = zipfile.ZipInfo(name)  # of 1980, like every entry without a time: the same bytes anywhere
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16  # readable for the sandbox user
                archive.writestr(entry, text)
        fresh.replace(finished)


def _as_one_text(modules: Mapping[str, str]) -> str:
    for name, source in modules.items():
        if "\f" in source:
            raise ValueError(f"{name} holds a form feed, which separates the modules in the layer: write it as \\f")
    return "".join(f"\f{name}\n{modules[name]}" for name in _by_likeness(modules))


def _pointed(source: str, package: str) -> str:
    """Put the pointer to the text on the first empty line before the first statement, so that no other line moves."""
    lines = source.split("\n")
    tree = ast.parse(source)
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    rest = [node.lineno for node in tree.body if node not in futures]
    after = max((node.end_lineno or node.lineno for node in futures), default=0)
    free = [number for number in range(after, min(rest, default=len(lines)) - 1) if not lines[number]]
    if not free:
        raise ValueError(
            f"{package}/__init__.py has no empty line before its first statement, where the layer points Python at "
            f"{_TEXT}: leave one below the docstring"
        )
    lines[free[0]] = _POINTER.format(package)
    return "\n".join(lines)


def _by_likeness(modules: Mapping[str, str]) -> Iterator[str]:
    """Order modules so that each has much wording in common with those right before it.

    Wording weighs more the fewer modules have it. Weights are whole numbers, whose sum is the same in any order.
    """
    phrases = {name: _phrases(text) for name, text in modules.items()}
    owners = Counter(itertools.chain.from_iterable(phrases.values()))
    weights = {phrase: _RARE // (count - 1) for phrase, count in owners.items() if count > 1}
    waiting, placed = sorted(modules), list[str]()
    while waiting:
        near = _near(placed, modules, phrases)
        gains = {name: sum(weights[phrase] for phrase in phrases[name] & near) for name in waiting}
        best = max(waiting, key=lambda name: gains[name] / (len(modules[name]) + _RARE))
        waiting.remove(best)
        placed.append(best)
        yield best


def _phrases(text: str) -> set[tuple[str, ...]]:
    """Return all runs of four words or signs."""
    words = re.findall(r"\w+|[^\w\s]", text)
    return set(zip(words, words[1:], words[2:], words[3:], strict=False))


def _near(placed: list[str], modules: Mapping[str, str], phrases: Mapping[str, set[tuple[str, ...]]]) -> set[object]:
    near: set[object] = set()
    size = 0
    for name in reversed(placed):
        near |= phrases[name]
        size += len(modules[name])
        if size > _WINDOW:
            break
    return near
