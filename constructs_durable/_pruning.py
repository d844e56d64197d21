"""The scheduled function that deletes versions nobody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from constructs_durable._checks import in_seconds
from constructs_durable._helper_function import HelperFunction
from constructs_durable.grants import LIST_ACTIONS

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

    from constructs_durable.versions import VersionPruning

__all__ = ["add_version_pruning"]


def add_version_pruning(root: Construct, function: lambda_.IFunction, pruning: VersionPruning) -> None:
    """Add the cleaner. It may delete numbered versions of this one function, and nothing else."""
    from aws_cdk import aws_events as events
    from aws_cdk import aws_events_targets as targets

    arn = function.function_arn
    cleaner = HelperFunction(
        root,
        "Cleaner",
        folder="versions",
        description="Deletes versions without open executions",
        environment={
            "FUNCTION_NAME": function.function_name,
            "KEEP": str(pruning.keep),
            "MINIMUM_AGE_SECONDS": str(int(pruning.minimum_age.total_seconds())),
        },
        statements=[
            iam.PolicyStatement(actions=["lambda:ListAliases", "lambda:ListVersionsByFunction"], resources=[arn]),
            iam.PolicyStatement(actions=[*LIST_ACTIONS], resources=[arn, f"{arn}:*"]),
            iam.PolicyStatement(actions=["lambda:DeleteFunction"], resources=[f"{arn}:*"]),
        ],
        timeout=cdk.Duration.minutes(5),
    )
    schedule = events.Schedule.rate(in_seconds(pruning.every.total_seconds()))
    events.Rule(root, "CleanerSchedule", schedule=schedule, targets=[targets.LambdaFunction(cleaner)])
