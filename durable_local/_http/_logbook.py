"""The log lines of functions: the newest in memory, all of them in files on demand."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections import deque
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pathlib import Path

    from durable_local._invocation import FunctionVersion, LogLine

logger = logging.getLogger("durable_local")

KEPT = 10_000
"""Lines in memory, over all functions [O]."""


class Logbook:
    """Takes lines and answers questions about them; with a folder it also writes one JSON-lines file per function."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._files: dict[str, TextIO] = {}
        self._lines: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._number = 0
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except FileExistsError as error:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error

    def add(self, function: FunctionVersion, request_id: str, execution_arn: str | None, line: LogLine) -> None:
        """Take in one line."""
        self._number += 1
        entry = {
            "number": self._number,
            "timestamp": line.timestamp,
            "function": function.name,
            "version": function.version,
            "requestId": request_id,
            "executionArn": execution_arn,
            "message": line.message,
        }
        self._lines.append(entry)
        if self._folder is not None:
            try:
                self._write(self._folder, function.name, entry)
            except OSError:
                logger.exception("no more log lines are written to %s", self._folder)
                self._folder = None

    def _write(self, folder: Path, function: str, entry: dict[str, Any]) -> None:
        file = self._files.get(function)
        if file is None:
            path = folder / f"{function}.jsonl"
            file = self._files[function] = path.open("a", encoding="utf-8", errors="replace", buffering=1)
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def find(
        self,
        *,
        function: str | None = None,
        execution: str | None = None,
        request_id: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """Return lines in order: the first `limit` with a number above `after`."""
        found = []
        for line in self._lines:
            if (
                line["number"] > after
                and function in {None, line["function"]}
                and execution in {None, line["executionArn"]}
                and request_id in {None, line["requestId"]}
            ):
                found.append(line)
                if len(found) == limit:
                    break
        return found

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()
