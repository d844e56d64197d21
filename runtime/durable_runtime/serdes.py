"""Writing and reading values your own way.

Without a serdes, values are plain JSON and come back by annotation; most workflows need nothing from here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from durable_runtime._record import Generic, Record, T
from durable_runtime.exceptions import RetryableSerDesError, SerDesError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class SerDesContext(Record):
    """Says whose value is written or read."""

    operation_id: str = ""
    durable_execution_arn: str = ""


class SerDes(ABC, Generic[T]):
    """Writes and reads the values of an operation. What `serialize` wrote, `deserialize` must read, for years."""

    @abstractmethod
    def serialize(self, value: T, serdes_context: SerDesContext) -> str:
        """Return the text to record."""

    @abstractmethod
    def deserialize(self, data: str, serdes_context: SerDesContext) -> T:
        """Return the value of a recorded text."""

    @staticmethod
    def is_primitive(obj: object) -> bool:
        """Say whether a value is a JSON scalar, or a list of nothing else."""
        if isinstance(obj, list):
            return all(map(SerDes.is_primitive, obj))
        return obj is None or isinstance(obj, str | int | float | bool)


class PassThroughSerDes(SerDes[T]):
    """Takes text for text."""

    def serialize(self, value: T, serdes_context: SerDesContext) -> str:  # noqa: ARG002
        """Return the value, which must be text."""
        return value  # type: ignore[return-value]

    def deserialize(self, data: str, serdes_context: SerDesContext) -> T:  # noqa: ARG002
        """Return the text."""
        return data  # type: ignore[return-value]


class JsonSerDes(SerDes[T]):
    """Plain JSON of the standard library, nothing rebuilt."""

    def serialize(self, value: T, serdes_context: SerDesContext) -> str:  # noqa: ARG002
        """Return the value as JSON."""
        import json

        return json.dumps(value)

    def deserialize(self, data: str, serdes_context: SerDesContext) -> T:  # noqa: ARG002
        """Return what the JSON says."""
        import json

        result: T = json.loads(data)
        return result


class TypedSerDes(SerDes[T]):
    """Plain JSON, rebuilt as a given type: ``TypedSerDes(Order)``, ``TypedSerDes(list[Order])``."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation

    def serialize(self, value: T, serdes_context: SerDesContext) -> str:  # noqa: ARG002
        """Return the value as JSON."""
        from durable_runtime._values import encode

        return encode(value, self._annotation)

    def deserialize(self, data: str, serdes_context: SerDesContext) -> T:  # noqa: ARG002
        """Return the value as the type."""
        from durable_runtime._values import decode

        result: T = decode(data, self._annotation)
        return result


class TypeTag(StrEnum):
    """Tags of the envelopes that AWS's SDK writes."""

    NONE = "n"
    STR = "s"
    INT = "i"
    FLOAT = "f"
    BOOL = "b"
    BYTES = "B"
    UUID = "u"
    DECIMAL = "d"
    DATETIME = "dt"
    DATE = "D"
    TUPLE = "t"
    LIST = "l"
    DICT = "m"
    BATCH_RESULT = "br"


class EncodedValue(Record):
    """A value in an envelope."""

    tag: TypeTag
    value: Any


class ExtendedTypeSerDes(SerDes[T]):
    """The envelope format of AWS's SDK, for histories and readers that know it.

    Scalars and lists of scalars are plain JSON; everything else is ``{"t": tag, "v": value}``, part by part.
    """

    def serialize(self, value: T, serdes_context: SerDesContext | None = None) -> str:  # noqa: ARG002
        """Return the value, in envelopes where it is not plain."""
        import json

        tree = value if SerDes.is_primitive(value) else _wrap(value)
        return json.dumps(tree, separators=(",", ":"))

    def deserialize(self, data: str, serdes_context: SerDesContext | None = None) -> T:  # noqa: ARG002
        """Return the value of a text with or without envelopes."""
        import json

        tree: Any = json.loads(data)
        if SerDes.is_primitive(tree):
            return tree  # type: ignore[no-any-return]
        if not _is_envelope(tree):
            raise SerDesError('Malformed envelope: missing "t" or "v" at root.')
        return _unwrap(tree)  # type: ignore[no-any-return]


def _wrap(value: Any) -> dict[str, Any]:
    """Put a value and its parts into envelopes."""
    tag, write = _envelope_of(value)
    return {"t": tag.value, "v": write(value)}


def _envelope_of(value: Any) -> tuple[TypeTag, Callable[[Any], Any]]:
    for kinds, tag in ((bool, TypeTag.BOOL), (int, TypeTag.INT), (float, TypeTag.FLOAT), (str, TypeTag.STR)):
        if isinstance(value, kinds):
            return tag, lambda each: each
    if value is None:
        return TypeTag.NONE, lambda each: each
    if isinstance(value, list | tuple):
        return TypeTag.LIST if isinstance(value, list) else TypeTag.TUPLE, lambda each: [_wrap(item) for item in each]
    if isinstance(value, dict):
        if any(isinstance(key, tuple) for key in value):
            raise SerDesError("Tuple keys not supported")
        return TypeTag.DICT, lambda each: {key: _wrap(item) for key, item in each.items()}
    return _standard_envelope(value)


def _standard_envelope(value: Any) -> tuple[TypeTag, Callable[[Any], Any]]:
    from datetime import date, datetime
    from decimal import Decimal
    from uuid import UUID

    from durable_runtime import _tagged
    from durable_runtime.concurrency.models import BatchResult

    if isinstance(value, bytes | bytearray | memoryview):
        return TypeTag.BYTES, lambda each: _tagged.write_bytes(bytes(each))
    if isinstance(value, BatchResult):
        return TypeTag.BATCH_RESULT, lambda each: _wrap(each.to_dict())["v"]
    kinds = ((UUID, TypeTag.UUID), (Decimal, TypeTag.DECIMAL), (datetime, TypeTag.DATETIME), (date, TypeTag.DATE))
    for kind, tag in kinds:
        if isinstance(value, kind):
            return tag, _tagged.iso if tag in (TypeTag.DATETIME, TypeTag.DATE) else str
    raise SerDesError(f"Unsupported type: {type(value)}")


def _is_envelope(tree: Any) -> bool:
    return isinstance(tree, dict) and "t" in tree and "v" in tree


def _unwrap(tree: Any) -> Any:
    """Take a value and its parts out of envelopes."""
    if not _is_envelope(tree):
        return tree
    tag, value = tree["t"], tree["v"]
    if tag in (TypeTag.LIST, TypeTag.TUPLE):
        items = [_unwrap(item) for item in value]
        return tuple(items) if tag == TypeTag.TUPLE else items
    if tag in (TypeTag.DICT, TypeTag.BATCH_RESULT):
        parts = {key: _unwrap(item) for key, item in value.items()}
        if tag == TypeTag.DICT:
            return parts
        from durable_runtime.concurrency.models import BatchResult

        return BatchResult.from_dict(parts)
    reader = _envelope_readers().get(tag)
    if reader is None:
        raise SerDesError(f'Unknown type tag: "{tag}"')
    return reader(value)


def _envelope_readers() -> dict[str, Callable[[Any], Any]]:
    from durable_runtime import _tagged

    return {
        "n": lambda _value: None,
        "s": str,
        "i": int,
        "f": float,
        "b": bool,
        "B": _tagged.read_bytes,
        "u": _tagged.read_uuid,
        "d": _tagged.read_decimal,
        "dt": _tagged.read_iso("datetime"),
        "D": _tagged.read_iso("date"),
    }


DEFAULT_JSON_SERDES: SerDes[Any] = JsonSerDes()
EXTENDED_TYPES_SERDES: SerDes[Any] = ExtendedTypeSerDes()


def serialize(serdes: SerDes[T] | None, value: T, operation_id: str, durable_execution_arn: str) -> str:
    """Write a value with a serdes; any failure becomes a SerDesError."""
    context = SerDesContext(operation_id, durable_execution_arn)
    try:
        return (serdes or EXTENDED_TYPES_SERDES).serialize(value, context)
    except (RetryableSerDesError, SerDesError):
        raise
    except Exception as error:
        raise SerDesError(f"Serialization failed for id: {operation_id}, error: {error}.") from error


def deserialize(serdes: SerDes[T] | None, data: str, operation_id: str, durable_execution_arn: str) -> T:
    """Read a value with a serdes; any failure becomes a SerDesError."""
    context = SerDesContext(operation_id, durable_execution_arn)
    try:
        return (serdes or EXTENDED_TYPES_SERDES).deserialize(data, context)
    except (RetryableSerDesError, SerDesError):
        raise
    except Exception as error:
        raise SerDesError(f"Deserialization failed for id: {operation_id}, error: {error}.") from error
