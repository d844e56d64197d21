"""From the ErrorObject of the wire back to an exception of the class that was recorded.

Only classes of modules that are already imported are used, and none of their code runs: the instance is made without
``__init__``, and its attributes are filled in. So the error type that an external party wrote into a callback can
neither import nor execute anything.
"""

from __future__ import annotations

import sys

from durable_runtime._errors import ATTRIBUTES
from durable_runtime.exceptions import (
    DurableExecutionsError,
    DurableOperationError,
    SerDesError,
    StepInterruptedError,
    UnrecoverableError,
    class_name,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def restore_error(record: dict[str, Any], base: type[DurableOperationError]) -> DurableExecutionsError:
    """Return the exception that an ErrorObject stands for.

    It is an instance of ``base`` and, where that class is known here, of the class that was recorded. Its
    ``__cause__`` is the recorded error, the same on the first run and on every replay.
    """
    message, name = record.get("ErrorMessage"), record.get("ErrorType")
    data, stack = record.get("ErrorData"), record.get("StackTrace")
    shown = None if data is not None and data.startswith(ATTRIBUTES) else data
    fields = {"message": message, "error_type": name, "data": shown, "stack_trace": stack}
    original = _known_class(class_name(name))
    if original is SerDesError:
        result: DurableExecutionsError = SerDesError(**fields)
    elif original is None or issubclass(base, original):
        result = base(**fields)
    else:
        result = _instance(original, base, fields, data) or base(**fields)
    result.__dict__["_durable_record"] = record
    result.__cause__ = DurableOperationError.from_error_fields(name, message, shown, stack)
    return result


def _known_class(name: str | None) -> type[Exception] | None:
    """Find a recorded class among the modules that are already imported."""
    if not name:
        return None
    module_name, _, qualname = name.rpartition(".")
    found: Any = getattr(sys.modules["builtins"], name, None) if not module_name else None
    while module_name and found is None:
        module = sys.modules.get(module_name)
        if module is not None:
            found = _attribute(module, qualname)
            break
        module_name, _, outer = module_name.rpartition(".")
        qualname = f"{outer}.{qualname}"
    if not isinstance(found, type) or not issubclass(found, Exception):
        return None
    return None if issubclass(found, _NEVER) and found is not StepInterruptedError else found


# An external error of these classes would steer the runtime or a generator instead of reaching the user. Only the
# interrupted step comes back as what it was, since every judge of errors asks for DurableOperationError first.
_NEVER = (UnrecoverableError, StopIteration, StopAsyncIteration)


def _attribute(target: Any, qualname: str) -> Any:
    """Follow a dotted name through what modules and classes already hold, without running a __getattr__."""
    for part in qualname.split("."):
        target = vars(target).get(part) if hasattr(target, "__dict__") else None
    return target


_classes: dict[tuple[type, type], type | None] = {}


def _joined(original: type[Exception], base: type[DurableOperationError]) -> type | None:
    """Return a class that is both, or None when Python cannot join the two."""
    key = (original, base)
    if key not in _classes:
        namespace = {
            "__module__": original.__module__,
            "__qualname__": original.__qualname__,
            "__doc__": original.__doc__,
            "__str__": lambda self: self._durable_text,
            "__reduce__": lambda self: (restore_error, (self._durable_record, base)),
        }
        try:
            _classes[key] = type(original.__name__, (base, original), namespace)
        except Exception:  # noqa: BLE001  a metaclass or __init_subclass__ of the user's may refuse in any way
            _classes[key] = None
    return _classes[key]


def _instance(
    original: type[Exception],
    base: type[DurableOperationError],
    fields: dict[str, Any],
    data: str | None,
) -> DurableExecutionsError | None:
    """Make the instance without calling code of the user's."""
    kind = original if issubclass(original, base) else _joined(original, base)
    if kind is None:
        return None
    args, attributes, parts = _carried(data)
    if args is None:
        args = (fields["message"],) if fields["message"] else ()
    if issubclass(original, ExceptionGroup):
        if not parts or not args or not isinstance(args[0], str):
            return None
        args = (args[0], [restore_error(part, DurableOperationError) for part in parts])
    native: Any = next(each for each in original.__mro__ if each.__module__ == "builtins")
    result: DurableExecutionsError | None = _bare(kind, native, args)
    if result is None:
        return None
    result.__dict__.update(fields, error_type=fields["error_type"] or base.__name__)
    result.__dict__.update(attributes, _durable_text=fields["message"] or "")
    return result


def _bare(kind: type, native: Any, args: tuple[Any, ...]) -> Any:
    """Make an instance with the arguments of its built-in base, or without them."""
    # UnicodeDecodeError insists on its five arguments, and MemoryError makes no instances of joined classes.
    for base, given in ((native, args), (native, None), (Exception, args)):
        try:
            result = base.__new__(kind, *(given or ()))
            if given is not None:
                base.__init__(result, *given)
        except (TypeError, ValueError):
            continue
        return result
    return None


def _carried(data: str | None) -> tuple[tuple[Any, ...] | None, dict[str, Any], list[dict[str, Any]]]:
    """Read what `_data_of` wrote: arguments, attributes, and the records of a group's exceptions."""
    if data is None or not data.startswith(ATTRIBUTES):
        return None, {}, []
    from durable_runtime._values import decode

    try:
        # The marker is written by hand, so it stands outside the tags of the values in it.
        carried = decode(data[len(ATTRIBUTES) : -1])
        parts = [
            {key: text for key, text in part.items() if key in _TEXTS and isinstance(text, str)}
            for part in carried.get("group", ())
        ]
        return tuple(carried["args"]), dict(carried["attributes"]), parts
    except (SerDesError, KeyError, TypeError, ValueError, AttributeError):  # written by others, or cut
        return None, {}, []


_TEXTS = frozenset({"ErrorMessage", "ErrorType", "ErrorData"})
