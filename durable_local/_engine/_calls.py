"""An Invoke that waits for its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an Invoke: status, headers as the API names them, and the payload."""

    status: int
    payload: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def function_error(self) -> str | None:
        """``Unhandled`` when the function or the execution failed."""
        return self.headers.get("X-Amz-Function-Error")

    @property
    def execution_arn(self) -> str | None:
        """The ARN of the durable execution."""
        return self.headers.get("X-Amz-Durable-Execution-Arn")


class Call:
    """An Invoke under way: `reply` is None until it is answered."""

    def __init__(self, reply: Reply | None = None, *, tail: bool = False, execution_arn: str | None = None) -> None:
        self.reply = reply
        self.tail = tail
        self.execution_arn = execution_arn
        self._listeners: list[Callable[[Reply], None]] = []

    def when_done(self, listener: Callable[[Reply], None]) -> None:
        """Call `listener` with the reply: now when there is one, otherwise as soon as there is."""
        if self.reply is not None:
            listener(self.reply)
        else:
            self._listeners.append(listener)

    def answer(self, reply: Reply) -> None:
        """Give the reply; only the first counts."""
        if self.reply is not None:
            return
        self.reply = reply
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener(reply)
