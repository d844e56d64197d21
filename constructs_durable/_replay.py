"""Findings of the replay checker as annotations of the construct that runs the code."""

from __future__ import annotations

import enum
import functools
import os
from typing import TYPE_CHECKING

import aws_cdk as cdk

from constructs_durable._handler import plain_function
from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from constructs import Construct

    from constructs_durable._checks import Place
    from durable_check import Finding

__all__ = ["ReplayCheck", "acknowledged_rules", "annotate_replay_findings"]

UNREADABLE = "DUR090"
SKIPPED_FOLDERS = frozenset({".git", ".venv", "__pycache__", "cdk.out", "node_modules"})


class ReplayCheck(enum.Enum):
    """What a finding of the replay checker means for the synth."""

    ERROR = "errors stop the synth, warnings warn"
    WARN = "errors and warnings warn"
    OFF = "the handler is not checked"


def acknowledged_rules(place: Place, names: Collection[str]) -> frozenset[str]:
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


def annotate_replay_findings(
    root: Construct, entry: Path, handler: str, check: ReplayCheck, acknowledged: Collection[str]
) -> None:
    """Check the handler and annotate `root` with what was found, but for the acknowledged rules."""
    if check is ReplayCheck.OFF:
        return
    stamp = _stamp(entry)
    found = _findings(entry, handler, stamp)
    for finding in found:
        if finding.rule == UNREADABLE:  # it could not be imported in Lambda either
            raise DurableInputError(f"{root.node.path}: {_text(finding)}")
    plain = _plain_function(entry, handler, stamp)
    if plain is not None:
        cdk.Annotations.of(root).add_warning_v2(
            "constructs-durable:plain-handler",
            f"{_shown(plain)}: the handler `{handler}` has no decorator. Without `@durable_execution` its answer is "
            "none that the service understands, and every execution fails.",
        )
    findings = [f for f in found if f.rule not in acknowledged]
    if not findings:
        return
    annotations = cdk.Annotations.of(root)
    for finding in findings:
        text, identifier = _text(finding), f"constructs-durable:{finding.rule}"
        if finding.severity == "error" and check is ReplayCheck.ERROR:
            annotations.add_error(f"{text} [ack: replay_acknowledged=({finding.rule!r},)]")
        elif finding.severity == "info":
            annotations.add_info_v2(identifier, text)
        else:
            annotations.add_warning_v2(identifier, text)


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
