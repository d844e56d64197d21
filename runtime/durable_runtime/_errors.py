"""From an exception to the ErrorObject of the wire; `_restored` is the way back.

Everything is bounded in bytes: the service refuses an ErrorObject that is too large, and a failure that cannot be
recorded would lose the reason.
"""

from __future__ import annotations

import os
from json import dumps as _dumps

from durable_runtime.exceptions import (
    SerDesError,
    StepInterruptedError,
    UnrecoverableError,
    _RecordedError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

ERROR_LIMIT = 32_768
"""Bytes of JSON that every known service takes for an ErrorObject; the API model speaks of 1 MB."""

_MESSAGE_LIMIT = 8_192
_DATA_LIMIT = 8_192
_STACK_LIMIT = 12_288
_STACK_LINES = 60
_PARTS_LIMIT = 6_144
_PART_LIMIT = 1_024
_MOST_ERRORS = 12
ATTRIBUTES = '{"$exception":'
_OURS = ("__", "_durable_")
_HERE = os.path.dirname(__file__) + os.sep  # noqa: PTH120  pathlib costs cold start


def error_object(error: BaseException) -> dict[str, Any]:
    """Return the ErrorObject of an exception, bounded in size."""
    recorded: dict[str, Any] | None = getattr(error, "_durable_record", None)
    if recorded is not None and _fits(recorded):
        return recorded
    described = _described(error, 1)
    for share in (2, 4, 8, 16):
        if _fits(described):
            break  # at once, unless escapes make a text several times as long
        described = _described(error, share)
    return described


def _fits(record: dict[str, Any]) -> bool:
    return len(_dumps(record)) <= ERROR_LIMIT


def _described(error: BaseException, share: int) -> dict[str, Any]:
    """Describe an error, each part cut to its limit divided by ``share``."""
    message, data = _text_of(error), _data_of(error)
    result: dict[str, Any] = {
        "ErrorMessage": cut(message, _MESSAGE_LIMIT // share),
        "ErrorType": cut(error_type(error), _PART_LIMIT // share),
    }
    if data is not None and (share == 1 or not data.startswith(ATTRIBUTES)):
        result["ErrorData"] = cut(data, _DATA_LIMIT // share)
    stack = getattr(error, "stack_trace", None) if isinstance(error, _RecordedError) else None
    frames = _bounded(stack or _stack_of(error), _STACK_LIMIT // share)
    if frames:
        result["StackTrace"] = frames
    return result


def error_type(error: BaseException) -> str:
    """Return the class name for the wire: fully qualified, bare for builtins."""
    if isinstance(error, SerDesError):
        return f"{SerDesError.__module__}.{SerDesError.__qualname__}"
    if isinstance(error, _RecordedError):
        return error.error_type
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def cut(text: str, limit: int) -> str:
    """Shorten a text to a number of UTF-8 bytes, saying so."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return text if text.isascii() else raw.decode()
    note = f"… [cut from {len(raw)} bytes]"
    return raw[: limit - len(note) - 2].decode("utf-8", "ignore") + note


def _text_of(error: BaseException) -> str:
    if isinstance(error, _RecordedError) and error.message is not None:
        return str(error.message)
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001  a broken __str__ must not hide the failure
        return f"<{type(error).__qualname__} whose text cannot be made: {type(broken).__name__}>"


def _data_of(error: BaseException) -> str | None:
    """Return what the error carries: its own data, or arguments and attributes that its text does not hold."""
    if isinstance(error, _RecordedError):
        return error.data if error.data is None else str(error.data)
    if isinstance(error, StepInterruptedError):
        return _encoded(error.args, {"step_id": error.step_id})
    if isinstance(error, UnrecoverableError) or not isinstance(error, Exception):
        return None
    attributes = {key: value for key, value in vars(error).items() if not key.startswith(_OURS) or key == "__notes__"}
    if isinstance(error, ExceptionGroup):
        return _encoded((error.message,), attributes, _parts(error))
    if not attributes and (not error.args or (len(error.args) == 1 and type(error.args[0]) is str)):
        return None if type(error).__str__ is BaseException.__str__ else _encoded(error.args, {})
    return _encoded(error.args, attributes)


def _parts(group: ExceptionGroup[Any]) -> list[dict[str, Any]]:
    """Describe the exceptions in a group, as many as fit; a last one says how many did not."""
    parts: list[dict[str, Any]] = []
    room = _PARTS_LIMIT
    for part in group.exceptions:
        record = {key: text for key, text in error_object(part).items() if key != "StackTrace"}
        record["ErrorMessage"] = cut(record["ErrorMessage"], _PART_LIMIT)
        room -= 2 * sum(len(text.encode()) for text in record.values()) + 80
        if room < 0:
            left = len(group.exceptions) - len(parts)
            parts.append({"ErrorMessage": f"{left} more of the group are not recorded, for lack of room"})
            break
        parts.append(record)
    return parts


def _encoded(args: tuple[Any, ...], attributes: dict[str, Any], parts: list[Any] | None = None) -> str | None:
    """Write what can be written, and drop what cannot: the error matters more than its parts."""
    from durable_runtime._values import encode

    def text(value: Any) -> str | None:
        try:
            return encode(value)
        except Exception:  # noqa: BLE001  a value of the user's with a broken protocol is dropped like any other
            return None

    texts = [text(value) or "null" for value in args]
    pairs = [f"{encode(key)}:{part}" for key, value in attributes.items() if (part := text(value)) is not None]
    group = "" if parts is None else f',"group":{encode(parts)}'
    result = f'{ATTRIBUTES}{{"args":[{",".join(texts)}],"attributes":{{{",".join(pairs)}}}{group}}}}}'
    return result if len(result.encode()) <= _DATA_LIMIT else None


def _stack_of(error: BaseException, seen: set[int] | None = None) -> list[str]:
    """Return the traceback's lines, innermost last, and above them those of the causes and of a group's parts."""
    lines: list[str] = []
    seen = set() if seen is None else seen
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _MOST_ERRORS:
        seen.add(id(current))
        own = [*_stacks_of_parts(current, seen), *_frames(current.__traceback__)]
        lines[:0] = own if current is error else [*own, _headline(current), _CAUSE]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return lines


def _stacks_of_parts(group: BaseException, seen: set[int]) -> list[str]:
    if not isinstance(group, BaseExceptionGroup):
        return []
    lines = []
    for number, part in enumerate(group.exceptions, 1):
        if len(seen) < _MOST_ERRORS:
            place = f"The above exception is {number} of {len(group.exceptions)} in the following group:"
            lines += [*_stack_of(part, seen), _headline(part), place]
    return lines


def _headline(error: BaseException) -> str:
    return f"{error_type(error)}: {cut(_text_of(error), 400)}"


_CAUSE = "The above exception led to the following one:"


def _frames(traceback: TracebackType | None) -> list[str]:
    """Return the user's frames of a traceback; frames of this package are left out."""
    import linecache

    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_HERE):
            source = linecache.getline(code.co_filename, traceback.tb_lineno).strip()
            where = f'File "{code.co_filename}", line {traceback.tb_lineno}, in {code.co_qualname}'
            frames.append(f"{where}\n  {cut(source, 200)}" if source else where)
        traceback = traceback.tb_next
    return frames


def _bounded(lines: list[str], room: int) -> list[str]:
    """Keep the innermost lines that fit, in number and in bytes."""
    kept: list[str] = []
    for line in reversed(lines[-_STACK_LINES:]):
        text = cut(str(line), 1_000)
        # Quotes and newlines double in JSON, hence the generous count.
        room -= 2 * len(text.encode()) if "\n" in text or '"' in text else len(text.encode())
        if room < 0:
            break
        kept.append(text)
    if len(kept) < len(lines):
        kept.append(f"… {len(lines) - len(kept)} outer frames left out")
    return kept[::-1]
