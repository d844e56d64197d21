"""`durable dev`: the stack you deploy is the stack you run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import os
from durable_runtime import durable_execution

@durable_execution
def handler(event, ctx):
    price = ctx.step(lambda _: 21, name="price")
    ctx.wait(86400, name="a day")
    answer = ctx.wait_for_callback(lambda _id, _c: None, name="approval")
    print("calling", os.environ["DOUBLE"].rpartition(":")[2])
    if event.get("fail"):
        raise RuntimeError("sold out")
    return [answer, ctx.invoke(os.environ["DOUBLE"], price, name="double")]
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdk.out")
    (folder / "asset.c0de").mkdir()
    (folder / "asset.c0de" / "app.py").write_text(CODE)
    (folder / "asset.1a7e" / "python").mkdir(parents=True)
    (folder / "asset.1a7e" / "python" / "durable_runtime").symlink_to(ROOT / "runtime" / "durable_runtime")
    files = {
        key: {"source": {"path": f"asset.{key}"}, "destinations": {"here": {"objectKey": f"{key}.zip"}}}
        for key in ("c0de", "1a7e")
    }
    (folder / "Shop.assets.json").write_text(json.dumps({"files": files}))
    runtime = {"Runtime": "python3.13"}
    resources: dict[str, Any] = {
        "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {"S3Key": "1a7e.zip"}}},
        "Double": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Handler": "index.f",
                "Code": {"ZipFile": "def f(e, c): return e * 2"},
                "Environment": {"Variables": {"BUCKET": {"Ref": "Bucket"}}},
                **runtime,
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "DoubleV1": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Double"}}},
        "Orders": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "orders",
                "Handler": "app.handler",
                "Code": {"S3Key": "c0de.zip"},
                "Layers": [{"Ref": "Layer"}],
                "DurableConfig": {"ExecutionTimeout": 604800},
                "Environment": {"Variables": {"DOUBLE": {"Ref": "DoubleV1"}}},
                "Timeout": 30,
                **runtime,
            },
        },
        "V1": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Orders"}}},
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "Name": "live",
                "FunctionName": {"Ref": "Orders"},
                "FunctionVersion": {"Fn::GetAtt": ["V1", "Version"]},
            },
        },
    }
    (folder / "Shop.template.json").write_text(json.dumps({"Resources": resources}))
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "Shop.template.json"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"Shop": stack}}))
    return folder


def dev(app: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durable_cli.main", "dev", "--app", str(app), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_an_execution_runs_to_its_end_and_prints_its_timeline(app: Path) -> None:
    done = dev(app, "--invoke", "orders", "--payload", '{"id": 7}', "--name", "order-7", "--respond", 'approval="yes"')
    assert done.returncode == 0, done.stdout + done.stderr
    assert "orders:live" in done.stdout
    assert "order-7: SUCCEEDED, after 1d" in done.stdout
    assert 'result: ["yes", 42]' in done.stdout
    assert "1 note about what exists only on AWS" in done.stdout
    assert "log: calling 1" in done.stdout
    assert not list(app.rglob("asset.c0de/__pycache__")), "running the stack changed its assets"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--invoke", "orders", "--payload", '{"fail": 1}', "--respond", "*=1"], 1, "RuntimeError: sold out"),
        (["--invoke", "orders"], 1, "It waits for the callback 'approval': answer it with --respond"),
        (["--invoke", "Shop/Double", "--payload", "4"], 0, "\n8\n"),
        (["--invoke", "Shop/Double", "--payload", "4", "--awslambdaric"], 0, "\n8\n"),
        (["--invoke", "Shop/Double", "--payload", "null"], 1, "TypeError"),
        (["--invoke", "payments"], 2, "no function matches `payments`"),
        (["--invoke", "orders", "--payload", "{"], 2, "--payload is not JSON"),
        (["--invoke", "orders", "--respond", "*=1", "--env", "DOUBLE=absent:1"], 1, "Function not found: "),
        (["--invoke", "orders", "--db", __file__], 1, "file is not a database"),
        (["--invoke", "orders", "--env", "yes"], 2, "--env takes NAME=VALUE"),
        (["--invoke", "orders", "--respond", "yes"], 2, "--respond takes CALLBACK=JSON"),
    ],
)
def test_the_exit_code_says_how_it_went(app: Path, arguments: list[str], code: int, text: str) -> None:
    done = dev(app, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert text in done.stdout + done.stderr


def test_a_folder_that_is_no_assembly_says_what_to_run(tmp_path: Path) -> None:
    done = dev(tmp_path)
    assert done.returncode == 2
    assert "Run `cdk synth` first" in done.stderr


def test_a_database_keeps_executions_and_the_functions_are_updated(app: Path, tmp_path: Path) -> None:
    database = ["--db", str(tmp_path / "dev.db"), "--invoke", "orders", "--respond", "*=1"]
    assert dev(app, *database, "--name", "first").returncode == 0
    again = dev(app, *database, "--name", "first")
    assert again.returncode == 1
    assert "Execution already started" in again.stderr, "another version of the function is another execution"
    second = dev(app, *database, "--name", "second")
    assert second.returncode == 0, second.stdout + second.stderr


def test_serving_prints_the_functions_and_ends_on_sigterm(app: Path) -> None:
    command = [sys.executable, "-m", "durable_cli.main", "dev", "--app", str(app)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert lines[0].startswith("durable: serving ")
    assert lines[3].startswith("  note: Bucket (AWS::S3::Bucket) has no value before a deployment")
    assert lines[4].startswith("Use it with: export AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:")
