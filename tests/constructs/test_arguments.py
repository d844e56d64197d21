"""Every parameter of the public surface refuses what is not of its type, in our words and before anything is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_lambda_event_sources import SqsEventSource

from constructs_durable import (
    ApprovalApi,
    ApprovalAuth,
    AsyncStarter,
    DurableDashboard,
    DurableFunction,
    DurableFunctionGrants,
    DurableInputError,
    DurableMetrics,
    DurableRuntimeLayer,
)
from constructs_durable._arguments import misfit
from constructs_durable._options import FunctionOptions
from constructs_durable.rules import add_durable_rules
from constructs_durable.testing import masked_template
from tests.constructs.support import HANDLERS, a_function, a_stack

NOTHING = object()
"""Of no type that any parameter takes."""

DECLARED = {"entry": HANDLERS / "good", "handler": "app.handler", "execution_timeout": timedelta(minutes=10)}
ALIAS_ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders:live"


@pytest.fixture(scope="module")
def stack() -> cdk.Stack:
    return a_stack()


@pytest.fixture(scope="module")
def orders(stack: cdk.Stack) -> DurableFunction:
    return a_function(stack)


@pytest.fixture(scope="module")
def others(stack: cdk.Stack, orders: DurableFunction) -> dict[str, Any]:
    return {
        "alias": orders,
        "approvals": ApprovalApi(stack, "Approvals"),
        "function": orders,
        "grants": orders.grants,
        "metrics": orders.executions,
        "orders": orders,
        "queue": sqs.Queue(stack, "Queue"),
        "role": iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()),
        "starter": AsyncStarter(stack, "Starter", target=orders),
        "topic": sns.Topic(stack, "Topic"),
    }


SURFACE: list[tuple[str, Callable[..., Any], Callable[[dict[str, Any]], dict[str, Any]]]] = [
    ("DurableFunction", DurableFunction, lambda _: DECLARED),
    ("DurableRuntimeLayer", DurableRuntimeLayer, lambda _: {}),
    ("AsyncStarter", AsyncStarter, lambda o: {"target": o["orders"]}),
    ("ApprovalApi", ApprovalApi, lambda _: {}),
    ("DurableDashboard", DurableDashboard, lambda o: {"functions": [o["orders"]]}),
    ("orders.grant_invoke", DurableFunction.grant_invoke, lambda o: {"grantee": o["role"]}),
    ("orders.grant_start", DurableFunction.grant_start, lambda o: {"grantee": o["role"]}),
    ("orders.grant_callbacks", DurableFunction.grant_callbacks, lambda o: {"grantee": o["role"]}),
    ("orders.grant_read_executions", DurableFunction.grant_read_executions, lambda o: {"grantee": o["role"]}),
    ("orders.grant_manage_executions", DurableFunction.grant_manage_executions, lambda o: {"grantee": o["role"]}),
    ("orders.calls", DurableFunction.calls, lambda o: {"other": o["starter"].function}),
    ("orders.started_by", DurableFunction.started_by, lambda o: {"starter": o["orders"]}),
    ("orders.add_event_source", DurableFunction.add_event_source, lambda o: {"source": SqsEventSource(o["queue"])}),
    ("orders.add_environment", DurableFunction.add_environment, lambda _: {"key": "TABLE", "value": "orders"}),
    ("orders.add_layers", DurableFunction.add_layers, lambda _: {}),
    ("orders.add_property_override", DurableFunction.add_property_override, lambda _: {"property_path": "A"}),
    ("orders.recommended_alarms", DurableFunction.recommended_alarms, lambda _: {}),
    ("orders.on_execution_status_change", DurableFunction.on_execution_status_change, lambda _: {"id": "Done"}),
    (
        "orders.deploy_gradually",
        DurableFunction.deploy_gradually,
        lambda _: {"config": codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE},
    ),
    ("grants.start", DurableFunctionGrants.start, lambda o: {"grantee": o["role"]}),
    ("grants.callbacks", DurableFunctionGrants.callbacks, lambda o: {"grantee": o["role"]}),
    ("grants.answers", DurableFunctionGrants.answers, lambda o: {"grantee": o["role"]}),
    ("grants.read_executions", DurableFunctionGrants.read_executions, lambda o: {"grantee": o["role"]}),
    ("grants.manage_executions", DurableFunctionGrants.manage_executions, lambda o: {"grantee": o["role"]}),
    ("DurableFunctionGrants", DurableFunctionGrants, lambda o: {"function": o["orders"], "invoke": o["orders"]}),
    ("DurableFunctionGrants.of", DurableFunctionGrants.of, lambda o: {"alias": o["orders"]}),
    ("DurableFunction.from_alias_arn", DurableFunction.from_alias_arn, lambda _: {"alias_arn": ALIAS_ARN}),
    ("DurableRuntimeLayer.of", DurableRuntimeLayer.of, lambda _: {}),
    ("DurableMetrics", DurableMetrics, lambda _: {"function_name": "orders"}),
    ("metrics.metric", DurableMetrics.metric, lambda _: {"name": "DurableExecutionStarted"}),
    ("metrics.duration", DurableMetrics.duration, lambda _: {}),
    ("metrics.operations", DurableMetrics.operations, lambda _: {}),
    ("metrics.storage_written", DurableMetrics.storage_written, lambda _: {}),
    ("starter.add_queue", AsyncStarter.add_queue, lambda o: {"queue": o["queue"]}),
    ("starter.add_topic", AsyncStarter.add_topic, lambda o: {"topic": o["topic"]}),
    ("approvals.add_function", ApprovalApi.add_function, lambda o: {"function": o["orders"]}),
    ("approvals.grant_decide", ApprovalApi.grant_decide, lambda o: {"grantee": o["role"]}),
    ("ApprovalAuth.jwt", ApprovalAuth.jwt, lambda _: {"issuer": "https://login.example.com", "audience": ["shop"]}),
]
TAKES_ANYTHING = {("orders.add_property_override", "value")}


def parameters(call: Callable[..., Any]) -> list[str]:
    taken = inspect.signature(call.__init__ if inspect.isclass(call) else call).parameters.values()
    return [each.name for each in taken if each.name != "self" and each.kind is not inspect.Parameter.VAR_KEYWORD]


EVERY_PARAMETER = [
    pytest.param((name, call, valid), parameter, id=f"{name}-{parameter}")
    for name, call, valid in SURFACE
    for parameter in [*parameters(call), *(FunctionOptions.__annotations__ if name == "DurableFunction" else ())]
    if (name, parameter) not in TAKES_ANYTHING
]


@pytest.mark.parametrize(("surface", "parameter"), EVERY_PARAMETER)
def test_no_parameter_takes_what_is_not_of_its_type(surface, parameter, stack, others) -> None:
    name, call, valid = surface
    owner, _, method = name.partition(".")
    if owner in others:
        call = getattr(others[owner], method)
    arguments = dict(valid(others))
    if "scope" in parameters(call):
        arguments["scope"] = stack
    if "id" in parameters(call) and "id" not in arguments:
        arguments["id"] = "Made"
    before = len(stack.node.find_all())
    positional = [NOTHING] if parameter == "layers" and owner == "orders" else []
    if not positional:
        arguments[parameter] = NOTHING
    with pytest.raises(
        DurableInputError, match=rf"\b{parameter} (is|has) <object object at .*>; pass (an? |one of |True )\S+"
    ):
        call(*positional, **arguments)
    assert len(stack.node.find_all()) == before


def test_the_surface_is_complete() -> None:
    """No public method or class is missing above, but those without parameters and those of CDK."""
    listed = {name for name, _, _ in SURFACE}
    instances = {
        "orders": (*DurableFunction.__mro__[:3],),
        "grants": (DurableFunctionGrants,),
        "metrics": (DurableMetrics,),
        "starter": (AsyncStarter,),
        "approvals": (ApprovalApi,),
    }
    for owner, classes in instances.items():
        for each in classes:
            for name, member in vars(each).items():
                if name.startswith("_") or not inspect.isfunction(member) or f"{owner}.{name}" in listed:
                    continue
                assert parameters(member) in ([], ["target"]), f"{owner}.{name}"


PLAUSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"layers": 3}, r"layers is 3; pass a list of lambda_\.ILayerVersion; lambda_\.LayerVersion\.from_layer"),
    ({"layers": "x"}, r"layers is 'x'; pass a list of lambda_\.ILayerVersion"),
    ({"layers": ["arn:aws:lambda:…"]}, r"layers has 'arn:aws:lambda:…'; pass a lambda_\.ILayerVersion"),
    ({"handler": None}, r"handler is None; pass a text\."),
    ({"execution_timeout": "1h"}, r"execution_timeout is '1h'; pass a Duration or a timedelta\."),
    ({"retention_period": 14}, r"retention_period is 14; pass a Duration or a timedelta, or leave it out\."),
    ({"memory_size": 256.5}, r"memory_size is 256\.5; pass a whole number; it counts MiB"),
    ({"memory_size": True}, r"memory_size is True; pass a whole number"),
    (
        {"environment": {"A1": 1}},
        r"environment has 1 as 'A1'; pass a text; str\(3\) for a number, and leave out what is None",
    ),
    ({"environment": {1: "a"}}, r"environment has 1 as a key; pass a text"),
    ({"environment": ["A1=1"]}, r"environment is \['A1=1'\]; pass a dict of texts, or leave it out"),
    ({"events": 5}, r"events is 5; pass a list of lambda_\.IEventSource"),
    ({"events": [sqs.Queue]}, r"events has .*Queue.*; pass a lambda_\.IEventSource"),
    ({"role": "arn"}, r"role is 'arn'; pass an iam\.IRole, or leave it out; iam\.Role\.from_role_arn\(\) imports"),
    ({"runtime": "python3.13"}, r"runtime is 'python3\.13'; pass a lambda_\.Runtime, or leave it out; for example"),
    ({"architecture": "arm64"}, r"architecture is 'arm64'; .* for example lambda_\.Architecture\.ARM_64"),
    ({"entry": 3}, r"entry is 3; pass a text or a Path, or leave it out"),
    ({"alias_name": None}, r"alias_name is None; pass a text\."),
    ({"sdk": "aws"}, r"sdk is 'aws'; pass one of DurableSdk\.RUNTIME_LAYER, DurableSdk\.RUNTIME_LAYER_AS_AWS_SDK, "),
    ({"log_retention": 30}, r"log_retention is 30; pass a logs\.RetentionDays, or leave it out; for example"),
    ({"replay_acknowledged": "DUR001"}, r"replay_acknowledged is 'DUR001'; pass a list of texts"),
    ({"stop_executions_on_delete": "yes"}, r"stop_executions_on_delete is 'yes'; pass True or False"),
    ({"tracing": "Active"}, r"tracing is 'Active'; pass one of Tracing\.ACTIVE, "),
    ({"retry_attempts": "2"}, r"retry_attempts is '2'; pass a whole number, or leave it out"),
    ({"description": "x" * 200 + "y"}, None),
    ({"description": 5}, r"description is 5; pass a text, or leave it out"),
    ({"vpc": "vpc-1"}, r"vpc is 'vpc-1'; pass an ec2\.IVpc, or leave it out"),
    ({"security_groups": ["sg-1"]}, r"security_groups has 'sg-1'; pass an ec2\.ISecurityGroup"),
    ({"ephemeral_storage_size": 1024}, r"ephemeral_storage_size is 1024; pass a Size, or leave it out"),
]


@pytest.mark.parametrize(("options", "expected"), PLAUSIBLE, ids=lambda value: str(value)[:40])
def test_a_plausible_mistake_gets_an_error_that_says_what_to_pass(options, expected) -> None:
    stack = a_stack()
    if expected is None:
        a_function(stack, **options)
        return
    with pytest.raises(DurableInputError, match=rf"^Demo/Orders: {expected}"):
        a_function(stack, **options)
    assert stack.node.children == []


def test_a_scope_that_is_no_construct_names_the_class_and_the_id() -> None:
    with pytest.raises(DurableInputError, match=r"^DurableFunction 'Orders': scope is None; pass a Construct; usually"):
        DurableFunction(None, "Orders", **DECLARED)  # type: ignore[arg-type]
    with pytest.raises(DurableInputError, match=r"^Demo: id is None; pass a text\."):
        DurableFunction(a_stack(), None, **DECLARED)  # type: ignore[arg-type]


def test_a_construct_of_the_wrong_kind_is_named_by_its_class(orders: DurableFunction, others: dict[str, Any]) -> None:
    with pytest.raises(
        DurableInputError, match=r"^Demo/Orders: calls\(\): other is a Queue; pass a lambda_\.IFunction"
    ):
        orders.calls(others["queue"])


def test_an_interface_is_met_by_imports_and_by_classes_of_the_apps_own(stack: cdk.Stack) -> None:
    imported = iam.Role.from_role_arn(stack, "Imported", "arn:aws:iam::123456789012:role/orders")
    assert misfit(imported, iam.IRole) is None
    assert misfit(OwnSource(), lambda_.IEventSource) is None
    assert misfit(imported, lambda_.IEventSource) is not None


class OwnSource:
    """An event source that an app made without declaring the interface."""

    def bind(self, target: lambda_.IFunction) -> None:
        """Do nothing."""


def test_tokens_pass_for_numbers_and_texts(stack: cdk.Stack) -> None:
    number = cdk.CfnParameter(stack, "Number", type="Number")
    assert misfit(number.value_as_number, int) is None
    assert misfit(number.value_as_string, str) is None
    names = cdk.CfnParameter(stack, "Names", type="CommaDelimitedList")
    assert misfit(names.value_as_list, Sequence[str]) is None


HANDED_THROUGH: list[tuple[str, Callable[[DurableFunction], object], str]] = [
    (
        "metric",
        lambda f: f.executions.failed(period="5m"),
        r"^DurableMetrics: DurableExecutionFailed: cloudwatch\.Metric",
    ),
    ("metric typo", lambda f: f.executions.failed(perod=5), r"^DurableMetrics: .* 'perod'"),
    (
        "rule",
        lambda f: f.on_execution_status_change("Done", enabled="yes"),
        r"^Demo/Orders: events\.Rule refuses .*enabled",
    ),
    (
        "rollout",
        lambda f: f.deploy_gradually(codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE, role="arn"),
        r"^Demo/Orders: codedeploy\.LambdaDeploymentGroup refuses (?s:.*)role",
    ),
]


@pytest.mark.parametrize(("use", "expected"), [pytest.param(*rest, id=name) for name, *rest in HANDED_THROUGH])
def test_what_cdk_says_of_options_that_are_handed_through_names_the_construct(use, expected) -> None:
    with pytest.raises(DurableInputError, match=expected):
        use(a_function(a_stack()))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ephemeral_storage_size": cdk.Size.mebibytes(100)}, r"lambda\.Function refuses .* between 512 and 10240 MB"),
        ({"allow_all_outbound": True}, r"lambda\.Function refuses .*VPC"),
        ({"reserved_concurrent_executions": -1}, r"reserved_concurrent_executions is -1; 0 or more"),
        ({"provisioned_concurrent_executions": 0}, r"provisioned_concurrent_executions is 0; 1 at least"),
        ({"timeuot": 3}, r"`timeuot` is not a property of lambda\.Function\. Did you mean `timeout`\?"),
        ({"memory": 3}, r"`memory` is not a property of lambda\.Function\. Did you mean `memory_size`\?"),
        ({"qqq": 3}, r"`qqq` is not a property of lambda\.Function\. Check its spelling"),
    ],
    ids=lambda value: str(value)[:28],  # addresses differ between workers
)
def test_a_wrong_option_of_the_function_names_the_construct(options, expected) -> None:
    with pytest.raises(DurableInputError, match=rf"^Demo/Orders: {expected}"):
        a_function(a_stack(), **options)


def test_a_scope_outside_of_a_stack_and_an_empty_id_are_refused() -> None:
    with pytest.raises(DurableInputError, match=r"^Orders: scope is an App; pass a Stack\."):
        DurableFunction(cdk.App(), "Orders", **DECLARED)
    with pytest.raises(DurableInputError, match=r"^Demo/: id is ''; pass a name\."):
        DurableFunction(a_stack(), "", **DECLARED)


WRONG_VALUES: list[tuple[str, Callable[[cdk.Stack, DurableFunction], object], str]] = [
    (
        "name_from",
        lambda s, f: AsyncStarter(s, "A", target=f, name_from="order id"),
        r"^Demo/A: name_from is 'order id'",
    ),
    ("no name", lambda s, f: AsyncStarter(s, "A", target=f, name_from=""), r"^Demo/A: name_from is ''; it is the path"),
    (
        "batch_size",
        lambda s, f: AsyncStarter(s, "A", target=f).add_queue(sqs.Queue(s, "Q"), batch_size=20),
        r"^Demo/A: batch_size is 20; a starter takes 1 to 10",
    ),
    (
        "dashboard_name",
        lambda s, f: DurableDashboard(s, "A", functions=[f], dashboard_name="my orders"),
        r"^Demo/A: dashboard_name is 'my orders'; it has 1 to 255 letters",
    ),
    ("kind", lambda _, f: ApprovalAuth("password"), r"^ApprovalAuth: kind is 'password'; call ApprovalAuth\.signed_li"),
    (
        "variable",
        lambda _, f: f.calls(a_function(a_stack()), variable="AWS_REGION"),
        r"variable is 'AWS_REGION', which",
    ),
    ("alarms twice", lambda _, f: twice(f.recommended_alarms), r"^Demo/Orders: FailedAlarm was made before\. Add act"),
    ("queries twice", lambda _, f: twice(f.add_log_queries), r"^Demo/Orders: add_log_queries\(\) was called before"),
    (
        "rollout twice",
        lambda _, f: twice(lambda: f.deploy_gradually(codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE)),
        r"^Demo/Orders: deploy_gradually\(\) was called before",
    ),
    ("rules", lambda _, f: add_durable_rules(None), r"^add_durable_rules\(\): scope is None; pass the app"),  # type: ignore[arg-type]
]


def twice(call: Callable[[], object]) -> None:
    call()
    call()


@pytest.mark.parametrize(("use", "expected"), [pytest.param(*rest, id=name) for name, *rest in WRONG_VALUES])
def test_a_wrong_value_is_refused_with_path_value_and_rule(use, expected) -> None:
    stack = a_stack()
    with pytest.raises(DurableInputError, match=expected):
        use(stack, a_function(stack))


def test_alarms_may_be_made_in_two_goes_with_a_topic_for_each() -> None:
    function = a_function(a_stack())
    rest = {"timed_out": None, "operations": None, "storage_bytes": None, "running_percent": None}
    assert len(function.recommended_alarms(**rest)) == 1
    assert len(function.recommended_alarms(failed=None)) == 4


def test_a_snapshot_of_something_else_says_what_to_pass() -> None:
    with pytest.raises(TypeError, match="takes a Stack, a Template or a dict, not int"):
        masked_template(3)  # type: ignore[arg-type]
