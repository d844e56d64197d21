"""The helpers around a durable function: starting from messages, pruning versions, draining before deletion."""

from __future__ import annotations

import datetime as dt

import pytest
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from constructs_durable import AsyncStarter, DurableInputError, VersionPruning
from tests.constructs.support import a_function, a_stack, an_ordinary_function, mentions, of_type, only, resources

pytestmark = pytest.mark.usefixtures("either_flags")


def the(found: dict[str, dict], resource_type: str, prefix: str) -> dict:
    (resource,) = [each for name, each in of_type(found, resource_type).items() if name.startswith(prefix)]
    return resource["Properties"]


def test_a_starter_stands_between_a_queue_and_a_long_execution() -> None:
    stack = a_stack()
    target = a_function(stack, execution_timeout=dt.timedelta(days=30))
    AsyncStarter(stack, "Starter", target=target, queue=sqs.Queue(stack, "Queue"), name_from="order.id")
    found = resources(stack)
    (alias,) = of_type(found, "AWS::Lambda::Alias")
    starter = the(found, "AWS::Lambda::Function", "StarterFunction")
    assert starter["Environment"]["Variables"] == {"TARGET": {"Ref": alias}, "NAME_FROM": "order.id"}
    assert "DurableConfig" not in starter
    mapping = only(found, "AWS::Lambda::EventSourceMapping")["Properties"]
    assert mentions(mapping["FunctionName"], "StarterFunction")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    statements = the(found, "AWS::IAM::Policy", "StarterFunctionRole")["PolicyDocument"]["Statement"]
    (invoking,) = [each for each in statements if each["Action"] == "lambda:InvokeFunction"]
    assert invoking["Resource"] == {"Ref": alias}


def test_a_starter_may_listen_to_a_topic() -> None:
    stack = a_stack()
    AsyncStarter(stack, "Starter", target=a_function(stack), topic=sns.Topic(stack, "Topic"))
    found = resources(stack)
    assert mentions(only(found, "AWS::SNS::Subscription"), "StarterFunction")
    assert "NAME_FROM" not in the(found, "AWS::Lambda::Function", "StarterFunction")["Environment"]["Variables"]


def test_a_starter_refuses_an_unqualified_target() -> None:
    stack = a_stack()
    bare = an_ordinary_function(stack, "Bare")
    with pytest.raises(DurableInputError, match=r"Demo/Starter: target is the unqualified function Demo/Bare"):
        AsyncStarter(stack, "Starter", target=bare)


def test_pruning_may_delete_numbered_versions_of_its_own_function_only() -> None:
    stack = a_stack()
    a_function(stack, prune_versions=VersionPruning(keep=5, every=dt.timedelta(hours=6)))
    found = resources(stack)
    cleaner = the(found, "AWS::Lambda::Function", "OrdersCleaner")
    (function,) = [name for name in of_type(found, "AWS::Lambda::Function") if name.startswith("OrdersFunction")]
    assert cleaner["Environment"]["Variables"] == {
        "FUNCTION_NAME": {"Ref": function},
        "KEEP": "5",
        "MINIMUM_AGE_SECONDS": "86400",
    }
    statements = the(found, "AWS::IAM::Policy", "OrdersCleanerRole")["PolicyDocument"]["Statement"]
    (deleting,) = [each for each in statements if each["Action"] == "lambda:DeleteFunction"]
    assert deleting["Resource"] == {"Fn::Join": ["", [{"Fn::GetAtt": [function, "Arn"]}, ":*"]]}
    assert only(found, "AWS::Events::Rule")["Properties"]["ScheduleExpression"] == "rate(6 hours)"


@pytest.mark.parametrize(
    ("pruning", "expected"),
    [
        (VersionPruning(keep=1), "keeps 1 versions; keep 2 at least"),
        (VersionPruning(every=dt.timedelta(seconds=30)), "whole minutes"),
        (VersionPruning(every=dt.timedelta(seconds=90)), "whole minutes"),
        (VersionPruning(minimum_age=dt.timedelta(days=-1)), "cannot be negative"),
    ],
)
def test_pruning_that_makes_no_sense_is_refused(pruning, expected) -> None:
    with pytest.raises(DurableInputError, match=f"Demo/Orders: prune_versions .*{expected}"):
        a_function(a_stack(), prune_versions=pruning)


def test_open_executions_are_stopped_before_their_function_is_deleted() -> None:
    stack = a_stack()
    a_function(stack, stop_executions_on_delete=True)
    found = resources(stack)
    resource = only(found, "Custom::OpenDurableExecutions")
    (function,) = [name for name in of_type(found, "AWS::Lambda::Function") if name.startswith("OrdersFunction")]
    assert resource["Properties"]["FunctionName"] == {"Ref": function}
    assert {name[: len("OrdersDrainRole")] for name in resource["DependsOn"]} == {"OrdersDrainRole"}
    assert len(resource["DependsOn"]) == 2  # the role and its policy: CloudFormation deletes them afterwards
    statements = the(found, "AWS::IAM::Policy", "OrdersDrainRole")["PolicyDocument"]["Statement"]
    assert [each["Action"] for each in statements if mentions(each, "Stop")] == ["lambda:StopDurableExecution"]
