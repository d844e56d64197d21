"""Values in and out of checkpoints: plain readable JSON, rebuilt from annotations.

Inside the history, what `decode` returns is what `round_trip` returned when the value was written, so a step's
first run and its replays see the same. ``plain=True`` is for JSON that others write or read (the handler's input
and output, payloads of invokes): no tags are written or understood, and input is checked against its annotation.
"""

from __future__ import annotations

import json

from durable_runtime._tagged import Problem, lower, revive
from durable_runtime.exceptions import SerDesError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._codecs import Codec

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_SHORT = 10**300  # Python refuses to write integers of more than 4,300 digits
_SCALARS = frozenset({str, int, bool, type(None)})
_SHAPELESS = frozenset({None, object, dict, list})
_UNTYPED = _SHAPELESS | {str, int, float, bool, type(None)}
_MARK = '{"$'
_MISFIT = '{"$any":'
_UNION = '{"$type":'
_TYPED = '{"$typed":'
_FOREIGN = '{"t":"'  # how the envelopes of AWS's SDK begin; nothing is written here that begins so


def encode(value: Any, annotation: Any = None, *, plain: bool = False, root: str = "result") -> str:
    """Write a value as JSON text.

    Args:
        value: What to write.
        annotation: Its declared type, or None.
        plain: Write JSON for others, without tags.
        root: What the value is called in an error: ``result.items[3].price: ...``.

    Raises:
        SerDesError: A part cannot be written; the message holds the path to it.
    """
    if plain:
        return _encode_plain(value, annotation, root)
    return round_trip(value, annotation, root=root)[0]


def round_trip(value: Any, annotation: Any = None, *, root: str = "result") -> tuple[str, Any]:
    """Write a value, and return the text with what replay will read from it."""
    try:
        codec = None if _is_untyped(annotation) else _codec(annotation, plain=False)
        if codec is not None:
            return _typed_round_trip(value, codec)
        return _untyped_round_trip(value)
    except Problem as problem:
        raise SerDesError(problem.text(root)) from problem.__cause__
    except RecursionError:
        raise SerDesError(f"{root}: nested too deeply, or contains itself") from None


def decode(text: str | None, annotation: Any = None, *, plain: bool = False, root: str = "result") -> Any:
    """Read a value from JSON text; no text reads as None.

    Raises:
        SerDesError: The text is no JSON, or does not fit the annotation.
    """
    if not text:
        return None
    if not plain and text.startswith(_FOREIGN):
        return _read_foreign(text, root)
    try:
        untyped = _SHAPELESS if plain else _UNTYPED
        codec = None if _is_untyped(annotation, untyped) else _codec(annotation, plain=plain)
        if codec is not None:
            return codec.read(text) if plain else _read_typed(text, codec)
        tree = _parse(text)
        return revive(tree) if not plain and '"$' in text else tree
    except Problem as problem:
        raise SerDesError(problem.text(root)) from problem.__cause__
    except RecursionError:
        raise SerDesError(f"{root}: nested too deeply to be read") from None


def _read_typed(text: str, codec: Codec) -> Any:
    """Read by annotation, or by tags what was written when the function had another annotation or none."""
    if text.startswith(_MISFIT):
        return revive(_parse(text))
    if text.startswith(_TYPED):
        text = text[len(_TYPED) : -1]
    try:
        return codec.read(text)
    except Problem:
        if '"$' not in text:
            raise
        return revive(_parse(text))


def _read_foreign(text: str, root: str) -> Any:
    """Read what AWS's SDK recorded before the handler moved to this runtime."""
    from durable_runtime.serdes import EXTENDED_TYPES_SERDES, SerDesContext

    try:
        return EXTENDED_TYPES_SERDES.deserialize(text, SerDesContext())
    except Exception as error:
        raise SerDesError(f"{root}: AWS's SDK recorded it, but it cannot be read: {error}") from error


def return_annotation(function: Callable[..., Any]) -> Any:
    """Return the declared result type of a function, or None when there is nothing to know."""
    annotations = getattr(function, "__annotations__", None)
    if annotations is None or "return" not in annotations:
        if hasattr(function, "__code__"):
            return None
        function, _ = _behind(function)
        annotations = getattr(function, "__annotations__", None) or {}
    return _resolve(function, "return", annotations.get("return"), _UNTYPED)


def parameter_annotation(function: Callable[..., Any], position: int = 0) -> Any:
    """Return the declared type of a positional parameter, or None when there is nothing to know."""
    function, taken = _behind(function)
    position += taken
    code = getattr(function, "__code__", None)
    annotations = getattr(function, "__annotations__", None)
    if code is None or not annotations or position >= code.co_argcount:
        return None
    name = code.co_varnames[position]
    return _resolve(function, name, annotations.get(name), _SHAPELESS)


def _behind(function: Any) -> tuple[Any, int]:
    """Return the function behind a method, a partial or a callable object, and how many arguments it has by then."""
    taken = 0
    for _ in range(8):
        if hasattr(function, "__func__"):
            function, taken = function.__func__, taken + 1
        elif hasattr(function, "func"):
            function, taken = function.func, taken + len(getattr(function, "args", ()))
        elif hasattr(function, "__code__") or isinstance(function, type):
            break
        else:
            function, taken = getattr(type(function), "__call__", None), taken + 1  # noqa: B004
    return function, taken


def _is_untyped(annotation: Any, untyped: frozenset[Any] = _UNTYPED) -> bool:
    """Say whether an annotation adds nothing to what JSON says itself."""
    try:
        return annotation in untyped
    except TypeError:  # unhashable metadata inside Annotated
        return False


def _codec(annotation: Any, *, plain: bool) -> Codec | None:
    from durable_runtime._codecs import codec_for

    return codec_for(annotation, plain=plain)


def _resolve(function: Callable[..., Any], name: str, annotation: Any, untyped: frozenset[Any]) -> Any:
    """Turn text into the annotation it stands for, and what adds nothing into None."""
    if isinstance(annotation, str):
        from durable_runtime._codecs import resolve

        annotation = resolve(function, name, annotation)
    return None if _is_untyped(annotation, untyped) else annotation


def _parse(text: str) -> Any:
    """Read JSON; faster than `json.loads` for the texts that we write, which have no space around them."""
    try:
        tree, end = _scan(text, 0)
        if end == len(text):
            return tree
    except StopIteration:
        pass  # leading space, or no JSON: the careful reader below tells which
    except ValueError:
        pass
    try:
        return json.loads(text)
    except ValueError as error:
        raise Problem(f"not valid JSON: {error}") from None


def _untyped_round_trip(value: Any) -> tuple[str, Any]:
    """Let the C encoder try, and compare: only JSON's own types come back equal."""
    if type(value) is int and -_SHORT < value < _SHORT:
        return str(value), value
    try:
        text = _dumps(value)
    except (TypeError, ValueError):
        return _tagged_round_trip(value)
    _check_surrogates(text)
    if type(value) in _SCALARS:
        return text, value
    result = _parse(text)
    if '"$' in text or result != value or text.startswith(_FOREIGN):
        return _tagged_round_trip(value)
    return text, result


def _tagged_round_trip(value: Any) -> tuple[str, Any]:
    tree = lower(value)
    text = write_tree(tree)
    if text.startswith(_FOREIGN):
        text = write_tree({"$object": tree})
    return text, revive(_parse(text))


def _typed_round_trip(value: Any, codec: Codec) -> tuple[str, Any]:
    """Write by annotation; a value that does not fit it is written as if there were none."""
    try:
        text = codec.write(value)
        if not text.startswith(_MARK) or text.startswith(_UNION):
            return (f"{_TYPED}{text}}}" if text.startswith(_FOREIGN) else text), codec.read(text)
    except Problem as misfit:
        try:
            tree = lower(value)
        except Problem:
            raise misfit from misfit.__cause__
    else:
        tree = lower(value)
    text = write_tree({"$any": tree})
    return text, revive(_parse(text)["$any"])


def _encode_plain(value: Any, annotation: Any, root: str) -> str:
    from durable_runtime._codecs import to_plain

    try:
        codec = None if _is_untyped(annotation) else _codec(annotation, plain=True)
        if codec is not None:
            try:
                text = codec.write(value)
            except Problem:  # the value does not fit its annotation: write it for what it is
                text = write_tree(to_plain(value))
        else:
            text = _plain_text(value)
    except Problem as problem:
        raise SerDesError(problem.text(root)) from problem.__cause__
    except RecursionError:
        raise SerDesError(f"{root}: nested too deeply, or contains itself") from None
    return text


def _plain_text(value: Any) -> str:
    from durable_runtime._codecs import to_plain

    try:
        text = _dumps(value)
    except (TypeError, ValueError):
        return write_tree(to_plain(value))
    _check_surrogates(text)
    return text


def write_tree(tree: Any) -> str:
    """Write a tree of JSON types; name the part that JSON or UTF-8 cannot express."""
    try:
        text = _dumps(tree)
    except (TypeError, ValueError) as error:  # an integer of more than 4,300 digits, for one
        from durable_runtime._unwritable import find

        raise find(tree, str(error)) from None
    _check_surrogates(text)
    return text


def _check_surrogates(text: str) -> None:
    """Refuse half a character: UTF-8 has no bytes for it, so the service could not store it."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        from durable_runtime._unwritable import find

        raise find(_parse(text), str(error)) from None
