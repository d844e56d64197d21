"""How one operation's value becomes checkpoint text and comes back."""

from __future__ import annotations

from durable_runtime import _values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from durable_runtime._operations.base import Operation
    from durable_runtime.serdes import SerDes

RESULT_LIMIT = 262_144
"""Bytes of a result that the service takes for one operation (reference: STEP output payload size)."""

INVOKE_LIMIT = 1_048_576
"""Bytes of the payload of a chained invoke."""


POINTER = '{"$stored":'
"""How a recorded text begins that stands for one in a store; no value of the user's is written like this."""


class Codec:
    """Writes and reads the value of one operation: by its own serdes, else as JSON by annotation.

    Attributes:
        text: What was written or read last.
    """

    __slots__ = ("annotation", "operation", "serdes", "text")

    def __init__(self, operation: Operation, serdes: SerDes[Any] | None, annotation: Any = None) -> None:
        self.operation = operation
        self.serdes = serdes
        self.annotation = annotation
        self.text: str | None = None

    def write(self, value: Any) -> tuple[str | None, Any]:
        """Write a value; answer with the text, and with what replay will read from it."""
        if self.serdes is None:
            self.text, value = _values.round_trip(value, self.annotation)
            return self.text, value
        text = self._guarded("serialize", value)
        if text is not None and not isinstance(text, str):
            from durable_runtime.exceptions import SerDesError

            raise SerDesError(
                f"{self.operation.label}: {type(self.serdes).__name__}.serialize returned "
                f"{type(text).__name__}; it must return str or None",
            )
        return text, self.read(text)

    def read(self, text: str | None) -> Any:
        """Read a value back."""
        self.text = text
        if text is None:
            return None
        if text.startswith(POINTER):
            from durable_runtime import _offload

            text = _offload.fetch(self.operation.context.invocation.store, text)
        if self.serdes is None:
            return _values.decode(text, self.annotation)
        return self._guarded("deserialize", text)

    def fit(self, text: str | None) -> str | None:
        """Return the text to record for a result: itself, or a pointer into the store if it is too large."""
        size = byte_size(text)
        if text is None or size <= RESULT_LIMIT:
            return text
        operation = self.operation
        invocation = operation.context.invocation
        if invocation.store is not None:
            from durable_runtime import _offload

            return _offload.offload(invocation.store, text, invocation.arn, operation.id)
        from durable_runtime.exceptions import PayloadTooLargeError

        raise PayloadTooLargeError(
            f"{operation.label} returned {size:,} bytes; the service takes {RESULT_LIMIT:,}. Return a reference "
            "instead, or give durable_execution a store for large values.",
            operation=operation.label,
            size=size,
            limit=RESULT_LIMIT,
        )

    def _guarded(self, method: str, argument: Any) -> Any:
        from durable_runtime.exceptions import InvocationError, SerDesError
        from durable_runtime.serdes import SerDesContext

        operation = self.operation
        context = SerDesContext(operation.id, operation.context.invocation.arn)
        try:
            return getattr(self.serdes, method)(argument, context)
        except (SerDesError, InvocationError):
            raise
        except Exception as error:
            name = f"{type(self.serdes).__name__}.{method}"
            raise SerDesError(f"{operation.label}: {name} failed: {type(error).__name__}: {error}") from error


class PlainCodec(Codec):
    """Reads what others wrote: another function's result, the answer to a callback.

    Text from outside is checked against its annotation. It holds no tags, and no pointer into the store.
    """

    __slots__ = ()

    def read(self, text: str | None) -> Any:
        """Read a value."""
        self.text = text
        if text is None:
            return None
        if self.serdes is not None:
            return self._guarded("deserialize", text)
        return _values.decode(text, self.annotation, plain=True)


def byte_size(text: str | None) -> int:
    """Return the bytes of a text in UTF-8."""
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
