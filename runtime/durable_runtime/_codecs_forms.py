"""Codecs of the forms of `typing`: containers and aliases; unions and literals have a module of their own."""

from __future__ import annotations

import collections
import types
import typing
from collections import abc

from durable_runtime._codecs import Codec, codec_for, member, mismatch, plain_key, short
from durable_runtime._codecs_unions import compile_literal, compile_union
from durable_runtime._tagged import Problem, sorted_items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WRAPPERS = ("Annotated", "Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
_SEQUENCES = frozenset(
    {list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection, abc.Reversible, abc.Container},
)
_MAPPINGS: dict[Any, Any] = {
    dict: dict,
    abc.Mapping: dict,
    abc.MutableMapping: dict,
    collections.defaultdict: dict,  # nothing here knows its factory
    collections.OrderedDict: collections.OrderedDict,
    collections.Counter: collections.Counter,
}
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
        return compile_union(arguments, plain)
    if origin is typing.Literal:
        return compile_literal(arguments, plain)
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
    if isinstance(annotation, typing.TypeVar):
        target = annotation.__bound__ or _default_of(annotation)
        return codec_for(target, plain=plain) if target is not None else None
    if isinstance(annotation, typing.ForwardRef):
        raise Problem(
            f"the forward reference {annotation.__forward_arg__!r} cannot be resolved; give the class itself",
        )
    origin = typing.get_origin(annotation)
    if hasattr(origin, "__type_params__") and hasattr(origin, "__value__"):
        variables = dict(zip(origin.__type_params__, typing.get_args(annotation), strict=False))
        return codec_for(substitute(origin.__value__, variables), plain=plain)
    for attribute in ("__supertype__", "__value__"):
        target = getattr(annotation, attribute, None)
        if target is not None and not isinstance(annotation, type):
            return codec_for(target, plain=plain)
    return NotImplemented


def _default_of(variable: Any) -> Any:
    """Return the default of a type variable, which Python 3.13 brought."""
    has_default = getattr(variable, "has_default", None)
    return variable.__default__ if has_default is not None and has_default() else None


def substitute(hint: Any, variables: dict[Any, Any]) -> Any:
    """Put what type variables stand for into an annotation."""
    if isinstance(hint, typing.TypeVar):
        return variables.get(hint, hint)
    free = getattr(hint, "__parameters__", ())
    if not variables or not free or isinstance(hint, type):
        return hint
    return hint[tuple(variables.get(variable, variable) for variable in free)]


def _container(origin: Any, arguments: tuple[Any, ...], plain: bool) -> Any:
    if origin is tuple or origin is typing.Tuple:  # noqa: UP006  the old spelling is still in use
        return _tuple(arguments, plain)
    if origin in _SETS:
        return _collection(_SETS[origin], arguments, plain)
    if origin in _SEQUENCES:
        return _sequence(arguments, plain) if arguments else None
    if origin in _MAPPINGS:
        if origin is collections.Counter:
            arguments = (*(arguments or (str,)), int)
        elif not arguments and _MAPPINGS[origin] is not dict:
            arguments = (str, typing.Any)
        return _mapping(_MAPPINGS[origin], arguments, plain) if arguments else None
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


def _mapping(kind: Any, arguments: tuple[Any, ...], plain: bool) -> Codec | None:
    key_type, inner = arguments[0], codec_for(arguments[1], plain=plain)
    text_keys = key_type in (str, typing.Any, object)
    if text_keys and inner is None and kind is dict:
        return None
    values = inner or member(typing.Any, plain=plain)
    key_codec = None if text_keys else member(key_type, plain=True)
    name = f"{kind.__name__}[{key_codec.name if key_codec else 'str'}, {values.name}]"

    def enc(value: Any) -> dict[str, Any]:
        if not isinstance(value, kind):
            raise mismatch(value, name)
        return _walk(value, lambda key: _encode_key(key_codec, key, plain), values.enc, name)

    def dec(tree: Any) -> dict[Any, Any]:
        if type(tree) is not dict:
            raise mismatch(tree, name)
        items = _walk(tree, lambda key: _decode_key(key_codec, key), values.dec, name)
        return items if kind is dict else kind(items)

    def fits(value: Any) -> bool:
        keys = key_codec.fits if key_codec else lambda key: type(key) is str
        return isinstance(value, kind) and all(map(keys, value)) and all(map(values.fits, value.values()))

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
