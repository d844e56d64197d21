"""Wherever CDK takes a function, the alias's ARN lands in the template."""

from __future__ import annotations

import datetime as dt
import json

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_elasticloadbalancingv2_targets as elb_targets
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_durable import AsyncStarter, DurableFunction, DurableFunctionGrants, DurableInputError
from tests.constructs.support import (
    a_function,
    a_stack,
    an_ordinary_function,
    mentions,
    messages,
    of_type,
    only,
    resources,
)

pytestmark = pytest.mark.usefixtures("either_flags")


def a_patient_queue(stack: cdk.Stack, minutes: int = 15) -> sqs.Queue:
    return sqs.Queue(stack, "Source", visibility_timeout=cdk.Duration.minutes(minutes))


def from_queue(stack: cdk.Stack, function: DurableFunction) -> None:
    function.add_event_source(sources.SqsEventSource(a_patient_queue(stack)))


def from_topic(stack: cdk.Stack, function: DurableFunction) -> None:
    sns.Topic(stack, "Source").add_subscription(subscriptions.LambdaSubscription(function))


def from_rule(stack: cdk.Stack, function: DurableFunction) -> None:
    every_day = events.Schedule.rate(cdk.Duration.days(1))
    events.Rule(stack, "Source", schedule=every_day, targets=[targets.LambdaFunction(function)])


def from_scheduler(stack: cdk.Stack, function: DurableFunction) -> None:
    every_day = scheduler.ScheduleExpression.rate(cdk.Duration.days(1))
    scheduler.Schedule(stack, "Source", schedule=every_day, target=scheduler_targets.LambdaInvoke(function))


def from_http_api(stack: cdk.Stack, function: DurableFunction) -> None:
    integration = integrations.HttpLambdaIntegration("Integration", function)
    apigw.HttpApi(stack, "Source").add_routes(path="/orders", integration=integration)


def from_function_url(stack: cdk.Stack, function: DurableFunction) -> None:
    function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)


def from_bucket(stack: cdk.Stack, function: DurableFunction) -> None:
    s3.Bucket(stack, "Source").add_event_notification(
        s3.EventType.OBJECT_CREATED, notifications.LambdaDestination(function)
    )


def from_event_source_mapping(stack: cdk.Stack, function: DurableFunction) -> None:
    queue = sqs.Queue(stack, "Source")
    lambda_.EventSourceMapping(stack, "Mapping", target=function, event_source_arn=queue.queue_arn)


def from_granted_role(stack: cdk.Stack, function: DurableFunction) -> None:
    function.grant_invoke(iam.Role(stack, "Source", assumed_by=iam.AccountRootPrincipal()))


ASYNCHRONOUS = [from_topic, from_rule, from_scheduler, from_bucket, from_granted_role]
WAITING = [from_queue, from_http_api, from_function_url]


def unqualified_uses(found: dict[str, dict]) -> list[str]:
    """Resources that name the bare function: by Ref or ARN, and not with a qualifier behind it."""
    (function,) = [name for name in of_type(found, "AWS::Lambda::Function") if name.startswith("Orders")]
    bare = [json.dumps({"Ref": function}), json.dumps({"Fn::GetAtt": [function, "Arn"]})]
    return [
        name
        for name, each in found.items()
        if not (name.startswith("Orders") and each["Type"] in OWN_USES)
        and each.get("Properties", {}).get("Qualifier") != "live"
        and any(b in json.dumps(each) for b in bare)
    ]


OWN_USES = {"AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::IAM::Policy", "AWS::Lambda::EventInvokeConfig"}


@pytest.mark.parametrize("wire", [*ASYNCHRONOUS, *WAITING, from_event_source_mapping])
def test_only_the_alias_is_wired(wire) -> None:
    stack = a_stack()
    wire(stack, a_function(stack))
    found = resources(stack)
    (alias,) = of_type(found, "AWS::Lambda::Alias")
    users = [each for name, each in found.items() if name != alias and mentions(each, f'"Ref": "{alias}"')]
    qualified = [each for each in found.values() if each.get("Properties", {}).get("Qualifier") == "live"]
    assert users + qualified != []
    assert unqualified_uses(found) == []


@pytest.mark.parametrize("wire", ASYNCHRONOUS)
def test_an_asynchronous_trigger_may_start_executions_of_any_length(wire) -> None:
    stack = a_stack()
    wire(stack, a_function(stack, execution_timeout=dt.timedelta(days=30)))
    assert unqualified_uses(resources(stack)) == []


@pytest.mark.parametrize("wire", WAITING)
def test_a_waiting_trigger_of_a_long_execution_is_refused_at_synth(wire) -> None:
    stack = a_stack()
    function = a_function(stack, execution_timeout=dt.timedelta(minutes=16))
    with pytest.raises((DurableInputError, RuntimeError), match=r"Demo/Orders: .* AsyncStarter"):
        wire(stack, function)


@pytest.mark.parametrize("auth", list(lambda_.FunctionUrlAuthType))
def test_a_function_url_made_beside_the_function_is_refused_when_somebody_may_call_it(auth) -> None:
    stack = a_stack()
    function = a_function(stack, execution_timeout=dt.timedelta(minutes=16))
    with pytest.raises(RuntimeError, match=r"Demo/Orders: A function URL waits"):
        lambda_.FunctionUrl(stack, "Url", function=function, auth_type=auth).grant_invoke_url(
            iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal())
        )


def test_a_load_balancer_of_a_long_execution_is_refused_at_synth() -> None:
    stack = a_stack()
    function = a_function(stack, execution_timeout=dt.timedelta(minutes=16))
    with pytest.raises(RuntimeError, match=r"A load balancer waits"):
        elb_targets.LambdaTarget(function).attach_to_application_target_group(_target_group(stack))


def _target_group(stack: cdk.Stack):
    from aws_cdk import aws_elasticloadbalancingv2 as elb

    return elb.ApplicationTargetGroup(stack, "Group", target_type=elb.TargetType.LAMBDA)


def test_fifteen_minutes_exactly_may_be_waited_for() -> None:
    stack = a_stack()
    from_queue(stack, a_function(stack, execution_timeout=dt.timedelta(minutes=15)))
    assert len(of_type(resources(stack), "AWS::Lambda::EventSourceMapping")) == 1


def test_an_asynchronous_integration_can_be_accepted_but_a_mapping_cannot() -> None:
    stack = a_stack()
    function = a_function(stack, execution_timeout=dt.timedelta(days=1), allow_waiting_callers=True)
    from_http_api(stack, function)
    with pytest.raises(DurableInputError, match="An event source mapping waits"):
        function.add_event_source_mapping("Mapping", event_source_arn="arn:aws:sqs:us-east-1:123456789012:orders")


def test_event_sources_given_to_the_constructor_go_to_the_alias() -> None:
    stack = a_stack()
    a_function(stack, events=[sources.SqsEventSource(a_patient_queue(stack))])
    mapping = only(resources(stack), "AWS::Lambda::EventSourceMapping")
    assert mentions(mapping["Properties"]["FunctionName"], ":live")


WAITING_SOURCES = {
    "queue": lambda stack: sources.SqsEventSource(a_patient_queue(stack)),
    "stream": lambda stack: sources.KinesisEventSource(
        kinesis.Stream(stack, "Source"), starting_position=lambda_.StartingPosition.LATEST
    ),
    "topic of messages": lambda stack: sources.ManagedKafkaEventSource(
        cluster_arn="arn:aws:kafka:us-east-1:123456789012:cluster/c/1",
        topic="orders",
        starting_position=lambda_.StartingPosition.LATEST,
    ),
    "API": lambda _: sources.ApiEventSource("GET", "/orders"),
}


@pytest.mark.parametrize("source", WAITING_SOURCES.values(), ids=WAITING_SOURCES)
def test_event_sources_that_wait_too_long_are_refused_before_anything_is_made(source) -> None:
    stack = a_stack()
    waiting = source(stack)
    with pytest.raises(DurableInputError, match=r"Demo/Orders: (An event source mapping|API Gateway) waits"):
        a_function(stack, execution_timeout=dt.timedelta(minutes=16), events=[waiting])
    assert stack.node.try_find_child("Orders") is None
    with pytest.raises(DurableInputError, match=r"Demo/Orders: .* AsyncStarter"):
        a_function(stack, execution_timeout=dt.timedelta(minutes=16)).add_event_source(waiting)


def test_a_queue_that_delivers_again_while_the_function_works_is_refused_as_lambda_does() -> None:
    stack = a_stack()
    usual = sources.SqsEventSource(sqs.Queue(stack, "Usual"))
    with pytest.raises(
        DurableInputError,
        match=r"Demo/Orders: the queue Demo/Usual has a visibility_timeout of 30 s, .* here 600 s\. "
        r"Pass visibility_timeout=cdk\.Duration\.seconds\(600\)",
    ):
        a_function(stack, events=[usual])
    a_function(stack, "Quick", timeout=dt.timedelta(seconds=30), events=[usual])
    function = a_function(stack, "Slow")
    with pytest.raises(DurableInputError, match=r"Demo/Slow: the queue Demo/Source .* 540 s"):
        function.add_event_source(sources.SqsEventSource(a_patient_queue(stack, minutes=9)))


def test_a_queue_that_delivers_again_while_a_starter_works_is_refused() -> None:
    stack = a_stack()
    hasty = sqs.Queue(stack, "Hasty", visibility_timeout=cdk.Duration.seconds(5))
    starter = AsyncStarter(stack, "Starter", target=a_function(stack))
    with pytest.raises(
        DurableInputError, match=r"Demo/Starter: the queue Demo/Hasty .* 5 s.*seconds\(30\) to the queue\."
    ):
        starter.add_queue(hasty)


def test_what_is_not_known_of_a_queue_is_left_to_lambda() -> None:
    stack = a_stack()
    seconds = cdk.CfnParameter(stack, "Seconds", type="Number").value_as_number
    imported = sqs.Queue.from_queue_arn(stack, "Imported", "arn:aws:sqs:us-east-1:123456789012:orders")
    later = sqs.Queue(stack, "Later", visibility_timeout=cdk.Duration.seconds(seconds))
    a_function(stack, events=[sources.SqsEventSource(imported), sources.SqsEventSource(later)])
    a_function(
        stack,
        "Open",
        execution_timeout=cdk.Duration.seconds(seconds),
        timeout=cdk.Duration.seconds(seconds),
        events=[sources.SqsEventSource(sqs.Queue(stack, "Usual"))],
    )
    assert len(of_type(resources(stack), "AWS::Lambda::EventSourceMapping")) == 3


def test_another_stack_is_wired_to_the_alias_too() -> None:
    app = cdk.App()
    home, away = cdk.Stack(app, "Home"), cdk.Stack(app, "Away")
    from_rule(away, a_function(home))
    (export,) = assertions.Template.from_stack(home).to_json()["Outputs"].values()
    (alias,) = of_type(resources(home), "AWS::Lambda::Alias")
    assert export["Value"] == {"Ref": alias}


@pytest.mark.parametrize(
    "name",
    [
        "add_alias",
        "current_version",
        "grant_invoke_latest_version",
        "grant_invoke_version",
        "lambda_",
        "latest_version",
        "version",
    ],
)
def test_there_is_no_public_way_to_the_unqualified_function(name) -> None:
    function = a_function(a_stack())
    with pytest.raises(AttributeError, match=f"no `{name}`.*alias"):
        getattr(function, name)


def test_every_public_arn_and_name_is_qualified() -> None:
    stack = a_stack()
    function = a_function(stack)
    outputs = {
        "Arn": function.function_arn,
        "Name": function.function_name,
        "Ref": function.function_ref.function_arn,
        "AliasRef": function.alias_ref.alias_arn,
        "Grant": function.resource_arns_for_grant_invoke[0],
    }
    for name, value in outputs.items():
        cdk.CfnOutput(stack, name, value=value)
    template = assertions.Template.from_stack(stack).to_json()
    (alias,) = of_type(template["Resources"], "AWS::Lambda::Alias")
    for name in outputs:
        assert mentions(template["Outputs"][name]["Value"], alias), name


GRANTS = {
    "grant_callbacks": {
        "lambda:SendDurableExecutionCallbackFailure",
        "lambda:SendDurableExecutionCallbackHeartbeat",
        "lambda:SendDurableExecutionCallbackSuccess",
    },
    "grant_read_executions": {
        "lambda:GetDurableExecution",
        "lambda:GetDurableExecutionHistory",
        "lambda:ListDurableExecutionsByFunction",
    },
    "grant_manage_executions": {
        "lambda:DeleteDurableExecution",
        "lambda:GetDurableExecution",
        "lambda:GetDurableExecutionHistory",
        "lambda:ListDurableExecutionsByFunction",
        "lambda:PauseDurableExecution",
        "lambda:ResumeDurableExecution",
        "lambda:StopDurableExecution",
    },
}


@pytest.mark.parametrize("grant", GRANTS)
def test_a_grant_names_executions_of_every_version_and_never_the_alias(grant) -> None:
    stack = a_stack()
    role = iam.Role(stack, "Friend", assumed_by=iam.AccountRootPrincipal())
    getattr(a_function(stack), grant)(role).assert_success()
    found = resources(stack)
    (policy,) = [each for name, each in of_type(found, "AWS::IAM::Policy").items() if name.startswith("Friend")]
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    actions = set()
    for statement in statements:
        granted = statement["Action"]
        actions |= {granted} if isinstance(granted, str) else set(granted)
        assert mentions(statement["Resource"], '":*"')
        assert not mentions(statement["Resource"], "Alias")
    assert actions == GRANTS[grant]


def test_only_listing_also_names_the_bare_arn() -> None:
    stack = a_stack()
    a_function(stack).grant_read_executions(iam.Role(stack, "Friend", assumed_by=iam.AccountRootPrincipal()))
    found = resources(stack)
    (policy,) = [each for name, each in of_type(found, "AWS::IAM::Policy").items() if name.startswith("Friend")]
    listing, reading = policy["Properties"]["PolicyDocument"]["Statement"]
    assert listing["Action"] == "lambda:ListDurableExecutionsByFunction"
    assert len(listing["Resource"]) == 2
    assert "Fn::Join" in reading["Resource"]


def test_starting_is_granted_on_the_alias() -> None:
    stack = a_stack()
    a_function(stack).grant_start(iam.Role(stack, "Friend", assumed_by=iam.AccountRootPrincipal()))
    found = resources(stack)
    (policy,) = [each for name, each in of_type(found, "AWS::IAM::Policy").items() if name.startswith("Friend")]
    (alias,) = of_type(found, "AWS::Lambda::Alias")
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("lambda:InvokeFunction", {"Ref": alias})


CIRCLES = {
    "its own successor": lambda a, _: a.grant_start(a),
    "its own successor, as CDK says it": lambda a, _: a.grant_invoke(a),
    "its own executions": lambda a, _: a.grant_manage_executions(a).assert_success(),
    "each other's callbacks": lambda a, b: (a.grant_callbacks(b), b.grant_callbacks(a)),
    "each other's executions": lambda a, b: (a.grant_start(b), b.grant_start(a)),
    "the caller's callbacks": lambda a, b: (a.calls(b), a.grant_callbacks(b)),
    "the caller's executions": lambda a, b: (a.calls(b), a.grant_start(b), a.grant_manage_executions(b)),
}


@pytest.mark.parametrize("grant", CIRCLES.values(), ids=CIRCLES)
def test_what_a_durable_function_is_granted_closes_no_circle(grant) -> None:
    """Template finds circles, which CloudFormation would refuse at deploy."""
    stack = a_stack()
    grant(a_function(stack), a_function(stack, "Shipping"))
    granted = [each for name, each in of_type(resources(stack), "AWS::IAM::Policy").items() if "Granted" in name]
    assert granted
    assert all(each["Properties"]["Roles"] for each in granted)


def test_calls_wires_permission_and_environment_to_the_callees_alias() -> None:
    stack = a_stack()
    orders, shipping = a_function(stack), a_function(stack, "ShipParcel")
    assert orders.calls(shipping) == "SHIP_PARCEL_ARN"
    found = resources(stack)
    (alias,) = [name for name in of_type(found, "AWS::Lambda::Alias") if name.startswith("ShipParcel")]
    (caller,) = [each for name, each in of_type(found, "AWS::Lambda::Function").items() if name.startswith("Orders")]
    assert caller["Properties"]["Environment"] == {"Variables": {"SHIP_PARCEL_ARN": {"Ref": alias}}}
    (policy,) = [each for name, each in of_type(found, "AWS::IAM::Policy").items() if name.startswith("Orders")]
    statement = policy["Properties"]["PolicyDocument"]["Statement"][-1]
    assert (statement["Action"], statement["Resource"]) == ("lambda:InvokeFunction", {"Ref": alias})


def test_calls_refuses_a_durable_function_without_a_qualifier_and_takes_its_alias() -> None:
    stack = a_stack()
    orders = a_function(stack)
    bare = an_ordinary_function(
        stack, "Bare", durable_config=lambda_.DurableConfig(execution_timeout=cdk.Duration.hours(1))
    )
    with pytest.raises(DurableInputError, match=r"Demo/Orders: Demo/Bare is an unqualified durable function"):
        orders.calls(bare)
    assert orders.calls(lambda_.Alias(stack, "Hand", alias_name="live", version=bare.current_version)) == "HAND_ARN"


def test_calls_takes_the_name_of_the_variable_and_refuses_nonsense() -> None:
    stack = a_stack()
    orders, shipping = a_function(stack), a_function(stack, "Shipping")
    assert orders.calls(shipping, variable="SHIP") == "SHIP"
    with pytest.raises(DurableInputError, match=r"Demo/Orders: variable is '2nd'"):
        orders.calls(shipping, variable="2nd")
    with pytest.raises(DurableInputError, match="cannot call itself"):
        orders.calls(orders)


def test_functions_that_call_each_other_are_refused_before_cdk_finds_the_circle() -> None:
    stack = a_stack()
    first, second, third = (a_function(stack, name) for name in ("First", "Second", "Third"))
    first.calls(second)
    second.calls(third)
    with pytest.raises(DurableInputError, match=r"Demo/Third: Demo/First already calls this function"):
        third.calls(first)


def test_a_variable_holds_the_arn_of_one_function_only() -> None:
    """Two callees of one name in two scopes, or a variable of the environment: the last would win in silence."""
    stack = a_stack()
    orders = a_function(stack, environment={"BILLING_ARN": "mine"})
    here, there = (a_function(Construct(stack, scope), "Ship") for scope in ("Here", "There"))
    assert [orders.calls(here), orders.calls(here)] == ["SHIP_ARN", "SHIP_ARN"]
    with pytest.raises(
        DurableInputError, match=r"'SHIP_ARN', which holds the ARN of Demo/Here/Ship already.*variable="
    ):
        orders.calls(there)
    with pytest.raises(DurableInputError, match=r"'BILLING_ARN', which environment sets to 'mine'.*variable="):
        orders.calls(a_function(stack, "Billing"))
    assert orders.calls(there, variable="SHIP_THERE_ARN") == "SHIP_THERE_ARN"
    (policy,) = [each for name, each in of_type(resources(stack), "AWS::IAM::Policy").items() if "Orders" in name]
    for scope in ("Here", "There"):
        (alias,) = [name for name in of_type(resources(stack), "AWS::Lambda::Alias") if name.startswith(f"{scope}Ship")]
        assert json.dumps(policy).count(alias) == 1


def test_an_ordinary_function_starts_executions_through_the_alias() -> None:
    stack = a_stack()
    orders, web = a_function(stack), an_ordinary_function(stack, "Web")
    assert [orders.started_by(web), orders.started_by(web)] == ["ORDERS_ARN", "ORDERS_ARN"]
    found = resources(stack)
    (alias,) = of_type(found, "AWS::Lambda::Alias")
    (starter,) = [each for name, each in of_type(found, "AWS::Lambda::Function").items() if name.startswith("Web")]
    assert starter["Properties"]["Environment"] == {"Variables": {"ORDERS_ARN": {"Ref": alias}}}
    (policy,) = [each for name, each in of_type(found, "AWS::IAM::Policy").items() if name.startswith("Web")]
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("lambda:InvokeFunction", {"Ref": alias})


def test_a_durable_function_that_starts_executions_calls() -> None:
    stack = a_stack()
    orders, shipping = a_function(stack), a_function(stack, "Shipping")
    assert shipping.started_by(orders, variable="SHIP") == orders.calls(shipping, variable="SHIP") == "SHIP"


def test_a_starter_that_is_called_back_and_a_variable_that_is_taken_are_refused() -> None:
    stack = a_stack()
    orders, shipping, web = a_function(stack), a_function(stack, "Shipping"), an_ordinary_function(stack, "Web")
    orders.calls(web)
    with pytest.raises(DurableInputError, match=r"Demo/Web: Demo/Orders already calls this function"):
        orders.started_by(web)
    assert shipping.started_by(web, variable="TARGET") == "TARGET"
    with pytest.raises(
        DurableInputError, match=r"Demo/Web: variable is 'TARGET', which holds the ARN of Demo/Shipping"
    ):
        a_function(stack, "Billing").started_by(web, variable="TARGET")
    with pytest.raises(DurableInputError, match=r"Demo/Web: variable is '2nd'"):
        shipping.started_by(web, variable="2nd")


def test_a_function_cannot_call_the_starter_of_its_own_executions() -> None:
    stack = a_stack()
    orders = a_function(stack)
    starter = AsyncStarter(stack, "Starter", target=orders)
    with pytest.raises(DurableInputError, match=r"Demo/Orders: Demo/Starter/Function already calls this function"):
        orders.calls(starter.function)


def test_a_call_into_another_account_is_refused() -> None:
    stack = cdk.Stack(cdk.App(), "Demo", env=cdk.Environment(account="111111111111", region="us-east-1"))
    away = DurableFunction.from_alias_arn(stack, "Away", "arn:aws:lambda:us-east-1:222222222222:function:away:live")
    with pytest.raises(DurableInputError, match=r"Demo/Orders: .*account 222222222222 and this one in 111111111111"):
        a_function(stack).calls(away)


def test_an_imported_function_of_the_same_account_may_be_called() -> None:
    stack = cdk.Stack(cdk.App(), "Demo", env=cdk.Environment(account="111111111111", region="us-east-1"))
    arn = "arn:aws:lambda:us-east-1:111111111111:function:home:live"
    assert a_function(stack).calls(DurableFunction.from_alias_arn(stack, "Home", arn), variable="HOME_ARN")
    assert mentions(only(resources(stack), "AWS::IAM::Policy"), arn)


def test_a_call_with_an_immutable_role_names_the_permission_it_needs() -> None:
    stack = a_stack()
    role = iam.Role.from_role_arn(stack, "Mine", "arn:aws:iam::123456789012:role/runner", mutable=False)
    a_function(stack, role=role).calls(a_function(stack, "Shipping"))
    (warning,) = [text for text in messages(stack, "warning") if "InvokeFunction" in text]
    assert "lambda:InvokeFunction on Demo/Shipping" in warning


def test_a_rollout_moves_the_alias_with_codedeploy_and_stops_on_alarms() -> None:
    stack = a_stack()
    function = a_function(stack)
    alarms = function.recommended_alarms()
    function.deploy_gradually(codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES, alarms=alarms)
    found = resources(stack)
    group = only(found, "AWS::CodeDeploy::DeploymentGroup")["Properties"]
    assert len(group["AlarmConfiguration"]["Alarms"]) == len(alarms) == len(of_type(found, "AWS::CloudWatch::Alarm"))
    assert mentions(group["AutoRollbackConfiguration"], "DEPLOYMENT_STOP_ON_ALARM")
    update = only(found, "AWS::Lambda::Alias")["UpdatePolicy"]
    assert "CodeDeployLambdaAliasUpdate" in update


def test_an_imported_alias_is_wired_and_granted_like_a_made_one() -> None:
    stack = a_stack()
    alias = DurableFunction.from_alias_arn(
        stack, "Orders", "arn:aws:lambda:us-east-1:123456789012:function:orders:live"
    )
    from_rule(stack, alias)
    role = iam.Role(stack, "Friend", assumed_by=iam.AccountRootPrincipal())
    DurableFunctionGrants.of(alias).callbacks(role)
    found = resources(stack)
    (target,) = only(found, "AWS::Events::Rule")["Properties"]["Targets"]
    assert target["Arn"] == "arn:aws:lambda:us-east-1:123456789012:function:orders:live"
    assert mentions(only(found, "AWS::IAM::Policy"), "function:orders:*")


def test_a_hand_made_alias_gets_the_same_grants_and_a_durable_function_keeps_its_own() -> None:
    stack = a_stack()
    bare = an_ordinary_function(stack, "Bare")
    role = iam.Role(stack, "Friend", assumed_by=iam.AccountRootPrincipal())
    DurableFunctionGrants.of(bare.add_alias("live")).callbacks(role).assert_success()
    assert mentions(only(resources(stack), "AWS::IAM::Policy"), "SendDurableExecutionCallbackSuccess")
    function = a_function(a_stack())
    assert DurableFunctionGrants.of(function) is function.grants


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:us-east-1:123456789012:function:orders",
        "arn:aws:lambda:us-east-1:123456789012:function:orders:$LATEST",
        "orders:live",
    ],
)
def test_an_import_needs_a_qualified_arn(arn) -> None:
    with pytest.raises(DurableInputError, match="Demo/Orders: alias_arn is"):
        DurableFunction.from_alias_arn(a_stack(), "Orders", arn)
