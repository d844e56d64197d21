"""The approval agent: a scripted model, real links, a person's decision."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from durable_local.testing import DurableTestRunner, crash_everywhere, never, succeed
from durable_runtime import durable_step
from durable_runtime.approval import read_link
from sample_app.functions.approval_agent import handler as agent

QUESTION = {"customer": "Ada", "text": "my tea arrived cold"}
SECRET = "s" * 64
LOOK_UP = agent.Turn("", agent.ToolCall("1", "look_up_order", {"order_id": "A-1"}))
REFUND = agent.Turn("", agent.ToolCall("2", "refund", {"order_id": "A-1", "amount_cents": 500}))


class Outside:
    """The model, which follows a script, the approvers' mail and the money."""

    def __init__(self) -> None:
        self.script: list[agent.Turn] = [LOOK_UP, REFUND]
        self.reset()

    def reset(self) -> None:
        self.mails: list[str] = []
        self.refunds: set[str] = set()

    def ask_model(self, _: Any, talk: list[dict[str, Any]]) -> agent.Turn:
        turn = len(talk) // 2
        if turn < len(self.script):
            return self.script[turn]
        told = talk[-1]["content"][0]["toolResult"]["content"][0]["text"]
        return agent.Turn(f"I was told: {told}")

    def refund(self, _: Any, order_id: str, amount_cents: int, idempotency_key: str) -> str:
        self.refunds.add(idempotency_key)
        return f"refunded {amount_cents} for {order_id}"


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    world = Outside()
    monkeypatch.setenv("DURABLE_APPROVAL_URL", "https://approvals.example.com")
    monkeypatch.setenv("DURABLE_APPROVAL_SECRET", SECRET)
    monkeypatch.setattr(agent, "ask_model", durable_step(world.ask_model))
    monkeypatch.setattr(agent, "refund", durable_step(world.refund))
    monkeypatch.setattr(agent, "tell_approvers", world.mails.append)
    return world


def decides(decision: str, comment: str = "") -> Any:
    said = {"decision": decision, "by": "eva", "comment": comment, "decided_at": "2026-01-01T00:00:00+00:00"}
    return succeed(said, after=timedelta(hours=20))


def run(responder: Any, question: dict[str, str] = QUESTION) -> Any:
    with DurableTestRunner(agent.handler, responders={"*": responder}) as runner:
        return runner.run(question)


def test_refund_is_made_once_a_person_approves(outside: Outside) -> None:
    result = run(decides("approve"))
    assert result.result == {"text": "I was told: refunded 500 for A-1", "turns": 3}
    assert len(outside.refunds) == 1


def test_link_in_the_mail_asks_the_question_and_ends_with_the_callback(outside: Outside) -> None:
    result = run(decides("approve"))
    [mail] = outside.mails
    token = mail.rsplit("/", 1)[1]
    asked = read_link(token, [SECRET], 0)
    assert asked.title == "Refund 5.00 EUR?"
    assert asked.details["Order"] == "A-1"
    assert asked.callback_id == next(op.callback_id for op in result.operations if op.callback_id)


def test_refusal_is_told_to_the_model_with_its_reason(outside: Outside) -> None:
    assert run(decides("reject", "too late")).result["text"] == "I was told: refused: too late"
    assert not outside.refunds


def test_silence_ends_after_three_days_without_a_refund(outside: Outside) -> None:
    result = run(never())
    assert result.result["text"].endswith("nobody decided in time; the refund was not made")
    assert result.operation("approval").duration.days == agent.TIME_TO_DECIDE.days
    assert not outside.refunds


def test_question_without_tools_is_answered_at_once(outside: Outside) -> None:
    outside.script = [agent.Turn("We open at nine.")]
    assert run(never()).result == {"text": "We open at nine.", "turns": 1}


@pytest.mark.parametrize("call", [("launch", {}), ("refund", {"order_id": "A-1"}), ("refund", {"order_id": 1})])
def test_what_no_tool_can_do_is_told_to_the_model(outside: Outside, call: tuple[str, dict[str, Any]]) -> None:
    outside.script = [agent.Turn("", agent.ToolCall("1", *call))]
    assert run(never()).result["text"].startswith(f"I was told: there is no tool '{call[0]}' that takes")


def test_model_that_goes_round_in_circles_is_stopped(outside: Outside) -> None:
    outside.script = [LOOK_UP] * 20
    result = run(never())
    assert result.status == "FAILED"
    assert result.error.error_type.endswith("TooManyTurnsError")


def test_ends_the_same_whatever_checkpoint_it_dies_at(outside: Outside) -> None:
    report = crash_everywhere(
        agent.handler,
        QUESTION,
        responders={"*": decides("approve")},
        before_each=outside.reset,
        same=lambda result: (result.status, result.result, len(outside.refunds)),
    )
    assert len(report.runs) > 10


def test_models_answer_on_the_wire_becomes_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    use = {"toolUseId": "t-1", "name": "refund", "input": {"order_id": "A-1", "amount_cents": 5}}
    content = [{"text": "Let me see."}, {"toolUse": use}]
    sent: dict[str, Any] = {}

    class Bedrock:
        def converse(self, **request: Any) -> dict[str, Any]:
            sent.update(request)
            return {"output": {"message": {"content": content}}}

    monkeypatch.setattr(boto3, "client", lambda _: Bedrock())
    turn = agent.ask_model([{"role": "user", "content": [{"text": "hello"}]}])(None)
    assert turn == agent.Turn("Let me see.", agent.ToolCall("t-1", "refund", use["input"]))
    assert json.dumps(sent["toolConfig"]).count("inputSchema") == 2
