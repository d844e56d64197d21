"""Which durable scope the running code is in: a context, or the body of an operation."""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Scope(Protocol):
        """What logging may ask of the running scope."""

        def is_replaying(self) -> bool:
            """Say whether the running code ran before, in an earlier invocation."""

        def log_fields(self) -> dict[str, Any]:
            """Return the fields that identify the scope in a log record."""


current: ContextVar[Scope | None] = ContextVar("durable_scope", default=None)
