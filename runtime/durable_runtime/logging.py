"""Makes ordinary `logging` calls replay-aware: one call of `install` beside the handler.

::

    import logging
    from durable_runtime.logging import install

    logging.basicConfig(level=logging.INFO)
    install()

From then on, records of code that only replays are dropped, and the others carry the execution's fields,
whichever library logs them. Code outside a durable execution logs as before.
"""

from __future__ import annotations

import json
import logging
import os
import time

from durable_runtime import _scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class ReplayFilter(logging.Filter):
    """Drops records of replaying code, and adds the fields of the scope that logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record is written."""
        scope = _scope.current.get()
        if scope is None:
            return True
        if scope.is_replaying():
            return False
        for name, value in scope.log_fields().items():
            record.__dict__.setdefault(name, value)
        return True


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, with the member names that Lambda uses."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "timestamp": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        line.update({name: value for name, value in vars(record).items() if name not in _RESERVED})
        if record.exc_info and record.exc_info[0] is not None:
            line["errorType"] = record.exc_info[0].__qualname__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = self.formatException(record.exc_info).splitlines()
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        if record.stack_info:
            line["stackInfo"] = record.stack_info.splitlines()
        return json.dumps(line, default=str, ensure_ascii=False)


def install(
    *targets: logging.Logger | logging.Handler,
    as_json: bool | None = None,
) -> None:
    """Make handlers replay-aware; calling it again for the same handlers changes nothing.

    Args:
        targets: Handlers, or loggers whose present handlers are meant; none means the root logger. A root
            logger without handlers gets one that writes to standard error.
        as_json: Write JSON. None means: in Lambda, unless Lambda already writes JSON itself.
    """
    if not targets:
        if not logging.getLogger().handlers:
            logging.getLogger().addHandler(logging.StreamHandler())
        targets = (logging.getLogger(),)
    if as_json is None:
        as_json = "AWS_LAMBDA_FUNCTION_NAME" in os.environ and os.environ.get("AWS_LAMBDA_LOG_FORMAT") != "JSON"
    for handler in _handlers(targets):
        if not any(isinstance(each, ReplayFilter) for each in handler.filters):
            handler.addFilter(ReplayFilter())
        if as_json and not isinstance(handler.formatter, JsonFormatter):
            handler.setFormatter(JsonFormatter())


def uninstall(*targets: logging.Logger | logging.Handler) -> None:
    """Take the filters out again; formatters stay."""
    for handler in _handlers(targets or (logging.getLogger(),)):
        for each in [each for each in handler.filters if isinstance(each, ReplayFilter)]:
            handler.removeFilter(each)


def _handlers(targets: Iterable[logging.Logger | logging.Handler]) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    for target in targets:
        handlers.extend(target.handlers if isinstance(target, logging.Logger) else [target])
    return handlers
