"""The rule pack finds each mistake in hand-written CDK, and nothing where there is none.

One app holds a stack for each case, because the validator takes seconds to start and milliseconds per template.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import cloudformation_include as cfn_include
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from aws_cdk.aws_lambda_event_sources import SqsEventSource

from constructs_durable import ApprovalApi, AsyncStarter, DurableFunction, VersionPruning
from constructs_durable.rules import RULES, add_durable_rules

if TYPE_CHECKING:
    from collections.abc import Callable

RETAIN = lambda_.VersionOptions(removal_policy=cdk.RemovalPolicy.RETAIN)
MINUTES, HOUR = cdk.Duration.minutes(10), cdk.Duration.hours(1)


def raw(stack: cdk.Stack, execution_timeout: cdk.Duration = MINUTES, **options: Any) -> lambda_.Function:
    """The function as CDK alone makes it."""
    defaults: dict[str, Any] = {
        "runtime": lambda_.Runtime.PYTHON_3_13,
        "handler": "index.handler",
        "code": lambda_.Code.from_inline("handler = None"),
        "timeout": cdk.Duration.minutes(1),
        "durable_config": lambda_.DurableConfig(execution_timeout=execution_timeout),
        "current_version_options": RETAIN,
    }
    return lambda_.Function(stack, "Fn", **{**defaults, **options})


def live(stack: cdk.Stack, execution_timeout: cdk.Duration = MINUTES, **options: Any) -> lambda_.Alias:
    version = raw(stack, execution_timeout, **options).current_version
    return lambda_.Alias(stack, "Live", alias_name="live", version=version)


def patient_queue(stack: cdk.Stack) -> sqs.Queue:
    return sqs.Queue(stack, "Queue", visibility_timeout=MINUTES)


def wire_everything(stack: cdk.Stack, function: Any) -> None:
    """Seven ways to invoke a function."""
    function.add_event_source(SqsEventSource(patient_queue(stack)))
    sns.Topic(stack, "Topic").add_subscription(subscriptions.LambdaSubscription(function))
    events.Rule(stack, "Rule", schedule=events.Schedule.rate(HOUR), targets=[targets.LambdaFunction(function)])
    invoke = scheduler_targets.LambdaInvoke(function)
    scheduler.Schedule(stack, "Schedule", schedule=scheduler.ScheduleExpression.rate(HOUR), target=invoke)
    function.add_function_url()
    api = apigatewayv2.HttpApi(stack, "HttpApi")
    api.add_routes(path="/", integration=HttpLambdaIntegration("Integration", function))
    apigateway.LambdaRestApi(stack, "RestApi", handler=function)


def grant(stack: cdk.Stack, *resources: str) -> None:
    role = iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal())
    actions = ["lambda:SendDurableExecutionCallbackSuccess"]
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[*resources]))


def own_role(stack: cdk.Stack) -> iam.Role:
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def allowing(stack: cdk.Stack, action: str) -> iam.Role:
    role = own_role(stack)
    role.add_to_policy(iam.PolicyStatement(actions=[action], resources=["*"]))
    return role


def static_version(stack: cdk.Stack) -> None:
    function = raw(stack)
    version = lambda_.CfnVersion(stack, "Fixed", function_name=function.function_name)
    version.apply_removal_policy(cdk.RemovalPolicy.RETAIN)


def included(stack: cdk.Stack) -> None:
    """A template that was written without CDK, and an escape hatch."""
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Code": {"ZipFile": "handler = None"},
            "Role": "arn:aws:iam::123456789012:role/given",
        },
    }
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "ScheduleExpression": "rate(1 hour)",
            "Targets": [{"Id": "1", "Arn": {"Fn::GetAtt": ["Old", "Arn"]}}],
        },
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"Resources": {"Old": function, "Nightly": rule}}, file)
        file.flush()
        template = cfn_include.CfnInclude(stack, "Included", template_file=file.name)
    template.get_resource("Old").add_property_override("DurableConfig", {"ExecutionTimeout": 600})


def ours(stack: cdk.Stack, timeout: cdk.Duration = MINUTES, **options: Any) -> DurableFunction:
    entry = Path(__file__).parents[1] / "handlers" / "good"
    return DurableFunction(stack, "Ours", entry=entry, handler="app.handler", execution_timeout=timeout, **options)


def everything_of_ours(stack: cdk.Stack) -> None:
    function = ours(
        stack,
        dead_letter_queue_enabled=True,
        execution_key=kms.Key(stack, "Key"),
        prune_versions=VersionPruning(keep=3),
        retry_attempts=0,
        stop_executions_on_delete=True,
    )
    wire_everything(stack, function)
    function.deploy_gradually(
        codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE, alarms=function.recommended_alarms(sns.Topic(stack, "OnCall"))
    )
    ApprovalApi(stack, "Approvals", functions=[function])
    role = iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal())
    for allow in (function.grant_callbacks, function.grant_read_executions, function.grant_manage_executions):
        allow(role)
    function.on_execution_status_change("Broken")


CASES: dict[str, tuple[Callable[[cdk.Stack], Any], dict[str, int]]] = {
    "Unqualified": (
        lambda stack: (wire_everything(stack, fn := raw(stack)), fn.current_version),
        {"DURABLE-001": 15},  # a queue, a schedule; topic, rule, HTTP API with a permission; URL; two methods with two
    ),
    "Qualified": (lambda stack: wire_everything(stack, live(stack)), {}),
    "Ours": (everything_of_ours, {}),
    "Included": (included, {"DURABLE-001": 1, "DURABLE-004": 1, "DURABLE-006": 1}),
    "NotDurable": (lambda stack: wire_everything(stack, raw(stack, durable_config=None)), {}),
    "Deleted": (lambda stack: live(stack, current_version_options=None), {"DURABLE-002": 1}),
    "Fixed": (static_version, {"DURABLE-003": 1}),
    "Unpublished": (raw, {"DURABLE-004": 1}),
    "LongQueue": (
        lambda stack: live(stack, HOUR).add_event_source(SqsEventSource(patient_queue(stack))),
        {"DURABLE-005": 1},
    ),
    "HastyQueue": (
        lambda stack: live(stack).add_event_source(SqsEventSource(sqs.Queue(stack, "Queue"))),
        {"DURABLE-013": 1},
    ),
    "HastyQueueOfOurs": (
        lambda stack: lambda_.EventSourceMapping(
            stack, "Mapping", target=ours(stack), event_source_arn=sqs.Queue(stack, "Queue").queue_arn
        ),
        {"DURABLE-013": 1},
    ),
    "LongStarter": (
        lambda stack: AsyncStarter(stack, "Start", target=ours(stack, HOUR), queue=sqs.Queue(stack, "Queue")),
        {},
    ),
    "Short": (lambda stack: live(stack, timeout=cdk.Duration.seconds(3)), {"DURABLE-006": 1}),
    "Default": (lambda stack: live(stack, timeout=None), {"DURABLE-006": 1}),
    "Named": (lambda stack: live(stack, function_name="orders"), {"DURABLE-007": 1}),
    "Old": (lambda stack: live(stack, runtime=lambda_.Runtime.PYTHON_3_12), {"DURABLE-008": 1}),
    "BareRole": (lambda stack: live(stack, role=own_role(stack)), {"DURABLE-009": 1}),
    "WrongRole": (lambda stack: live(stack, role=allowing(stack, "lambda:InvokeFunction")), {"DURABLE-009": 1}),
    "GoodRole": (lambda stack: live(stack, role=allowing(stack, "lambda:CheckpointDurableExecution")), {}),
    "WideRole": (lambda stack: live(stack, role=allowing(stack, "lambda:*")), {}),
    "AliasGrant": (lambda stack: grant(stack, live(stack).function_arn), {"DURABLE-010": 1}),
    "GoodGrant": (lambda stack: grant(stack, f"{live(stack).version.lambda_.function_arn}:*"), {}),
    "Latest": (
        lambda stack: (fn := raw(stack), fn.current_version, fn.configure_async_invoke(retry_attempts=0)),
        {"DURABLE-011": 1},
    ),
    "Destination": (
        lambda stack: live(stack).configure_async_invoke(
            on_failure=destinations.SqsDestination(sqs.Queue(stack, "Queue"))
        ),
        {"DURABLE-012": 1},
    ),
}


def test_findings_are_exactly_these(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    add_durable_rules(app)
    for name, (declare, _) in CASES.items():
        declare(cdk.Stack(app, name))
    app.synth()
    found: dict[str, Counter[str]] = {name: Counter() for name in CASES}
    [plugin] = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    for violation in plugin["violations"]:
        for construct in violation["violatingConstructs"]:
            if violation["ruleName"] in RULES:
                found[construct["constructPath"].split("/")[0]][violation["ruleName"]] += 1
    assert found == {name: expected for name, (_, expected) in CASES.items()}


def test_errors_fail_the_synth_of_an_app_that_asks_for_it() -> None:
    """CDK reports the validator's errors as warnings unless this flag is on."""
    app = cdk.App(context={"@aws-cdk/core:validateAgainstDefaultRules": True})
    add_durable_rules(app)
    static_version(cdk.Stack(app, "Warned"))
    refused = cdk.Stack(app, "Refused")
    live(refused, current_version_options=None)
    with pytest.raises(RuntimeError, match=r"^ValidationFailed: ERROR DeletionPolicy: The next deploy deletes"):
        app.synth()
    accepted = cdk.Acknowledgment(id="CloudFormation-Validate::DURABLE-002", reason="no execution survives a deploy")
    cdk.Validations.of(refused).acknowledge(accepted)
    app.synth(force=True)


def test_rules_need_a_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cdk, "CloudFormationValidatePlugin")
    with pytest.raises(RuntimeError, match=r"2\.262\.0 or later"):
        add_durable_rules(cdk.App())


def test_every_rule_is_described_and_has_a_case() -> None:
    rego = (Path(__file__).parents[3] / "constructs_durable" / "rules" / "durable.rego").read_text()
    in_pack = set(re.findall(r'make_diag_at\("(DURABLE-\d+)"', rego))
    in_cases = {rule for _, expected in CASES.values() for rule in expected}
    assert in_pack == set(RULES) == in_cases


def test_page_lists_every_rule_with_its_severity() -> None:
    root = Path(__file__).parents[3]
    rego = (root / "constructs_durable" / "rules" / "durable.rego").read_text()
    severities = dict(re.findall(r'make_diag_at\("(DURABLE-\d+)", "(\w+)"', rego))
    words = {"ERROR": "error", "WARN": "warning"}
    page = (root / "docs" / "rule-pack.md").read_text()
    listed = re.findall(r"^\| `(DURABLE-\d+)` \| (.+) \| (\w+) \|$", page, re.MULTILINE)
    assert listed == [(rule, text, words[severities[rule]]) for rule, text in RULES.items()]
