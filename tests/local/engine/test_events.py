"""The event log: all 26 event types with every member, as the API model has them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import botocore.session
import pytest

from durable_local import _rules as rules
from durable_local._errors import ApiError
from durable_local._invocation import InvocationResult
from durable_local._rules import Settings

MODEL = botocore.session.get_session().get_service_model("lambda")
ALL = set(MODEL.shape_for("EventType").enum)


def conforms(shape, value: Any, path: str = "") -> None:
    """Check a reply against the API model: no unknown member, none missing, each of its type."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), path
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{path}: the model has no {unknown}"
        missing = set(shape.required_members) - set(value)
        assert not missing, f"{path}: {missing} missing"
        for member, inner in value.items():
            conforms(shape.members[member], inner, f"{path}.{member}")
    elif shape.type_name == "list":
        assert isinstance(value, list), path
        for inner in value:
            conforms(shape.member, inner, f"{path}[]")
    else:
        kinds = {"string": str, "integer": int, "long": int, "boolean": bool, "timestamp": float}
        assert isinstance(value, kinds[shape.type_name]), f"{path}: {value!r} is no {shape.type_name}"
        if shape.type_name == "timestamp":
            assert 2020 < dt.datetime.fromtimestamp(value, dt.UTC).year < 2200, path
        if shape.type_name == "string" and getattr(shape, "enum", None):
            assert value in shape.enum, path


def everything(hand, u) -> list[str]:
    """Drive executions through every event type and return their ARNs."""
    define = hand.engine.functions.define
    define("work", execution_timeout=rules.MAX_DURATION)
    define("child", execution_timeout=60)
    arns = [hand.start(invocation_type="Event", trace_id="Root=1-2-3", tenant_id="t-1")]
    retry = {"StepOptions": {"NextAttemptDelaySeconds": 1}}
    hand.checkpoint(
        u.make("CONTEXT", "START", "ctx", Name="outer", SubType="RunInChildContext"),
        u.make("STEP", "START", "good", ParentId="ctx", Name="charge", SubType="Step"),
        u.make("STEP", "SUCCEED", "good", Payload='"ok"'),
        u.make("STEP", "START", "bad"),
        u.make("STEP", "FAIL", "bad", Error={"ErrorMessage": "no", "ErrorType": "E"}),
        u.make("STEP", "RETRY", "poll", Payload='"state"', **retry),
        u.make("STEP", "RETRY", "flaky", Error={"ErrorMessage": "again"}, **retry),
        u.make("CONTEXT", "START", "sad"),
        u.wait("long", 600),
        u.wait("cancelled", 600),
        u.wait("short", 1),
        u.callback("yes", 60, 60),
        u.callback("no"),
        u.callback("late", 1),
        u.invoke("plain", "plain"),
        u.invoke("child-good", "child:$LATEST"),
        u.invoke("child-late", "child:$LATEST", None),
        u.invoke("child-stop", "child:$LATEST"),
        u.invoke("nobody", "nobody"),
    )
    hand.checkpoint(
        u.make("CONTEXT", "SUCCEED", "ctx", Payload='"out"'),
        u.make("CONTEXT", "FAIL", "sad", Error={"ErrorMessage": "sad"}),
        u.make("WAIT", "CANCEL", "cancelled"),
    )
    parent, request = hand.arn, hand.request
    for ready in hand.engine.take_ready():
        if ready.execution_arn is None:
            hand.engine.complete_invocation(ready.request_id, InvocationResult.ok(b"1"))
    children = hand.engine.children(parent)
    hand.engine.stop(children["child-stop"], {"ErrorMessage": "stop"})
    good = [f for f in hand.engine._core.flights.values() if f.request.execution_arn == children["child-good"]]
    done = InvocationResult.ok(b'{"Status":"SUCCEEDED","Result":"1"}')
    hand.engine.complete_invocation(good[0].request.request_id, done)
    ids = {
        o["Id"]: o["CallbackDetails"]["CallbackId"] for o in hand.engine.operations(parent) if o["Type"] == "CALLBACK"
    }
    hand.engine.callback_succeed(ids["yes"], b'"approved"')
    hand.engine.callback_fail(ids["no"], {"ErrorMessage": "refused"})
    hand.advance(60)
    hand.arn, hand.request = parent, request
    hand.crash()
    hand.engine.pause(parent, reason="because")
    hand.engine.resume(parent, reason="enough")
    hand.take()
    hand.succeed()
    for end in ("fail", "stop", "time"):
        arns.append(hand.start(function="child:$LATEST", invocation_type="Event"))
        if end == "fail":
            hand.end({"Status": "FAILED", "Error": {"ErrorMessage": "x"}})
        elif end == "stop":
            hand.engine.stop(hand.arn, {"ErrorMessage": "x"})
        else:
            hand.advance(60)
    return [*arns, *children.values()]


def history(hand, arn: str, **options: Any) -> list[dict[str, Any]]:
    events, marker = [], None
    while marker != "":
        page = hand.engine.get_history(arn, marker=marker, **options)
        events += page["Events"]
        marker = page.get("NextMarker", "")
    return events


@pytest.fixture
def arns(hand, u) -> list[str]:
    return everything(hand, u)


def test_all_26_event_types_are_written_and_conform_to_the_model(hand, arns) -> None:
    seen = set()
    for arn in arns:
        for number, event in enumerate(history(hand, arn), 1):
            conforms(MODEL.shape_for("Event"), event, event["EventType"])
            assert event["EventId"] == number
            seen.add(event["EventType"])
    assert len(ALL) == 26
    assert seen == ALL


def test_every_reply_conforms_to_the_model(hand, arns) -> None:
    for arn in arns:
        conforms(MODEL.shape_for("GetDurableExecutionResponse"), hand.engine.get_execution(arn))
        conforms(MODEL.shape_for("Operations"), hand.engine.operations(arn))
    listed = hand.engine.list_executions("work")
    conforms(MODEL.shape_for("ListDurableExecutionsByFunctionResponse"), listed)
    hand.start(invocation_type="Event")
    conforms(MODEL.shape_for("CheckpointDurableExecutionResponse"), hand.checkpoint())


def details(hand, arn: str, event_type: str, operation: str | None = None) -> list[dict[str, Any]]:
    return [
        event[f"{event_type}Details"]
        for event in history(hand, arn)
        if event["EventType"] == event_type and operation in {None, event.get("Id")}
    ]


def test_details_carry_what_the_service_knows(hand, arns) -> None:
    arn = arns[0]
    children = hand.engine.children(arn)
    assert details(hand, arn, "StepSucceeded", "good")[0]["RetryDetails"] == {"CurrentAttempt": 1}
    assert details(hand, arn, "StepFailed", "flaky")[0]["RetryDetails"] == {
        "CurrentAttempt": 1,
        "NextAttemptDelaySeconds": 1,
    }
    assert details(hand, arn, "StepSucceeded", "poll")[0]["Result"]["Payload"] == '"state"'
    (started,) = details(hand, arn, "ChainedInvokeStarted", "child-good")
    assert started["DurableExecutionArn"] == children["child-good"]
    assert started["ExecutedVersion"] == "$LATEST"
    (callback,) = details(hand, arn, "CallbackStarted", "yes")
    assert (callback["Timeout"], callback["HeartbeatTimeout"]) == (60, 60)
    (dead, alive) = details(hand, arn, "InvocationCompleted")
    assert dead["Error"]["Payload"]["ErrorType"] == "Runtime.ExitError"
    assert "Error" not in alive
    assert details(hand, arn, "ExecutionPaused")[0]["Reason"]["Payload"] == "because"
    event = next(event for event in history(hand, arn) if event.get("Id") == "good")
    assert (event["Name"], event["ParentId"], event["SubType"]) == ("charge", "ctx", "Step")


def test_history_without_data_says_that_it_is_cut(hand, arns) -> None:
    for event, full in zip(history(hand, arns[0], include=False), history(hand, arns[0]), strict=True):
        name = f"{event['EventType']}Details"
        for member, value in event[name].items():
            if isinstance(value, dict) and "Truncated" in value:
                assert value == {"Truncated": "Payload" in full[name][member]}
    cut = hand.engine.get_execution(arns[0], include=False)
    assert not {"InputPayload", "Result", "Error"} & set(cut)
    assert cut["DurableConfig"]["RetentionPeriodInDays"] == 14


def test_history_pages_in_both_directions(hand, arns) -> None:
    forward = history(hand, arns[0], max_items=7)
    assert forward == history(hand, arns[0], max_items=1000)
    assert history(hand, arns[0], max_items=7, reverse=True) == forward[::-1]


def test_events_that_come_meanwhile_do_not_shift_the_pages_from_the_end(hand, u) -> None:
    hand.start()
    hand.checkpoint(*[u.make("STEP", "START", f"s{n}") for n in range(5)])
    first = hand.engine.get_history(hand.arn, max_items=2, reverse=True)
    hand.checkpoint(u.make("STEP", "SUCCEED", "s0"))
    rest = hand.engine.get_history(hand.arn, marker=first["NextMarker"], reverse=True)
    assert [event["EventId"] for event in first["Events"] + rest["Events"]] == [6, 5, 4, 3, 2, 1]
    with pytest.raises(ApiError, match="Invalid marker"):
        hand.engine.get_history(hand.arn, marker=first["NextMarker"])


def test_a_page_of_history_is_bounded_in_bytes_too(make_hand, u) -> None:
    hand = make_hand(Settings(max_page_bytes=10_000))
    hand.start()
    for n in range(10):
        hand.checkpoint(u.make("STEP", "SUCCEED", f"s{n}", Payload="x" * 3000))
    assert len(hand.engine.get_history(hand.arn, max_items=1000)["Events"]) == 4
    assert len(history(hand, hand.arn, max_items=1000)) == 11


@pytest.mark.parametrize("count", [-1, 1001, True, "5"])
def test_a_page_has_at_most_a_thousand_items(hand, count) -> None:
    hand.start()
    with pytest.raises(ApiError, match="MaxItems"):
        hand.engine.get_history(hand.arn, max_items=count)


def test_status_changes_go_to_the_sink(hand, arns) -> None:
    told = [r["status"] for r in hand.records if r["kind"] == "status" and r["arn"] == arns[0]]
    assert told == ["RUNNING", "PAUSED", "RUNNING", "SUCCEEDED"]
    letters = [r["arn"] for r in hand.records if r["kind"] == "dead_letter"]
    assert letters == arns[1:4]


def test_lists_filter_and_page(hand) -> None:
    hand.engine.functions.define("work", execution_timeout=900)
    started = []
    for n in range(7):
        started.append((hand.clock.now(), hand.start(execution_name=f"n-{n}")))
        if n % 2:
            hand.succeed()
        hand.advance(1)

    def names(**options: Any) -> list[str]:
        found, marker = [], None
        while marker != "":
            page = hand.engine.list_executions("work", marker=marker, **options)
            found += [item["DurableExecutionName"] for item in page["DurableExecutions"]]
            marker = page.get("NextMarker", "")
        return found

    everyone = [f"n-{n}" for n in range(7)]
    assert names() == names(max_items=2) == everyone[::-1]
    assert names(reverse=True, max_items=3) == everyone
    assert names(statuses=["SUCCEEDED"], reverse=True) == ["n-1", "n-3", "n-5"]
    assert len(names(statuses=["SUCCEEDED", "RUNNING"])) == 7
    assert names(name="n-3") == ["n-3"]
    assert names(started_after=started[4][0], reverse=True) == ["n-5", "n-6"]
    assert names(started_before=started[2][0], reverse=True) == ["n-0", "n-1"]
    assert names(qualifier="$LATEST", max_items=1, reverse=True) == everyone
