"""Every operation with an unchanged boto3 over a socket."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import http.client
import json
import threading
import time

import pytest
from botocore.exceptions import ClientError

from durable_local import Settings
from durable_local._invocation import InvocationResult, LogLine

WAIT = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 60}}
STEP = {"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": '"ok"', "Name": "charge"}
CALLBACK = {"Id": "c", "Type": "CALLBACK", "Action": "START", "CallbackOptions": {"TimeoutSeconds": 600}}


def callback_id(stage) -> str:
    stage.start()
    (operation,) = stage.checkpoint(CALLBACK)["NewExecutionState"]["Operations"]
    return str(operation["CallbackDetails"]["CallbackId"])


# --- the twelve durable operations ---


def test_an_execution_from_start_to_end(stage) -> None:
    arn = stage.start(DurableExecutionName="order-1", payload=b'{"id":1}')
    reply = stage.checkpoint(STEP, WAIT)
    (step, wait) = reply["NewExecutionState"]["Operations"]
    assert step["StepDetails"]["Result"] == '"ok"'
    assert isinstance(wait["WaitDetails"]["ScheduledEndTimestamp"], dt.datetime)
    state = stage.lambda_.get_durable_execution_state(DurableExecutionArn=arn, CheckpointToken=stage.token)
    assert [operation["Id"] for operation in state["Operations"]][1:] == ["s", "w"]
    stage.end({"Status": "PENDING"})
    stage.advance(60)
    stage.take()
    assert stage.event["UpdatedOperationIds"] == ["w"]
    stage.end({"Status": "SUCCEEDED", "Result": '"shipped"'})
    described = stage.lambda_.get_durable_execution(DurableExecutionArn=arn)
    assert (described["Status"], described["Result"], described["Version"]) == ("SUCCEEDED", '"shipped"', "1")
    assert described["DurableConfig"] == {"ExecutionTimeout": 900, "RetentionPeriodInDays": 7}
    history = stage.lambda_.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
    assert [event["EventType"] for event in history] == [
        "ExecutionStarted",
        "StepSucceeded",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_the_three_paginators_find_everything(stage) -> None:
    arn = stage.start()
    stage.checkpoint(*[{**STEP, "Id": f"s{n}"} for n in range(30)])
    pages = stage.lambda_.get_paginator("get_durable_execution_state").paginate(
        DurableExecutionArn=arn, CheckpointToken=stage.token, PaginationConfig={"PageSize": 7}
    )
    assert len([operation for page in pages for operation in page["Operations"]]) == 31
    pages = stage.lambda_.get_paginator("get_durable_execution_history").paginate(
        DurableExecutionArn=arn, ReverseOrder=True, PaginationConfig={"PageSize": 7}
    )
    assert [event["EventId"] for page in pages for event in page["Events"]] == list(range(31, 0, -1))
    pages = stage.lambda_.get_paginator("list_durable_executions_by_function").paginate(
        FunctionName="work", Qualifier="1", PaginationConfig={"PageSize": 1}
    )
    assert arn in [item["DurableExecutionArn"] for page in pages for item in page["DurableExecutions"]]


def test_lists_take_every_filter(stage) -> None:
    arn = stage.start(DurableExecutionName="filtered")
    moment = stage.lambda_.get_durable_execution(DurableExecutionArn=arn)["StartTimestamp"]
    find = lambda **options: [
        item["DurableExecutionName"]
        for item in stage.lambda_.list_durable_executions_by_function(FunctionName="work", **options)[
            "DurableExecutions"
        ]
    ]
    second = dt.timedelta(seconds=1)
    assert find(DurableExecutionName="filtered", Statuses=["RUNNING", "FAILED"]) == ["filtered"]
    assert find(DurableExecutionName="filtered", Statuses=["FAILED"]) == []
    assert "filtered" in find(StartedAfter=moment - second, StartedBefore=moment + second)
    assert find(DurableExecutionName="filtered", StartedAfter=moment + second) == []
    name = "arn:aws:lambda:us-east-1:123456789012:function:work"
    listed = stage.lambda_.list_durable_executions_by_function(FunctionName=name, ReverseOrder=True)
    assert listed["DurableExecutions"]


def test_stop_pause_resume_and_delete(stage) -> None:
    arn = stage.start()
    stage.checkpoint(WAIT)
    stage.end({"Status": "PENDING"})
    paused = stage.lambda_.pause_durable_execution(DurableExecutionArn=arn, Reason="maintenance")
    assert paused["ResponseMetadata"]["HTTPStatusCode"] == 202
    described = stage.lambda_.get_durable_execution(DurableExecutionArn=arn)
    assert (described["Status"], described["PauseDetails"]["Reason"]) == ("PAUSED", "maintenance")
    stage.lambda_.resume_durable_execution(DurableExecutionArn=arn)
    first = stage.lambda_.stop_durable_execution(DurableExecutionArn=arn, Error={"ErrorMessage": "enough"})
    assert stage.lambda_.stop_durable_execution(DurableExecutionArn=arn)["StopTimestamp"] == first["StopTimestamp"]
    assert stage.lambda_.get_durable_execution(DurableExecutionArn=arn)["Error"] == {"ErrorMessage": "enough"}
    assert "DeletionRequestTimestamp" in stage.lambda_.delete_durable_execution(DurableExecutionArn=arn)
    with pytest.raises(stage.lambda_.exceptions.ResourceNotFoundException):
        stage.lambda_.get_durable_execution(DurableExecutionArn=arn)


def test_callbacks_end_by_success_failure_or_live_on_by_heartbeat(stage) -> None:
    success = callback_id(stage)
    stage.lambda_.send_durable_execution_callback_heartbeat(CallbackId=success)
    stage.lambda_.send_durable_execution_callback_success(CallbackId=success, Result=b'{"approved":true}')
    (operation,) = stage.checkpoint()["NewExecutionState"]["Operations"]
    assert operation["CallbackDetails"]["Result"] == '{"approved":true}'
    failure = callback_id(stage)
    stage.lambda_.send_durable_execution_callback_failure(CallbackId=failure, Error={"ErrorType": "Refused"})
    (operation,) = stage.checkpoint()["NewExecutionState"]["Operations"]
    assert operation["CallbackDetails"]["Error"] == {"ErrorType": "Refused"}


def test_a_boto3_retry_of_a_checkpoint_whose_reply_was_lost_gets_that_reply(stage) -> None:
    arn = stage.start()
    request = {"DurableExecutionArn": arn, "CheckpointToken": stage.token, "Updates": [STEP], "ClientToken": "one"}
    first = stage.lambda_.checkpoint_durable_execution(**request)
    again = stage.lambda_.checkpoint_durable_execution(**request)
    assert again["CheckpointToken"] == first["CheckpointToken"]


# --- Invoke ---


def in_background(call) -> tuple[threading.Thread, list]:
    answers: list = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


def test_a_sync_call_of_a_plain_function_carries_log_version_and_context(stage) -> None:
    context = base64.b64encode(b'{"custom":{"a":1}}').decode()
    thread, answers = in_background(
        lambda: stage.lambda_.invoke(
            FunctionName="plain", Qualifier="1", Payload=b'{"n":1}', LogType="Tail", ClientContext=context
        )
    )
    request = stage.take()
    assert (request.event, json.loads(request.client_context)) == (b'{"n":1}', {"custom": {"a": 1}})
    stage.end(InvocationResult.ok(b'{"n":2}', (LogLine(0, "a line"),)))
    thread.join()
    (reply,) = answers
    assert (reply["StatusCode"], reply["ExecutedVersion"], reply["Payload"].read()) == (200, "1", b'{"n":2}')
    log = base64.b64decode(reply["LogResult"]).decode()
    assert "a line\n" in log
    assert log.startswith(f"START RequestId: {request.request_id} Version: 1\n")
    lines = stage.get("/_durable/logs?function=plain")["lines"]
    assert (lines[-1]["message"], lines[-1]["requestId"]) == ("a line", request.request_id)


def test_a_sync_start_waits_for_the_whole_execution(stage) -> None:
    call = lambda: stage.lambda_.invoke(FunctionName="work:1", Payload=b"{}", DurableExecutionName="sync-1")
    thread, answers = in_background(call)
    stage.take()
    stage.checkpoint(WAIT)
    stage.end({"Status": "PENDING"})
    again, same = in_background(call)
    stage.advance(60)
    stage.take()
    stage.end({"Status": "SUCCEEDED", "Result": '{"ok":true}'})
    thread.join()
    again.join()
    for reply in (*answers, *same):
        assert reply["Payload"].read() == b'{"ok":true}'
        assert reply["ExecutedVersion"] == "1"
        assert "/durable-execution/sync-1/" in reply["DurableExecutionArn"]


def test_a_caller_that_leaves_is_forgotten_and_the_execution_goes_on(stage) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stage.service.port)
    connection.request("POST", "/2015-03-31/functions/work:1/invocations", b"{}")
    arn = stage.take().execution_arn
    execution = stage.service.engine._core.executions[arn]
    assert len(execution.waiters) == 1
    connection.close()
    for _ in range(200):
        if not execution.waiters:
            break
        time.sleep(0.01)
    assert execution.waiters == []
    stage.end({"Status": "SUCCEEDED", "Result": "1"})
    assert stage.lambda_.get_durable_execution(DurableExecutionArn=arn)["Status"] == "SUCCEEDED"


def test_a_failing_function_and_a_failing_execution_look_alike(stage) -> None:
    thread, answers = in_background(lambda: stage.lambda_.invoke(FunctionName="plain"))
    stage.take()
    stage.end(InvocationResult.failed({"errorMessage": "boom", "errorType": "ValueError"}))
    thread.join()
    assert answers[0]["FunctionError"] == "Unhandled"
    assert json.load(answers[0]["Payload"])["errorType"] == "ValueError"
    thread, answers = in_background(lambda: stage.lambda_.invoke(FunctionName="work:1"))
    stage.take()
    stage.end({"Status": "FAILED", "Error": {"ErrorMessage": "no", "ErrorType": "Refused"}})
    thread.join()
    assert answers[0]["FunctionError"] == "Unhandled"
    assert json.load(answers[0]["Payload"]) == {"errorMessage": "no", "errorType": "Refused"}


def test_dry_run_and_event_answer_at_once(stage) -> None:
    assert stage.lambda_.invoke(FunctionName="work:1", InvocationType="DryRun")["StatusCode"] == 204
    assert stage.lambda_.invoke(FunctionName="plain", InvocationType="Event")["StatusCode"] == 202
    assert stage.take().event == b"{}"
    stage.end({})


@pytest.mark.parametrize(
    "name",
    [
        "work:live",
        "123456789012:function:work:live",
        "arn:aws:lambda:us-east-1:123456789012:function:work:live",
    ],
)
def test_an_execution_is_pinned_to_the_version_behind_the_alias(stage, name: str) -> None:
    with contextlib.suppress(stage.lambda_.exceptions.ResourceConflictException):  # another row made it
        stage.lambda_.create_alias(FunctionName="work", Name="live", FunctionVersion="1")
    arn = stage.start(name)
    assert ":function:work:1/durable-execution/" in arn
    assert stage.request.invoked_arn.endswith(":work:live")


# --- errors ---


def error_cases(stage) -> dict[str, tuple]:
    lambda_ = stage.lambda_
    gone = "arn:aws:lambda:us-east-1:123456789012:function:work:1/durable-execution/no/no"
    arn = stage.start(DurableExecutionName="errors", payload=b'"first"')
    done = stage.checkpoint(CALLBACK)["NewExecutionState"]["Operations"][0]["CallbackDetails"]["CallbackId"]
    lambda_.send_durable_execution_callback_success(CallbackId=done)
    start = lambda **members: lambda_.invoke(FunctionName="work:1", InvocationType="Event", **members)
    return {
        "InvalidParameterValueException": (400, lambda: lambda_.invoke(FunctionName="work")),
        "CallbackTimeoutException": (
            400,
            lambda: lambda_.send_durable_execution_callback_success(CallbackId=done),
        ),
        "ResourceNotFoundException": (404, lambda: lambda_.get_durable_execution(DurableExecutionArn=gone)),
        "ResourceConflictException": (409, lambda: lambda_.delete_durable_execution(DurableExecutionArn=arn)),
        "DurableExecutionAlreadyStartedException": (
            409,
            lambda: start(DurableExecutionName="errors", Payload=b'"second"'),
        ),
        "InvalidRequestContentException": (400, lambda: start(Payload=b"{nope")),
        "RequestTooLargeException": (413, lambda: start(Payload=b'"' + b"x" * 1_100_000 + b'"')),
        "PreconditionFailedException": (
            412,
            lambda: lambda_.update_function_configuration(FunctionName="plain", RevisionId="stale"),
        ),
    }


@pytest.mark.parametrize(
    "code",
    [
        "InvalidParameterValueException",
        "CallbackTimeoutException",
        "ResourceNotFoundException",
        "ResourceConflictException",
        "DurableExecutionAlreadyStartedException",
        "InvalidRequestContentException",
        "RequestTooLargeException",
        "PreconditionFailedException",
    ],
)
def test_every_error_is_caught_by_its_class(stage, code: str) -> None:
    suffix = stage.lambda_.list_durable_executions_by_function(FunctionName="work", DurableExecutionName="errors")
    for item in suffix["DurableExecutions"]:
        if item["Status"] == "RUNNING":
            stage.lambda_.stop_durable_execution(DurableExecutionArn=item["DurableExecutionArn"])
        stage.lambda_.delete_durable_execution(DurableExecutionArn=item["DurableExecutionArn"])
    status, call = error_cases(stage)[code]
    with pytest.raises(getattr(stage.lambda_.exceptions, code)) as caught:
        call()
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["Error"]["Code"] == code
    assert response["Error"]["Message"]
    assert response["Type"] == "User"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TooManyRequestsException", 429),
        ("ServiceException", 500),
        ("ResourceNotReadyException", 502),
        ("KMSAccessDeniedException", 502),
        ("KMSDisabledException", 502),
        ("KMSInvalidStateException", 502),
        ("KMSNotFoundException", 502),
    ],
)
def test_errors_that_never_come_by_themselves_can_be_asked_for(stage, code: str, status: int) -> None:
    arn = stage.start()
    stage.post("/_durable/faults", {"operation": "CheckpointDurableExecution", "error": code})
    with pytest.raises(getattr(stage.lambda_.exceptions, code)) as caught:
        stage.checkpoint(STEP)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    stage.checkpoint(STEP)
    assert stage.lambda_.get_durable_execution(DurableExecutionArn=arn)["Status"] == "RUNNING"


def test_a_fault_nobody_knows_is_refused(stage) -> None:
    for body in (
        {"operation": "Invoke", "error": "Oops"},
        {"error": "ServiceException"},
        {"operation": 5, "error": "x"},
        {"operation": "Checkpoint", "error": "ServiceException"},
    ):
        assert stage.raw("POST", "/_durable/faults", json.dumps(body).encode())[0] == 400


def test_rate_limits_are_aws_s_when_they_are_wanted(make_stage) -> None:
    stage = make_stage(settings=Settings(rate_limits={"GetDurableExecution": 2}))
    with stage.service:
        stage.create("work")
        arn = stage.start()
        with pytest.raises(stage.lambda_.exceptions.TooManyRequestsException) as caught:
            for _ in range(10):
                stage.lambda_.get_durable_execution(DurableExecutionArn=arn)
        assert caught.value.response["Reason"] == "CallerRateLimitExceeded"
        assert caught.value.response["retryAfterSeconds"] == "1"


def test_an_operation_the_service_lacks_is_named_as_such(stage) -> None:
    with pytest.raises(ClientError, match="has no operation at /"):
        stage.lambda_.list_code_signing_configs()
