"""The real AWS CLI: its own code in this process for every operation, and once as the program it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_PAGER": "",
    "AWS_MAX_ATTEMPTS": "1",
}


@pytest.fixture
def aws(stage, monkeypatch, capsys) -> Callable[..., Any]:
    """Run `aws lambda …` and return its JSON output; an error is returned as its text."""
    from awscli.clidriver import create_clidriver

    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", stage.service.url)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    driver = create_clidriver()

    def run(*arguments: str) -> Any:
        capsys.readouterr()
        code = driver.main(["lambda", *arguments, "--output", "json"])
        out, err = capsys.readouterr()
        if code:
            return err
        return json.loads(out) if out.strip() else {}

    return run


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def test_the_twelve_operations_and_invoke(stage, aws, tmp_path) -> None:
    out = str(tmp_path / "out.json")
    started = aws(
        *("invoke", "--function-name", "work:1", "--invocation-type", "Event"),
        *("--durable-execution-name", "cli-1", "--payload", "{}", out),
    )
    assert started["StatusCode"] == 202
    arn = started["DurableExecutionArn"]
    execution = ("--durable-execution-arn", arn)
    stage.take()
    updates = [
        {"Id": "c", "Type": "CALLBACK", "Action": "START"},
        {"Id": "d", "Type": "CALLBACK", "Action": "START"},
    ]
    reply = aws(
        *("checkpoint-durable-execution", *execution),
        *("--checkpoint-token", stage.token, "--updates", json.dumps(updates)),
    )
    first, second = (o["CallbackDetails"]["CallbackId"] for o in reply["NewExecutionState"]["Operations"])
    state = aws("get-durable-execution-state", *execution, "--checkpoint-token", reply["CheckpointToken"])
    assert len(state["Operations"]) == 3
    assert aws("send-durable-execution-callback-heartbeat", "--callback-id", first) == {}
    assert aws("send-durable-execution-callback-success", "--callback-id", first, "--result", "{}") == {}
    assert aws("send-durable-execution-callback-failure", "--callback-id", second) == {}
    assert "CallbackTimeoutException" in aws("send-durable-execution-callback-success", "--callback-id", first)
    stage.end({"Status": "PENDING"})
    stage.take()
    stage.end({"Status": "FAILED", "Error": {}})
    assert aws("get-durable-execution", *execution)["Status"] == "FAILED"
    assert len(aws("get-durable-execution-history", *execution)["Events"]) == 8
    listed = aws(
        *("list-durable-executions-by-function", "--function-name", "work", "--qualifier", "1"),
        *("--statuses", "FAILED", "--started-after", "2020-01-01T00:00:00Z"),
    )
    assert arn in [item["DurableExecutionArn"] for item in listed["DurableExecutions"]]
    assert "DeletionRequestTimestamp" in aws("delete-durable-execution", *execution)
    assert "ResourceNotFoundException" in aws("get-durable-execution", *execution)


def test_pause_resume_and_stop(stage, aws) -> None:
    execution = ("--durable-execution-arn", stage.start())
    assert aws("pause-durable-execution", *execution, "--no-execution-timeout-paused") == {}
    assert aws("get-durable-execution", *execution)["PauseDetails"]["ExecutionTimeoutPaused"] is False
    assert "ResourceConflictException" in aws("pause-durable-execution", *execution)
    assert aws("resume-durable-execution", *execution, "--reason", "go on") == {}
    assert "StopTimestamp" in aws("stop-durable-execution", *execution, "--error", "ErrorMessage=enough")
    assert aws("get-durable-execution", *execution)["Status"] == "STOPPED"


def test_functions_versions_aliases_and_layers(stage, aws, zipped, tmp_path) -> None:
    code = tmp_path / "code.zip"
    code.write_bytes(zipped())
    bundle = f"fileb://{code}"
    name = ("--function-name", "cli-made")
    layer = aws("publish-layer-version", "--layer-name", "cli-layer", "--zip-file", bundle)
    made = aws(
        *("create-function", *name, "--runtime", "python3.13", "--handler", "app.handler", "--zip-file", bundle),
        *("--role", "arn:aws:iam::123456789012:role/r", "--layers", layer["LayerVersionArn"]),
        *("--durable-config", "ExecutionTimeout=600,RetentionPeriodInDays=3", "--publish"),
    )
    assert (made["Version"], made["DurableConfig"]["ExecutionTimeout"]) == ("1", 600)
    assert aws("wait", "function-active-v2", *name) == {}
    assert aws("update-function-configuration", *name, "--timeout", "33")["Timeout"] == 33
    assert aws("update-function-code", *name, "--zip-file", bundle)["CodeSize"] == len(zipped())
    assert aws("publish-version", *name)["Version"] == "2"
    assert aws("create-alias", *name, "--name", "live", "--function-version", "2")["Name"] == "live"
    assert aws("update-alias", *name, "--name", "live", "--function-version", "1")["FunctionVersion"] == "1"
    assert aws("get-alias", *name, "--name", "live")["FunctionVersion"] == "1"
    assert len(aws("list-aliases", *name)["Aliases"]) == 1
    assert len(aws("list-versions-by-function", *name)["Versions"]) == 3
    assert "cli-made" in [function["FunctionName"] for function in aws("list-functions")["Functions"]]
    assert aws("get-function", *name)["Configuration"]["Timeout"] == 33
    assert aws("get-function-configuration", *name, "--qualifier", "live")["Version"] == "1"
    assert aws("tag-resource", "--resource", made["FunctionArn"].rpartition(":")[0], "--tags", "a=1") == {}
    assert aws("list-tags", "--resource", made["FunctionArn"].rpartition(":")[0])["Tags"] == {"a": "1"}
    assert aws("delete-alias", *name, "--name", "live") == {}
    aws("delete-function", *name)
    assert "ResourceNotFoundException" in aws("get-function", *name)


def test_the_program_itself_works_with_nothing_but_an_endpoint(stage, tmp_path) -> None:
    program = Path(sys.executable).with_name("aws")
    environment = {**os.environ, **ENVIRONMENT, "AWS_ENDPOINT_URL_LAMBDA": stage.service.url}
    command = [program, "lambda", "invoke", "--function-name", "work:1", "--invocation-type", "Event", tmp_path / "out"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "/durable-execution/" in json.loads(done.stdout)["DurableExecutionArn"]
