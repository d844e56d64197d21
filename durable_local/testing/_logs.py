"""What handlers log during a test, by execution."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_execution: ContextVar[str | None] = ContextVar("durable_local_execution", default=None)


class Logs(logging.Handler):
    """Collects log records while handlers run; a record belongs to the execution whose handler logged it."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, list[str]] = {}
        self._running: list[str] = []
        self._attached = False

    @contextmanager
    def of(self, arn: str) -> Iterator[None]:
        """Collect for an execution."""
        if not self._attached:
            self._attached = True
            logging.getLogger().addHandler(self)
        token = _execution.set(arn)
        self._running.append(arn)
        try:
            yield
        finally:
            self._running.remove(arn)
            _execution.reset(token)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        arn = _execution.get()
        if arn is None and len(set(self._running)) == 1:  # a thread without the context, but only one can be meant
            arn = self._running[0]
        if arn is not None:
            self._lines.setdefault(arn, []).append(self.format(record))

    def lines(self, arn: str) -> list[str]:
        """Return what an execution logged."""
        return self._lines.get(arn, [])

    def close(self) -> None:
        """Stop collecting."""
        logging.getLogger().removeHandler(self)
        super().close()
