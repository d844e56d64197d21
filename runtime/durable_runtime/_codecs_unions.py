"""Codecs of literals and unions: which member does a value belong to, and which wrote this JSON?"""

from __future__ import annotations

import typing
from collections import abc

from durable_runtime._codecs import ANY, Codec, codec_for, member, mismatch, to_plain
from durable_runtime._tagged import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NONE = type(None)


def compile_literal(choices: tuple[Any, ...], plain: bool) -> Codec | None:
    """Return the codec of a Literal, or None when its choices are plain JSON."""
    if not plain and all(type(choice) in (str, int, bool, _NONE) for choice in choices):
        return None
    written = {_choice(choice): choice for choice in choices}
    name = f"one of {', '.join(map(repr, choices))}"

    def fits(value: Any) -> bool:
        return any(type(value) is type(choice) and value == choice for choice in choices)

    def enc(value: Any) -> Any:
        if not fits(value):
            raise mismatch(value, name)
        return _choice(value)[1]

    def dec(tree: Any) -> Any:
        try:
            return written[type(tree), tree]
        except (KeyError, TypeError):
            raise mismatch(tree, name) from None

    return Codec(
        name,
        enc,
        dec,
        fits,
        {key[0] for key in written},
    )


def _choice(choice: Any) -> tuple[type, Any]:
    """Return how a literal's choice is written, with the JSON type that tells True from 1."""
    tree = to_plain(choice)
    return type(tree), tree


def compile_union(arguments: tuple[Any, ...], plain: bool) -> Codec | None:
    """Join the members; where JSON cannot tell them apart, the written value names its member."""
    if all(codec_for(argument, plain=plain) is None for argument in arguments):
        return None
    members = [_named_member(argument, plain) for argument in arguments if argument is not _NONE]
    members.sort(key=lambda inner: inner.fits is ANY.fits)  # whoever takes everything is asked last
    all_kinds = [kind for inner in members for kind in inner.kinds]
    tagged = not plain and len(all_kinds) > len(set(all_kinds))
    union = _Union(members, tagged=tagged)
    optional = _NONE in arguments
    kinds: set[type] = {dict} if tagged else set(all_kinds)
    if not optional:
        return Codec(union.name, union.enc, union.dec, union.fits, kinds)
    return Codec(
        f"{union.name} | None",
        lambda value: None if value is None else union.enc(value),
        lambda tree: None if tree is None else union.dec(tree),
        lambda value: value is None or union.fits(value),
        kinds | {_NONE},
    )


class _Union:
    """Chooses the member of a union that a value belongs to."""

    def __init__(self, members: list[Codec], *, tagged: bool) -> None:
        names = [inner.name for inner in members]
        self.name = " | ".join(names)
        self._members = members
        # Two classes of one name, from two modules, are told apart by their place in the union.
        self._labels = [name if names.count(name) == 1 else f"{name}#{i}" for i, name in enumerate(names)]
        self._tagged = tagged

    def fits(self, value: Any) -> bool:
        return any(inner.fits(value) for inner in self._members)

    def enc(self, value: Any) -> Any:
        for inner, label in zip(self._members, self._labels, strict=True):
            if inner.fits(value):
                tree = inner.enc(value)
                return {"$type": label, "value": tree} if self._tagged else tree
        raise mismatch(value, self.name)

    def dec(self, tree: Any) -> Any:
        if not self._tagged or type(tree) is not dict or tree.keys() != {"$type", "value"}:
            return _first_that_reads(self._members, tree, self.name)
        for inner, label in zip(self._members, self._labels, strict=True):
            if label == tree["$type"]:
                return inner.dec(tree["value"])
        raise Problem(f"expected {self.name}, found a {tree['$type']}")


def _named_member(annotation: Any, plain: bool) -> Codec:
    """Return the member's codec; plain JSON types get one that knows which values are theirs."""
    codec = codec_for(annotation, plain=plain)
    if codec is not None:
        return codec
    inner = member(annotation, plain=plain)
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Literal:
        return codec_for(annotation, plain=True) or inner
    if not isinstance(origin, type) or origin in (object, typing.Any):
        return inner
    kind: Any = (int, float) if origin is float else origin
    json_kinds = {float: (int, float), abc.Sequence: (list,), abc.Mapping: (dict,)}.get(origin, (origin,))

    def fits(value: Any) -> bool:
        return isinstance(value, kind) and not (isinstance(value, bool) and origin is not bool)

    return Codec(getattr(origin, "__name__", str(origin)), inner.enc, inner.dec, fits, json_kinds)


def _first_that_reads(members: list[Codec], tree: Any, name: str) -> Any:
    """Read with the first member that can; those that write this JSON type go first."""
    problems = []
    for inner in sorted(members, key=lambda inner: type(tree) not in inner.kinds):
        if type(tree) not in inner.kinds and not (type(tree) is int and float in inner.kinds):
            continue
        try:
            return inner.dec(tree)
        except Problem as problem:
            problems.append(problem)
    if len(problems) == 1:
        raise problems[0]
    raise mismatch(tree, name)
