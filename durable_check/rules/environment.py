"""The environment in orchestration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, source_of, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR006",
    name="environment-in-orchestration",
    severity="warning",
    reported=(
        "Code that replay runs again lets the environment decide which operations run, reads what "
        "belongs to one sandbox or one invocation (host name, process id, request id, log stream, "
        "working directory), or changes `os.environ`."
    ),
    why=(
        "A replay usually runs in another sandbox and always in another invocation. On `$LATEST` the "
        "variables themselves can change under a running execution. A decision taken from them is not "
        "the decision in the history."
    ),
    fix=(
        "Read the value in a step and decide on its result, or take it from the event. For a change "
        'of code under running executions use `ctx.patched("id")`.'
    ),
    bad="""
import os

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    if os.environ["FRAUD_CHECK"] == "on":
        ctx.step(lambda _: "checked", name="check fraud")
    ctx.step(lambda _: "charged", name="charge")
""",
    good="""
import os

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    fraud_check = ctx.step(lambda _: os.environ["FRAUD_CHECK"], name="read settings")
    if fraud_check == "on":
        ctx.step(lambda _: "checked", name="check fraud")
    ctx.step(lambda _: "charged", name="charge")
""",
    limits=(
        "Reading a variable that decides nothing, such as a table name or a function's ARN, is not "
        "reported: the variables of a published version are fixed, and executions stay on the version "
        "they started on."
    ),
)

_SANDBOX = frozenset({"machine", "invocation"})


def _check_use(fact: facts.ExternalUse) -> Iterator[Problem]:
    if fact.entry is None or not fact.frame.region.orchestration:
        return
    if fact.path.endswith("get_remaining_time_in_millis"):
        return  # measuring is fine; deciding on it is reported by branch-on-unstable-value
    if fact.entry.category in _SANDBOX or fact.entry.category == "environment-write":
        text = text_of(fact.node)
        yield Problem(
            fact.frame, fact.node, f"`{text}` in {where(fact.frame)} {fact.entry.does}: a replay runs elsewhere"
        )


def _check_branch(fact: facts.Branch) -> Iterator[Problem]:
    if not fact.frame.region.orchestration or not fact.operations:
        return
    for taint in fact.condition.all_taints():
        if taint.kind == "environment":
            yield Problem(
                fact.frame,
                getattr(fact.node, "test", fact.node),
                f"{source_of(taint, fact.frame)} decides which operations run in {where(fact.frame)}: "
                "the environment can be another one when the handler is replayed",
            )
            return


CHECKS = {facts.ExternalUse: _check_use, facts.Branch: _check_branch}
