"""What can be configured, and `[tool.durable-check]` in `pyproject.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_check._model import SEVERITIES, Severity
from durable_check.rules import RULES, find

if TYPE_CHECKING:
    from collections.abc import Iterable

_LISTS = ("select", "ignore", "exclude")
KEYS = (*_LISTS, "fail-on", "per-file-ignores")


class SettingsError(ValueError):
    """A setting is wrong; the message names the setting, the value and what is accepted."""


@dataclass(frozen=True)
class Settings:
    """What to check and what counts.

    Attributes:
        select: Ids of the rules to run; empty runs all.
        ignore: Ids of rules to leave out.
        exclude: Glob patterns of files and folders to skip.
        fail_on: The mildest severity that makes the check fail.
        per_file_ignores: Glob pattern to ids of rules that are left out in matching files.
    """

    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    exclude: tuple[str, ...] = ()
    fail_on: Severity = "warning"
    per_file_ignores: dict[str, frozenset[str]] = field(default_factory=dict)

    def runs(self, rule: str) -> bool:
        """Whether a rule is switched on."""
        return (not self.select or rule in self.select) and rule not in self.ignore

    def ignored_in(self, rule: str, path: str) -> bool:
        """Whether a rule is left out in one file."""
        return any(rule in rules and Path(path).match(pattern) for pattern, rules in self.per_file_ignores.items())

    def fails(self, severity: Severity) -> bool:
        """Whether a finding of this severity makes the check fail."""
        return SEVERITIES.index(severity) <= SEVERITIES.index(self.fail_on)

    def changed(self, **changes: Any) -> Settings:
        """Return a copy with some members replaced."""
        return replace(self, **changes)


def rule_ids(names: Iterable[str], where: str) -> frozenset[str]:
    """Turn ids and names into ids. A prefix such as ``DUR00`` stands for all rules it begins."""
    found: set[str] = set()
    for name in names:
        rule = find(name)
        if rule is not None:
            found.add(rule.id)
            continue
        prefix = [known for known in RULES if name.strip() and known.startswith(name.strip().upper())]
        if not prefix:
            raise SettingsError(f"{where}: there is no rule `{name}`. `durable check --list-rules` shows all of them.")
        found.update(prefix)
    return frozenset(found)


def severity(value: str, where: str) -> Severity:
    """Return a severity, or say which ones there are."""
    for known in SEVERITIES:
        if value == known:
            return known
    raise SettingsError(f"{where}: `{value}` is not a severity. Use one of {', '.join(SEVERITIES)}.")


def find_pyproject(start: str) -> Path | None:
    """Return the nearest `pyproject.toml` at or above a path."""
    folder = Path(start).resolve()
    for candidate in (folder, *folder.parents):
        file = candidate / "pyproject.toml"
        if file.is_file():
            return file
    return None


def load(file: Path) -> Settings:
    """Read `[tool.durable-check]` from a `pyproject.toml`; without that table, the defaults."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from error
    where = f"{file} [tool.durable-check]"
    tools = document.get("tool", {})
    table = tools.get("durable-check", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: expected a table, got {table!r}.")
    for key in table:
        if key not in KEYS:
            raise SettingsError(f"{where}: there is no setting `{key}`. There are {', '.join(KEYS)}.")
    lists = {key: _strings(table.get(key, []), f"{where} {key}") for key in _LISTS}
    files = table.get("per-file-ignores", {})
    if not isinstance(files, dict):
        raise SettingsError(f"{where} per-file-ignores: expected a table of pattern = [rules].")
    return Settings(
        select=rule_ids(lists["select"], f"{where} select"),
        ignore=rule_ids(lists["ignore"], f"{where} ignore"),
        exclude=tuple(lists["exclude"]),
        fail_on=severity(str(table.get("fail-on", "warning")), f"{where} fail-on"),
        per_file_ignores={
            pattern: rule_ids(_strings(rules, f"{where} per-file-ignores"), f"{where} per-file-ignores")
            for pattern, rules in files.items()
        },
    )


def _strings(value: object, where: str) -> list[str]:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return value
    raise SettingsError(f"{where}: expected a list of texts, got {value!r}.")
