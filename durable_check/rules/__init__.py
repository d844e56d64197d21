"""The rules: one module each, with the metadata its documentation is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_check.rules import (
    awaiting,
    bad_ignore,
    baseline_drift,
    clock,
    closure_write,
    early_call,
    effect_identity,
    effects,
    environment,
    finalizers,
    global_state,
    identity,
    iteration_order,
    late_binding,
    logger,
    nested_operation,
    operation_name,
    outer_context,
    randomness,
    serializing,
    sleeping,
    swallowing,
    tasks,
    threads,
    uncalled,
    unreadable,
    unstable_branch,
    unused_ignore,
)
from durable_check.rules._base import Problem, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MODULES = (
    clock,
    randomness,
    identity,
    effects,
    sleeping,
    environment,
    global_state,
    logger,
    nested_operation,
    outer_context,
    closure_write,
    effect_identity,
    unstable_branch,
    operation_name,
    iteration_order,
    threads,
    tasks,
    awaiting,
    uncalled,
    early_call,
    swallowing,
    finalizers,
    late_binding,
    serializing,
)

# These look at the check itself, not at facts: whoever reads files, ignores and baselines reports them.
_HOUSEKEEPING = (baseline_drift, unreadable, bad_ignore, unused_ignore)

RULES: dict[str, Rule] = {module.RULE.id: module.RULE for module in (*_MODULES, *_HOUSEKEEPING)}
_BY_NAME = {rule.name: rule for rule in RULES.values()}

Check = tuple[Rule, "Callable[[Any], Iterator[Problem]]"]


def checks_by_fact() -> dict[type, list[Check]]:
    """Return, for each kind of fact, the rules that look at it."""
    table: dict[type, list[Check]] = {}
    for module in _MODULES:
        checks: dict[type, Callable[[Any], Iterator[Problem]]] = module.CHECKS
        for fact, check in checks.items():
            table.setdefault(fact, []).append((module.RULE, check))
    return table


def find(name: str) -> Rule | None:
    """Return a rule by id or name, in any case."""
    return RULES.get(name.strip().upper()) or _BY_NAME.get(name.strip().lower())


def explain(rule: Rule) -> str:
    """Return everything there is to say about a rule, as plain text."""
    parts = [
        f"{rule.id} {rule.name} ({rule.severity})",
        f"Reported\n  {rule.reported}",
        f"Why\n  {rule.why}",
        f"Fix\n  {rule.fix}",
        f"Bad\n{_indented(rule.bad)}",
        f"Good\n{_indented(rule.good)}",
        f"Known limits\n  {rule.limits}",
        *([f"Automatic fix\n  {rule.automatic}"] if rule.automatic else []),
    ]
    return "\n\n".join(parts) + "\n"


def _indented(code: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in code.strip().splitlines())


__all__ = ["RULES", "Problem", "Rule", "checks_by_fact", "explain", "find"]
