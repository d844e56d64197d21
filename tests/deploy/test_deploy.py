"""`cdk deploy`, really run on the sample app: bootstrap, deploy, change a handler, deploy again, destroy."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LINES = [{"sku": "tea", "quantity": 2, "price_cents": 500}]
ORDER = json.dumps({"order_id": "A-1", "card": "visa", "address": "1 Main Street", "lines": LINES})
PATIENCE = 30  # seconds
DEPLOY = ("deploy", "--require-approval", "never", "--concurrency", "3")


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


def wait_for(awslambda: Any, arn: str, event_type: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        events = awslambda.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
        if event_type in {event["EventType"] for event in events}:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {event_type} in {[event['EventType'] for event in events]}")


def advance_until_it_ends(cloud: Any, arn: str) -> dict[str, Any]:
    """Let hours pass until the execution has ended."""
    awslambda = cloud.client("lambda")
    for _ in range(12):
        described: dict[str, Any] = awslambda.get_durable_execution(DurableExecutionArn=arn)
        if described["Status"] != "RUNNING":
            return described
        cloud.advance(seconds=3_600)
    raise AssertionError(f"still running: {described}")


@pytest.mark.deploy
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_execution_that_waits_during_a_deploy_ends_on_the_version_it_started_on(running_cloud: Any, app: Path) -> None:
    cloud = running_cloud
    cloud.pretend_bootstrap()
    cloud.cdk(*DEPLOY, "Orders", cwd=app)
    awslambda = cloud.client("lambda")
    live = f"{resource(cloud, 'Orders', 'OrdersFunction520DBA95')}:live"
    old = awslambda.invoke(FunctionName=live, InvocationType="Event", Payload=ORDER)["DurableExecutionArn"]
    wait_for(awslambda, old, "WaitStarted")

    handler = app / "sample_app" / "functions" / "orders" / "handler.py"
    handler.write_text(
        handler.read_text().replace('"payment-', '"new-payment-').replace('f"payment-', 'f"new-payment-')
    )
    cloud.cdk(*DEPLOY, "Orders", cwd=app)
    new = awslambda.invoke(FunctionName=live, InvocationType="Event", Payload=ORDER)["DurableExecutionArn"]
    wait_for(awslambda, new, "WaitStarted")
    for arn, version, payment in ((old, "1", "payment-"), (new, "2", "new-payment-")):
        ended = advance_until_it_ends(cloud, arn)
        assert (ended["Status"], ended["Version"]) == ("SUCCEEDED", version)
        assert json.loads(ended["Result"])["payment_id"].startswith(payment)
