"""Which updates a checkpoint may carry."""

from __future__ import annotations

from typing import Any

import pytest

from durable_local import _rules as rules
from durable_local._rules import Settings

RETRY = {"StepOptions": {"NextAttemptDelaySeconds": 5}}
WAIT = {"WaitOptions": {"WaitSeconds": 5}}
INVOKE = {"ChainedInvokeOptions": {"FunctionName": "plain"}}

# Each row: what has happened to operation x before, the update, and the text it is refused with (None: accepted).
Row = tuple[list[tuple[str, str, dict[str, Any]]], tuple[str, str, dict[str, Any]], str | None]
ROWS: dict[str, Row] = {
    "step starts new": ([], ("STEP", "START", {}), None),
    "step starts twice": ([("STEP", "START", {})], ("STEP", "START", {}), rules.STEP_NOT_STARTABLE),
    "step succeeds unstarted": ([], ("STEP", "SUCCEED", {"Payload": "1"}), None),
    "step fails unstarted": ([], ("STEP", "FAIL", {"Error": {}}), None),
    "step retries unstarted": ([], ("STEP", "RETRY", RETRY), None),
    "step succeeds started": ([("STEP", "START", {})], ("STEP", "SUCCEED", {}), None),
    "step succeeds twice": ([("STEP", "SUCCEED", {})], ("STEP", "SUCCEED", {}), "Invalid current STEP state to close."),
    "step fails pending": ([("STEP", "RETRY", RETRY)], ("STEP", "FAIL", {}), "Invalid current STEP state to close."),
    "step starts pending": ([("STEP", "RETRY", RETRY)], ("STEP", "START", {}), rules.STEP_NOT_STARTABLE),
    "step retries without delay": ([], ("STEP", "RETRY", {}), rules.INVALID_STEP_OPTIONS),
    "step retries with both": ([], ("STEP", "RETRY", {**RETRY, "Payload": "1", "Error": {}}), rules.RETRY_BOTH),
    "step starts with delay": ([], ("STEP", "START", RETRY), rules.INVALID_STEP_OPTIONS),
    "step is not cancelled": ([], ("STEP", "CANCEL", {}), "Invalid STEP action."),
    "succeed with error": ([], ("STEP", "SUCCEED", {"Error": {"ErrorType": "X"}}), rules.ERROR_ON_SUCCEED),
    "fail with payload": ([], ("STEP", "FAIL", {"Payload": "1"}), rules.PAYLOAD_ON_FAIL),
    "context starts new": ([], ("CONTEXT", "START", {}), None),
    "context starts twice": (
        [("CONTEXT", "START", {})],
        ("CONTEXT", "START", {}),
        "Cannot start a CONTEXT that already exist.",
    ),
    "context closes unstarted": ([], ("CONTEXT", "SUCCEED", {}), "Invalid current CONTEXT state to close."),
    "context closes": ([("CONTEXT", "START", {})], ("CONTEXT", "FAIL", {"Error": {}}), None),
    "context is not retried": ([], ("CONTEXT", "RETRY", {}), "Invalid CONTEXT action."),
    "wait starts new": ([], ("WAIT", "START", WAIT), None),
    "wait starts twice": (
        [("WAIT", "START", WAIT)],
        ("WAIT", "START", WAIT),
        "Cannot start a WAIT that already exist.",
    ),
    "wait without options": ([], ("WAIT", "START", {}), rules.WAIT_OPTIONS_MISSING),
    "wait is cancelled": ([("WAIT", "START", WAIT)], ("WAIT", "CANCEL", {}), None),
    "wait unknown is cancelled": ([], ("WAIT", "CANCEL", {}), rules.WAIT_NOT_CANCELLABLE),
    "wait is not closed by the function": ([("WAIT", "START", WAIT)], ("WAIT", "SUCCEED", {}), "Invalid WAIT action."),
    "callback starts new": ([], ("CALLBACK", "START", {}), None),
    "callback starts twice": (
        [("CALLBACK", "START", {})],
        ("CALLBACK", "START", {}),
        "Cannot start a CALLBACK that already exist.",
    ),
    "callback is not closed by the function": ([], ("CALLBACK", "SUCCEED", {}), "Invalid CALLBACK action."),
    "invoke starts new": ([], ("CHAINED_INVOKE", "START", INVOKE), None),
    "invoke starts twice": (
        [("CHAINED_INVOKE", "START", INVOKE)],
        ("CHAINED_INVOKE", "START", INVOKE),
        rules.CANNOT_START_EXISTING_INVOKE,
    ),
    "invoke without target": ([], ("CHAINED_INVOKE", "START", {}), rules.INVOKE_OPTIONS_MISSING),
    "invoke is not closed by the function": ([], ("CHAINED_INVOKE", "FAIL", {}), "Invalid CHAINED_INVOKE action."),
    "execution is not started": ([], ("EXECUTION", "START", {}), "Invalid EXECUTION action."),
    "type changes": ([("STEP", "START", {})], ("CONTEXT", "SUCCEED", {}), rules.INCONSISTENT_TYPE),
    "name changes": (
        [("STEP", "START", {"Name": "a"})],
        ("STEP", "SUCCEED", {"Name": "b"}),
        rules.INCONSISTENT_NAME,
    ),
    "subtype changes": (
        [("STEP", "START", {"SubType": "Step"})],
        ("STEP", "SUCCEED", {"SubType": "Other"}),
        rules.INCONSISTENT_SUB_TYPE,
    ),
    "parent changes": (
        [("STEP", "START", {})],
        ("STEP", "SUCCEED", {"ParentId": "p"}),
        rules.INCONSISTENT_PARENT,
    ),
    "parent is unknown": ([], ("STEP", "START", {"ParentId": "p"}), rules.INVALID_PARENT),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_an_update_is_accepted_or_refused_with_the_service_s_text(hand, u, row: Row) -> None:
    before, (kind, action, members), text = row
    hand.start()
    for known, step, more in before:
        hand.checkpoint(u.make(known, step, **more))
    if text is None:
        reply = hand.checkpoint(u.make(kind, action, **members))
        assert [operation["Id"] for operation in reply["NewExecutionState"]["Operations"]] == ["x"]
    else:
        assert hand.refused(u.make(kind, action, **members)) == text


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"Id": "a b"}, "'Id'"),
        ({"Id": "a" * 65}, "'Id'"),
        ({"Id": 7}, "'Id'"),
        ({"Name": "line\nbreak"}, "'Name'"),
        ({"Name": "n" * 257}, "'Name'"),
        ({"SubType": "s" * 33}, "'SubType'"),
        ({"Type": "TEA"}, "'Type'"),
        ({"Action": "BREW"}, "'Action'"),
        ({"Payload": {"a": 1}}, "'Payload'"),
        ({"StepOptions": 5}, "'StepOptions'"),
        ({"Action": "RETRY", "StepOptions": {"NextAttemptDelaySeconds": 0}}, "NextAttemptDelaySeconds"),
        ({"Action": "RETRY", "StepOptions": {"NextAttemptDelaySeconds": 31_622_401}}, "NextAttemptDelaySeconds"),
        ({"Action": "RETRY", "StepOptions": {"NextAttemptDelaySeconds": True}}, "NextAttemptDelaySeconds"),
        ({"Action": "FAIL", "Error": "boom"}, "'Error'"),
        ({"Action": "FAIL", "Error": {"StackTrace": "not a list"}}, "StackTrace"),
        ({"Type": "WAIT", "WaitOptions": {"WaitSeconds": 31_622_401}}, "WaitSeconds"),
        ({"Type": "CALLBACK", "CallbackOptions": {"TimeoutSeconds": -1}}, "TimeoutSeconds"),
        ({"Type": "CONTEXT", "ContextOptions": {"ReplayChildren": "yes"}}, "ReplayChildren"),
        ({"Type": "CHAINED_INVOKE", "ChainedInvokeOptions": {"FunctionName": "f", "TenantId": "ä"}}, "TenantId"),
        ({"Payload": "\ud83d"}, rules.LONE_SURROGATE),
        ({"Action": "FAIL", "Error": {"StackTrace": ["\ud83d"]}}, rules.LONE_SURROGATE),
        ({"Type": "CHAINED_INVOKE", "ChainedInvokeOptions": {"FunctionName": "\ud83d"}}, rules.LONE_SURROGATE),
    ],
)
def test_a_member_outside_of_the_api_model_is_named(hand, u, members: dict[str, Any], part: str) -> None:
    hand.start()
    assert part in hand.refused({**u.make("STEP", "START"), **members})


@pytest.mark.parametrize("updates", [[None], ["x"], [[]], [{}], [{"Id": "x"}], [{"Type": "STEP", "Action": "START"}]])
def test_something_that_is_no_update_is_refused(hand, updates: list[Any]) -> None:
    hand.start()
    assert hand.refused(*updates)


def test_updates_must_be_a_list(hand) -> None:
    hand.start()
    from durable_local._errors import ApiError

    with pytest.raises(ApiError, match="Updates"):
        hand.engine.checkpoint(hand.arn, hand.token, {"Id": "x"})


def test_a_batch_is_all_or_nothing(hand, u) -> None:
    hand.start()
    assert hand.refused(u.make("STEP", "START", "good"), u.make("CONTEXT", "SUCCEED", "bad"))


@pytest.mark.parametrize(("kind", "last"), [("STEP", "SUCCEED"), ("STEP", "FAIL"), ("CONTEXT", "SUCCEED")])
def test_a_start_and_its_close_may_travel_together(hand, u, kind: str, last: str) -> None:
    hand.start()
    (operation,) = hand.checkpoint(u.make(kind, "START"), u.make(kind, last))["NewExecutionState"]["Operations"]
    assert operation["Status"] in {"SUCCEEDED", "FAILED"}


def test_a_start_and_a_retry_may_travel_together(hand, u) -> None:
    hand.start()
    reply = hand.checkpoint(u.make("STEP", "START"), u.make("STEP", "RETRY", **RETRY))
    assert reply["NewExecutionState"]["Operations"][0]["Status"] == "PENDING"


@pytest.mark.parametrize(
    "pair",
    [
        [("STEP", "START"), ("STEP", "START")],
        [("STEP", "SUCCEED"), ("STEP", "SUCCEED")],
        [("WAIT", "START"), ("WAIT", "CANCEL")],
    ],
)
def test_an_operation_is_updated_once_in_a_batch(hand, u, pair: list[tuple[str, str]]) -> None:
    hand.start()
    options = {"START": WAIT} if pair[0][0] == "WAIT" else {}
    batch = [u.make(kind, action, **options.get(action, {})) for kind, action in pair]
    assert hand.refused(*batch) == rules.SAME_OPERATION_TWICE


def test_an_execution_update_comes_once_and_last(hand, u) -> None:
    hand.start()
    close = u.make("EXECUTION", "SUCCEED", "end", Payload="1")
    assert hand.refused(close, {**close, "Id": "end2"}) == rules.TWO_EXECUTION_UPDATES
    assert hand.refused(close, u.make("STEP", "START")) == rules.EXECUTION_NOT_LAST


def test_a_parent_is_an_open_context_or_one_started_earlier_in_the_batch(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.make("CONTEXT", "START", "p"), u.make("STEP", "START", "a", ParentId="p"))
    hand.checkpoint(u.make("STEP", "START", "b", ParentId="p"))
    assert hand.refused(u.make("STEP", "START", "c", ParentId="a")) == rules.INVALID_PARENT
    hand.checkpoint(u.make("CONTEXT", "SUCCEED", "p"))
    assert hand.refused(u.make("STEP", "START", "c", ParentId="p")) == rules.INVALID_PARENT


def test_payloads_are_measured_in_utf8_bytes(make_hand, u) -> None:
    hand = make_hand(Settings(max_operation_payload=10, max_error=40))
    hand.start()
    hand.checkpoint(u.make("STEP", "SUCCEED", "ten", Payload="ä" * 5))
    assert "10 bytes" in hand.refused(u.make("STEP", "SUCCEED", Payload="ä" * 6))
    assert "40 bytes" in hand.refused(u.make("STEP", "FAIL", Error={"ErrorMessage": "m" * 40}))


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 200), ("Event", 100)])
def test_a_checkpointed_result_has_the_limit_of_its_start(make_hand, u, kind: str, limit: int) -> None:
    hand = make_hand(Settings(max_sync_payload=200, max_async_payload=100))
    hand.start("{}", invocation_type=kind)
    refusal = hand.refused(u.make("EXECUTION", "SUCCEED", "end", Payload="x" * (limit + 1)))
    assert refusal == rules.PAYLOAD_TOO_LARGE.format(type="EXECUTION", limit=limit)
    hand.checkpoint(u.make("EXECUTION", "SUCCEED", "end", Payload="x" * limit))
    assert hand.status() == "SUCCEEDED"
