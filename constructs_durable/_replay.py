"""Findings of the replay checker as remarks on the construct that runs the code."""

from __future__ import annotations

import enum
import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_durable._checks import Remark
from constructs_durable._handler import plain_function

if TYPE_CHECKING:
    from collections.abc import Collection

    from constructs_durable._checks import Place
    from durable_check import Finding

__all__ = ["ReplayCheck", "replay_remarks"]

UNREADABLE = "DUR090"
SKIPPED_FOLDERS = frozenset({".git", ".venv", "__pycache__", "cdk.out", "node_modules"})


class ReplayCheck(enum.Enum):
    """What a finding of the replay checker means for the synth."""

    ERROR = "errors stop the synth, warnings warn"
    WARN = "errors and warnings warn"
    OFF = "the handler is not checked"


def replay_remarks(
    place: Place, entry: str | Path | None, handler: str, check: ReplayCheck, acknowledged: Collection[str]
) -> list[Remark]:
    """Check the handler; refuse code that Lambda could not import either.

    Args:
        place: The construct that runs the code.
        entry: The folder of the code; None for code that was packaged elsewhere.
        handler: `module.function` in it.
        check: What findings mean.
        acknowledged: Rules, by id or name, whose findings are left out.
    """
    accepted = _rule_ids(place, acknowledged)
    if entry is None or check is ReplayCheck.OFF:
        return []
    folder = Path(entry).resolve()
    stamp = _stamp(folder)
    found = _findings(folder, handler, stamp)
    for finding in found:
        if finding.rule == UNREADABLE:
            raise place.error(_text(finding))
    remarks = [_remark(finding, check) for finding in found if finding.rule not in accepted]
    plain = _plain_function(folder, handler, stamp)
    if plain is not None:
        text = (
            f"{_shown(plain)}: the handler `{handler}` has no decorator. Without `@durable_execution` its answer is "
            "none that the service understands, and every execution fails."
        )
        remarks.append(Remark("warning", "constructs-durable:plain-handler", text))
    return remarks


def _rule_ids(place: Place, names: Collection[str]) -> frozenset[str]:
    """Turn ids and names of rules into ids; refuse what names no rule."""
    if not names:
        return frozenset()
    from durable_check import RULES

    known = {rule.name: rule.id for rule in RULES.values()} | {rule.id: rule.id for rule in RULES.values()}
    for name in names:
        if name not in known:
            raise place.error(
                f"replay_acknowledged has {name!r}, and the checker has no such rule. "
                "`durable check --list-rules` shows all of them."
            )
    return frozenset(known[name] for name in names)


def _remark(finding: Finding, check: ReplayCheck) -> Remark:
    text, identifier = _text(finding), f"constructs-durable:{finding.rule}"
    if finding.severity == "error" and check is ReplayCheck.ERROR:
        return Remark("error", identifier, f"{text} [ack: replay_acknowledged=({finding.rule!r},)]")
    return Remark("info" if finding.severity == "info" else "warning", identifier, text)


def _text(finding: Finding) -> str:
    sentences = [text if text.endswith((".", "?")) else f"{text}." for text in (finding.message, finding.fix) if text]
    return f"{_shown(finding.path)}:{finding.line}:{finding.column}: {finding.rule}: {' '.join(sentences)}"


def _shown(path: str) -> str:
    """Return a path as a reader of the synth's output finds it: from here, unless it is elsewhere."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


@functools.lru_cache(maxsize=512)
def _plain_function(entry: Path, handler: str, _stamp: object) -> str | None:
    return plain_function(entry, handler)


@functools.lru_cache(maxsize=512)
def _findings(entry: Path, handler: str, _stamp: object) -> tuple[Finding, ...]:
    from durable_check import check_handler

    return tuple(check_handler(str(entry), handler))


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when any source below the folder does: many functions share one folder."""
    stamp = []
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(base, name)  # noqa: PTH118  a Path per file costs more than the stat
                status = os.stat(path)  # noqa: PTH116
                stamp.append((path, status.st_mtime_ns, status.st_size))
    return tuple(sorted(stamp))
