"""Callers that would wait for more than 15 minutes are found at synth, however they came to name the alias."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_pipes as pipes
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from aws_cdk import aws_stepfunctions_tasks as tasks

from constructs_durable import AsyncStarter, DurableFunction
from tests.constructs.support import a_function, a_stack

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:orders"
ROLE_ARN = "arn:aws:iam::123456789012:role/pipe"


def mapping(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    lambda_.EventSourceMapping(stack, "Caller", target=function, event_source_arn=QUEUE_ARN)


def mapping_by_name(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    lambda_.CfnEventSourceMapping(stack, "Caller", function_name=function.function_name, event_source_arn=QUEUE_ARN)


def mapping_written_out(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    properties = {"FunctionName": function.function_arn, "EventSourceArn": QUEUE_ARN}
    cdk.CfnResource(stack, "Caller", type="AWS::Lambda::EventSourceMapping", properties=properties)


def url(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    lambda_.FunctionUrl(stack, "Caller", function=function)


def data_source(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    config = appsync.CfnDataSource.LambdaConfigProperty(lambda_function_arn=function.function_arn)
    appsync.CfnDataSource(stack, "Caller", api_id="api", name="orders", type="AWS_LAMBDA", lambda_config=config)


def task(stack: cdk.Stack, function: lambda_.IFunction, **options: Any) -> None:
    invoke = tasks.LambdaInvoke(stack, "Task", lambda_function=function, **options)
    body = stepfunctions.DefinitionBody.from_chainable(stepfunctions.Pass(stack, "First").next(invoke))
    stepfunctions.StateMachine(stack, "Caller", definition_body=body)


def task_in_a_map(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    each = stepfunctions.Map(stack, "Each").item_processor(tasks.LambdaInvoke(stack, "Task", lambda_function=function))
    stepfunctions.StateMachine(stack, "Caller", definition_body=stepfunctions.DefinitionBody.from_chainable(each))


def task_of_the_old_kind(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": function.function_arn, "End": True}}}
    text = stack.to_json_string(definition)
    stepfunctions.CfnStateMachine(stack, "Caller", role_arn=ROLE_ARN, definition_string=text)


def pipe(stack: cdk.Stack, function: lambda_.IFunction, parameters: Any = None) -> None:
    target = function.function_arn
    pipes.CfnPipe(stack, "Caller", role_arn=ROLE_ARN, source=QUEUE_ARN, target=target, target_parameters=parameters)


def task_beside_a_number_of_the_deploy(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    seconds = cdk.CfnParameter(stack, "Seconds", type="Number").value_as_number
    wait = stepfunctions.Wait(stack, "Wait", time=stepfunctions.WaitTime.duration(cdk.Duration.seconds(seconds))).next(
        tasks.LambdaInvoke(stack, "Task", lambda_function=function)
    )
    stepfunctions.StateMachine(stack, "Caller", definition_body=stepfunctions.DefinitionBody.from_chainable(wait))


def task_in_jsonata(stack: cdk.Stack, function: lambda_.IFunction) -> None:
    task(stack, function, query_language=stepfunctions.QueryLanguage.JSONATA)


MAPPINGS = {"mapping": mapping, "by name": mapping_by_name, "written out": mapping_written_out}
OTHERS = {
    "url": url,
    "data source": data_source,
    "task": task,
    "task in a map": task_in_a_map,
    "old task": task_of_the_old_kind,
    "task beside a number": task_beside_a_number_of_the_deploy,
    "JSONata task": task_in_jsonata,
    "pipe": pipe,
}
WORDS = {
    **dict.fromkeys(MAPPINGS, "An event source mapping"),
    "url": "A function URL",
    "data source": "AppSync",
    "task": "A task of a state machine",
    "task in a map": "A task of a state machine",
    "old task": "A task of a state machine",
    "task beside a number": "A task of a state machine",
    "JSONata task": "A task of a state machine",
    "pipe": "A pipe",
}


def synthesized(stack: cdk.Stack) -> dict[str, Any]:
    template: dict[str, Any] = assertions.Template.from_stack(stack).to_json()
    return template


@pytest.mark.parametrize("caller", WORDS)
def test_a_caller_that_waits_too_long_fails_the_synth(caller: str) -> None:
    stack = a_stack()
    function = a_function(stack, execution_timeout=timedelta(days=1))
    {**MAPPINGS, **OTHERS}[caller](stack, function)
    expected = rf"Demo/Orders: {WORDS[caller]} \(Demo/.*Caller.*\) waits for the whole execution.*AsyncStarter"
    with pytest.raises(RuntimeError, match=expected):
        synthesized(stack)


@pytest.mark.parametrize("caller", WORDS)
def test_the_same_caller_may_wait_for_fifteen_minutes(caller: str) -> None:
    stack = a_stack()
    {**MAPPINGS, **OTHERS}[caller](stack, a_function(stack, execution_timeout=timedelta(minutes=15)))
    assert synthesized(stack)


@pytest.mark.parametrize("caller", OTHERS)
def test_other_callers_than_mappings_can_be_accepted(caller: str) -> None:
    stack = a_stack()
    options = {"execution_timeout": timedelta(days=1), "allow_waiting_callers": True}
    OTHERS[caller](stack, a_function(stack, **options))
    assert synthesized(stack)


def written_out(stack: cdk.Stack, *parts: str) -> None:
    stepfunctions.CfnStateMachine(stack, "Caller", role_arn=ROLE_ARN, definition_string="".join(parts))


ASYNCHRONOUS: dict[str, Callable[[cdk.Stack, DurableFunction], Any]] = {
    "a task that does not wait": lambda stack, function: task(
        stack, function, invocation_type=tasks.LambdaInvocationType.EVENT
    ),
    "a pipe that does not wait": lambda stack, function: pipe(
        stack,
        function,
        pipes.CfnPipe.PipeTargetParametersProperty(
            lambda_function_parameters=pipes.CfnPipe.PipeTargetLambdaFunctionParametersProperty(
                invocation_type="FIRE_AND_FORGET"
            )
        ),
    ),
    "a definition that is no JSON yet": lambda stack, function: written_out(stack, "{", function.function_arn),
    "arguments that are an expression": lambda stack, function: written_out(
        stack,
        '{"States": {"A": {"Resource": "arn:aws:states:::lambda:invoke", "Arguments": "{% $all %}", "Comment": "',
        function.function_arn,
        '"}}}',
    ),
    "a starter": lambda stack, function: AsyncStarter(
        stack, "Starter", target=function, queue=sqs.Queue(stack, "Queue")
    ),
    "a role": lambda stack, function: function.grant_start(
        iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    ),
}


@pytest.mark.parametrize("caller", ASYNCHRONOUS)
def test_what_does_not_wait_is_left_alone(caller: str) -> None:
    stack = a_stack()
    ASYNCHRONOUS[caller](stack, a_function(stack, execution_timeout=timedelta(days=1)))
    assert synthesized(stack)


def test_a_mapping_to_a_short_function_beside_a_long_one_is_left_alone() -> None:
    stack = a_stack()
    a_function(stack, "Long", execution_timeout=timedelta(days=1))
    mapping(stack, a_function(stack, "Short"))
    assert synthesized(stack)


def test_a_caller_in_another_stack_is_found() -> None:
    app = cdk.App()
    home, away = cdk.Stack(app, "Home"), cdk.Stack(app, "Away")
    a_function(home, "Other", execution_timeout=timedelta(days=1))
    mapping(away, a_function(home, execution_timeout=timedelta(days=1)))
    with pytest.raises(RuntimeError, match=r"\[Home\] Home/Orders: An event source mapping \(Away/Caller") as error:
        app.synth()
    assert "Home/Other" not in str(error.value)


def test_a_caller_in_a_stage_is_found() -> None:
    app = cdk.App()
    stack = cdk.Stack(cdk.Stage(app, "Production"), "Home")
    mapping(stack, a_function(stack, execution_timeout=timedelta(days=1)))
    with pytest.raises(RuntimeError, match=r"Production/Home/Orders: An event source mapping"):
        app.synth()
