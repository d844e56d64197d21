"""`cdk deploy`, really run on the sample app: bootstrap, deploy, change a handler, deploy again, destroy."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ("deploy", "--require-approval", "never", "--concurrency", "3")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A copy of the sample app that the test may change, and of the runtime that goes into its layer."""
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("sample_app", "runtime"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    settings = json.loads((ROOT / "cdk.json").read_text())
    settings["app"] = f"{sys.executable} -m sample_app.app"
    (tmp_path / "cdk.json").write_text(json.dumps(settings))
    return tmp_path


def resource(cloud: Any, stack: str, logical_id: str) -> str:
    """The physical id of a resource, by the start of its logical id."""
    listed = cloud.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
    [found] = [each["PhysicalResourceId"] for each in listed if each["LogicalResourceId"].startswith(logical_id)]
    return str(found)


@pytest.mark.deploy
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sample_app_deploys_follows_a_change_and_goes_away(cloud: Any, app: Path) -> None:
    cloud.cdk("bootstrap", "aws://123456789012/us-east-1", cwd=app)
    cloud.cdk(*DEPLOY, "--all", cwd=app)
    awslambda = cloud.client("lambda")
    name = resource(cloud, "Orders", "OrdersFunction520DBA95")
    assert awslambda.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    durable = [each for each in awslambda.list_functions()["Functions"] if "DurableConfig" in each]
    assert len(durable) == 4
    [mapping] = awslambda.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["FunctionArn"].endswith(resource(cloud, "MediaScan", "StartFunction0"))

    handler = app / "sample_app" / "functions" / "orders" / "handler.py"
    handler.write_text(handler.read_text().replace("timedelta(minutes=30)", "timedelta(minutes=20)"))
    cloud.cdk(*DEPLOY, "Orders", cwd=app)
    configuration = awslambda.get_function_configuration(FunctionName=name)
    assert configuration["DurableConfig"] == {"ExecutionTimeout": 14 * 86_400}
    assert configuration["LoggingConfig"]["LogFormat"] == "JSON"
    assert [each["Arn"] for each in configuration["Layers"]] == [resource(cloud, "Orders", "DurableRuntimeLayer")]
    assert configuration["Environment"]["Variables"]["SHIPPING_ARN"].endswith(":live")
    latest, first, second = awslambda.list_versions_by_function(FunctionName=name)["Versions"]
    assert (latest["Version"], first["Version"], second["Version"]) == ("$LATEST", "1", "2")
    assert first["CodeSha256"] != second["CodeSha256"] == latest["CodeSha256"]
    assert first["DurableConfig"] == second["DurableConfig"] == configuration["DurableConfig"]
    assert awslambda.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
    shipping = resource(cloud, "Orders", "ShippingFunction9")
    assert awslambda.get_alias(FunctionName=shipping, Name="live")["FunctionVersion"] == "1"

    cloud.cdk("destroy", "--app", "cdk.out", "--all", "--force", cwd=app)
    assert awslambda.list_functions()["Functions"] == []
