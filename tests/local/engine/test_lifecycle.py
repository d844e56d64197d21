"""Starts, invocations, tokens, timers and ends of executions."""

from __future__ import annotations

import json

import pytest

from durable_local import _rules as rules
from durable_local._errors import ApiError
from durable_local._invocation import InvocationResult
from durable_local._rules import Settings

SAME = '{"a":1}'


def refused(call) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value


# --- the six cases of a start by name ---


def test_a_start_without_a_name_is_always_a_new_execution(hand) -> None:
    assert hand.start(SAME) != hand.start(SAME)


def test_a_start_by_a_free_name_carries_it(hand) -> None:
    arn = hand.start(SAME, execution_name="order-1")
    assert arn.startswith("arn:aws:lambda:us-east-1:123456789012:function:work:$LATEST/durable-execution/order-1/")


def test_the_same_start_of_an_open_execution_attaches_to_it(hand) -> None:
    arn = hand.start(SAME, execution_name="order-1")
    again = hand.engine.invoke("work:$LATEST", SAME.encode(), execution_name="order-1")
    event = hand.engine.invoke("work:$LATEST", SAME.encode(), execution_name="order-1", invocation_type="Event")
    assert again.reply is None
    assert event.reply.status == 202
    assert event.reply.execution_arn == arn
    assert hand.idle()
    hand.succeed('"both"')
    assert again.reply.payload == hand.call.reply.payload == b'"both"'


@pytest.mark.parametrize("closed", [False, True])
def test_another_payload_under_a_taken_name_is_refused(hand, closed: bool) -> None:
    arn = hand.start(SAME, execution_name="order-1")
    if closed:
        hand.succeed()
    error = refused(lambda: hand.engine.invoke("work:$LATEST", b'{"a":2}', execution_name="order-1"))
    assert (error.status, error.code) == (409, "DurableExecutionAlreadyStartedException")
    assert error.message == f"Execution already started: {arn}"


def test_the_same_start_of_a_closed_execution_returns_what_is_stored(hand) -> None:
    hand.start(SAME, execution_name="order-1")
    hand.succeed('"kept"')
    again = hand.engine.invoke("work:$LATEST", SAME.encode(), execution_name="order-1")
    assert again.reply.payload == b'"kept"'
    assert hand.idle()


def test_a_name_is_free_again_when_retention_is_over(hand) -> None:
    first = hand.start(SAME, execution_name="order-1")
    hand.succeed()
    hand.advance(14 * rules.DAY + 1)
    assert hand.start('{"other":1}', execution_name="order-1") != first
    assert refused(lambda: hand.engine.get_execution(first)).code == "ResourceNotFoundException"


@pytest.mark.parametrize(("scope", "free"), [("account", False), ("function", True)])
def test_the_scope_of_names_is_a_setting(make_hand, scope: str, free: bool) -> None:
    hand = make_hand(Settings(name_scope=scope))
    hand.engine.functions.define("other", execution_timeout=60)
    hand.start(SAME, execution_name="order-1")
    if free:
        assert ":other:" in hand.start(SAME, function="other:$LATEST", execution_name="order-1")
    else:
        start = lambda: hand.start(SAME, function="other:$LATEST", execution_name="order-1")
        assert refused(start).status == 409


# --- what Invoke refuses ---


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"function": "work"}, "InvalidParameterValueException", rules.UNQUALIFIED),
        ({"function": "work", "invocation_type": "DryRun"}, "InvalidParameterValueException", rules.UNQUALIFIED),
        ({"function": "gone:1"}, "ResourceNotFoundException", "Function not found: "),
        ({"function": "work:7"}, "ResourceNotFoundException", "Function not found: "),
        ({"function": "no such name!"}, "ValidationException", "functionName"),
        ({"execution_name": "with space"}, "InvalidParameterValueException", "durableExecutionName"),
        ({"execution_name": "n" * 65}, "InvalidParameterValueException", "durableExecutionName"),
        ({"invocation_type": "Later"}, "InvalidParameterValueException", "InvocationType"),
        ({"log_type": "Head"}, "InvalidParameterValueException", "LogType"),
        ({"tenant_id": "ä"}, "InvalidParameterValueException", "TenantId"),
        ({"payload": "{nope"}, "InvalidRequestContentException", "Could not parse request body into json"),
        ({"payload": '{"a": NaN}'}, "InvalidRequestContentException", "NaN is no JSON"),
        ({"payload": '"' + "x" * rules.MAX_SYNC_PAYLOAD + '"'}, "RequestTooLargeException", "6291456 bytes"),
        (
            {"payload": '"' + "x" * rules.MAX_ASYNC_PAYLOAD + '"', "invocation_type": "Event"},
            "RequestTooLargeException",
            "1048576 bytes",
        ),
        ({"function": "plain", "execution_name": "x"}, "InvalidParameterValueException", rules.NAME_ON_PLAIN),
        ({"function": "long:$LATEST"}, "InvalidParameterValueException", rules.SYNC_TOO_LONG),
    ],
)
def test_a_start_that_cannot_be_is_refused(hand, options, code: str, text: str) -> None:
    hand.engine.functions.define("long", execution_timeout=901)
    error = refused(lambda: hand.start(**options))
    assert error.code == code
    assert text in error.message
    assert hand.idle()


def test_a_long_execution_starts_asynchronously(hand) -> None:
    hand.engine.functions.define("long", execution_timeout=rules.MAX_DURATION)
    hand.start(function="long:$LATEST", invocation_type="Event")
    assert hand.call.reply.status == 202


def test_a_dry_run_starts_nothing(hand) -> None:
    assert hand.engine.invoke("work:$LATEST", b"{}", invocation_type="DryRun").reply.status == 204
    assert hand.idle()


# --- the envelope and tokens ---


def test_the_event_is_the_envelope_the_runtime_expects(hand) -> None:
    arn = hand.start(SAME, execution_name="order-1")
    assert set(hand.event) == {
        "DurableExecutionArn",
        "CheckpointToken",
        "InitialExecutionState",
        "UpdatedOperationIds",
    }
    (operation,) = hand.event["InitialExecutionState"]["Operations"]
    assert operation == {
        "Id": arn.rpartition("/")[2],
        "Name": "order-1",
        "Type": "EXECUTION",
        "Status": "STARTED",
        "StartTimestamp": hand.clock.now(),
        "ExecutionDetails": {"InputPayload": SAME},
    }
    assert hand.event["InitialExecutionState"]["NextMarker"] == ""


def test_a_token_is_used_once(hand, u) -> None:
    hand.start()
    old = hand.token
    hand.checkpoint(u.make("STEP", "START"))
    error = refused(lambda: hand.engine.checkpoint(hand.arn, old, []))
    assert (error.status, error.message) == (400, "Invalid checkpoint token")


def test_a_token_of_another_execution_is_told_apart(hand) -> None:
    first, token = hand.start(), hand.token
    hand.start()
    error = refused(lambda: hand.engine.checkpoint(hand.arn, token, []))
    assert error.message == "Checkpoint token is not valid for the durable execution ARN"
    assert first != hand.arn


@pytest.mark.parametrize("token", [None, "", "%%%", 5, "a" * 2049, "YWJj"])
def test_a_malformed_or_unknown_token_is_refused(hand, token) -> None:
    hand.start()
    assert refused(lambda: hand.engine.checkpoint(hand.arn, token, [])).code == "InvalidParameterValueException"


def test_an_invocation_s_token_dies_with_it(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait())
    hand.pend()
    assert refused(hand.checkpoint).message == "Invalid checkpoint token"


def test_a_repeated_checkpoint_with_its_client_token_gets_the_same_reply(hand, u) -> None:
    hand.start()
    token = hand.token
    first = hand.checkpoint(u.make("STEP", "START"), client_token="t-1")
    again = hand.engine.checkpoint(hand.arn, token, [u.make("STEP", "START")], "t-1")
    assert again == first
    assert hand.event_types().count("StepStarted") == 1
    hand.advance(rules.CLIENT_TOKEN_WINDOW)
    late = lambda: hand.engine.checkpoint(hand.arn, token, [u.make("STEP", "START")], "t-1")
    assert refused(late).message == "Invalid checkpoint token"


def test_the_checkpoint_that_closed_an_execution_can_be_repeated_too(hand, u) -> None:
    hand.start()
    token, end = hand.token, u.make("EXECUTION", "SUCCEED", "end", Payload="1")
    first = hand.checkpoint(end, client_token="t-1")
    assert hand.engine.checkpoint(hand.arn, token, [end], "t-1") == first
    assert refused(lambda: hand.engine.checkpoint(hand.arn, token, [end], "t-2")).message == "Invalid checkpoint token"
    assert hand.event_types().count("ExecutionSucceeded") == 1


# --- timers ---


def test_a_wait_ends_on_time_and_starts_the_next_invocation(hand, u) -> None:
    hand.start()
    reply = hand.checkpoint(u.wait(seconds=60))
    end = reply["NewExecutionState"]["Operations"][0]["WaitDetails"]["ScheduledEndTimestamp"]
    hand.pend()
    hand.advance(59.999)
    assert hand.idle()
    hand.advance(0.001)
    hand.take()
    assert hand.clock.now() == round(end * 1000)
    assert hand.event["UpdatedOperationIds"] == ["w"]
    assert hand.operation("w")["Status"] == "SUCCEEDED"


def test_a_wait_that_ends_while_the_function_runs_comes_with_the_next_checkpoint(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait(seconds=1))
    hand.advance(1)
    assert hand.idle()
    (operation,) = hand.checkpoint()["NewExecutionState"]["Operations"]
    assert operation["Status"] == "SUCCEEDED"


def test_what_a_suspending_function_could_not_see_starts_the_next_invocation_at_once(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait(seconds=1), u.wait("later", seconds=99))
    hand.advance(1)
    hand.pend()
    assert hand.take().execution_arn == hand.arn


def test_a_step_retry_becomes_ready_when_due(hand, u) -> None:
    hand.start()
    retry = {"StepOptions": {"NextAttemptDelaySeconds": 5}, "Error": {"ErrorMessage": "flaky"}}
    hand.checkpoint(u.make("STEP", "START"), u.make("STEP", "RETRY", **retry))
    assert hand.operation("x")["StepDetails"]["NextAttemptTimestamp"] == hand.clock.now() / 1000 + 5
    hand.pend()
    hand.advance(5)
    hand.take()
    assert hand.operation("x")["Status"] == "READY"
    assert "NextAttemptTimestamp" not in hand.operation("x")["StepDetails"]
    hand.checkpoint(u.make("STEP", "START"))
    hand.checkpoint(u.make("STEP", "SUCCEED", Payload='"ok"'))
    details = hand.operation("x")["StepDetails"]
    assert details == {"Attempt": 2, "Result": '"ok"'}


def test_an_execution_times_out_whatever_it_waits_for(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait(seconds=rules.MAX_DURATION))
    hand.pend()
    hand.advance(900)
    assert hand.status() == "TIMED_OUT"
    assert hand.error() == {"ErrorMessage": "Execution timed out after 900 seconds."}
    assert hand.call.reply.function_error == "Unhandled"
    hand.advance(rules.MAX_DURATION)
    assert hand.idle()


def test_a_running_invocation_of_a_timed_out_execution_is_refused_its_next_checkpoint(hand, u) -> None:
    hand.start()
    hand.advance(900)
    assert refused(lambda: hand.checkpoint(u.make("STEP", "START"))).message == "Invalid checkpoint token"
    hand.succeed()
    assert hand.status() == "TIMED_OUT"
    assert hand.event_types()[-1] == "InvocationCompleted"


def test_a_sink_that_fails_keeps_nobody_from_an_answer(hand, monkeypatch, caplog) -> None:
    def broken(_record) -> None:
        raise RuntimeError("the sink is broken")

    hand.engine._core.sink = broken
    hand.start()
    hand.succeed()
    assert hand.call.reply.payload == b'"done"'
    assert "the event sink failed" in caplog.text


# --- what a function returns ---


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"not json", rules.OUTPUT_STATUS),
        (b"null", rules.OUTPUT_STATUS),
        (b'{"Status":"FINE"}', rules.OUTPUT_STATUS),
        (b'{"Status":["SUCCEEDED"]}', rules.OUTPUT_STATUS),
        (b'{"Status":"SUCCEEDED","Error":{}}', rules.OUTPUT_ERROR),
        (b'{"Status":"FAILED","Result":"1"}', rules.OUTPUT_RESULT),
        (b'{"Status":"PENDING"}', rules.OUTPUT_PENDING),
        (b'{"Status":"FAILED","Error":"boom"}', "Error"),
        (b'{"Status":"SUCCEEDED","Result":"\\ud83d"}', rules.LONE_SURROGATE),
        (b'{"Status":"FAILED","Error":{"ErrorMessage":"\\ud83d"}}', rules.LONE_SURROGATE),
    ],
)
def test_nonsense_from_a_function_fails_the_execution_with_a_reason(hand, raw: bytes, text: str) -> None:
    hand.start()
    hand.end(raw=raw)
    assert hand.status() == "FAILED"
    assert hand.error()["ErrorType"] == "InvalidParameterValueException"
    assert text in hand.error()["ErrorMessage"]


def test_a_result_over_the_limit_fails_the_execution(make_hand) -> None:
    hand = make_hand(Settings(max_sync_payload=100))
    hand.start("{}")
    hand.end({"Status": "SUCCEEDED", "Result": "x" * 101})
    assert hand.error()["ErrorMessage"] == rules.OUTPUT_TOO_LARGE.format(limit=100)


def test_a_failed_execution_answers_like_a_failed_function(hand) -> None:
    hand.start()
    error = {"ErrorMessage": "no stock", "ErrorType": "OutOfStock", "StackTrace": ["line 1"], "ErrorData": "{}"}
    hand.end({"Status": "FAILED", "Error": error})
    reply = hand.call.reply
    assert (reply.status, reply.function_error) == (200, "Unhandled")
    assert json.loads(reply.payload) == {
        "errorMessage": "no stock",
        "errorType": "OutOfStock",
        "stackTrace": ["line 1"],
        "errorData": "{}",
    }
    assert hand.error() == error


def test_a_checkpointed_result_wins_over_the_returned_one(hand, u) -> None:
    hand.start()
    reply = hand.checkpoint(u.make("EXECUTION", "SUCCEED", "end", Payload='"big"'))
    assert "CheckpointToken" not in reply
    hand.end({"Status": "SUCCEEDED", "Result": ""})
    assert hand.engine.get_execution(hand.arn)["Result"] == '"big"'
    assert hand.call.reply.payload == b'"big"'


def test_a_checkpointed_failure_closes_the_execution(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.make("EXECUTION", "FAIL", "end", Error={"ErrorType": "Big"}))
    assert (hand.status(), hand.error()) == ("FAILED", {"ErrorType": "Big"})


# --- invocations that die ---


def test_a_dead_invocation_is_tried_again_with_growing_delays(hand) -> None:
    hand.start()
    for delay in (1, 2, 4, 8, 16, 32, 60, 60):
        hand.crash()
        assert hand.status() == "RUNNING"
        hand.advance(delay - 0.001)
        assert hand.idle()
        hand.advance(0.001)
        hand.take()
    hand.succeed()
    assert hand.status() == "SUCCEEDED"
    errors = [
        e["InvocationCompletedDetails"].get("Error") for e in hand.events() if e["EventType"] == "InvocationCompleted"
    ]
    assert errors[0]["Payload"] == {"ErrorMessage": "exit 1", "ErrorType": "Runtime.ExitError"}
    assert errors[-1] is None


def test_attempts_count_anew_after_an_invocation_that_came_back(hand, u) -> None:
    hand.start()
    hand.crash()
    hand.advance(1)
    hand.take()
    hand.checkpoint(u.wait(seconds=1))
    hand.pend()
    hand.advance(1)
    hand.take()
    hand.crash()
    hand.advance(1)
    hand.take()


def test_attempts_can_be_limited(make_hand) -> None:
    hand = make_hand(Settings(max_invocation_attempts=2))
    hand.start()
    hand.crash()
    hand.advance(1)
    hand.take()
    hand.crash("again")
    assert (hand.status(), hand.error()["ErrorMessage"]) == ("FAILED", "again")


def test_a_function_timeout_is_recorded_in_lambda_s_words(hand) -> None:
    hand.start()
    result = InvocationResult.timed_out(hand.request.request_id, 3)
    hand.engine.complete_invocation(hand.request.request_id, result)
    error = hand.events()[-1]["InvocationCompletedDetails"]["Error"]["Payload"]
    assert error["ErrorType"] == "Sandbox.Timedout"
    assert error["ErrorMessage"].endswith("Task timed out after 3.00 seconds")


def test_half_a_surrogate_pair_in_an_exception_harms_nobody(hand) -> None:
    hand.start()
    error = {"errorType": "ValueError", "errorMessage": "cut \ud83d", "stackTrace": ["\ud83d"]}
    hand.engine.complete_invocation(hand.request.request_id, InvocationResult.failed(error))
    written = hand.events()[-1]["InvocationCompletedDetails"]["Error"]["Payload"]
    assert written == {"ErrorType": "ValueError", "ErrorMessage": "cut ?", "StackTrace": ["?"]}


def test_an_invocation_is_completed_once(hand) -> None:
    hand.start()
    request_id = hand.request.request_id
    hand.succeed()
    assert hand.engine.complete_invocation(request_id, InvocationResult.ok(b"{}")) is False
    assert hand.status() == "SUCCEEDED"


def test_a_deleted_function_s_execution_keeps_trying_until_its_timeout(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait(seconds=1))
    hand.pend()
    hand.engine.functions.put(("function", "work", None))
    hand.advance(1)
    assert hand.idle()
    error = hand.events()[-1]["InvocationCompletedDetails"]["Error"]["Payload"]
    assert error["ErrorType"] == "ResourceNotFoundException"
    assert hand.status() == "RUNNING"


# --- state ---


def test_state_pages_through_everything_in_start_order(hand, u) -> None:
    hand.start()
    hand.checkpoint(*[u.make("STEP", "SUCCEED", f"s{n}", Payload=str(n)) for n in range(25)])
    seen, marker = [], None
    while marker != "":
        page = hand.engine.get_state(hand.arn, hand.token, marker, 10)
        seen += [operation["Id"] for operation in page["Operations"]]
        marker = page.get("NextMarker", "")
    assert seen[1:] == [f"s{n}" for n in range(25)]


def test_a_completed_context_hides_its_children_unless_they_are_replayed(hand, u) -> None:
    hand.start()
    for context, replay in (("hide", False), ("show", True)):
        hand.checkpoint(
            u.make("CONTEXT", "START", context),
            u.make("STEP", "SUCCEED", f"{context}-child", ParentId=context),
            u.make("CONTEXT", "START", f"{context}-inner", ParentId=context),
            u.make("STEP", "SUCCEED", f"{context}-deep", ParentId=f"{context}-inner"),
            u.make("CONTEXT", "SUCCEED", f"{context}-inner", ContextOptions={"ReplayChildren": True}),
        )
        hand.checkpoint(u.make("CONTEXT", "SUCCEED", context, ContextOptions={"ReplayChildren": replay}))
    ids = [operation["Id"] for operation in hand.engine.get_state(hand.arn, hand.token)["Operations"]]
    assert ids[1:] == ["hide", "show", "show-child", "show-inner", "show-deep"]
    assert len(hand.engine.operations(hand.arn)) == 9


def test_a_large_event_is_paged_and_the_rest_is_fetched(make_hand, u) -> None:
    hand = make_hand(Settings(max_page_bytes=10_000))
    hand.start()
    for n in range(10):
        hand.checkpoint(u.make("STEP", "SUCCEED", f"s{n}", Payload="x" * 3000))
    hand.checkpoint(u.wait(seconds=1))
    hand.pend()
    hand.advance(1)
    hand.take()
    state = hand.event["InitialExecutionState"]
    seen, marker = [o["Id"] for o in state["Operations"]], state["NextMarker"]
    assert marker
    while marker:
        page = hand.engine.get_state(hand.arn, hand.token, marker, 1000)
        seen += [o["Id"] for o in page["Operations"]]
        marker = page.get("NextMarker", "")
    assert seen[1:] == [f"s{n}" for n in range(10)] + ["w"]


def test_a_large_checkpoint_reply_is_paged_too(make_hand, u) -> None:
    hand = make_hand(Settings(max_page_bytes=10_000))
    hand.start()
    reply = hand.checkpoint(*[u.make("STEP", "SUCCEED", f"s{n}", Payload="x" * 3000) for n in range(10)])
    state = reply["NewExecutionState"]
    seen = [o["Id"] for o in state["Operations"]]
    marker = state["NextMarker"]
    while marker:
        page = hand.engine.get_state(hand.arn, hand.token, marker, 1000)
        seen += [o["Id"] for o in page["Operations"]]
        marker = page.get("NextMarker", "")
    assert seen == [f"s{n}" for n in range(10)]


@pytest.mark.parametrize("marker", ["x1", "s", "s-1", "s1.5", "h0", "s" + "9" * 20, "s²"])
def test_a_marker_that_is_none_of_ours_is_refused(hand, marker: str) -> None:
    hand.start()
    assert refused(lambda: hand.engine.get_state(hand.arn, hand.token, marker)).message == "Invalid marker"
