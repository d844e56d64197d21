"""`durable serve` and `durable logs` as programs, with real worker processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from durable_cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DURABLE = Path(sys.executable).with_name("durable")
ROLE = "arn:aws:iam::123456789012:role/worker"
HANDLERS = """
import http.client, json, os
from urllib.parse import quote, urlsplit

def plain(event, context):
    print("plain got", event)
    return {"got": event, "leak": sorted(name for name in os.environ if "SECRET_OF_THE_OPERATOR" in name)}

def checkpoint(event, *updates):
    url = urlsplit(os.environ["AWS_ENDPOINT_URL_LAMBDA"])
    connection = http.client.HTTPConnection(url.hostname, url.port)
    path = "/2025-12-01/durable-executions/" + quote(event["DurableExecutionArn"], safe="") + "/checkpoint"
    connection.request("POST", path, json.dumps({"CheckpointToken": event["CheckpointToken"], "Updates": updates}))
    assert connection.getresponse().status == 200

def work(event, context):
    operations = event["InitialExecutionState"]["Operations"][1:]
    if not operations:
        wait = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 600}}
        call = {"Id": "i", "Type": "CHAINED_INVOKE", "Action": "START", "Payload": "7"}
        checkpoint(event, wait, {**call, "ChainedInvokeOptions": {"FunctionName": "plain"}})
    if any(operation["Status"] == "STARTED" for operation in operations) or not operations:
        return {"Status": "PENDING"}
    return {"Status": "SUCCEEDED", "Result": operations[1]["ChainedInvokeDetails"]["Result"]}
"""


class Served:
    """A `durable serve` process."""

    def __init__(self, *options: str | Path) -> None:
        environment = {**os.environ, "SECRET_OF_THE_OPERATOR": "1", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [DURABLE, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self.url = self.line.split()[-1]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def start(*options: str | Path) -> Served:
        made.append(Served(*options))
        return made[-1]

    yield start
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def create(lambda_: Any, zipped: Callable[..., bytes]) -> None:
    code = {"ZipFile": zipped(app=HANDLERS)}
    common = {"Runtime": "python3.13", "Role": ROLE, "Code": code, "Timeout": 30, "Publish": True}
    lambda_.create_function(FunctionName="plain", Handler="app.plain", **common)
    durable = {"ExecutionTimeout": 900}
    lambda_.create_function(FunctionName="work", Handler="app.work", DurableConfig=durable, **common)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_line_and_ends_cleanly(serve, tmp_path: Path, number: int) -> None:
    served = serve("--db", tmp_path / "service.sqlite")
    assert served.line.startswith("durable: serving at http://127.0.0.1:")
    assert served.end(number) == (0, "", "")
    assert not (tmp_path / "service.sqlite-wal").exists()


def test_it_ends_cleanly_while_a_function_hangs(serve, make_client, zipped, capsys) -> None:
    served = serve()
    lambda_ = make_client(served.url)
    hang = zipped(app="import time\ndef handler(event, context):\n    print('hanging')\n    time.sleep(600)\n")
    lambda_.create_function(
        FunctionName="hang", Runtime="python3.13", Role=ROLE, Handler="app.handler", Code={"ZipFile": hang}, Timeout=900
    )
    lambda_.invoke(FunctionName="hang", InvocationType="Event")
    printed = ""
    for _ in range(400):
        assert main(["logs", "hang", "--endpoint-url", served.url]) == 0
        printed = capsys.readouterr().out
        if printed:
            break
        time.sleep(0.02)
    assert "hanging" in printed
    assert served.end()[0] == 0


def test_who_waits_for_an_answer_when_it_ends_is_told(serve, make_client, zipped) -> None:
    served = serve()
    lambda_ = make_client(served.url)
    hang = zipped(app="import time\ndef handler(event, context):\n    time.sleep(600)\n")
    lambda_.create_function(
        FunctionName="hang", Runtime="python3.13", Role=ROLE, Handler="app.handler", Code={"ZipFile": hang}, Timeout=900
    )
    connection = http.client.HTTPConnection("127.0.0.1", int(served.url.rpartition(":")[2]), timeout=20)
    connection.request("POST", "/2015-03-31/functions/hang/invocations", b"{}")
    busy = False
    while not busy:
        with urllib.request.urlopen(f"{served.url}/_durable/health") as health:  # noqa: S310  loopback
            busy = json.load(health)["busy"]
    code, out, err = served.end()
    assert (code, out, "Traceback" in err) == (0, "", False)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("x-amzn-errortype")) == (500, "ServiceException")
    connection.close()


def test_workers_run_the_code_time_is_skipped_and_logs_are_kept(
    serve, make_client, zipped, tmp_path: Path, capsys
) -> None:
    served = serve("--clock", "skip", "--log-dir", tmp_path / "logs")
    lambda_ = make_client(served.url)
    create(lambda_, zipped)
    reply = lambda_.invoke(FunctionName="work:1", Payload=b"{}")
    assert json.loads(reply["Payload"].read()) == {"got": 7, "leak": []}
    arn = reply["DurableExecutionArn"]
    types = [e["EventType"] for e in lambda_.get_durable_execution_history(DurableExecutionArn=arn)["Events"]]
    assert types.index("ChainedInvokeSucceeded") < types.index("WaitSucceeded")
    described = lambda_.get_durable_execution(DurableExecutionArn=arn)
    assert (described["EndTimestamp"] - described["StartTimestamp"]).total_seconds() >= 600
    assert main(["logs", "plain", "--endpoint-url", served.url]) == 0
    assert "plain got 7" in capsys.readouterr().out
    assert main(["logs", "--json", "--execution", arn, "--endpoint-url", served.url]) == 0
    assert capsys.readouterr() == ("", "durable logs: no lines of any function so far\n")
    (line,) = (tmp_path / "logs" / "plain.jsonl").read_text().splitlines()
    assert json.loads(line)["message"] == "plain got 7"
    assert served.end()[0] == 0


def test_a_restart_goes_on_where_the_killed_service_was(serve, make_client, zipped, tmp_path: Path) -> None:
    first = serve("--db", tmp_path / "service.sqlite", "--clock", "manual")
    lambda_ = make_client(first.url)
    create(lambda_, zipped)
    arn = lambda_.invoke(FunctionName="work:1", InvocationType="Event", Payload=b"{}")["DurableExecutionArn"]
    first.end(signal.SIGKILL)
    second = serve("--db", tmp_path / "service.sqlite", "--clock", "skip")
    lambda_ = make_client(second.url)
    reply = lambda_.get_waiter("function_active").wait(FunctionName="work")
    assert reply is None
    pause = 0
    while lambda_.get_durable_execution(DurableExecutionArn=arn)["Status"] == "RUNNING" and pause < 400:
        pause += 1
        time.sleep(0.05)
    described = lambda_.get_durable_execution(DurableExecutionArn=arn)
    assert (described["Status"], json.loads(described["Result"])["got"]) == ("SUCCEEDED", 7)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--db", "/nowhere/at/all/x.sqlite"], "unable to open"),
        (["--db", __file__], "not a database"),
        (["--port", "99999"], "99999 is no port: take 1 to 65535, or 0 for a free one"),
        (["--log-dir", __file__], f"cannot use {__file__}: Not a directory"),
        (["--events", "/nowhere/at/all.jsonl"], "cannot use /nowhere/at/all.jsonl: No such file or directory"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(capsys, options: list[str], text: str) -> None:
    assert main(["serve", "--port", "0", *options]) == 1
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == 1


def test_a_port_is_taken_once(serve, capsys) -> None:
    port = serve().url.rpartition(":")[2]
    assert main(["serve", "--port", port]) == 1
    assert f"127.0.0.1:{port}: Address already in use; port 0 takes a free one" in capsys.readouterr().err


def test_logs_ask_only_a_local_service(capsys) -> None:
    assert main(["logs", "--endpoint-url", "https://lambda.us-east-1.amazonaws.com"]) == 1
    assert "CloudWatch" in capsys.readouterr().err
    assert main(["logs", "--endpoint-url", "http://127.0.0.1:1"]) == 1
    assert "no answer" in capsys.readouterr().err
