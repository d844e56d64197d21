"""Codecs of classes: dataclass, TypedDict, NamedTuple, Enum. Pydantic's have a module of their own."""

from __future__ import annotations

import typing

from durable_runtime._codecs import ANY, Codec, codec_for, member, mismatch, short
from durable_runtime._codecs_forms import substitute
from durable_runtime._tagged import SCALARS, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def compile_class(kind: Any, plain: bool, arguments: tuple[Any, ...] = ()) -> Codec | None:
    """Return the codec of a class, or None when nothing here knows it."""
    if "__pydantic_validator__" in vars(kind):
        from durable_runtime._codecs_pydantic import PydanticCodec

        return PydanticCodec(kind, plain=plain)
    if hasattr(kind, "__dataclass_fields__"):
        return _dataclass(kind, arguments, plain)
    if hasattr(kind, "__required_keys__") and issubclass(kind, dict):
        return _typed_dict(kind, arguments, plain)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple(kind, arguments, plain)
    if hasattr(kind, "__members__"):
        return _enum(kind)
    return None


def compile_generic(annotation: Any, plain: bool) -> Codec | None:
    """Return the codec of a generic class with its parameters filled in, such as ``Page[Order]``."""
    origin = typing.get_origin(annotation)
    return compile_class(origin, plain, typing.get_args(annotation)) if isinstance(origin, type) else None


def _hints(kind: Any, arguments: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Resolve the annotations of a class, with the arguments of generic classes put in."""
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception as error:  # text of the user's is evaluated here
        raise Problem(
            f"the annotations of {kind.__name__} cannot be resolved: {error}; the name must exist at run time "
            "at module level (not only under TYPE_CHECKING or inside a function)",
        ) from error
    bound = _bound(kind, arguments)
    inherited = {variable: hint for variables in bound.values() for variable, hint in variables.items()}
    if not inherited:
        return hints
    for name, hint in hints.items():
        declared = [each for each in kind.__mro__ if name in getattr(each, "__annotations__", ())]
        owner = declared[0] if declared else kind
        hints[name] = substitute(hint, inherited | bound.get(owner, {}))
    return hints


def _bound(kind: Any, arguments: tuple[Any, ...]) -> dict[Any, dict[Any, Any]]:
    """Say what the type variables of a class and of its bases stand for."""
    own = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    result = {kind: own}
    for base in kind.__dict__.get("__orig_bases__", getattr(kind, "__bases__", ())):
        origin = typing.get_origin(base) or base
        if isinstance(origin, type) and origin not in (object, typing.Generic):
            inner = tuple(substitute(argument, own) for argument in typing.get_args(base))
            result = _bound(origin, inner) | result
    return result


class _Fields:
    """The fields of a class with their codecs, resolved on first use so that classes may name each other."""

    __slots__ = ("_codecs", "_make")

    def __init__(self, make: Callable[[], dict[str, Codec]]) -> None:
        self._make = make
        self._codecs: dict[str, Codec] | None = None

    def get(self) -> dict[str, Codec]:
        if self._codecs is None:
            self._codecs = self._make()
        return self._codecs


def _read_fields(fields: dict[str, Codec], tree: Any, name: str, optional: Any) -> dict[str, Any]:
    """Read an object's members by name; members that the class does not know are left out."""
    if type(tree) is not dict:
        raise mismatch(tree, name)
    values = {}
    for key, codec in fields.items():
        if key in tree:
            item = tree[key]
            if codec is ANY and type(item) in SCALARS:
                values[key] = item
                continue
            try:
                values[key] = codec.dec(item)
            except Problem as problem:
                raise problem.under(key) from None
        elif key not in optional:
            raise Problem(f"{name} needs {key!r}, which is missing")
    return values


def _write_fields(fields: dict[str, Codec], source: Any, get: Callable[[Any, str], Any]) -> dict[str, Any]:
    tree = {}
    for key, codec in fields.items():
        try:
            item = get(source, key)
        except AttributeError as error:  # a field without default that __init__ does not set
            raise Problem(f"{type(source).__name__} has no value for it").under(key) from error
        if codec is ANY and type(item) in SCALARS:
            tree[key] = item
            continue
        try:
            tree[key] = codec.enc(item)
        except Problem as problem:
            raise problem.under(key) from None
    return tree


def _construct(kind: Any, values: dict[str, Any]) -> Any:
    """Call a class of the user's; what it refuses is an error of the value."""
    try:
        return kind(**values)
    except Exception as error:
        raise Problem(f"{kind.__name__} refused the values: {type(error).__name__}: {error}") from error


def _wrong_class(value: Any, kind: Any, name: str) -> Problem:
    """Make the error of a value of another class; a subclass has more than the annotation can bring back."""
    if not isinstance(value, kind):
        return mismatch(value, name)
    found = type(value).__name__
    return Problem(f"expected {name}, found its subclass {found}; annotate the function with `{found}`")


def _name_of(kind: Any, arguments: tuple[Any, ...]) -> str:
    inner = ", ".join(getattr(argument, "__name__", str(argument)) for argument in arguments)
    return f"{kind.__name__}[{inner}]" if inner else kind.__name__


def _dataclass(kind: Any, arguments: tuple[Any, ...], plain: bool) -> Codec:
    from dataclasses import MISSING, fields

    name = _name_of(kind, arguments)
    declared = fields(kind)

    def make() -> dict[str, Codec]:
        hints = _hints(kind, arguments)
        return {field.name: member(hints[field.name], plain=plain) for field in declared}

    codecs = _Fields(make)
    late = {field.name for field in declared if not field.init}
    optional = late | {
        field.name for field in declared if field.default is not MISSING or field.default_factory is not MISSING
    }

    def enc(value: Any) -> dict[str, Any]:
        if type(value) is not kind:
            raise _wrong_class(value, kind, name)
        return _write_fields(codecs.get(), value, getattr)

    def dec(tree: Any) -> Any:
        values = _read_fields(codecs.get(), tree, name, optional)
        result = _construct(kind, {key: value for key, value in values.items() if key not in late})
        for key in late & values.keys():
            object.__setattr__(result, key, values[key])
        return result

    def fits(value: Any) -> bool:
        if type(value) is not kind:
            return False
        # The class alone does not tell Page[Order] from Page[Refund].
        return not arguments or all(codec.fits(getattr(value, key, None)) for key, codec in codecs.get().items())

    return Codec(name, enc, dec, fits, (dict,))


def _typed_dict(kind: Any, arguments: tuple[Any, ...], plain: bool) -> Codec | None:
    name = _name_of(kind, arguments)
    if not plain and all(codec_for(hint, plain=False) is None for hint in _hints(kind, arguments).values()):
        return None
    fields = _Fields(lambda: {key: member(hint, plain=plain) for key, hint in _hints(kind, arguments).items()})
    optional = kind.__optional_keys__ | _marked_not_required(kind)
    anything = member(typing.Any, plain=plain)

    def enc(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(type(key) is str for key in value):
            raise mismatch(value, name)
        codecs = fields.get()
        return _write_fields({key: codecs.get(key, anything) for key in value}, value, dict.__getitem__)

    def dec(tree: Any) -> dict[str, Any]:
        values = _read_fields(fields.get(), tree, name, optional)
        return values | {key: anything.dec(tree[key]) for key in tree.keys() - values.keys()}

    def fits(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and kind.__required_keys__ - optional <= value.keys()
            and all(codec.fits(value[key]) for key, codec in fields.get().items() if key in value)
        )

    return Codec(name, enc, dec, fits, (dict,))


def _marked_not_required(kind: Any) -> set[str]:
    """Find the keys marked NotRequired; the class itself misses them under `from __future__ import annotations`."""
    return {key for key, hint in _hints(kind).items() if typing.get_origin(hint) is typing.NotRequired}


def _named_tuple(kind: Any, arguments: tuple[Any, ...], plain: bool) -> Codec:
    name = _name_of(kind, arguments)

    def make() -> dict[str, Codec]:
        hints = _hints(kind, arguments)
        return {key: member(hints.get(key, typing.Any), plain=plain) for key in kind._fields}

    fields = _Fields(make)
    defaults = kind._field_defaults

    def enc(value: Any) -> dict[str, Any]:
        if type(value) is not kind:
            raise _wrong_class(value, kind, name)
        return _write_fields(fields.get(), value, getattr)

    return Codec(
        name,
        enc,
        lambda tree: _construct(kind, _read_fields(fields.get(), tree, name, defaults)),
        lambda value: type(value) is kind,
        (dict,),
    )


def _enum(kind: Any) -> Codec:
    """Write a member's value if JSON has that type, else its name."""
    name = kind.__name__
    by_value = all(_is_scalar(each.value) for each in kind)

    def enc(value: Any) -> Any:
        if not isinstance(value, kind):
            raise mismatch(value, name)
        return value.value if by_value or value.name is None else value.name

    def dec(tree: Any) -> Any:
        try:
            return kind(tree) if by_value else kind[tree]
        except Exception:  # noqa: BLE001  _missing_ is code of the user's
            names = ", ".join(repr(each.value if by_value else each.name) for each in list(kind)[:20])
            raise Problem(f"{short(tree)} is no {name}; it has {names}") from None

    kinds = {type(each.value) for each in kind} if by_value else {str}
    return Codec(name, enc, dec, lambda value: isinstance(value, kind), kinds)


def _is_scalar(value: Any) -> bool:
    return type(value) in (str, int, bool) or (type(value) is float and value - value == 0)
