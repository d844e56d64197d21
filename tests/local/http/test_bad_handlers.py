"""Handlers that hang, exit, print garbage or return nonsense: a clear error each, and the service stays up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from durable_local import LocalService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROLE = "arn:aws:iam::123456789012:role/worker"
CODE = """
import os, sys, time

def hangs(event, context):
    time.sleep(600)

def exits(event, context):
    os._exit(3)

def leaves(event, context):
    sys.exit("enough")

def dies(event, context):
    os.kill(os.getpid(), 9)

def raises(event, context):
    raise LookupError("no such order")

def prints(event, context):
    sys.stdout.buffer.write(b"\\xff\\xfe\\x00 half a line")
    sys.stderr.buffer.write(b"\\n" * 100)
    print("x" * 300_000)
    return "printed"

def returns_a_set(event, context):
    return {1, 2}

def returns_much(event, context):
    return "x" * 7_000_000

def echoes(event, context):
    return event
"""
BROKEN = "def handler(event, context)\n    return 1\n"


@pytest.fixture(scope="module")
def lambda_() -> Iterator[Any]:
    import io
    import zipfile

    import boto3
    from botocore.config import Config

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("app.py", CODE)
        bundle.writestr("broken.py", BROKEN)
    with LocalService(clock="skip") as service:
        made = boto3.client(
            "lambda",
            endpoint_url=service.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, read_timeout=40),
        )
        made.code = buffer.getvalue()
        yield made
        made.close()


@pytest.fixture
def create(lambda_) -> Callable[..., str]:
    def make(handler: str, **members: Any) -> str:
        name = handler.replace(".", "-") + ("-durable" if "DurableConfig" in members else "")
        lambda_.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler=handler,
            Code={"ZipFile": lambda_.code},
            Timeout=1,
            Publish=True,
            **members,
        )
        return f"{name}:1"

    return make


@pytest.mark.parametrize(
    ("handler", "error_type", "text"),
    [
        ("app.hangs", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("app.exits", "Runtime.ExitError", "3"),
        ("app.dies", "Runtime.ExitError", ""),
        ("app.leaves", "", ""),
        ("app.raises", "LookupError", "no such order"),
        ("app.returns_a_set", "Runtime.MarshalError", "set"),
        ("app.returns_much", "Function.ResponseSizeTooLarge", "6291556"),
        ("app.nothing_there", "Runtime.HandlerNotFound", "nothing_there"),
        ("nowhere.handler", "Runtime.ImportModuleError", "nowhere"),
        ("broken.handler", "Runtime.UserCodeSyntaxError", ""),
        ("noDot", "Runtime.MalformedHandlerName", "noDot"),
    ],
)
def test_a_handler_that_misbehaves_is_an_error_of_its_function(
    lambda_, create, handler: str, error_type: str, text: str
) -> None:
    reply = lambda_.invoke(FunctionName=create(handler), Payload=b"{}")
    error = json.load(reply["Payload"])
    assert (reply["StatusCode"], reply["FunctionError"]) == (200, "Unhandled")
    assert error_type in error["errorType"]
    assert text in error["errorMessage"]


def test_garbage_in_the_output_is_only_garbage_in_the_log(lambda_, create) -> None:
    reply = lambda_.invoke(FunctionName=create("app.prints"), Payload=b"{}", LogType="Tail")
    assert "FunctionError" not in reply
    assert json.load(reply["Payload"]) == "printed"


@pytest.mark.parametrize(
    ("handler", "status", "error_type"),
    [
        ("app.echoes", "FAILED", "InvalidParameterValueException"),
        ("app.exits", "TIMED_OUT", None),
        ("app.hangs", "TIMED_OUT", None),
    ],
)
def test_a_durable_handler_that_misbehaves_ends_its_execution(
    lambda_, create, handler: str, status: str, error_type: str | None
) -> None:
    name = create(handler, DurableConfig={"ExecutionTimeout": 2})
    reply = lambda_.invoke(FunctionName=name, Payload=b"{}")
    described = lambda_.get_durable_execution(DurableExecutionArn=reply["DurableExecutionArn"])
    assert (described["Status"], described["Error"].get("ErrorType")) == (status, error_type)
    events = lambda_.get_durable_execution_history(DurableExecutionArn=reply["DurableExecutionArn"])["Events"]
    assert "ExecutionStarted" in [event["EventType"] for event in events]
