"""The four forms a report takes: text for people, JSON, SARIF, and GitHub's annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from durable_check._sources import decoded
from durable_check.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_check._model import Finding, Report

_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}
_SARIF = {"error": "error", "warning": "warning", "info": "note"}
_WIDTH = 160  # characters of a source line that are shown


def as_text(report: Report) -> str:
    """Return findings with their source line, a caret, why and the fix, and a last line that counts."""
    sources: dict[str, list[str]] = {}
    blocks = [_block(finding, sources) for finding in report.findings]
    return "\n".join([*blocks, _summary(report)]) + "\n"


def _block(finding: Finding, sources: dict[str, list[str]]) -> str:
    rule = RULES[finding.rule]
    parts = [
        f"{finding.path}:{finding.line}:{finding.column}: {finding.severity}: {finding.rule} {rule.name}",
        f"  {finding.message}",
    ]
    line = _source_line(finding, sources)
    if line:
        shown = line[:_WIDTH]
        number = f"{finding.line:>5}"
        width = max(finding.end_column - finding.column, 1)
        parts.append(f"{number} | {shown}")
        if finding.column <= len(shown):
            caret = " " * (finding.column - 1) + "^" * min(width, len(shown) - finding.column + 1)
            parts.append(f"{'':>5} | {caret}")
    parts += [f"  why: {rule.why}", f"  fix: {finding.fix}", ""]
    return "\n".join(parts)


def _source_line(finding: Finding, sources: dict[str, list[str]]) -> str:
    if finding.path not in sources:
        sources[finding.path] = decoded(finding.path).split("\n")
    lines = sources[finding.path]
    line = lines[finding.line - 1].rstrip() if 0 < finding.line <= len(lines) else ""
    # Control characters of a broken file must not reach the terminal; the caret still fits.
    return "".join(character if character.isprintable() else " " for character in line)


def _summary(report: Report) -> str:
    files = f"{report.files} file{'' if report.files == 1 else 's'}"
    handlers = f"{len(report.handlers)} durable handler{'' if len(report.handlers) == 1 else 's'}"
    if not report.findings:
        return f"{files}, {handlers}: no findings."
    count = len(report.findings)
    return f"{files}, {handlers}: {count} finding{'' if count == 1 else 's'}."


def as_json(report: Report) -> str:
    """Return the findings as a JSON list."""
    return json.dumps([finding.as_dict() for finding in report.findings], indent=2) + "\n"


def as_github(report: Report) -> str:
    """Return workflow commands that GitHub shows beside the changed lines."""
    return "".join(
        f"::{_GITHUB[finding.severity]} file={_property(finding.path)},line={finding.line},"
        f"col={finding.column},title={_property(f'{finding.rule} {RULES[finding.rule].name}')}"
        f"::{_data(f'{finding.message}. {finding.fix}')}\n"
        for finding in report.findings
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(report: Report) -> str:
    """Return a SARIF 2.1.0 log."""
    order = {rule: position for position, rule in enumerate(RULES)}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "durable-check", "rules": [_sarif_rule(rule) for rule in RULES]}},
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(finding, order) for finding in report.findings],
            }
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _sarif_rule(rule_id: str) -> dict[str, Any]:
    rule = RULES[rule_id]
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.reported},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": _SARIF[rule.severity]},
    }


def _sarif_result(finding: Finding, order: dict[str, int]) -> dict[str, Any]:
    region: dict[str, int] = {"startLine": finding.line, "startColumn": finding.column}
    if finding.end_column:
        region["endColumn"] = finding.end_column
    return {
        "ruleId": finding.rule,
        "ruleIndex": order[finding.rule],
        "level": _SARIF[finding.severity],
        "message": {"text": f"{finding.message}. {finding.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(Path(finding.path))},
                    "region": region,
                }
            }
        ],
    }


def _uri(path: Path) -> str:
    """Return a path as the URI reference SARIF asks for: relative ones stay relative to the working folder."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="surrogateescape")


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
