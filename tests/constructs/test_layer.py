"""The runtime's layer: the same bytes from every installation, in every version's hash, and able to run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from constructs_durable import DurableRuntimeLayer, DurableSdk, _layer_content
from tests.constructs.support import HANDLERS, a_function, a_stack, of_type, only, resources


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a small runtime the installed one; return its folder."""
    folder = tmp_path / "site-packages" / "durable_runtime"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_bytes(b'"""Runtime."""\n\nVERSION = 1\n')
    (folder / "inner" / "__init__.py").write_bytes(b"")
    monkeypatch.setattr(_layer_content, "runtime_folder", lambda: folder)
    return folder


def digest() -> str:
    return _layer_content.layer_content().digest


def test_the_hash_ignores_what_an_installer_leaves_behind(installed: Path) -> None:
    before = digest()
    cache = installed / "__pycache__"
    cache.mkdir()
    (cache / "__init__.cpython-313.pyc").write_bytes(b"\0")
    (cache / "odd.py").write_text("")
    (installed / "RECORD").write_text("installed by pip")
    source = installed / "__init__.py"
    source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    source.chmod(0o755)
    os.utime(source, (1, 1))
    assert digest() == before


@pytest.mark.parametrize("change", ["content", "name", "addition"])
def test_the_hash_follows_every_change_of_the_source(installed: Path, change: str) -> None:
    before = digest()
    if change == "content":
        (installed / "__init__.py").write_bytes(b"VERSION = 2\n")
    elif change == "name":
        (installed / "inner").rename(installed / "outer")
    else:
        (installed / "more.py").write_bytes(b"")
    assert digest() != before


def test_the_same_source_elsewhere_has_the_same_hash(installed: Path, tmp_path: Path, monkeypatch) -> None:
    before = digest()
    moved = tmp_path / "elsewhere" / "durable_runtime"
    shutil.copytree(installed, moved)
    monkeypatch.setattr(_layer_content, "runtime_folder", lambda: moved)
    assert digest() == before


@pytest.mark.usefixtures("either_flags")
def test_a_changed_runtime_publishes_a_new_version_whatever_the_flags_say(installed: Path) -> None:
    def version_and_code() -> tuple[str, str]:
        stack = a_stack()
        a_function(stack)
        found = resources(stack)
        (version,) = of_type(found, "AWS::Lambda::Version")
        return version, only(found, "AWS::Lambda::Function")["Properties"]["Code"]["S3Key"]

    first, first_code = version_and_code()
    assert version_and_code() == (first, first_code)
    (installed / "__init__.py").write_bytes(b"\nVERSION = 2\n")
    second, second_code = version_and_code()
    assert first != second
    assert first_code == second_code


def test_both_kinds_of_layer_may_live_in_one_stack() -> None:
    stack = a_stack()
    a_function(stack, "Ours")
    a_function(stack, "Moved", sdk=DurableSdk.RUNTIME_LAYER_AS_AWS_SDK)
    a_function(stack, "MovedToo", sdk=DurableSdk.RUNTIME_LAYER_AS_AWS_SDK)
    layers = of_type(resources(stack), "AWS::Lambda::LayerVersion")
    assert {name[:-8] for name in layers} == {"DurableRuntimeLayer", "DurableRuntimeLayerAsAwsSdk"}


def test_a_layer_is_found_again_from_any_scope_of_its_stack() -> None:
    stack = a_stack()
    layer = DurableRuntimeLayer.of(stack)
    inner = cdk.aws_iam.Role(stack, "Inner", assumed_by=cdk.aws_iam.AccountRootPrincipal())
    assert DurableRuntimeLayer.of(inner) is layer
    assert DurableRuntimeLayer.of(a_stack()) is not layer


def test_a_layer_may_be_used_by_a_plain_function() -> None:
    stack = a_stack()
    lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
        layers=[DurableRuntimeLayer(stack, "Layer", removal_policy=cdk.RemovalPolicy.RETAIN)],
    )
    layer = only(resources(stack), "AWS::Lambda::LayerVersion")
    assert layer["DeletionPolicy"] == "Retain"


def test_a_missing_runtime_says_what_to_do(monkeypatch) -> None:
    monkeypatch.setattr(_layer_content.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"`durable_runtime` is not installed.*reinstall"):
        _layer_content.layer_content()


def test_the_archive_has_the_same_bytes_each_time_and_files_that_lambda_can_read(
    installed: Path, tmp_path: Path, monkeypatch
) -> None:
    first = _layer_content.layer_content().archive()
    monkeypatch.setenv("CONSTRUCTS_DURABLE_CACHE", str(tmp_path / "another"))
    second = _layer_content.layer_content().archive()
    assert first != second
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.read("python/durable_runtime/modules.txt") == b"\finner/__init__.py\n\n"
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}


def test_the_runtime_is_packaged_without_being_imported() -> None:
    code = (
        "import sys; from constructs_durable import _layer_content as content;"
        "content.layer_content().archive(); print('durable_runtime' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


RUN = """
import json, sys
layer, code, module, handler = sys.argv[1:]
sys.path[:0] = [code, layer + "/python"]

class Service:
    updates = []
    def checkpoint(self, arn, token, updates, client_token):
        self.updates += updates
        return {"CheckpointToken": "t", "NewExecutionState": {"Operations": []}}
    def get_state(self, arn, token, marker, max_items):
        raise AssertionError("the whole state is in the event")

class Context:
    aws_request_id = "r-1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:orders:1"
    def get_remaining_time_in_millis(self):
        return 60_000

event = {
    "DurableExecutionArn": "arn:aws:lambda:us-east-1:123456789012:function:orders:1/durable-execution/o/1",
    "CheckpointToken": "t0",
    "InitialExecutionState": {"Operations": [{
        "Id": "1", "Type": "EXECUTION", "Status": "STARTED", "StartTimestamp": 0,
        "ExecutionDetails": {"InputPayload": json.dumps({"amount": 7})},
    }]},
}
target = getattr(__import__(module), handler)
reply = target.invoke_with(event, Context(), Service())
import durable_runtime
print(json.dumps({
    "reply": reply, "file": durable_runtime.__file__, "updates": Service.updates,
    "foreign": sorted(name for name in sys.modules if name.partition(".")[0] in ("boto3", "botocore")),
}))
"""


def unpacked(assembly: Path, asset_key: str, into: Path) -> Path:
    """Take an asset of the assembly as the CDK would upload it, and unzip it as Lambda would."""
    archive = assembly / f"asset.{asset_key}"
    if not archive.exists():
        source = archive.with_suffix("")
        archive = into.with_suffix(".zip")
        with zipfile.ZipFile(archive, "w") as zipped:
            for path in sorted(source.rglob("*")):
                zipped.write(path, path.relative_to(source))
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(into)
    return into


def run_deployed(tmp_path: Path, folder: Path, sdk: DurableSdk) -> dict[str, Any]:
    """Synthesize a function, unpack its code and layer, and run the handler from them with nothing else around."""
    app = cdk.App(outdir=str(tmp_path / "cdk.out"))
    stack = cdk.Stack(app, "Demo")
    a_function(stack, entry=folder, sdk=sdk)
    assembly = Path(app.synth().directory)
    found = json.loads((assembly / "Demo.template.json").read_text())["Resources"]
    layer_key = only(found, "AWS::Lambda::LayerVersion")["Properties"]["Content"]["S3Key"]
    code_key = only(found, "AWS::Lambda::Function")["Properties"]["Code"]["S3Key"]
    layer, code = unpacked(assembly, layer_key, tmp_path / "opt"), unpacked(assembly, code_key, tmp_path / "task")
    assert not list(layer.rglob("*.pyc"))
    command = [sys.executable, "-I", "-S", "-B", "-c", RUN, str(layer), str(code), "app", "handler"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    reply: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert Path(reply["file"]).is_relative_to(layer)
    return reply


def test_a_handler_runs_from_the_layer_of_the_synthesized_assembly_in_a_clean_interpreter(tmp_path: Path) -> None:
    reply = run_deployed(tmp_path, HANDLERS / "good", DurableSdk.RUNTIME_LAYER)
    assert reply["reply"]["Status"] == "SUCCEEDED"
    assert json.loads(reply["reply"]["Result"]) == {"charged": 7}
    assert [update["Action"] for update in reply["updates"]] == ["START", "SUCCEED"]
    assert reply["foreign"] == []


def test_a_handler_written_for_the_other_sdk_runs_from_the_layer_with_its_name(tmp_path: Path) -> None:
    reply = run_deployed(tmp_path, HANDLERS / "moved", DurableSdk.RUNTIME_LAYER_AS_AWS_SDK)
    assert json.loads(reply["reply"]["Result"]) == {"charged": 7}
