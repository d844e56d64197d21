"""Results that cannot be recorded."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_check import _catalogue
from durable_check._engine import facts
from durable_check._engine.names import AWS, OURS
from durable_check._engine.values import ContextRef, Coroutine, External, FunctionRef, LeafContext, Prepared
from durable_check.rules._base import Problem, Rule, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR024",
    name="unserializable-result",
    severity="error",
    reported=(
        "A step visibly returns something that no record can hold: a client, an open file, an HTTP response, a "
        "streaming body, a lock, an iterator or generator, a function, a context; with AWS's SDK also a set or a "
        "coroutine."
    ),
    why=(
        "The result of a step is written to the history. The body has its effect first, then the "
        "result cannot be recorded, the attempt counts as failed, and the retry has the effect again."
    ),
    fix=(
        "Return plain data: `response.json()`, `list(...)`, the text that was read, an id to look the thing up again."
    ),
    bad="""
import requests

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    return ctx.step(lambda _: requests.get(event["url"], timeout=5), name="fetch")
""",
    good="""
import requests

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    return ctx.step(lambda _: requests.get(event["url"], timeout=5).json(), name="fetch")
""",
    limits=(
        "Only what is visible in the code is judged; instances of your own classes are left to the "
        "runtime. A step with `serdes=` of its own is not reported."
    ),
)


def _check(fact: facts.LeafResult) -> Iterator[Problem]:
    scope = fact.frame.region.scope
    what = None
    for kind in fact.value.kinds:
        what = _described(kind, awaited=scope is None or scope.is_async or scope.package == OURS)
        if what is not None:
            break
    if isinstance(fact.node, ast.GeneratorExp):
        what = "a generator"
    if what is None and scope is not None and scope.package == AWS and _is_set(fact.node):
        what = "a set"
    if what is not None:
        yield Problem(
            fact.frame, fact.node, f"this step returns {what} (`{text_of(fact.node, 40)}`), which cannot be recorded"
        )


def _described(kind: object, *, awaited: bool) -> str | None:
    if isinstance(kind, External):
        path = _catalogue.canonical(kind.path)
        return _catalogue.UNSERIALIZABLE.get(path) or _catalogue.UNSERIALIZABLE.get(kind.path)
    if isinstance(kind, FunctionRef | Prepared):
        return "a function"
    if isinstance(kind, ContextRef | LeafContext):
        return "a durable context"
    if isinstance(kind, Coroutine) and not awaited:
        return "a coroutine that nothing awaits"
    return None


def _is_set(node: ast.AST) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}


def _check_generator(fact: facts.OperationCall) -> Iterator[Problem]:
    if fact.operation != "step" or not fact.frame.region.orchestration:
        return
    for function in fact.functions:
        if function.info.is_async and not fact.scope.is_async and fact.scope.package == AWS:
            yield Problem(
                fact.frame,
                fact.node,
                f"`{function.info.name}` is `async def`: AWS's SDK records the coroutine, and its body never runs",
            )
        elif function.info.is_generator():
            yield Problem(
                fact.frame,
                fact.node,
                f"`{function.info.name}` is a generator: the step returns an iterator, and its body never runs",
            )


CHECKS = {facts.LeafResult: _check, facts.OperationCall: _check_generator}
