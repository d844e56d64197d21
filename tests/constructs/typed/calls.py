"""Declarations as users write them, for mypy only: ``assert_type`` holds the right, ``# wrong`` marks the others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import assert_type

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from constructs_durable import (
    ApprovalApi,
    ApprovalAuth,
    AsyncStarter,
    DurableDashboard,
    DurableFunction,
    DurableFunctionGrants,
    DurableRuntimeLayer,
    DurableSdk,
    ExecutionStatus,
    ReplayCheck,
    VersionPruning,
)


def right(stack: cdk.Stack, queue: sqs.Queue, user: iam.User, vpc_key: kms.Key, alias: lambda_.IAlias) -> None:
    orders = DurableFunction(
        stack,
        "Orders",
        entry=Path("orders"),
        handler="app.handler",
        execution_timeout=timedelta(days=30),
        retention_period=cdk.Duration.days(30),
        sdk=DurableSdk.RUNTIME_LAYER_AS_AWS_SDK,
        replay_check=ReplayCheck.WARN,
        prune_versions=VersionPruning(keep=5, every=timedelta(hours=6)),
        execution_key=vpc_key,
        environment={"TABLE": "orders"},
        # Properties of lambda.Function.
        tracing=lambda_.Tracing.ACTIVE,
        ephemeral_storage_size=cdk.Size.mebibytes(1024),
        dead_letter_queue=queue,
        max_event_age=timedelta(hours=1),
        retry_attempts=0,
    )
    assert_type(orders.grant_start(user), iam.Grant)
    assert_type(orders.grants, DurableFunctionGrants)
    assert_type(DurableFunctionGrants.of(alias).callbacks(user), iam.Grant)
    assert_type(orders.calls(alias), str)
    assert_type(orders.executions.failed(), cloudwatch.Metric)
    assert_type(orders.recommended_alarms(failed=None), list[cloudwatch.Alarm])
    assert_type(orders.on_execution_status_change("Done", statuses=[ExecutionStatus.SUCCEEDED]), events.Rule)
    assert_type(orders.add_log_queries(), list[logs.QueryDefinition])
    assert_type(
        orders.deploy_gradually(codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE, alarms=orders.recommended_alarms()),
        codedeploy.LambdaDeploymentGroup,
    )
    assert_type(DurableFunction.from_alias_arn(stack, "Other", "arn"), lambda_.IAlias)
    assert_type(DurableRuntimeLayer.of(stack), DurableRuntimeLayer)
    targets.LambdaFunction(orders)
    AsyncStarter(stack, "Starter", target=orders, queue=queue, name_from="order")
    DurableDashboard(stack, "Dashboard", functions=[orders])
    ApprovalApi(stack, "Approvals", functions=[orders], auth=ApprovalAuth.jwt(issuer="https://x", audience=["shop"]))


def wrong(stack: cdk.Stack, queue: sqs.Queue, user: iam.User, orders: DurableFunction) -> None:
    DurableFunction(stack, "A", handler="app.handler", entry="orders")  # wrong
    DurableFunction(stack, "B", handler="app.handler", execution_timeout=3600)  # wrong
    DurableFunction(stack, "C", handler="a.b", execution_timeout=timedelta(1), memory_size="256")  # wrong
    DurableFunction(stack, "D", handler="a.b", execution_timeout=timedelta(1), timeuot=timedelta(1))  # wrong
    DurableFunction(stack, "E", handler="a.b", execution_timeout=timedelta(1), tracing="Active")  # wrong
    DurableFunction(stack, "F", handler="a.b", execution_timeout=timedelta(1), durable_config=None)  # wrong
    DurableFunction(stack, "G", handler="a.b", execution_timeout=timedelta(1), sdk="layer")  # wrong
    DurableFunction(stack, "H", handler="a.b", execution_timeout=timedelta(1), prune_versions=True)  # wrong
    DurableFunction(stack, "I", handler="a.b", execution_timeout=timedelta(1), environment={"LIMIT": 3})  # wrong
    orders.calls("arn:aws:lambda:us-east-1:123456789012:function:orders:live")  # wrong
    orders.grant_start("user")  # wrong
    orders.recommended_alarms(failures=3)  # wrong
    orders.on_execution_status_change("Done", statuses=["SUCCEEDED"])  # wrong
    AsyncStarter(stack, "J", queue=queue)  # wrong
    AsyncStarter(stack, "K", target=orders, queue=user)  # wrong
    DurableDashboard(stack, "L", functions=orders)  # wrong
    ApprovalApi(stack, "M", functions=[orders], auth="iam")  # wrong
    ApprovalAuth.jwt(issuer="https://x")  # wrong
