"""A workflow on the local service, a signed link, and the `ApprovalApi`'s function, which completes the callback."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import boto3
import pytest

import durable_runtime
from constructs_durable import ApprovalApi
from durable_local import LocalService
from durable_runtime.approval import approval_link

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20  # seconds
WORKFLOW = """
from durable_runtime import durable_execution

@durable_execution
def handler(event, ctx):
    return ctx.wait_for_callback(lambda callback_id, _: None, name="approval", timeout=3600)
"""


def package() -> bytes:
    """The workflow with the runtime beside it."""
    runtime = Path(durable_runtime.__file__).parent
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", WORKFLOW)
        for path in sorted(runtime.rglob("*.py")):
            archive.write(path, f"durable_runtime/{path.relative_to(runtime)}")
    return buffer.getvalue()


@pytest.fixture
def awslambda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("DURABLE_APPROVAL_URL", "https://approvals.example.com")
    monkeypatch.setenv("DURABLE_APPROVAL_SECRET", "s" * 64)
    with LocalService(clock="manual") as service:
        client = boto3.client("lambda", endpoint_url=service.url)
        client.create_function(
            FunctionName="refund",
            Runtime="python3.13",
            Role="arn:aws:iam::123456789012:role/worker",
            Handler="app.handler",
            Code={"ZipFile": package()},
            DurableConfig={"ExecutionTimeout": 86_400},
            Timeout=30,
            Publish=True,
        )
        yield client
        client.close()


def history(client: Any, arn: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = client.get_durable_execution_history(
        DurableExecutionArn=arn, IncludeExecutionData=True
    )["Events"]
    return events


def wait_for(client: Any, arn: str, event_type: str) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for event in history(client, arn):
            if event["EventType"] == event_type:
                return event
        time.sleep(0.02)
    raise AssertionError(f"no {event_type} in {[event['EventType'] for event in history(client, arn)]}")


def test_link_answers_a_running_workflow_once(awslambda: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = awslambda.invoke(FunctionName="refund:1", InvocationType="Event", Payload=b"{}")["DurableExecutionArn"]
    callback_id = wait_for(awslambda, arn, "CallbackStarted")["CallbackStartedDetails"]["CallbackId"]
    link = approval_link(callback_id, title="Refund?", to="eva@example.com", expires_in=timedelta(hours=1))

    app = importlib.import_module("constructs_durable._functions.approval.approval_api.app")
    monkeypatch.setattr(app, "callbacks", awslambda)

    def send(method: str, body: str = "") -> dict[str, Any]:
        event = {"rawPath": link.removeprefix("https://approvals.example.com"), "headers": {}, "body": body}
        answer: dict[str, Any] = app.handler(event | {"requestContext": {"http": {"method": method}}}, None)
        return answer

    assert send("GET")["statusCode"] == 200
    assert not [event for event in history(awslambda, arn) if event["EventType"] == "CallbackSucceeded"]
    assert send("POST", "decision=approve&comment=fine")["statusCode"] == 200
    ended = wait_for(awslambda, arn, "ExecutionSucceeded")
    result = json.loads(json.loads(ended["ExecutionSucceededDetails"]["Result"]["Payload"]))
    assert (result["decision"], result["by"], result["comment"]) == ("approve", "eva@example.com", "fine")
    assert send("POST", "decision=reject")["statusCode"] == 410


def test_made_up_callback_is_told_from_a_closed_one(awslambda: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app = importlib.import_module("constructs_durable._functions.approval.approval_api.app")
    monkeypatch.setattr(app, "callbacks", awslambda)
    path = approval_link("bm9ib2R5", title="Refund?").removeprefix("https://approvals.example.com")
    event = {"rawPath": path, "headers": {}, "body": "decision=approve"}
    answer = app.handler(event | {"requestContext": {"http": {"method": "POST"}}}, None)
    assert (answer["statusCode"], "Nobody is waiting" in answer["body"]) == (404, True)


def test_deployed_files_answer_a_request_in_a_clean_interpreter(tmp_path: Path) -> None:
    """The function's asset and its layer from the assembly, without this checkout on the path."""
    app = cdk.App(outdir=str(tmp_path / "cdk.out"))
    ApprovalApi(cdk.Stack(app, "Shop"), "Approvals")
    resources = app.synth().get_stack_by_name("Shop").template["Resources"].values()
    [function] = [each["Properties"] for each in resources if each["Type"] == "AWS::Lambda::Function"]
    [layer] = [each["Properties"] for each in resources if each["Type"] == "AWS::Lambda::LayerVersion"]
    code = tmp_path / "cdk.out" / f"asset.{function['Code']['S3Key'].removesuffix('.zip')}"
    packages = tmp_path / "cdk.out" / f"asset.{layer['Content']['S3Key']}"  # a zip; Python imports from it
    module, _, name = function["Handler"].rpartition(".")
    program = f"""
import sys, importlib
sys.path[:0] = [{str(code)!r}, {str(packages / "python")!r}]
handler = getattr(importlib.import_module({module!r}), {name!r})
import durable_runtime.approval
assert durable_runtime.approval.__file__.startswith({str(packages)!r})
event = {{"rawPath": "/approvals/forged.token", "headers": {{}}, "requestContext": {{"http": {{"method": "GET"}}}}}}
print(handler(event, None)["statusCode"])
"""
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "DURABLE_APPROVAL_SECRET": "s" * 64, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("403", "")
