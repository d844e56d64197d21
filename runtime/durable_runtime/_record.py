"""Small value classes without the import time and code generation of `dataclasses`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, NoReturn, Protocol, Self, TypeVar, dataclass_transform

    C_co = TypeVar("C_co", covariant=True)
    C_contra = TypeVar("C_contra", contravariant=True)
    P = TypeVar("P")
    R = TypeVar("R")
    T = TypeVar("T")
    U = TypeVar("U")
else:
    # `typing` costs 8 ms of cold start, so type parameters exist for type checkers only.
    C_co = C_contra = P = R = T = U = None

    def dataclass_transform(**_options: object) -> object:
        return lambda cls: cls

    class Generic:
        __slots__ = ()

        def __class_getitem__(cls, _parameters: object) -> type:
            return cls

    class Protocol(Generic):
        __slots__ = ()


__all__ = ["C_co", "C_contra", "Generic", "P", "Protocol", "R", "Record", "T", "U", "option"]


def option(*, default: Any, kw_only: bool = True) -> Any:  # noqa: ARG001  the type checker reads kw_only
    """Declare a field that is given by keyword only."""
    return _KeywordOnly(default)


class _KeywordOnly:
    def __init__(self, default: Any) -> None:
        self.default = default


@dataclass_transform(frozen_default=True, field_specifiers=(option,))
class Record:
    """Base of value classes: annotations are the fields, class attributes their defaults.

    Records compare and print by their fields, and are frozen unless the class says ``frozen=False``.
    A subclass checks its values in ``_validate``.
    """

    _fields: tuple[str, ...] = ()
    _names: frozenset[str] = frozenset()
    _required: frozenset[str] = frozenset()
    _positional: int = 0

    def __init_subclass__(cls, *, frozen: bool = True) -> None:
        fields = dict.fromkeys(cls._fields[: cls._positional])
        keyword_only = dict.fromkeys(cls._fields[cls._positional :])
        for name in cls.__annotations__:
            default = cls.__dict__.get(name)
            if isinstance(default, _KeywordOnly):
                setattr(cls, name, default.default)
                keyword_only[name] = None
            elif not name.startswith("_") and name not in keyword_only:
                fields[name] = None
        cls._fields = (*fields, *keyword_only)
        cls._positional = len(fields)
        cls._names = frozenset(cls._fields)
        cls._required = frozenset(name for name in cls._fields if not hasattr(cls, name))
        if not frozen:
            cls.__setattr__ = object.__setattr__  # type: ignore[method-assign,assignment]
            cls.__delattr__ = object.__delattr__  # type: ignore[method-assign]
            cls.__hash__ = None  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls, values = type(self), self.__dict__
        if args:
            values.update(zip(cls._fields, args))  # noqa: B905  naming strict would double the cost
        if kwargs:
            if not kwargs.keys() <= cls._names or not kwargs.keys().isdisjoint(values):
                cls._refuse_keywords(args, kwargs)
            values.update(kwargs)
        if len(args) > cls._positional or not cls._required <= values.keys():
            cls._refuse_positions(args, values)
        self._validate()

    @classmethod
    def _refuse_keywords(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
        for name in kwargs:
            if name in cls._fields[: len(args)]:
                raise TypeError(f"{cls.__name__}() got two values for {name!r}")
        unknown = ", ".join(repr(name) for name in kwargs if name not in cls._names)
        raise TypeError(f"{cls.__name__}() has no option {unknown}; it has: {', '.join(cls._fields)}")

    @classmethod
    def _refuse_positions(cls, args: tuple[Any, ...], values: dict[str, Any]) -> NoReturn:
        if len(args) > cls._positional:
            most = cls._positional
            raise TypeError(f"{cls.__name__}() takes at most {most} positional arguments, got {len(args)}")
        missing = ", ".join(repr(name) for name in cls._fields if name in cls._required and name not in values)
        raise TypeError(f"{cls.__name__}() needs {missing}")

    def _validate(self) -> None:
        """Check the values; raise ValidationError."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot set {name!r}; make a new one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name!r}")

    def __replace__(self, /, **changes: Any) -> Self:
        return type(self)(**{name: getattr(self, name) for name in self._fields} | changes)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({values})"

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)
