"""Writes `docs/rules/` and the table in `docs/check.md` from the rules' metadata.

`python -m durable_check._pages` writes; with `--check` it only says which files are not what the rules say.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from durable_check.rules import RULES, Rule

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- rules: written by `python -m durable_check._pages` -->", "<!-- /rules -->"
_IGNORE = (
    "`# durable: ignore[{id}] reason` at the end of the line, or `{name}` in place of the id. "
    "See [the guide](../check.md)."
)
_UNMARKED = {"DUR025"}  # its bad example is bad only beside a baseline


def page(rule: Rule) -> str:
    """Return the documentation page of one rule."""
    mark = "" if rule.id in _UNMARKED else f"<!-- bad: {rule.id} -->\n"
    parts = [
        f"# {rule.id} {rule.name}",
        f"Severity: {rule.severity}.",
        "## Reported",
        _wrapped(rule.reported),
        f"{mark}```python\n{rule.bad.strip()}\n```",
        "## Why",
        _wrapped(rule.why),
        "## Fix",
        _wrapped(rule.fix),
        f"```python\n{rule.good.strip()}\n```",
    ]
    if rule.automatic:
        parts += ["## Automatic fix", _wrapped(f"`durable check --fix`: {rule.automatic}")]
    parts += [
        "## Known limits",
        _wrapped(rule.limits),
        "## Ignore it",
        _IGNORE.format(id=rule.id, name=rule.name),
    ]
    return "\n\n".join(parts) + "\n"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 118, break_on_hyphens=False, break_long_words=False))


def table() -> str:
    """Return the table of all rules."""
    rows = ["| rule | name | severity | `--fix` |", "|---|---|---|---|"]
    rows += [
        f"| [{rule.id}](rules/{rule.name}.md) | `{rule.name}` | {rule.severity} | {'yes' if rule.automatic else ''} |"
        for rule in RULES.values()
    ]
    return "\n".join(rows)


def expected() -> dict[Path, str]:
    """Return every generated file with the text it should have."""
    files = {DOCS / "rules" / f"{rule.name}.md": page(rule) for rule in RULES.values()}
    guide = DOCS / "check.md"
    text = guide.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    files[guide] = f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"
    return files


def stale() -> list[Path]:
    """Return the files that do not say what the rules say, and pages of rules that do not exist."""
    files = expected()
    wrong = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    return wrong + [path for path in sorted((DOCS / "rules").glob("*.md")) if path not in files]


def main(arguments: list[str]) -> int:
    """Write the pages, or check them."""
    if "--check" in arguments:
        wrong = stale()
        for path in wrong:
            sys.stderr.write(f"{path} is not what the rules say: run `python -m durable_check._pages`\n")
        return 1 if wrong else 0
    (DOCS / "rules").mkdir(exist_ok=True)
    for path, text in expected().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
