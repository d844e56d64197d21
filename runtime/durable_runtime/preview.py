"""Compact previews of large values, stored beside a pointer so that consoles show something to read."""

from __future__ import annotations

import json
from enum import StrEnum

from durable_runtime._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


class PreviewMode(StrEnum):
    """Whether fields are shown unless excluded, or hidden unless included."""

    INCLUDE_ALL = "INCLUDE_ALL"
    EXCLUDE_ALL = "EXCLUDE_ALL"


class FieldMatchMode(StrEnum):
    """Whether a name matches at any depth, or a dotted path from the root."""

    ANYWHERE = "ANYWHERE"
    PATH = "PATH"


class PreviewField(Record):
    """Chooses fields by name or by dotted path; a name that contains a dot cannot be chosen."""

    name: str
    match: FieldMatchMode = FieldMatchMode.ANYWHERE


class PreviewConfig(Record):
    """What a preview shows.

    Attributes:
        mode: Start with all fields, or with none.
        include: Fields to show where the mode starts with none.
        exclude: Fields to hide; wins over everything else.
        mask: Fields to show with their value replaced.
        mask_string: The replacement.
        max_preview_bytes: Fields are added until the preview's JSON has this size.
    """

    mode: PreviewMode
    include: Sequence[PreviewField] = ()
    exclude: Sequence[PreviewField] = ()
    mask: Sequence[PreviewField] = ()
    mask_string: str = "***"
    max_preview_bytes: int = 4096


def build_preview(value: Any, config: PreviewConfig) -> dict[str, Any] | None:
    """Return the visible fields of a dict, nested as they were; None when nothing is visible.

    The items of a list are merged into one object at the list's place, later items over earlier ones.
    """
    if not isinstance(value, dict):
        return None
    result: dict[str, Any] = {}
    size = len("{}")
    for path, shown in _visible(value, (), config):
        size += len(f'"{".".join(path)}":{json.dumps(shown, default=str)},'.encode())
        if size > config.max_preview_bytes:
            break
        node = result
        for part in path[:-1]:
            if not isinstance(node.get(part), dict):
                node[part] = {}
            node = node[part]
        node[path[-1]] = shown
    return result or None


def _visible(tree: Any, prefix: tuple[str, ...], config: PreviewConfig) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Walk the fields in order, and give those that may be shown."""
    if isinstance(tree, list):
        for item in tree:
            yield from _visible(item, prefix, config)
        return
    if not isinstance(tree, dict):
        return
    for key, item in tree.items():
        path = (*prefix, str(key))
        if "." in path[-1] or _matches(path, config.exclude):
            continue
        if _matches(path, config.mask):
            yield path, config.mask_string
        elif isinstance(item, dict | list):
            # A field inside may be visible even where this one is not.
            inner = _include_all(config) if _shown(path, config) else config
            yield from _visible(item, path, inner)
        elif _shown(path, config):
            yield path, item


def _shown(path: tuple[str, ...], config: PreviewConfig) -> bool:
    return config.mode is PreviewMode.INCLUDE_ALL or _matches(path, config.include)


def _include_all(config: PreviewConfig) -> PreviewConfig:
    """A field chosen by its path shows what is inside it."""
    return config if config.mode is PreviewMode.INCLUDE_ALL else config.__replace__(mode=PreviewMode.INCLUDE_ALL)


def _matches(path: tuple[str, ...], fields: Sequence[PreviewField]) -> bool:
    dotted = ".".join(path)
    return any(dotted == field.name if field.match is FieldMatchMode.PATH else field.name in path for field in fields)
