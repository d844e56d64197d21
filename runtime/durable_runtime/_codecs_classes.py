"""Codecs of classes: dataclass, TypedDict, NamedTuple, Enum, pydantic."""

from __future__ import annotations

import typing

from durable_runtime._codecs import ANY, Codec, codec_for, member, mismatch, short
from durable_runtime._tagged import SCALARS, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def compile_class(kind: Any, plain: bool) -> Codec | None:
    """Return the codec of a class, or None when nothing here knows it."""
    if "__pydantic_validator__" in vars(kind):
        return _PydanticCodec(kind)
    if hasattr(kind, "__dataclass_fields__"):
        return _dataclass(kind, {}, plain)
    if hasattr(kind, "__required_keys__") and issubclass(kind, dict):
        return _typed_dict(kind, plain)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple(kind, plain)
    if hasattr(kind, "__members__"):
        return _enum(kind)
    return None


def compile_generic(annotation: Any, plain: bool) -> Codec | None:
    """Return the codec of a generic class with its parameters filled in, such as ``Page[Order]``."""
    origin = typing.get_origin(annotation)
    parameters = getattr(origin, "__parameters__", ())
    if not hasattr(origin, "__dataclass_fields__") or "__pydantic_validator__" in vars(origin):
        return compile_class(origin, plain) if isinstance(origin, type) else None
    return _dataclass(origin, dict(zip(parameters, typing.get_args(annotation), strict=False)), plain)


def _hints(kind: Any) -> dict[str, Any]:
    """Resolve the annotations of a class."""
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise Problem(
            f"the annotations of {kind.__name__} cannot be resolved: {error}; the name must exist at run time "
            "at module level (not only under TYPE_CHECKING or inside a function)",
        ) from error


def _substitute(hint: Any, parameters: dict[Any, Any]) -> Any:
    """Put the arguments of a generic class into a field's annotation."""
    if hint in parameters:
        return parameters[hint]
    free = getattr(hint, "__parameters__", ())
    if parameters and free and not isinstance(hint, type):
        return hint[tuple(parameters.get(variable, typing.Any) for variable in free)]
    return hint


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


def _dataclass(kind: Any, parameters: dict[Any, Any], plain: bool) -> Codec:
    name = kind.__name__
    declared = kind.__dataclass_fields__

    def make() -> dict[str, Codec]:
        hints = _hints(kind)
        regular = [key for key, field in declared.items() if field._field_type is _regular(field)]  # noqa: SLF001
        return {key: member(_substitute(hints[key], parameters), plain=plain) for key in regular}

    fields = _Fields(make)
    defaults = {key for key, field in declared.items() if _has_default(field)}
    late = {key for key, field in declared.items() if not field.init}

    def enc(value: Any) -> dict[str, Any]:
        if type(value) is not kind:
            raise mismatch(value, name)
        return _write_fields(fields.get(), value, getattr)

    def dec(tree: Any) -> Any:
        values = _read_fields(fields.get(), tree, name, defaults | late)
        result = _construct(kind, {key: value for key, value in values.items() if key not in late})
        for key in late & values.keys():
            object.__setattr__(result, key, values[key])
        return result

    return Codec(name, enc, dec, lambda value: type(value) is kind, (dict,))


def _regular(field: Any) -> Any:
    """Return the marker of an ordinary field: neither ClassVar nor InitVar."""
    import dataclasses

    del field
    return dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001


def _has_default(field: Any) -> bool:
    import dataclasses

    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _typed_dict(kind: Any, plain: bool) -> Codec | None:
    name = kind.__name__
    if not plain and all(codec_for(hint, plain=False) is None for hint in _hints(kind).values()):
        return None
    fields = _Fields(lambda: {key: member(hint, plain=plain) for key, hint in _hints(kind).items()})
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


def _named_tuple(kind: Any, plain: bool) -> Codec:
    name = kind.__name__

    def make() -> dict[str, Codec]:
        hints = _hints(kind)
        return {key: member(hints.get(key, typing.Any), plain=plain) for key in kind._fields}

    fields = _Fields(make)
    defaults = kind._field_defaults

    def enc(value: Any) -> dict[str, Any]:
        if type(value) is not kind:
            raise mismatch(value, name)
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
    by_value = all(type(each.value) in (str, int, bool, float) for each in kind)

    def enc(value: Any) -> Any:
        if not isinstance(value, kind):
            raise mismatch(value, name)
        return value.value if by_value or value.name is None else value.name

    def dec(tree: Any) -> Any:
        try:
            return kind(tree) if by_value else kind[tree]
        except (ValueError, KeyError, TypeError):
            names = ", ".join(repr(each.value if by_value else each.name) for each in list(kind)[:20])
            raise Problem(f"{short(tree)} is no {name}; it has {names}") from None

    kinds = {type(each.value) for each in kind} if by_value else {str}
    return Codec(name, enc, dec, lambda value: isinstance(value, kind), kinds)


class _PydanticCodec(Codec):
    """Lets pydantic's own compiled code write and read its models; pydantic itself is never imported here."""

    __slots__ = ("_kind",)

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        super().__init__(kind.__name__, self._enc, self._dec, lambda value: type(value) is kind, (dict,))

    def write(self, value: Any) -> str:
        if type(value) is not self._kind:
            raise mismatch(value, self.name)
        try:
            text: bytes = self._kind.__pydantic_serializer__.to_json(value, by_alias=True, round_trip=True)
        except Exception as error:
            raise Problem(f"{self.name} cannot be written: {error}") from error
        return text.decode()

    def read(self, text: str) -> Any:
        try:
            return self._kind.__pydantic_validator__.validate_json(text)
        except ValueError as error:
            raise Problem(f"not a valid {self.name}: {error}") from error

    def _enc(self, value: Any) -> Any:
        from durable_runtime._values import _parse

        return _parse(self.write(value))

    def _dec(self, tree: Any) -> Any:
        from durable_runtime._values import _dumps

        return self.read(_dumps(tree))
