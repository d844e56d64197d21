"""Metrics, alarms, status events, queries and the dashboard, as the template has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match, Template

from constructs_durable import DurableDashboard, DurableFunction, DurableInputError, DurableMetrics, ExecutionStatus

FLAGS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]
NAME = {"Ref": Match.string_like_regexp("^OrdersFunction")}


@pytest.fixture(params=[{}, FLAGS], ids=["bare", "flags"])
def stack(request: pytest.FixtureRequest) -> cdk.Stack:
    """A stack of a bare app, and one of an app with the flags of a fresh cdk.json."""
    return cdk.Stack(cdk.App(context=request.param), "Shop")


def function(stack: cdk.Stack, tmp_path: Path, name: str = "Orders", **options: Any) -> DurableFunction:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 1\n")
    hour = cdk.Duration.hours(1)
    return DurableFunction(stack, name, entry=tmp_path, handler="app.handler", execution_timeout=hour, **options)


def test_recommended_alarms_watch_executions_and_tell_the_topic(stack: cdk.Stack, tmp_path: Path) -> None:
    alarms = function(stack, tmp_path).recommended_alarms(sns.Topic(stack, "Oncall"))
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::CloudWatch::Alarm", len(alarms))
    expected = [
        ("DurableExecutionFailed", "Sum", 1),
        ("DurableExecutionTimedOut", "Sum", 1),
        ("DurableExecutionOperations", "Maximum", 2_400),
        ("DurableExecutionStorageWrittenBytes", "Maximum", 80_000_000),
    ]
    for metric, statistic, threshold in expected:
        template.has_resource_properties(
            "AWS::CloudWatch::Alarm",
            {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Statistic": statistic,
                "Threshold": threshold,
                "Dimensions": [{"Name": "FunctionName", "Value": NAME}],
                "TreatMissingData": "notBreaching",
                "AlarmActions": [{"Ref": Match.string_like_regexp("Oncall")}],
            },
        )


def test_accounts_quota_has_one_alarm_for_all_functions_of_the_stack(stack: cdk.Stack, tmp_path: Path) -> None:
    for name in ("Orders", "Scans"):
        function(stack, tmp_path, name).recommended_alarms()
    found = Template.from_stack(stack).find_resources(
        "AWS::CloudWatch::Alarm",
        {"Properties": {"MetricName": "ApproximateRunningDurableExecutionsUtilization", "Threshold": 80}},
    )
    [alarm] = found.values()
    assert "Dimensions" not in alarm["Properties"]


def test_alarms_can_be_left_out_and_tuned(stack: cdk.Stack, tmp_path: Path) -> None:
    quiet: dict[str, Any] = {"timed_out": None, "operations": None, "storage_bytes": None, "running_percent": None}
    assert len(function(stack, tmp_path).recommended_alarms(failed=10, **quiet)) == 1
    Template.from_stack(stack).has_resource_properties("AWS::CloudWatch::Alarm", {"Threshold": 10})


def test_alarm_that_would_never_end_is_an_error(stack: cdk.Stack, tmp_path: Path) -> None:
    with pytest.raises(DurableInputError, match=r"^Shop/Orders: failed is 0, and .* Pass None"):
        function(stack, tmp_path).recommended_alarms(failed=0)
    assert Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm") == {}


def test_status_rule_matches_every_version_of_this_function_and_no_other(stack: cdk.Stack, tmp_path: Path) -> None:
    topic = sns.Topic(stack, "Oncall")
    function(stack, tmp_path).on_execution_status_change("Attention", target=targets.SnsTopic(topic))
    arn = {"Fn::GetAtt": [Match.string_like_regexp("^OrdersFunction"), "Arn"]}
    Template.from_stack(stack).has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.lambda"],
                "detail-type": ["Durable Execution Status Change"],
                "detail": {
                    "functionArn": [{"prefix": {"Fn::Join": ["", [arn, ":"]]}}],
                    "status": ["FAILED", "TIMED_OUT", "STOPPED"],
                },
            },
            "Targets": [{"Arn": Match.any_value(), "Id": Match.any_value()}],
        },
    )


def test_durable_function_as_target_of_another_is_its_alias(stack: cdk.Stack, tmp_path: Path) -> None:
    first, second = function(stack, tmp_path), function(stack, tmp_path, "Repair")
    first.on_execution_status_change("Broken", target=targets.LambdaFunction(second))
    Template.from_stack(stack).has_resource_properties(
        "AWS::Events::Rule", {"Targets": [Match.object_like({"Arn": {"Ref": Match.string_like_regexp("RepairAlias")}})]}
    )


def test_rule_without_statuses_is_an_error(stack: cdk.Stack, tmp_path: Path) -> None:
    with pytest.raises(DurableInputError, match=r"^Shop/Orders/Never: statuses is empty"):
        function(stack, tmp_path).on_execution_status_change("Never", statuses=[])


def test_status_that_eventbridge_is_not_told_of_is_an_error(stack: cdk.Stack, tmp_path: Path) -> None:
    with pytest.raises(
        DurableInputError, match=r"^Shop/Orders: .*statuses has 'PAUSED'; pass one of ExecutionStatus.RUNNING, "
    ):
        function(stack, tmp_path).on_execution_status_change("Paused", statuses=["PAUSED"])  # type: ignore[list-item]


def test_single_status_can_be_chosen(stack: cdk.Stack, tmp_path: Path) -> None:
    function(stack, tmp_path).on_execution_status_change("Done", statuses=[ExecutionStatus.SUCCEEDED])
    Template.from_stack(stack).has_resource_properties(
        "AWS::Events::Rule", {"EventPattern": {"detail": {"status": ["SUCCEEDED"]}}}
    )


def test_log_queries_are_saved_for_the_functions_own_log_group(stack: cdk.Stack, tmp_path: Path) -> None:
    function(stack, tmp_path).add_log_queries()
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Logs::QueryDefinition", 3)
    template.has_resource_properties(
        "AWS::Logs::QueryDefinition",
        {
            "Name": "Shop/Orders/One execution, by name",
            "LogGroupNames": [{"Ref": Match.string_like_regexp("OrdersLogs")}],
            "QueryString": Match.string_like_regexp(r"filter executionArn like /durable-execution.NAME/"),
        },
    )


def test_dashboard_shows_each_function_and_the_account(stack: cdk.Stack, tmp_path: Path) -> None:
    shown = [function(stack, tmp_path), function(stack, tmp_path, "Scans")]
    DurableDashboard(stack, "Watch", functions=shown)
    [dashboard] = Template.from_stack(stack).find_resources("AWS::CloudWatch::Dashboard").values()
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
    titles = [widget["properties"]["title"] for widget in body["widgets"]]
    assert titles == [
        f"{name}: {what}"
        for name in ("Orders", "Scans")
        for what in ("executions", "duration", "operations of one execution", "invocations, replays included")
    ] + ["Account: running executions"]
    metrics = {metric[1] for widget in body["widgets"] for metric in widget["properties"]["metrics"]}
    assert {"DurableExecutionFailed", "DurableExecutionTimedOut", "ApproximateRunningDurableExecutions"} <= metrics


def test_empty_dashboard_is_an_error(stack: cdk.Stack) -> None:
    with pytest.raises(DurableInputError, match=r"^Shop/Watch: functions is empty"):
        DurableDashboard(stack, "Watch", functions=[])


def test_metrics_of_hand_made_functions_work_too(stack: cdk.Stack) -> None:
    metric = DurableMetrics("orders").duration(statistic="p90", period=cdk.Duration.minutes(1))
    assert (metric.metric_name, metric.statistic, metric.dimensions) == (
        "DurableExecutionDuration",
        "p90",
        {"FunctionName": "orders"},
    )


def test_tracing_is_handed_through_with_its_permissions(stack: cdk.Stack, tmp_path: Path) -> None:
    function(stack, tmp_path, tracing=lambda_.Tracing.ACTIVE)
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::Lambda::Function", {"TracingConfig": {"Mode": "Active"}})
    allowed = Match.object_like({"Action": Match.array_with(["xray:PutTraceSegments"])})
    template.has_resource_properties("AWS::IAM::Policy", {"PolicyDocument": {"Statement": Match.array_with([allowed])}})
