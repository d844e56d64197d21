"""`cdk deploy`, really run: bootstrap, deploy, change the handler, deploy again, destroy."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = "def handler(event, context):\n    return 'v1'\n"

APP = """
import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_, aws_logs as logs

app = cdk.App()
stack = cdk.Stack(app, "Demo", env=cdk.Environment(account="123456789012", region="us-east-1"))
fn = lambda_.Function(
    stack, "Fn", runtime=lambda_.Runtime.PYTHON_3_13, handler="handler.handler",
    code=lambda_.Code.from_asset("functions/hello"),
    log_group=logs.LogGroup(stack, "Logs"),
    layers=[lambda_.LayerVersion(stack, "Layer", code=lambda_.Code.from_asset("layer"))],
    durable_config=lambda_.DurableConfig(execution_timeout=cdk.Duration.hours(1)),
    current_version_options=lambda_.VersionOptions(removal_policy=cdk.RemovalPolicy.RETAIN),
)
alias = lambda_.Alias(stack, "Live", alias_name="live", version=fn.current_version)
cdk.CfnOutput(stack, "FunctionName", value=fn.function_name)
app.synth()
"""


@pytest.mark.deploy
@pytest.mark.timeout(300)
def test_hand_wired_stack_deploys_updates_and_goes_away(cloud: Any, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py"}))
    for name, text in {"functions/hello/handler.py": HANDLER, "layer/python/thing.py": "X = 1\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    cloud.cdk("bootstrap", "aws://123456789012/us-east-1", cwd=tmp_path)
    outputs = tmp_path / "outputs.json"
    deploy = ("deploy", "Demo", "--require-approval", "never", "--outputs-file", str(outputs))
    cloud.cdk(*deploy, cwd=tmp_path)
    name = json.loads(outputs.read_text())["Demo"]["FunctionName"]
    awslambda = cloud.client("lambda")
    assert awslambda.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"

    (tmp_path / "functions/hello/handler.py").write_text(HANDLER.replace("v1", "v2"))
    cloud.cdk(*deploy, cwd=tmp_path)
    configuration = awslambda.get_function_configuration(FunctionName=name)
    assert configuration["DurableConfig"] == {"ExecutionTimeout": 3600}
    assert len(configuration["Layers"]) == 1
    versions = awslambda.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
    assert versions[1]["CodeSha256"] != versions[2]["CodeSha256"]
    assert awslambda.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"

    cloud.cdk("destroy", "Demo", "--force", cwd=tmp_path)
    assert awslambda.list_functions()["Functions"] == []
