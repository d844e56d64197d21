"""Raw loggers in orchestration."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_check._engine.run import Engine


RULE = Rule(
    id="DUR008",
    name="logger-in-orchestration",
    severity="warning",
    reported=(
        "`logging`, Powertools, structlog, loguru, `print`, `warnings.warn`, or `sys.stdout.write` "
        "in code that replay runs again."
    ),
    why=(
        'Every replay writes the line again: an order that waited three times was "charged" four '
        "times in the log, and alarms on log lines count wrong."
    ),
    fix=(
        "Use `ctx.logger`, which is silent while history is replayed, or call "
        "`durable_runtime.logging.install()` once at import to make ordinary `logging` calls replay-"
        "aware."
    ),
    bad="""
import logging

from durable_runtime import durable_execution

logger = logging.getLogger(__name__)


@durable_execution
def handler(event, ctx):
    receipt = ctx.step(lambda _: "receipt", name="charge")
    logger.info("charged %s", receipt)
    ctx.wait(3600)
    return receipt
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    receipt = ctx.step(lambda _: "receipt", name="charge")
    ctx.logger.info("charged %s", receipt)
    ctx.wait(3600)
    return receipt
""",
    limits=(
        "Loggers that arrive as parameters without an annotation are not seen. Raw loggers inside "
        "step bodies are right. Lines under `if not ctx.is_replaying():` are not reported. "
        "`print(..., file=...)` is reported for `sys.stdout` and `sys.stderr` only."
    ),
    automatic="`logger.info(...)` and its like become `ctx.logger.info(...)` where the context is in reach.",
)

_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_KEYWORDS = frozenset({"exc_info", "stack_info", "stacklevel", "extra"})


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    frame = fact.frame
    if fact.entry is None or fact.entry.category != "log" or not frame.region.orchestration or frame.quiet:
        return
    logger, replacement = _replacement(fact)
    yield Problem(
        frame,
        fact.node,
        f"`{text_of(fact.node, 48)}` in {where(frame)} {fact.entry.does} again on every replay",
        replacement=replacement,
        replaces=logger,
        only_if=_no_install if fact.path.startswith("logging.") else None,
    )


def _no_install(engine: Engine) -> bool:
    return not engine.logging_installed


def _replacement(fact: facts.ExternalUse) -> tuple[ast.AST | None, str | None]:
    """Return the logger's place in the code and what to write there, when the call means the same on `ctx.logger`."""
    node, context = fact.node, fact.frame.handler_context()
    if context is None or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None, None
    plain = node.args and all(keyword.arg in _KEYWORDS for keyword in node.keywords)
    if not plain or node.func.attr not in _METHODS or fact.path.startswith(("sys.", "warnings.", "loguru.")):
        return None, None
    return node.func.value, f"{context}.logger"


CHECKS = {facts.ExternalUse: _check}
