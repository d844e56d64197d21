"""From facts to findings: runs the rules, places what they object to, and drops doubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_check._engine.frames import location
from durable_check._model import Edit, Finding
from durable_check.rules import Problem, Rule, checks_by_fact

if TYPE_CHECKING:
    from durable_check._engine.facts import Fact
    from durable_check._engine.run import Engine
    from durable_check._settings import Settings

_BY_FACT = checks_by_fact()


class Collector:
    """Listens to the engine and keeps one finding for each rule and place."""

    def __init__(self, settings: Settings) -> None:
        self._table = {
            fact: [(rule, check) for rule, check in checks if settings.runs(rule.id)]
            for fact, checks in _BY_FACT.items()
        }
        self._found: dict[tuple[str, str, int, int], tuple[Rule, Problem]] = {}

    def listen(self, fact: Fact) -> None:
        """Show a fact to the rules that care about its kind."""
        for rule, check in self._table.get(type(fact), ()):
            for problem in check(fact):
                line, column = location(problem.node)
                self._found.setdefault((rule.id, problem.frame.module.path, line, column), (rule, problem))

    def finish(self, engine: Engine) -> list[Finding]:
        """Return the findings, now that the whole project was walked."""
        return [
            _placed(rule, problem)
            for rule, problem in self._found.values()
            if problem.only_if is None or problem.only_if(engine)
        ]


def _placed(rule: Rule, problem: Problem) -> Finding:
    module = problem.frame.module
    lines = module.lines()
    line, byte_column = location(problem.node)
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    start = _characters(text, byte_column)
    end = 0
    if getattr(problem.node, "end_lineno", None) == line:
        end = _characters(text, getattr(problem.node, "end_col_offset", 0))
    return Finding(
        rule=rule.id,
        severity=problem.severity or rule.severity,
        path=module.path,
        line=line,
        column=start + 1,
        message=problem.message,
        fix=problem.fix or rule.fix,
        end_column=end + 1 if end else 0,
        edit=_edit(problem, lines),
    )


def _edit(problem: Problem, lines: list[str]) -> Edit | None:
    node: Any = problem.replaces or problem.node
    if problem.replacement is None or getattr(node, "lineno", 0) != getattr(node, "end_lineno", -1):
        return None
    text = lines[node.lineno - 1]
    start, end = _characters(text, node.col_offset), _characters(text, node.end_col_offset)
    return Edit(node.lineno, start, end, problem.replacement)


def _characters(text: str, byte_column: int) -> int:
    if text.isascii():
        return byte_column
    return len(text.encode()[:byte_column].decode(errors="replace"))
