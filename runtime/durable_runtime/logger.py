"""The logger of a context: a real `logging.LoggerAdapter` that is silent while history replays."""

from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping
    from typing import Any

    LoggerAdapter = logging.LoggerAdapter[Any]
else:
    LoggerAdapter = logging.LoggerAdapter

_STANDARD = frozenset({"exc_info", "stack_info", "stacklevel", "extra"})


def _never() -> bool:
    return False


class DurableLogger(LoggerAdapter):
    """Adds the execution's fields to each record, and drops records of code that ran before.

    Everything a `logging.LoggerAdapter` can do works: levels, ``exc_info``, ``stacklevel``, ``extra``, lazy
    formatting. The caller in the record is the line that logs. The methods are inherited on purpose: a method
    of this file between the caller and `logging` would be taken for the caller.
    """

    def __init__(
        self,
        logger: Any = None,
        extra: Mapping[str, object] | None = None,
        is_replaying: Callable[[], bool] = _never,
    ) -> None:
        """Wrap a logger.

        Args:
            logger: A `logging.Logger`, a Powertools Logger, or any object with debug, info, warning, error and
                exception; None means the root logger.
            extra: Fields for each record.
            is_replaying: Says whether the code that logs ran before.
        """
        target = logging.getLogger() if logger is None else logger
        if not hasattr(target, "log"):
            target = _MethodLogger(target)
        super().__init__(target, dict(extra or {}))
        self._is_replaying = is_replaying
        self._is_standard = isinstance(target, logging.Logger | logging.LoggerAdapter)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  the name is logging's
        """Say whether a record of the level would be written now."""
        if self._is_replaying():
            return False
        enabled = getattr(self.logger, "isEnabledFor", None)
        return True if enabled is None else bool(enabled(level))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Merge the fields; what the caller gives wins."""
        extra = dict(self.extra or {}) | dict(kwargs.get("extra") or {})
        if not self._is_standard:
            # Powertools takes fields as keywords, which only its own methods understand.
            extra.update({key: kwargs.pop(key) for key in kwargs.keys() - _STANDARD})
        kwargs["extra"] = extra
        return msg, kwargs

    def with_is_replaying(self, is_replaying: Callable[[], bool]) -> DurableLogger:
        """Return the same logger for another scope."""
        return DurableLogger(self.logger, self.extra, is_replaying)

    def with_fields(self, **fields: object) -> DurableLogger:
        """Return a logger that adds more fields."""
        return DurableLogger(self.logger, dict(self.extra or {}) | fields, self._is_replaying)

    def get_logger(self) -> Any:
        """Return the logger inside."""
        return self.logger.target if isinstance(self.logger, _MethodLogger) else self.logger


class _MethodLogger:
    """Gives an object that only has the methods debug to exception the one method that adapters call."""

    name = "durable"

    def __init__(self, target: Any) -> None:
        self.target = target

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Call the method of the level; only it knows which options it takes beside ``extra``."""
        exc_info = kwargs.pop("exc_info", None)
        if level >= logging.ERROR and exc_info and hasattr(self.target, "exception"):
            method = self.target.exception
        elif level >= logging.ERROR:
            method = self.target.error
        else:
            floor = logging.WARNING if level >= logging.WARNING else logging.INFO if level >= logging.INFO else 0
            method = getattr(self.target, {logging.WARNING: "warning", logging.INFO: "info"}.get(floor, "debug"))
        method(msg, *args, extra=kwargs.get("extra"))


Logger = DurableLogger
