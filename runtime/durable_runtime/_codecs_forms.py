"""Codecs of the forms of `typing`: unions, literals, containers, aliases."""

from __future__ import annotations

import collections
import types
import typing
from collections import abc

from durable_runtime._codecs import ANY, Codec, codec_for, member, mismatch, plain_key, short
from durable_runtime._tagged import Problem, sorted_items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NONE = type(None)
_WRAPPERS = ("Annotated", "Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
_SEQUENCES = frozenset(
    {list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection, abc.Reversible, abc.Container},
)
_MAPPINGS = frozenset({dict, abc.Mapping, abc.MutableMapping, collections.OrderedDict, collections.defaultdict})
_SETS: dict[Any, type] = {
    set: set,
    frozenset: frozenset,
    abc.Set: frozenset,
    abc.MutableSet: set,
    collections.deque: collections.deque,
}
_AWAITED = frozenset({abc.Awaitable, abc.Coroutine})


def compile_form(annotation: Any, plain: bool) -> Any:
    """Return the codec of a form, None when it is plain JSON, or NotImplemented when it is no form."""
    if annotation is typing.Any or annotation is object:
        return None
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Union or origin is types.UnionType:
        return _union(arguments, plain)
    if origin is typing.Literal:
        return _literal(arguments, plain)
    if origin in _AWAITED:
        return codec_for(arguments[-1], plain=plain)
    if origin is not None and (getattr(annotation, "__metadata__", None) or _is_wrapper(origin)):
        return codec_for(arguments[0], plain=plain)
    container = _container(origin or annotation, arguments, plain)
    if container is not NotImplemented:
        return container
    return _alias(annotation, plain)


def _is_wrapper(origin: Any) -> bool:
    return getattr(origin, "_name", None) in _WRAPPERS or getattr(origin, "__name__", None) in _WRAPPERS


def _alias(annotation: Any, plain: bool) -> Any:
    """Follow NewType, `type X = ...` and TypeVar to what they stand for."""
    for attribute in ("__supertype__", "__value__"):
        target = getattr(annotation, attribute, None)
        if target is not None and not isinstance(annotation, type):
            return codec_for(target, plain=plain)
    if isinstance(annotation, typing.TypeVar):
        return codec_for(annotation.__bound__, plain=plain) if annotation.__bound__ else None
    if isinstance(annotation, typing.ForwardRef):
        raise Problem(
            f"the forward reference {annotation.__forward_arg__!r} cannot be resolved; give the class itself",
        )
    return NotImplemented


def _container(origin: Any, arguments: tuple[Any, ...], plain: bool) -> Any:
    if origin is tuple or origin is typing.Tuple:  # noqa: UP006  the old spelling is still in use
        return _tuple(arguments, plain)
    if origin in _SETS:
        return _collection(_SETS[origin], arguments, plain)
    if origin in _SEQUENCES:
        return _sequence(arguments, plain) if arguments else None
    if origin in _MAPPINGS:
        return _mapping(arguments, plain) if arguments else None
    if origin is collections.Counter:
        return _mapping((*arguments, int), plain) if arguments else None
    return NotImplemented


def encode_items(enc: Callable[[Any], Any], values: Any) -> list[Any]:
    """Apply a function to each item, noting the index of one that fails."""
    index = -1
    items = []
    try:
        for index, value in enumerate(values):  # noqa: B007  the handler below needs it
            items.append(enc(value))
    except Problem as problem:
        raise problem.under(index) from None
    return items


def _list_of(tree: Any, name: str) -> Any:
    if type(tree) is not list:
        raise mismatch(tree, name)
    return tree


def _sequence(arguments: tuple[Any, ...], plain: bool) -> Codec | None:
    inner = codec_for(arguments[0], plain=plain)
    if inner is None:
        return None
    name = f"list[{inner.name}]"

    def enc(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise mismatch(value, name)
        return encode_items(inner.enc, value)

    return Codec(
        name,
        enc,
        lambda tree: encode_items(inner.dec, _list_of(tree, name)),
        lambda value: isinstance(value, list) and all(map(inner.fits, value)),
        (list,),
    )


def _collection(kind: type, arguments: tuple[Any, ...], plain: bool) -> Codec:
    inner = member(arguments[0] if arguments else typing.Any, plain=plain)
    name = f"{kind.__name__}[{inner.name}]"

    def enc(value: Any) -> list[Any]:
        if not isinstance(value, kind):
            raise mismatch(value, name)
        items = encode_items(inner.enc, value)
        return sorted_items(items) if kind in (set, frozenset) else items

    def dec(tree: Any) -> Any:
        try:
            return kind(encode_items(inner.dec, _list_of(tree, name)))
        except TypeError as error:
            raise Problem(f"expected {name}, found {short(tree)}: {error}") from error

    return Codec(
        name,
        enc,
        dec,
        lambda value: isinstance(value, kind) and all(map(inner.fits, typing.cast("Any", value))),
        (list,),
    )


def _tuple(arguments: tuple[Any, ...], plain: bool) -> Codec:
    if not arguments or (len(arguments) == 2 and arguments[1] is Ellipsis):
        return _collection(tuple, arguments[:1], plain)
    members = [member(argument, plain=plain) for argument in arguments if argument != ()]
    name = f"tuple[{', '.join(inner.name for inner in members)}]"

    def walk(function: str, values: Any) -> list[Any]:
        if len(values) != len(members):
            raise Problem(f"expected {name} with {len(members)} items, found {len(values)}")
        return encode_items(
            lambda pair: getattr(pair[0], function)(pair[1]),
            zip(members, values, strict=True),
        )

    def enc(value: Any) -> list[Any]:
        if not isinstance(value, tuple):
            raise mismatch(value, name)
        return walk("enc", value)

    def fits(value: Any) -> bool:
        return (
            isinstance(value, tuple)
            and len(value) == len(members)
            and all(inner.fits(item) for inner, item in zip(members, value, strict=True))
        )

    return Codec(name, enc, lambda tree: tuple(walk("dec", _list_of(tree, name))), fits, (list,))


def _mapping(arguments: tuple[Any, ...], plain: bool) -> Codec | None:
    key_type, inner = arguments[0], codec_for(arguments[1], plain=plain)
    text_keys = key_type in (str, typing.Any, object)
    if text_keys and inner is None:
        return None
    values = inner or member(typing.Any, plain=plain)
    key_codec = None if text_keys else member(key_type, plain=True)
    name = f"dict[{key_codec.name if key_codec else 'str'}, {values.name}]"

    def enc(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise mismatch(value, name)
        return _walk(value, lambda key: _encode_key(key_codec, key, plain), values.enc, name)

    def dec(tree: Any) -> dict[Any, Any]:
        if type(tree) is not dict:
            raise mismatch(tree, name)
        return _walk(tree, lambda key: _decode_key(key_codec, key), values.dec, name)

    def fits(value: Any) -> bool:
        keys = key_codec.fits if key_codec else lambda key: type(key) is str
        return isinstance(value, dict) and all(map(keys, value)) and all(map(values.fits, value.values()))

    return Codec(name, enc, dec, fits, (dict,))


def _walk(
    source: dict[Any, Any],
    key_of: Callable[[Any], Any],
    value_of: Callable[[Any], Any],
    name: str,
) -> dict[Any, Any]:
    result = {}
    for key, value in source.items():
        try:
            result[key_of(key)] = value_of(value)
        except Problem as problem:
            raise problem.under(key) from None
    if len(result) != len(source):
        raise Problem(f"two keys of the {name} are the same when written as text")
    return result


def _encode_key(codec: Codec | None, key: Any, plain: bool) -> str:
    """Write a key as text; a key that is no text needs an annotation that can read it back."""
    if codec is None:
        if isinstance(key, str):
            return str.__str__(key)
        raise Problem(f"the key {short(key)} is no text; annotate its type, as in dict[int, ...]")
    tree = codec.enc(key)
    if not plain and str in codec.kinds and not isinstance(tree, str):
        raise Problem(f"the key {short(key)} would be read back as text")  # dict[int | str, ...]: 1 or "1"?
    return plain_key(tree)


def _decode_key(codec: Codec | None, text: str) -> Any:
    """Read a key: as text for codecs that write text, else as the JSON that the text holds."""
    if codec is None:
        return text
    if str in codec.kinds:
        try:
            return codec.dec(text)
        except Problem:
            if codec.kinds == {str}:
                raise
    from durable_runtime._values import _parse

    return codec.dec(_parse(text))


def _literal(choices: tuple[Any, ...], plain: bool) -> Codec | None:
    if not plain and all(type(choice) in (str, int, bool, _NONE) for choice in choices):
        return None
    written = {_choice(choice): choice for choice in choices}
    name = f"one of {', '.join(map(repr, choices))}"

    def enc(value: Any) -> Any:
        if (type(value), value) not in {(type(choice), choice) for choice in choices}:
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
        lambda value: any(type(value) is type(choice) and value == choice for choice in choices),
        {key[0] for key in written},
    )


def _choice(choice: Any) -> tuple[type, Any]:
    """Return how a literal's choice is written, with the JSON type that tells True from 1."""
    from durable_runtime._codecs import to_plain

    tree = to_plain(choice)
    return type(tree), tree


def _union(arguments: tuple[Any, ...], plain: bool) -> Codec | None:
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
