"""The resources of one `DurableFunction`, made with aws-cdk-lib: as a careful team would, and as bare as can be."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct


def by_hand(scope: Construct, construct_id: str, *, entry: str, layer: lambda_.ILayerVersion) -> lambda_.Alias:
    root = Construct(scope, construct_id)
    log_group = logs.LogGroup(root, "Logs", retention=logs.RetentionDays.ONE_MONTH)
    role = iam.Role(root, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    function = lambda_.Function(
        root,
        "Function",
        code=lambda_.Code.from_asset(entry, exclude=["**/__pycache__/**", "**/*.pyc"]),
        handler="app.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        memory_size=256,
        timeout=cdk.Duration.minutes(15),
        durable_config=lambda_.DurableConfig(execution_timeout=cdk.Duration.days(30)),
        role=role,
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        layers=[layer],
        current_version_options=lambda_.VersionOptions(removal_policy=cdk.RemovalPolicy.RETAIN),
    )
    policy = iam.Policy(
        root,
        "ExecutionPolicy",
        roles=[role],
        statements=[
            iam.PolicyStatement(
                actions=["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"],
                resources=[f"{function.function_arn}:*"],
            ),
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
            ),
        ],
    )
    function.current_version.node.add_dependency(policy)
    return lambda_.Alias(root, "Alias", alias_name="live", version=function.current_version)


def bare(scope: Construct, construct_id: str, *, entry: str) -> lambda_.Alias:
    """The constructors alone, with as little as each accepts: what is left when nothing is thought of."""
    root = Construct(scope, construct_id)
    logs.LogGroup(root, "Logs")
    role = iam.Role(root, "Role", assumed_by=SERVICE)
    code = lambda_.Code.from_asset(entry)
    function = lambda_.Function(root, "Function", code=code, handler="app.handler", runtime=RUNTIME, role=role)
    iam.Policy(root, "ExecutionPolicy", roles=[role], statements=[STATEMENT])
    return lambda_.Alias(root, "Alias", alias_name="live", version=function.current_version)


SERVICE = iam.ServicePrincipal("lambda.amazonaws.com")
RUNTIME = lambda_.Runtime.PYTHON_3_13
STATEMENT = iam.PolicyStatement(actions=["lambda:CheckpointDurableExecution"], resources=["*"])
