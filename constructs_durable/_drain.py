"""Stops open executions before a stack's deletion deletes their function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from constructs_durable._helper_function import HelperFunction
from constructs_durable.grants import LIST_ACTIONS

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

__all__ = ["add_drain"]


def add_drain(root: Construct, function: lambda_.IFunction) -> None:
    """Add a resource that CloudFormation deletes before the function, and that stops its executions then."""
    arn = function.function_arn
    drainer = HelperFunction(
        root,
        "Drain",
        folder="drain",
        description="Stops open executions before their function is deleted",
        environment={},
        statements=[
            iam.PolicyStatement(actions=[*LIST_ACTIONS], resources=[arn, f"{arn}:*"]),
            iam.PolicyStatement(actions=["lambda:StopDurableExecution"], resources=[f"{arn}:*"]),
        ],
        timeout=cdk.Duration.minutes(15),
    )
    resource = cdk.CustomResource(
        root,
        "OpenExecutions",
        resource_type="Custom::OpenDurableExecutions",
        service_token=drainer.function_arn,
        properties={"FunctionName": function.function_name},
    )
    resource.node.add_dependency(drainer.role or drainer)  # its permissions must outlive it
