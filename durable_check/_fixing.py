"""The safe automatic fixes: applied to texts, shown as a diff, written only when asked."""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_check._model import Edit, Finding


class FixedFile(NamedTuple):
    """A file before and after its fixes."""

    path: str
    before: str
    after: str
    encoding: str
    applied: int

    def diff(self) -> str:
        """Return the change as a unified diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"a/{self.path}",
            f"b/{self.path}",
        )
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)

    def write(self) -> None:
        """Write the fixed text, in the file's own encoding and line ends."""
        Path(self.path).write_bytes(self.after.encode(self.encoding))


def fixed_files(findings: Iterable[Finding]) -> list[FixedFile]:
    """Return the files that safe fixes change; nothing is written."""
    edits: dict[str, list[Edit]] = {}
    for finding in findings:
        if finding.edit is not None:
            edits.setdefault(finding.path, []).append(finding.edit)
    return [fixed for path, wanted in sorted(edits.items()) if (fixed := _fixed(path, wanted)) is not None]


def _fixed(path: str, edits: list[Edit]) -> FixedFile | None:
    data = Path(path).read_bytes()
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    before = data.decode(encoding)
    lines = before.splitlines(keepends=True) if "\f" not in before and "\x0b" not in before else None
    if lines is None:
        return None  # exotic line separators: `ast` counts lines otherwise than text does
    count = 0
    previous: Edit | None = None
    for edit in sorted(set(edits), key=lambda edit: (edit.line, edit.start), reverse=True):
        if previous is not None and edit.line == previous.line and edit.end > previous.start:
            continue  # overlapping: the next run takes it
        line = lines[edit.line - 1]
        lines[edit.line - 1] = line[: edit.start] + edit.text + line[edit.end :]
        previous = edit
        count += 1
    after = "".join(lines)
    ast.parse(after, path)  # a fix that breaks the file is a bug of ours: stop before anything is written
    return FixedFile(path, before, after, encoding, count)
