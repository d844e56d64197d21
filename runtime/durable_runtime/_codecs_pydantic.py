"""The codec of pydantic's models and dataclasses; pydantic itself is never imported here."""

from __future__ import annotations

import sys

from durable_runtime._codecs import ANY, Codec, mismatch, short
from durable_runtime._tagged import Problem
from durable_runtime._values import _dumps, _parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class PydanticCodec(Codec):
    """Lets pydantic's own compiled code write and read its models.

    In the history, a model must come back as it was: a secret that is written as stars, or a validator that changes
    what it has changed before, is refused instead of recorded. Output for others is what pydantic makes of it.
    """

    __slots__ = ("_kind", "_plain", "_reading")

    def __init__(self, kind: Any, *, plain: bool) -> None:
        self._kind = kind
        self._plain = plain
        # With its own names a model can be read back whose aliases for writing and reading differ.
        self._reading = {"by_alias": True, "by_name": True} if not plain and _knows_names() else {}
        kinds = ANY.kinds if _may_be_anything(kind) else (dict,)
        super().__init__(kind.__name__, self._enc, self._dec, lambda value: type(value) is kind, kinds)

    def write(self, value: Any) -> str:
        if _generic_class(type(value)) is not _generic_class(self._kind):
            raise self._wrong_class(value)
        text = self._text(value, by_alias=True)
        if self._plain:
            return text
        try:
            self._check(value, text)
        except Problem:
            if not self._reading:
                raise
            text = self._text(value, by_alias=False)
            self._check(value, text)
        return text

    def read(self, text: str) -> Any:
        try:
            return self._kind.__pydantic_validator__.validate_json(text, **self._reading)
        except Exception as error:
            raise Problem(f"not a valid {self.name}: {error}") from error

    def _text(self, value: Any, *, by_alias: bool) -> str:
        serializer = type(value).__pydantic_serializer__
        try:
            text: bytes = serializer.to_json(value, by_alias=by_alias, round_trip=True, warnings=self._plain)
        except Exception as error:
            raise Problem(f"{self.name} cannot be written: {error}") from error
        return text.decode()

    def _check(self, value: Any, text: str) -> None:
        """Refuse a model that would not come back as it is."""
        back = self.read(text)
        problem = None if _are_equal(value, back) else _difference(value, back)
        if problem is not None:
            raise problem

    def _wrong_class(self, value: Any) -> Problem:
        if not isinstance(value, self._kind):
            return mismatch(value, self.name)
        found = type(value).__name__
        return Problem(f"expected {self.name}, found its subclass {found}; annotate the function with `{found}`")

    def _enc(self, value: Any) -> Any:
        return _parse(self.write(value))

    def _dec(self, tree: Any) -> Any:
        return self.read(_dumps(tree))


def _knows_names() -> bool:
    """Say whether this pydantic can be told for one call to read by field names; 2.11 was the first."""
    version = getattr(sys.modules.get("pydantic"), "VERSION", "0")
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) >= (2, 11)


def _may_be_anything(kind: Any) -> bool:
    """Say whether a model may be written as something else than an object."""
    decorators = getattr(kind, "__pydantic_decorators__", None)
    return bool(getattr(kind, "__pydantic_root_model__", False) or getattr(decorators, "model_serializers", None))


def _generic_class(kind: Any) -> Any:
    """Return Page for Page[Order], and any other class as it is."""
    return (getattr(kind, "__pydantic_generic_metadata__", None) or {}).get("origin") or kind


def _difference(before: Any, after: Any) -> Problem | None:
    """Find what a model loses on its way through the history."""
    pairs: Any = ()
    kind = type(before)
    fields = getattr(kind, "__pydantic_fields__", None) or getattr(kind, "model_fields", None)  # before 2.10
    if fields is not None and _generic_class(kind) is _generic_class(type(after)):
        names = [name for name, field in fields.items() if not field.exclude]
        pairs = [(name, getattr(before, name, None), getattr(after, name, None)) for name in names]
    elif kind is type(after) and isinstance(before, list | tuple) and len(before) == len(after):
        pairs = zip(range(len(before)), before, after, strict=True)
    elif isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        pairs = [(key, item, after[key]) for key, item in before.items()]
    elif not _is_same(before, after):
        return Problem(
            f"{short(before)} would be read back as {short(after)}; give the field a type, a serializer and "
            "validators that read back what they write (SecretStr writes stars)",
        )
    for key, one, other in pairs:
        problem = _difference(one, other)
        if problem is not None:
            return problem.under(key)
    return None


def _are_equal(before: Any, after: Any) -> bool:
    """Compare two models as a whole; a field that cannot be compared leaves it to the look at each."""
    try:
        return bool(before == after)
    except Exception:  # noqa: BLE001  an array, for one, has no single answer
        return False


def _is_same(before: Any, after: Any) -> bool:
    """Compare two values; what cannot be compared counts as the same."""
    try:
        if before == after or before != before:  # noqa: PLR0124  NaN
            return True
    except Exception:  # noqa: BLE001  an array, for one, has no single answer
        return True
    compares_by_identity = getattr(type(before), "__eq__", None) is object.__eq__
    return compares_by_identity and type(before) is type(after)
