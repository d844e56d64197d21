"""Stop, pause, resume, delete, callbacks and chained invokes."""

from __future__ import annotations

import base64

import pytest

from durable_local import _rules as rules
from durable_local._errors import ApiError
from durable_local._invocation import InvocationResult
from durable_local._rules import Settings


def refused(call) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value


# --- stop ---


def test_stop_ends_an_execution_and_repeats_its_answer(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait())
    hand.pend()
    first = hand.engine.stop(hand.arn, {"ErrorMessage": "enough"})
    hand.advance(10)
    assert hand.engine.stop(hand.arn) == first
    assert (hand.status(), hand.error()) == ("STOPPED", {"ErrorMessage": "enough"})
    assert hand.operation("w")["Status"] == "STARTED"
    hand.advance(60)
    assert hand.idle()


def test_stop_without_a_body_has_an_empty_error(hand) -> None:
    hand.start()
    hand.engine.stop(hand.arn)
    assert hand.error() == {}


def test_a_running_invocation_of_a_stopped_execution_is_refused_its_next_checkpoint(hand, u) -> None:
    hand.start()
    hand.engine.stop(hand.arn)
    assert refused(lambda: hand.checkpoint(u.wait())).message == "Invalid checkpoint token"


def test_what_ended_otherwise_cannot_be_stopped(hand) -> None:
    hand.start()
    hand.succeed()
    assert refused(lambda: hand.engine.stop(hand.arn)).status == 400


@pytest.mark.parametrize("operation", ["stop", "pause", "resume", "delete", "get_execution", "get_history"])
def test_an_execution_nobody_knows_is_a_404_and_nonsense_a_400(hand, operation: str) -> None:
    method = getattr(hand.engine, operation)
    arn = "arn:aws:lambda:us-east-1:123456789012:function:work:1/durable-execution/n/i"
    assert (refused(lambda: method(arn)).status, refused(lambda: method("nonsense")).status) == (404, 400)


# --- pause and resume ---


def test_a_resting_execution_is_paused_at_once_and_misses_nothing(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait(seconds=60))
    hand.pend()
    hand.engine.pause(hand.arn, reason="maintenance")
    details = hand.engine.get_execution(hand.arn)
    assert details["Status"] == "PAUSED"
    assert details["PauseDetails"]["Reason"] == "maintenance"
    hand.advance(60)
    assert hand.operation("w")["Status"] == "SUCCEEDED"
    assert hand.idle()
    hand.engine.resume(hand.arn)
    assert hand.take().execution_arn == hand.arn
    assert hand.event["UpdatedOperationIds"] == ["w"]


def test_nothing_happened_in_the_pause_nothing_starts_after_it(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait(seconds=600))
    hand.pend()
    hand.engine.pause(hand.arn)
    hand.engine.resume(hand.arn)
    assert hand.status() == "RUNNING"
    assert hand.idle()


def test_a_running_execution_is_pausing_until_its_next_checkpoint_which_gets_no_token(hand, u) -> None:
    hand.start()
    hand.engine.pause(hand.arn)
    assert hand.status() == "PAUSING"
    reply = hand.checkpoint(u.make("STEP", "SUCCEED", Payload='"kept"'))
    assert "CheckpointToken" not in reply
    assert hand.status() == "PAUSED"
    hand.pend()
    hand.engine.resume(hand.arn)
    hand.take()
    assert hand.operation("x")["Status"] == "SUCCEEDED"


def test_a_resume_before_the_interrupted_invocation_is_back_waits_for_it(hand, u) -> None:
    hand.start()
    hand.engine.pause(hand.arn)
    hand.checkpoint(u.make("STEP", "SUCCEED"))
    hand.engine.resume(hand.arn)
    assert hand.idle()
    hand.pend()
    assert hand.take().execution_arn == hand.arn


def test_a_resume_cancels_a_pause_that_was_not_reached(hand, u) -> None:
    hand.start()
    hand.engine.pause(hand.arn)
    hand.engine.resume(hand.arn)
    assert "CheckpointToken" in hand.checkpoint(u.make("STEP", "SUCCEED"))
    hand.succeed()
    assert hand.status() == "SUCCEEDED"


def test_an_invocation_may_end_an_execution_that_is_pausing(hand) -> None:
    hand.start()
    hand.engine.pause(hand.arn)
    hand.succeed()
    assert hand.status() == "SUCCEEDED"


def test_a_crash_while_pausing_is_tried_again_after_the_resume(hand) -> None:
    hand.start()
    hand.engine.pause(hand.arn)
    hand.crash()
    assert hand.status() == "PAUSED"
    hand.advance(60)
    assert hand.idle()
    hand.engine.resume(hand.arn)
    hand.take()


def test_a_pause_extends_the_timeout_by_its_length(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait(seconds=2000))
    hand.pend()
    hand.advance(800)
    hand.engine.pause(hand.arn)
    hand.advance(5000)
    assert hand.status() == "PAUSED"
    hand.engine.resume(hand.arn)
    hand.take()
    hand.advance(99)
    assert hand.status() == "RUNNING"
    hand.advance(1)
    assert hand.status() == "TIMED_OUT"


def test_a_pause_may_let_the_timeout_run(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.wait(seconds=2000))
    hand.pend()
    hand.engine.pause(hand.arn, timeout_paused=False)
    hand.advance(900)
    assert hand.status() == "TIMED_OUT"


def test_even_a_paused_execution_ends_after_366_days(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.callback())
    hand.pend()
    hand.engine.pause(hand.arn)
    hand.advance(rules.LONGEST_LIFE)
    assert hand.status() == "TIMED_OUT"


def test_pause_and_resume_repeat_with_their_client_token_and_conflict_without(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.callback())
    hand.pend()
    hand.engine.pause(hand.arn, client_token="p-1", reason="r")
    hand.engine.pause(hand.arn, client_token="p-1", reason="r")
    assert refused(lambda: hand.engine.pause(hand.arn, client_token="p-1", reason="other")).status == 409
    assert refused(lambda: hand.engine.pause(hand.arn)).code == "ResourceConflictException"
    hand.engine.resume(hand.arn, client_token="r-1")
    hand.engine.resume(hand.arn, client_token="r-1")
    assert refused(lambda: hand.engine.resume(hand.arn)).status == 409
    assert hand.event_types().count("ExecutionPaused") == hand.event_types().count("ExecutionResumed") == 1


# --- delete ---


def test_only_a_closed_execution_is_deleted_and_then_it_is_gone(hand) -> None:
    hand.start()
    assert refused(lambda: hand.engine.delete(hand.arn)).code == "ResourceConflictException"
    hand.succeed()
    assert "DeletionRequestTimestamp" in hand.engine.delete(hand.arn)
    assert refused(lambda: hand.engine.get_execution(hand.arn)).status == 404
    assert hand.engine.list_executions("work")["DurableExecutions"] == []


# --- callbacks ---


@pytest.fixture
def waiting(hand, u):
    """An execution that rests on a callback with a time-out of 3 days and a heartbeat of an hour."""
    hand.engine.functions.define("patient", execution_timeout=rules.MAX_DURATION)
    hand.start(function="patient:$LATEST", invocation_type="Event")
    (operation,) = hand.checkpoint(u.callback(timeout=3 * rules.DAY, heartbeat=3600))["NewExecutionState"]["Operations"]
    hand.callback_id = operation["CallbackDetails"]["CallbackId"]
    hand.pend()
    return hand


def test_a_callback_succeeds_and_wakes_its_execution(waiting) -> None:
    assert waiting.engine.callback_succeed(waiting.callback_id, b'"yes"') == {}
    waiting.take()
    details = waiting.operation("c")["CallbackDetails"]
    assert details["Result"] == '"yes"'


@pytest.mark.parametrize("error", [{"ErrorMessage": "no", "ErrorType": "Refused"}, None])
def test_a_callback_fails_with_or_without_an_error(waiting, error) -> None:
    waiting.engine.callback_fail(waiting.callback_id, error)
    waiting.take()
    assert waiting.operation("c")["CallbackDetails"]["Error"] == (error or {})


def test_whether_a_bare_failure_invokes_is_a_setting(make_hand, u) -> None:
    hand = make_hand(Settings(bare_failure_invokes=False))
    hand.start()
    (operation,) = hand.checkpoint(u.callback())["NewExecutionState"]["Operations"]
    hand.pend()
    hand.engine.callback_fail(operation["CallbackDetails"]["CallbackId"])
    assert hand.idle()


@pytest.mark.parametrize("how", ["succeed", "fail", "heartbeat"])
def test_a_callback_that_is_over_says_so(waiting, how: str) -> None:
    waiting.engine.callback_succeed(waiting.callback_id)
    error = refused(lambda: getattr(waiting.engine, f"callback_{how}")(waiting.callback_id))
    assert (error.status, error.code) == (400, "CallbackTimeoutException")
    assert error.message == "The callback is either timed out or already completed"


@pytest.mark.parametrize(
    "callback_id", ["", "!!!", "YWJj", "a" * 1025, base64.b64encode(b"x/y").decode(), "/w==", "abcde"]
)
def test_an_unknown_callback_is_an_invalid_parameter(hand, callback_id: str) -> None:
    error = refused(lambda: hand.engine.callback_succeed(callback_id))
    assert (error.code, error.message) == ("InvalidParameterValueException", "Invalid callback id")


def test_a_callback_times_out_without_heartbeats(waiting) -> None:
    waiting.advance(3600)
    waiting.take()
    assert waiting.operation("c")["Status"] == "TIMED_OUT"
    error = {"ErrorMessage": "Callback timed out on heartbeat", "ErrorType": "Callback.Heartbeat"}
    assert waiting.operation("c")["CallbackDetails"]["Error"] == error


def test_heartbeats_keep_a_callback_alive_until_its_own_timeout(waiting) -> None:
    for _ in range(3 * 48 - 1):
        waiting.advance(1800)
        waiting.engine.callback_heartbeat(waiting.callback_id)
    assert waiting.operation("c")["Status"] == "STARTED"
    waiting.advance(1800)
    assert waiting.operation("c")["Status"] == "TIMED_OUT"
    error = {"ErrorMessage": "Callback timed out", "ErrorType": "Callback.Timeout"}
    assert waiting.operation("c")["CallbackDetails"]["Error"] == error


def test_a_callback_result_has_its_limit_and_is_text(waiting) -> None:
    assert (
        "1048576 bytes" in refused(lambda: waiting.engine.callback_succeed(waiting.callback_id, b"x" * 1048577)).message
    )
    assert refused(lambda: waiting.engine.callback_succeed(waiting.callback_id, b"\xff")).status == 400
    assert waiting.operation("c")["Status"] == "STARTED"


# --- chained invokes ---


def test_a_plain_function_is_called_and_its_result_comes_back(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.invoke())
    hand.pend()
    (request,) = hand.engine.take_ready()
    assert (request.function.name, request.event, request.execution_arn) == ("plain", b'{"n":1}', None)
    hand.engine.complete_invocation(request.request_id, InvocationResult.ok(b'{"n":2}'))
    hand.take()
    assert hand.operation("i")["ChainedInvokeDetails"] == {"Result": '{"n":2}'}


def test_a_plain_function_s_error_comes_back(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.invoke())
    hand.pend()
    (request,) = hand.engine.take_ready()
    error = {"errorMessage": "boom", "errorType": "ValueError", "stackTrace": ["x"]}
    hand.engine.complete_invocation(request.request_id, InvocationResult.failed(error))
    hand.take()
    wire = {"ErrorMessage": "boom", "ErrorType": "ValueError", "StackTrace": ["x"]}
    assert hand.operation("i")["ChainedInvokeDetails"] == {"Error": wire}


@pytest.mark.parametrize(
    ("end", "status", "details"),
    [
        ("succeed", "SUCCEEDED", {"Result": '"done"'}),
        ("fail", "FAILED", {"Error": {"ErrorMessage": "no"}}),
        ("stop", "STOPPED", {"Error": {"ErrorMessage": "stopped"}}),
        (
            "time",
            "TIMED_OUT",
            {
                "Error": {
                    "ErrorMessage": "CHAINED_INVOKE timed out after 60 seconds.",
                    "ErrorType": "ChainedInvoke.Timeout",
                }
            },
        ),
    ],
)
def test_a_child_execution_s_end_is_the_operation_s_end(hand, u, end: str, status: str, details) -> None:
    hand.engine.functions.define("child", execution_timeout=60)
    parent = hand.start()
    hand.checkpoint(u.invoke(function="child:$LATEST"))
    hand.pend()
    child = hand.hold(hand.engine.take_ready()[0]).execution_arn
    assert hand.engine.children(parent) == {"i": child}
    if end == "succeed":
        hand.succeed()
    elif end == "fail":
        hand.end({"Status": "FAILED", "Error": {"ErrorMessage": "no"}})
    elif end == "stop":
        hand.engine.stop(child, {"ErrorMessage": "stopped"})
    else:
        hand.advance(60)
    assert hand.take().execution_arn == parent
    assert (hand.operation("i")["Status"], hand.operation("i")["ChainedInvokeDetails"]) == (status, details)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("nobody", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody"),
        ("work", "You cannot invoke a durable function using an unqualified ARN."),
        ("arn:aws:lambda:us-east-1:999999999999:function:plain", rules.OTHER_ACCOUNT),
        ("arn:aws:lambda:eu-west-1:123456789012:function:plain", rules.OTHER_REGION),
    ],
)
def test_a_target_that_cannot_be_fails_inside_the_checkpoint_reply(hand, u, target: str, text: str) -> None:
    hand.start()
    (operation,) = hand.checkpoint(u.invoke(function=target))["NewExecutionState"]["Operations"]
    assert operation["Status"] == "FAILED"
    assert operation["ChainedInvokeDetails"]["Error"]["ErrorMessage"] == text


def test_a_stopped_parent_leaves_its_child_alone(hand, u) -> None:
    hand.engine.functions.define("child", execution_timeout=60)
    parent = hand.start()
    hand.checkpoint(u.invoke(function="child:$LATEST"))
    hand.pend()
    hand.engine.stop(parent)
    (request,) = hand.engine.take_ready()
    hand.hold(request)
    hand.succeed()
    assert hand.status() == "SUCCEEDED"


# --- plain functions called by Invoke ---


def test_a_plain_function_answers_its_caller(hand) -> None:
    call = hand.engine.invoke("plain", b"[1]", log_type="Tail")
    request = hand.take()
    hand.engine.complete_invocation(request.request_id, InvocationResult.ok(b"[2]"))
    assert (call.reply.status, call.reply.payload) == (200, b"[2]")
    assert b"START RequestId: " in base64.b64decode(call.reply.headers["X-Amz-Log-Result"])


def test_an_asynchronous_event_is_retried_twice_and_then_a_dead_letter(hand) -> None:
    assert hand.engine.invoke("plain", b'"x"', invocation_type="Event").reply.status == 202
    for delay in (60, 120, 0):
        hand.take()
        hand.crash("dead")
        hand.advance(delay)
    assert hand.idle()
    (letter,) = [record for record in hand.records if record["kind"] == "dead_letter"]
    assert (letter["function"], letter["payload"], letter["error"]["ErrorMessage"]) == ("plain", '"x"', "dead")


def test_the_retries_of_an_event_are_the_function_s(hand) -> None:
    document = hand.engine.functions.documents["function"]["plain"]
    configured = {**document, "event_invoke": {"$LATEST": {"MaximumRetryAttempts": 0}}}
    hand.engine.functions.put(("function", "plain", configured))
    hand.engine.invoke("plain", b"", invocation_type="Event")
    hand.take()
    hand.crash()
    hand.advance(3600)
    assert hand.idle()
