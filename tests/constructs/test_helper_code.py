"""What the helper functions do, against botocore's own model of the Lambda API."""

from __future__ import annotations

import datetime as dt
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import ANY, Stubber

from constructs_durable._functions.drain import index as drain
from constructs_durable._functions.starter import index as starter
from constructs_durable._functions.versions import index as versions

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"
EXECUTION = f"{ARN}:2/durable-execution/order-1/0"


@pytest.fixture
def client():
    return boto3.client("lambda", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def stub(client, monkeypatch):
    for module in (starter, drain, versions):
        monkeypatch.setattr(module, "lambda_client", lambda: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def expect_start(stub, name, payload, **reply) -> None:
    stub.add_response(
        "invoke",
        {"StatusCode": 202, "Payload": io.BytesIO(), **reply},
        {
            "FunctionName": f"{ARN}:live",
            "InvocationType": "Event",
            "DurableExecutionName": name,
            "Payload": json.dumps(payload).encode(),
        },
    )


@pytest.fixture
def target(monkeypatch):
    monkeypatch.setenv("TARGET", f"{ARN}:live")
    monkeypatch.delenv("NAME_FROM", raising=False)
    return monkeypatch


def test_each_message_of_a_queue_starts_an_execution_named_after_it(stub, target) -> None:
    expect_start(stub, "m-1", {"amount": 1})
    expect_start(stub, "m-2", "plain text")
    records = [{"messageId": "m-1", "body": '{"amount": 1}'}, {"messageId": "m-2", "body": "plain text"}]
    assert starter.handler({"Records": records}, None) == {"batchItemFailures": []}


def test_a_message_that_fails_is_delivered_again_alone(stub, target) -> None:
    stub.add_client_error("invoke", "TooManyRequestsException")
    expect_start(stub, "m-2", 2)
    records = [{"messageId": "m-1", "body": "1"}, {"messageId": "m-2", "body": "2"}]
    assert starter.handler({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def test_an_execution_that_was_started_before_is_left_alone(stub, target) -> None:
    stub.add_client_error("invoke", "DurableExecutionAlreadyStartedException")
    starter.handler({"Records": [{"messageId": "m-1", "body": "1"}]}, None)


def test_a_topics_message_starts_an_execution(stub, target) -> None:
    expect_start(stub, "n-1", {"amount": 1})
    starter.handler({"Records": [{"Sns": {"MessageId": "n-1", "Message": '{"amount": 1}'}}]}, None)


def test_a_topics_message_that_fails_fails_the_invocation_so_that_lambda_repeats_it(stub, target) -> None:
    stub.add_client_error("invoke", "TooManyRequestsException")
    with pytest.raises(Exception, match="TooManyRequests"):
        starter.handler({"Records": [{"Sns": {"MessageId": "n-1", "Message": "1"}}]}, None)


@pytest.mark.parametrize(
    ("payload", "path", "name"),
    [
        ({"order": {"id": "o-17"}}, "order.id", "o-17"),
        ({"order": {"id": 17}}, "order.id", "17"),
        ({}, "", "m-1"),
        ({"id": "a b"}, "id", "c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65"),
    ],
)
def test_an_execution_is_named_after_a_member_or_the_message(payload, path, name) -> None:
    assert starter.execution_name("m-1", payload, path) == name


def test_a_name_that_the_service_would_refuse_is_hashed_into_one_it_takes() -> None:
    name = starter.execution_name("m-1", {"id": "x" * 65}, "id")
    assert starter.NAME.fullmatch(name)


@pytest.mark.parametrize("payload", [{}, {"order": "x"}, [1], "text"])
def test_a_message_without_the_naming_member_fails(payload) -> None:
    with pytest.raises(ValueError, match=r"message m-1 has no `order.id`"):
        starter.execution_name("m-1", payload, "order.id")


def version(number: str, age: dt.timedelta = dt.timedelta(days=9)) -> dict:
    return {"Version": number, "LastModified": (NOW - age).isoformat()}


def expect_versions(stub, numbers, aliases) -> None:
    stub.add_response("list_aliases", {"Aliases": aliases}, {"FunctionName": "orders"})
    found = [version("$LATEST"), *(each if isinstance(each, dict) else version(each) for each in numbers)]
    stub.add_response("list_versions_by_function", {"Versions": found}, {"FunctionName": "orders"})


def expect_executions(stub, number: str, *executions: str) -> None:
    found = [
        {
            "DurableExecutionArn": arn,
            "DurableExecutionName": "order-1",
            "FunctionArn": ARN,
            "Status": "RUNNING",
            "StartTimestamp": NOW,
        }
        for arn in executions
    ]
    asked = {"FunctionName": "orders", "Statuses": ["RUNNING", "PAUSING", "PAUSED"]}
    stub.add_response(
        "list_durable_executions_by_function",
        {"DurableExecutions": found},
        asked | ({"Qualifier": number} if number else {}),
    )


def prune(client, keep=2):
    return versions.prune(client, "orders", keep=keep, minimum_age=dt.timedelta(days=1), now=NOW)


def test_only_versions_without_alias_and_open_executions_are_deleted(client, stub) -> None:
    weights = {"RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}}
    expect_versions(stub, ["10", "9", "1", "2", "3", "4", "8"], [{"Name": "live", "FunctionVersion": "4", **weights}])
    expect_executions(stub, "1")
    stub.add_response("delete_function", {}, {"FunctionName": "orders", "Qualifier": "1"})
    expect_executions(stub, "2", EXECUTION)
    expect_executions(stub, "8")
    stub.add_response("delete_function", {}, {"FunctionName": "orders", "Qualifier": "8"})
    assert prune(client) == {"deleted": ["1", "8"], "in_use": ["2"]}


def test_young_versions_stay(client, stub) -> None:
    expect_versions(stub, [version("1", dt.timedelta(hours=23)), "2", "3"], [])
    assert prune(client) == {"deleted": [], "in_use": []}


def test_nothing_is_deleted_when_there_are_only_versions_to_keep(client, stub) -> None:
    expect_versions(stub, ["1", "2"], [])
    assert prune(client) == {"deleted": [], "in_use": []}


@pytest.fixture
def cloudformation():
    """The place a custom resource answers to."""
    answers: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", answers
        server.shutdown()
        thread.join()


def request(url: str, kind: str) -> dict:
    return {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Open",
        "ResourceProperties": {"FunctionName": "orders"},
    }


CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_nothing_is_stopped_before_the_deletion(stub, cloudformation, kind) -> None:
    url, answers = cloudformation
    drain.handler(request(url, kind), CONTEXT)
    assert [answer["Status"] for answer in answers] == ["SUCCESS"]
    assert answers[0]["PhysicalResourceId"] == "Open"


def test_the_deletion_stops_open_executions_and_waits_until_none_is_open(stub, cloudformation, monkeypatch) -> None:
    monkeypatch.setattr(drain.time, "sleep", lambda _: None)
    url, answers = cloudformation
    second = EXECUTION.replace("order-1", "order-2")
    expect_executions(stub, "", EXECUTION, second)
    stub.add_response(
        "stop_durable_execution", {"StopTimestamp": NOW}, {"DurableExecutionArn": EXECUTION, "Error": ANY}
    )
    stub.add_client_error("stop_durable_execution", "ResourceConflictException")
    expect_executions(stub, "", EXECUTION)
    expect_executions(stub, "")
    drain.handler(request(url, "Delete"), CONTEXT)
    assert [answer["Status"] for answer in answers] == ["SUCCESS"]


def test_a_drain_that_fails_says_why(stub, cloudformation) -> None:
    url, answers = cloudformation
    stub.add_client_error("list_durable_executions_by_function", "AccessDeniedException", "not allowed")
    drain.handler(request(url, "Delete"), CONTEXT)
    assert answers[0]["Status"] == "FAILED"
    assert "not allowed" in answers[0]["Reason"]


def test_a_drain_gives_up_in_time(client, stub) -> None:
    expect_executions(stub, "", EXECUTION)
    with pytest.raises(TimeoutError, match="1 executions are still open"):
        drain.drain(client, "orders", deadline=0)
