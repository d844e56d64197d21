"""`durable replay`: the gate before a deploy."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from durable_cli.main import main
from durable_local.testing import DurableTestRunner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """
from durable_runtime import durable_execution

@durable_execution
def handler(event, ctx):
    total = ctx.step(lambda _: open({marker!r}, "w").close(), name={name!r})
    ctx.wait(3600, name="pause")
    return ctx.step(lambda _: 42, name="ship")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("orders_"):
            del sys.modules[name]


def write(project: Path, module: str, name: str) -> Path:
    marker = project / f"{module}.ran"
    (project / f"{module}.py").write_text(SOURCE.format(marker=str(marker), name=name))
    return marker


def record(project: Path, file: str = "order.json") -> Path:
    write(project, "orders_recorded", "price")
    sys.path.insert(0, str(project))
    import orders_recorded  # type: ignore[import-not-found]

    with DurableTestRunner(orders_recorded.handler) as runner:
        document = runner.run({}, name="order-7").assert_succeeded().history()
    path = project / file
    path.write_text(json.dumps(document))
    return path


def test_compatible_code_passes_the_gate_without_running_a_step(project: Path, capsys: Any) -> None:
    file = record(project)
    marker = write(project, "orders_same", "price")
    assert main(["replay", str(file), str(file), "--handler", "orders_same:handler"]) == 0
    output = capsys.readouterr().out.splitlines()
    assert output == [f"{file}: order-7 (SUCCEEDED, 3 operations): compatible"] * 2 + ["2 replayed, 0 diverged"]
    assert not marker.exists()


def test_a_divergence_fails_the_gate_and_names_the_line(project: Path, capsys: Any) -> None:
    file = record(project)
    write(project, "orders_renamed", "cost")
    assert main(["replay", str(file), "--handler", "orders_renamed:handler"]) == 1
    output = capsys.readouterr().out
    assert "expected (history): STEP named 'price' at top level" in output
    assert "found (code):       STEP named 'cost' at top level" in output
    assert "orders_renamed.py:6 in handler" in output
    assert main(["replay", str(file), "--handler", "orders_renamed:handler", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["compatible"], document["expected"]) == (False, "STEP named 'price' at top level")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--handler", "orders_same:handler"], "name at least one FILE"),
        (["missing.json", "--handler", "orders_same:handler"], "cannot read missing.json"),
        (["bad.json", "--handler", "orders_same:handler"], "neither `Events` nor `Operations`"),
        (["bad.json", "--handler", "orders_same"], "--handler takes MODULE:FUNCTION"),
        (["bad.json", "--handler", "orders_absent:handler"], "cannot import `orders_absent`"),
        (["bad.json", "--handler", "orders_same:absent"], "has no `absent`"),
        (["order.json", "--handler", "json:loads"], "cannot be replayed without side effects"),
    ],
)
def test_what_cannot_be_replayed_is_a_usage_error(project: Path, capsys: Any, arguments: list[str], text: str) -> None:
    record(project)
    write(project, "orders_same", "price")
    (project / "bad.json").write_text("{}")
    assert main(["replay", *arguments]) == 2
    assert text in capsys.readouterr().err


def test_code_for_awss_sdk_replays_through_compat(project: Path) -> None:
    import subprocess

    file = record(project)
    source = SOURCE.format(marker="x", name="price").replace("durable_runtime", "aws_durable_execution_sdk_python")
    source = source.replace("ctx.wait(3600", "ctx.wait(Duration.from_hours(1)")
    (project / "orders_theirs.py").write_text("from aws_durable_execution_sdk_python.config import Duration\n" + source)
    command = [sys.executable, "-m", "durable_cli.main", "replay", str(file), "--handler", "orders_theirs:handler"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "durable_runtime.compat" in refused.stderr
    passed = subprocess.run([*command, "--compat"], capture_output=True, text=True, check=False)
    assert passed.returncode == 0, passed.stderr + passed.stdout


def test_open_executions_are_fetched_from_a_service(project: Path, capsys: Any) -> None:
    import boto3

    from durable_local import LocalService

    write(project, "orders_live", "price")
    with LocalService(clock="manual") as service:
        client = boto3.client(
            "lambda", endpoint_url=service.url, region_name="us-east-1",
            aws_access_key_id="x", aws_secret_access_key="x",
        )  # fmt: skip
        client.create_function(
            FunctionName="orders",
            Runtime="python3.13",
            Role="arn:aws:iam::123456789012:role/r",
            Handler="orders_live.handler",
            Code={"S3Bucket": "local-folder", "S3Key": str(project)},
            DurableConfig={"ExecutionTimeout": 86400},
            Timeout=30,
        )
        arn = client.invoke(FunctionName="orders:$LATEST", InvocationType="Event", DurableExecutionName="live-1")[
            "DurableExecutionArn"
        ]
        while len(client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]) < 5:
            pass
        command = ["replay", "--from-function", "orders", "--endpoint-url", service.url, "--save", "records"]
        assert main([*command, "--handler", "orders_live:handler"]) == 0
        output = capsys.readouterr().out
        assert f"{arn}: live-1 (RUNNING, 2 operations): compatible" in output
        write(project, "orders_next", "cost")
        assert main([*command, "--handler", "orders_next:handler", "--status", "RUNNING"]) == 1
        assert main([*command, "--handler", "orders_next:handler", "--status", "FAILED"]) == 0
        assert main(["replay", "records/live-1.json", "--handler", "orders_next:handler"]) == 1
        assert (
            main(["replay", "--from-function", "absent", "--endpoint-url", service.url, "--handler", "json:loads"]) == 2
        )
        assert "cannot fetch the executions of absent" in capsys.readouterr().err


def test_without_boto3_fetching_says_what_to_install(project: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert main(["replay", "--from-function", "orders", "--handler", "json:loads"]) == 2
    assert "pip install 'constructs-durable[aws]'" in capsys.readouterr().err
