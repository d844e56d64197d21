"""`# durable: ignore[RULE] reason`: which findings a comment takes away, and which comments do nothing."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from durable_check._model import Finding
from durable_check.rules import RULES, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_check._settings import Settings

_COMMENT = re.compile(r"(?:^|\s)#\s*durable:\s*ignore(?P<file>-file)?\b(?:\[(?P<rules>[^\]]*)\])?\s*(?P<reason>.*)$")
MARK = "durable:"


@dataclass
class Ignore:
    """One comment."""

    line: int
    column: int
    rules: list[str]
    unknown: list[str]
    reason: str
    whole_file: bool
    alone: bool  # the comment has the line for itself and speaks about the next one
    used: set[str] = field(default_factory=set)

    def covers(self, rule: str, line: int) -> bool:
        """Whether the comment speaks about this rule on this line; without a reason it speaks about nothing."""
        if rule not in self.rules or not self.reason:
            return False
        return self.whole_file or line == self.line + (1 if self.alone else 0)


def read(text: str) -> list[Ignore]:
    """Return the ignores of a file."""
    if MARK not in text:
        return []
    return list(_read(text))


def _read(text: str) -> Iterator[Ignore]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and MARK in token.string:
                match = _COMMENT.search(token.string)
                if match is not None:
                    yield _ignore(match, token)
    except (tokenize.TokenError, SyntaxError):
        return  # the parser accepted the file; what the tokenizer still found stands


def _ignore(match: re.Match[str], token: tokenize.TokenInfo) -> Ignore:
    names = [name.strip() for name in (match["rules"] or "").split(",") if name.strip()]
    found = [(name, find(name)) for name in names]
    return Ignore(
        line=token.start[0],
        column=token.start[1] + 1,
        rules=[rule.id for _, rule in found if rule is not None],
        unknown=[name for name, rule in found if rule is None],
        reason=match["reason"].strip(" -:—"),
        whole_file=match["file"] is not None,
        alone=not token.line[: token.start[1]].strip(),
    )


def apply(path: str, text: str, findings: list[Finding], settings: Settings) -> list[Finding]:
    """Return the findings of a file that no comment takes away, and what is wrong with its comments."""
    ignores = read(text)
    if not ignores:
        return findings
    kept = []
    for finding in findings:
        covering = [ignore for ignore in ignores if ignore.covers(finding.rule, finding.line)]
        for ignore in covering:
            ignore.used.add(finding.rule)
        if not covering:
            kept.append(finding)
    for ignore in ignores:
        kept.extend(_complaints(path, ignore, settings))
    return kept


def _complaints(path: str, ignore: Ignore, settings: Settings) -> Iterator[Finding]:
    bad, unused = RULES["DUR091"], RULES["DUR092"]

    def finding(rule: str, message: str) -> Finding:
        known = RULES[rule]
        return Finding(rule, known.severity, path, ignore.line, ignore.column, message, known.fix)

    if settings.runs(bad.id):
        if not ignore.rules and not ignore.unknown:
            yield finding(bad.id, "this ignore names no rule: it ignores nothing")
        for name in ignore.unknown:
            yield finding(bad.id, f"there is no rule `{name}`: this ignore does nothing")
        if (ignore.rules or ignore.unknown) and not ignore.reason:
            yield finding(bad.id, "this ignore gives no reason: it ignores nothing")
    if settings.runs(unused.id) and ignore.reason:
        for rule in ignore.rules:
            if rule not in ignore.used and settings.runs(rule):
                yield finding(unused.id, f"{rule} reports nothing here: this ignore is not needed")
