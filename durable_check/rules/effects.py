"""I/O in orchestration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, text_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator


RULE = Rule(
    id="DUR004",
    name="io-in-orchestration",
    severity="error",
    reported=(
        "An AWS client, an HTTP request, a file, a socket, a database or a subprocess is used in code "
        "that replay runs again."
    ),
    why=(
        "The call happens again on every replay: the row is written twice, the mail is sent twice, "
        "and a read returns what is true now instead of what the workflow decided on."
    ),
    fix=(
        'Move the call into a step: `ctx.step(lambda _: table.get_item(...), name="load order")`. The '
        "step's result is recorded and the call is not repeated."
    ),
    bad="""
import boto3

from durable_runtime import durable_execution

table = boto3.resource("dynamodb", region_name="eu-west-1").Table("orders")


@durable_execution
def handler(event, ctx):
    order = table.get_item(Key={"id": event["order_id"]})["Item"]
    ctx.step(lambda _: order["total"], name="charge")
""",
    good="""
import boto3

from durable_runtime import durable_execution

table = boto3.resource("dynamodb", region_name="eu-west-1").Table("orders")


@durable_execution
def handler(event, ctx):
    order = ctx.step(lambda _: table.get_item(Key={"id": event["order_id"]})["Item"], name="load order")
    ctx.step(lambda _: order["total"], name="charge")
""",
    limits=(
        "Clients of libraries outside the catalogue, and clients that arrive as parameters without an "
        "annotation, are not seen. Building a client sends nothing and is not reported."
    ),
)


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    if fact.entry is None or fact.entry.category != "io" or not fact.frame.region.orchestration:
        return
    yield Problem(
        fact.frame,
        fact.node,
        f"`{text_of(fact.node, 48)}` {fact.entry.does} in {where(fact.frame)}: it happens again on every replay",
    )


CHECKS = {facts.ExternalUse: _check}
