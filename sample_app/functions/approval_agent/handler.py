"""Approval agent: a model answers customers with tools; what costs money waits for a person's yes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from durable_runtime import (
    CallbackTimeoutError,
    DurableContext,
    StepContext,
    WaitForCallbackContext,
    durable_execution,
    durable_step,
)
from durable_runtime.approval import approval_link

MODEL_ID = os.environ.get("MODEL_ID", "")
APPROVERS_TOPIC_ARN = os.environ.get("APPROVERS_TOPIC_ARN", "")
MOST_TURNS = 10
TIME_TO_DECIDE = timedelta(days=3)


@dataclass
class Question:
    """What a customer asks."""

    customer: str
    text: str


@dataclass
class ToolCall:
    """What the model wants done."""

    call_id: str
    tool: str
    arguments: dict[str, Any]


@dataclass
class Turn:
    """One answer of the model: words, or a tool to call first."""

    text: str
    call: ToolCall | None = None


class Decision(TypedDict):
    """What the `ApprovalApi` completes the callback with."""

    decision: str
    by: str
    comment: str
    decided_at: str


@dataclass
class Answer:
    """What the customer reads."""

    text: str
    turns: int


class TooManyTurnsError(Exception):
    """The model went round in circles."""


@durable_execution
def handler(question: Question, ctx: DurableContext) -> Answer:
    """Let the model work on one question until it has an answer."""
    talk = [{"role": "user", "content": [{"text": f"{question.customer}: {question.text}"}]}]
    for number in range(1, MOST_TURNS + 1):
        turn = ctx.step(ask_model(talk), name=f"think {number}", retry=5)
        if turn.call is None:
            return Answer(turn.text, number)
        outcome = use_tool(ctx, turn.call, question)
        talk += said_and_done(turn.call, outcome)
    raise TooManyTurnsError(f"no answer after {MOST_TURNS} turns")


def use_tool(ctx: DurableContext, call: ToolCall, question: Question) -> str:
    """Do what the model asks for, as durable operations, and tell it how that went."""
    match call.tool, call.arguments:
        case "look_up_order", {"order_id": str(order_id)}:
            return ctx.step(look_up_order(order_id), retry=5)
        case "refund", {"order_id": str(order_id), "amount_cents": int(amount_cents)}:
            return refund_if_approved(ctx, order_id, amount_cents, question)
        case _:
            return f"there is no tool {call.tool!r} that takes {sorted(call.arguments)}"


def refund_if_approved(ctx: DurableContext, order_id: str, amount_cents: int, question: Question) -> str:
    """Ask a person, for days if need be; refund when they agree."""

    def ask(callback_id: str, _: WaitForCallbackContext) -> None:
        amount = f"{amount_cents / 100:.2f} EUR"
        link = approval_link(
            callback_id,
            title=f"Refund {amount}?",
            details={"Customer": question.customer, "Order": order_id, "Amount": amount, "Question": question.text},
            expires_in=TIME_TO_DECIDE,
        )
        tell_approvers(f"Refund {amount} for order {order_id}?\n\n{link}")

    try:
        decision: Decision = ctx.wait_for_callback(ask, name="approval", timeout=TIME_TO_DECIDE, returns=Decision)
    except CallbackTimeoutError:
        return "nobody decided in time; the refund was not made"
    if decision["decision"] != "approve":
        return f"refused: {decision['comment'] or 'no reason given'}"
    refund_key = str(ctx.uuid4())  # the same on every replay, so the gateway sees one refund
    return ctx.step(refund(order_id, amount_cents, refund_key), retry=5)


# --- The outside world: the model, the approvers and the shop. -------------------------------------------------------

TOOLS = [
    {
        "toolSpec": {
            "name": name,
            "description": description,
            "inputSchema": {"json": {"type": "object", "properties": properties, "required": list(properties)}},
        }
    }
    for name, description, properties in (
        ("look_up_order", "Says what was ordered and where it is.", {"order_id": {"type": "string"}}),
        (
            "refund",
            "Pays money back, once a person has agreed.",
            {"order_id": {"type": "string"}, "amount_cents": {"type": "integer"}},
        ),
    )
]


@durable_step
def ask_model(_: StepContext, talk: list[dict[str, Any]]) -> Turn:
    """Ask the model on Amazon Bedrock for its next turn."""
    import boto3  # type: ignore[import-untyped]  # Lambda brings it

    reply = boto3.client("bedrock-runtime").converse(modelId=MODEL_ID, messages=talk, toolConfig={"tools": TOOLS})
    parts = reply["output"]["message"]["content"]
    text = " ".join(part["text"] for part in parts if "text" in part)
    uses = [part["toolUse"] for part in parts if "toolUse" in part]
    return Turn(text, ToolCall(uses[0]["toolUseId"], uses[0]["name"], uses[0]["input"]) if uses else None)


def said_and_done(call: ToolCall, outcome: str) -> list[dict[str, Any]]:
    """Return the two messages that continue the talk after a tool was used."""
    use = {"toolUseId": call.call_id, "name": call.tool, "input": call.arguments}
    result = {"toolUseId": call.call_id, "content": [{"text": outcome}]}
    return [
        {"role": "assistant", "content": [{"toolUse": use}]},
        {"role": "user", "content": [{"toolResult": result}]},
    ]


def tell_approvers(text: str) -> None:
    """Send a mail to whoever has subscribed to the topic."""
    import boto3

    boto3.client("sns").publish(TopicArn=APPROVERS_TOPIC_ARN, Subject="A refund needs your decision", Message=text)


@durable_step
def look_up_order(_: StepContext, order_id: str) -> str:
    """Ask the shop."""
    return json.dumps({"order_id": order_id, "status": "delivered", "total_cents": 5_000})


@durable_step
def refund(_: StepContext, order_id: str, amount_cents: int, idempotency_key: str) -> str:
    """Pay back; the gateway pays once per key."""
    return f"refunded {amount_cents} cents for {order_id} as {idempotency_key}"
