"""From an annotation to a pair of functions that write and read its values; compiled once and cached.

`codec_for` answers None where an annotation adds nothing to JSON (``list[int]``, ``dict[str, Any]``): such
values take the fast path of `_values`.
"""

from __future__ import annotations

from _thread import RLock

from durable_runtime import _tagged
from durable_runtime._tagged import MAX_DEPTH, Problem, lower, refusal, revive
from durable_runtime._values import _dumps, _parse, write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class Codec:
    """Writes and reads the values of one annotation.

    Attributes:
        name: The annotation, for errors and for the tag of a union's member.
        enc: Value to JSON types.
        dec: JSON types to value.
        fits: Says whether a value belongs to the annotation; decides among the members of a union.
        kinds: The JSON types that ``enc`` can give.
    """

    __slots__ = ("dec", "enc", "fits", "kinds", "name")

    def __init__(
        self,
        name: str,
        enc: Callable[[Any], Any],
        dec: Callable[[Any], Any],
        fits: Callable[[Any], bool],
        kinds: Iterable[type],
    ) -> None:
        self.name = name
        self.enc = enc
        self.dec = dec
        self.fits = fits
        self.kinds = frozenset(kinds)

    def write(self, value: Any) -> str:
        """Write a value as text."""
        try:
            tree = self.enc(value)
        except (TypeError, ValueError) as error:
            raise Problem(f"{short(value)} does not fit {self.name}: {error}") from error
        return write_tree(tree)

    def read(self, text: str) -> Any:
        """Read a value from text."""
        return self.dec(_parse(text))


_MOST_KEPT = 1_000
"""Codecs that are kept: a class that a handler defines inside itself is another one in every invocation."""

_cache: dict[Any, Codec | None] = {}
_lock = RLock()  # branches of a map meet a type for the first time at the same moment
_in_progress: dict[Any, Codec | None] = {}
_assumed: set[Any] = set()
_ANY_KINDS: frozenset[type] = frozenset({str, int, float, bool, type(None), list, dict})


def codec_for(annotation: Any, *, plain: bool) -> Codec | None:
    """Return the codec of an annotation, or None when its values are plain JSON anyway."""
    key = (annotation, plain)
    try:
        return _cache[key]
    except KeyError:
        pass
    except TypeError:  # unhashable metadata inside Annotated
        return _compile(annotation, plain)
    with _lock:
        if key in _in_progress:
            _assumed.add(key)  # what is compiled on an assumption about a type is not kept
            return _in_progress[key]
        codec = _settle(key, annotation, plain)
        if not _assumed:
            if len(_cache) >= _MOST_KEPT:
                _cache.clear()
            _cache[key] = codec
        return codec


def _settle(key: Any, annotation: Any, plain: bool) -> Codec | None:
    """Compile an annotation that may contain itself: it is plain if everything else in it is.

    If it is not, it is compiled once more, with a stand-in where it contains itself.
    """
    _in_progress[key] = None
    try:
        codec = _compile(annotation, plain)
        if codec is not None and key in _assumed:
            stand_in = Codec(codec.name, codec.enc, codec.dec, codec.fits, codec.kinds)
            _in_progress[key] = stand_in
            codec = _compile(annotation, plain) or codec
            stand_in.enc, stand_in.dec, stand_in.fits = codec.enc, codec.dec, codec.fits
    finally:
        del _in_progress[key]
        _assumed.discard(key)
    return codec


def member(annotation: Any, *, plain: bool) -> Codec:
    """Return a codec in any case: for parts of a larger one."""
    codec = codec_for(annotation, plain=plain)
    if codec is not None:
        return codec
    return _PLAIN_ANY if plain else ANY


def _compile(annotation: Any, plain: bool) -> Codec | None:
    """Find who knows the annotation: leaves, then forms of `typing`, then classes."""
    from durable_runtime import _codecs_classes, _codecs_forms

    if annotation is None:
        annotation = type(None)
    if isinstance(annotation, str):
        raise Problem(f"the forward reference {annotation!r} cannot be resolved here; give the class itself")
    try:
        leaf = _PLAIN_LEAVES.get(annotation) if plain else None
    except TypeError:
        leaf = None
    if leaf is None and isinstance(annotation, type):
        standard = _tagged.STANDARD.get((annotation.__module__, annotation.__qualname__))
        leaf = standard and _leaf(annotation, *standard)
    if leaf is not None:
        return leaf
    form = _codecs_forms.compile_form(annotation, plain)
    if form is not NotImplemented:
        return form  # type: ignore[no-any-return]
    if isinstance(annotation, type):
        return _codecs_classes.compile_class(annotation, plain)
    return _codecs_classes.compile_generic(annotation, plain)


def mismatch(value: Any, name: str) -> Problem:
    """Make the error of a value that is not what its annotation says."""
    return Problem(f"expected {name}, found {short(value)}")


def short(value: Any) -> str:
    """Show a value and its type, cut to a readable length."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  a __repr__ of the user's must not hide what is wrong with the value
        text = f"<no repr: {type(error).__name__}>"
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def _leaf(
    kind: type,
    enc: Callable[[Any], Any],
    dec: Callable[[Any], Any],
    kinds: Iterable[type] = (str,),
) -> Codec:
    """Make the codec of a class whose values are written as one JSON scalar."""
    name = kind.__name__

    def write(value: Any) -> Any:
        if not isinstance(value, kind):
            raise mismatch(value, name)
        return enc(value)

    def read(tree: Any) -> Any:
        try:
            return dec(tree)
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise Problem(f"expected {name}, found {short(tree)}: {error}") from error

    return Codec(name, write, read, lambda value: isinstance(value, kind), kinds)


def _read_float(tree: Any) -> float:
    if isinstance(tree, int | float) and not isinstance(tree, bool):
        return float(tree)
    if tree in ("NaN", "Infinity", "-Infinity"):
        return float(tree)
    raise TypeError("not a number")


def _exactly(*kinds: type) -> Callable[[Any], Any]:
    """Make a reader that lets values of the given JSON types through."""

    def read(tree: Any) -> Any:
        if type(tree) not in kinds:
            raise TypeError(f"not {' or '.join(kind.__name__ for kind in kinds)}")
        return tree

    return read


def _read_int(tree: Any) -> int:
    if type(tree) is int:
        return tree
    if type(tree) is float and tree.is_integer():
        return int(tree)
    raise TypeError("not a whole number")


def _float_text(value: float) -> Any:
    """Write a float for others: JSON has no NaN, so it becomes the text that most readers accept."""
    if value - value == 0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124  NaN


_PLAIN_LEAVES: dict[Any, Codec] = {
    str: _leaf(str, str.__str__, _exactly(str)),
    bool: _leaf(bool, bool, _exactly(bool), (bool,)),
    int: _leaf(int, int, _read_int, (int,)),
    float: _leaf(float, _float_text, _read_float, (int, float)),
    type(None): _leaf(type(None), lambda _value: None, _exactly(type(None)), (type(None),)),
}


def to_plain(value: Any, depth: int = 0) -> Any:
    """Turn a value into JSON types for others to read: no tags, every value for what it is."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if depth > MAX_DEPTH:
        raise Problem(f"nested deeper than {MAX_DEPTH} levels, or contains itself")
    if isinstance(value, float):
        return _float_text(float(value))
    if kind in (list, set, frozenset) or isinstance(value, tuple):
        items = [_plain_item(index, item, depth) for index, item in enumerate(value)]
        return _tagged.sorted_items(items) if kind in (set, frozenset) else items
    if kind is dict:
        return {plain_key(key): _plain_item(key, item, depth) for key, item in value.items()}
    codec = codec_for(kind, plain=True)
    if codec is not None:
        return codec.enc(value)
    return _plain_subclass(value, depth)


def _plain_item(key: Any, item: Any, depth: int) -> Any:
    try:
        return to_plain(item, depth + 1)
    except Problem as problem:
        raise problem.under(key) from None


def _plain_subclass(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, dict):
        return to_plain(dict(value), depth)
    if isinstance(value, list):
        return to_plain(list(value), depth)
    raise Problem(refusal(value))


def plain_key(key: Any) -> str:
    """Turn a dict's key into text as JSON wants it."""
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, bool | int | float):
        return _dumps(to_plain(key)).strip('"')
    tree = to_plain(key)
    if isinstance(tree, str):
        return tree
    raise Problem(f"the key {short(key)} cannot be written as text")


ANY = Codec("Any", lower, revive, lambda _value: True, _ANY_KINDS)
_PLAIN_ANY = Codec("Any", to_plain, lambda tree: tree, lambda _value: True, _ANY_KINDS)


def resolve(function: Callable[..., Any], name: str, annotation: str) -> Any:
    """Turn the text of a function's annotation into the annotation itself; None when that is impossible.

    Names that exist only for type checkers cannot be resolved. The result is then treated as one without an
    annotation, which serves all plain values and says what to do for the others.
    """
    scope = getattr(function, "__globals__", None)
    if scope is None:
        function = getattr(function, "__wrapped__", function)
        scope = getattr(function, "__globals__", {})
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    local = {}
    if code is not None and cells:
        for variable, cell in zip(code.co_freevars, cells, strict=True):
            try:
                local[variable] = cell.cell_contents
            except ValueError:  # a variable that is not assigned yet
                continue
    if annotation.isidentifier():
        if annotation in local:
            return local[annotation]
        if annotation in scope:
            return scope[annotation]
    return _evaluate(function, name, local)


def _evaluate(function: Callable[..., Any], name: str, local: dict[str, Any]) -> Any:
    """Let `typing` read an annotation that is more than a name."""
    import typing

    class _Holder:
        __annotations__ = {name: function.__annotations__[name]}

    scope = getattr(function, "__globals__", {})
    try:
        hints = typing.get_type_hints(_Holder, globalns=scope, localns=local or None, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        return None
    return hints[name]
