"""What the helper functions do to a real durable execution service: the local one, over HTTP."""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile

import boto3
import pytest

from constructs_durable._functions.drain import index as drain
from constructs_durable._functions.starter import index as starter
from constructs_durable._functions.versions import index as versions
from durable_local import LocalService

SOURCE = """
from durable_runtime import durable_execution

@durable_execution
def handler(event, ctx):
    ctx.wait(3600, name="an hour")
    return {version}
"""
OPEN = ["RUNNING", "PAUSED"]


def code(version: int) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("app.py", SOURCE.replace("{version}", str(version)))
    return archive.getvalue()


@pytest.fixture(scope="module")
def service():
    with LocalService(clock="manual") as running:
        yield running


@pytest.fixture
def client(service, monkeypatch, request):
    """A client of the service, which is the helpers' client, too."""
    made = boto3.client(
        "lambda", "us-east-1", endpoint_url=service.url, aws_access_key_id="test", aws_secret_access_key="test"
    )
    for module in (drain, starter, versions):
        monkeypatch.setattr(module, "lambda_client", lambda: made)
    return made


@pytest.fixture
def function(client, request) -> str:
    """A durable function with four versions and the alias `live` on the fourth."""
    name = f"orders-{request.node.name.replace('_', '-')[:40]}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::123456789012:role/runner",
        Handler="app.handler",
        Code={"ZipFile": code(1)},
        DurableConfig={"ExecutionTimeout": 86_400},
        Publish=True,
    )
    for version in (2, 3, 4):
        client.update_function_code(FunctionName=name, ZipFile=code(version), Publish=True)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="4")
    return name


def started(client, name: str, qualifier: str) -> str:
    """Start an execution and wait until it waits."""
    reply = client.invoke(FunctionName=name, Qualifier=qualifier, InvocationType="Event", Payload=b"{}")
    until(lambda: open_on(client, name))
    return reply["DurableExecutionArn"]


def open_on(client, name: str) -> list[str]:
    found = client.list_durable_executions_by_function(FunctionName=name, Statuses=OPEN)
    return [each["DurableExecutionName"] for each in found["DurableExecutions"]]


def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def published(client, name: str) -> list[str]:
    found = client.list_versions_by_function(FunctionName=name)["Versions"]
    return [each["Version"] for each in found if each["Version"] != "$LATEST"]


def prune(client, name: str) -> dict[str, list[str]]:
    return versions.prune(
        client, name, keep=2, minimum_age=dt.timedelta(0), now=dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    )


def test_a_version_with_an_open_execution_survives_until_the_execution_ends(client, function) -> None:
    execution = started(client, function, "1")
    assert prune(client, function) == {"deleted": ["2"], "in_use": ["1"]}
    assert published(client, function) == ["1", "3", "4"]
    client.stop_durable_execution(DurableExecutionArn=execution)
    until(lambda: not open_on(client, function))
    assert prune(client, function) == {"deleted": ["1"], "in_use": []}
    assert published(client, function) == ["3", "4"]


def test_a_message_that_comes_twice_starts_one_execution(client, function, monkeypatch) -> None:
    monkeypatch.setenv("TARGET", f"{function}:live")
    monkeypatch.setenv("NAME_FROM", "order.id")
    for message, body in (("m-1", '{"order": {"id": "o-1"}}'), ("m-2", '{"order": {"id": "o-1"}}')):
        assert starter.handler({"Records": [{"messageId": message, "body": body}]}, None) == {"batchItemFailures": []}
    changed = {"messageId": "m-3", "body": '{"order": {"id": "o-1"}, "changed": true}'}
    assert starter.handler({"Records": [changed]}, None) == {"batchItemFailures": []}
    until(lambda: open_on(client, function))
    assert open_on(client, function) == ["o-1"]


def test_draining_stops_the_open_executions_of_every_version(client, function) -> None:
    started(client, function, "1")
    started(client, function, "live")
    assert drain.drain(client, function, deadline=time.monotonic() + 20, pause=0.02) == 2
    assert open_on(client, function) == []
