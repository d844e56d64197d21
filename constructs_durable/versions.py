"""Old versions: kept while executions run on them, deleted afterwards."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from constructs_durable._checks import in_seconds
from constructs_durable._helper_function import HelperFunction
from constructs_durable.grants import LIST_ACTIONS

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

    from constructs_durable._checks import Place

__all__ = ["VersionPruning", "add_version_pruning", "check_pruning"]


@dataclass(frozen=True)
class VersionPruning:
    """Which versions a scheduled cleaner may delete: no alias points to them, no execution on them is open.

    Attributes:
        keep: How many of the newest versions stay in any case; a rollback needs the one before the current.
        minimum_age: Younger versions stay.
        every: How often the cleaner runs.
    """

    keep: int = 3
    minimum_age: dt.timedelta = dt.timedelta(days=1)
    every: dt.timedelta = dt.timedelta(days=1)


def check_pruning(place: Place, pruning: VersionPruning) -> None:
    """Refuse what would delete too much, or could not be scheduled."""
    if pruning.keep < 2:
        raise place.error(
            f"prune_versions keeps {pruning.keep} versions; keep 2 at least, because a rollback of the stack returns "
            "to the version before the current one."
        )
    if pruning.every < dt.timedelta(minutes=1) or pruning.every % dt.timedelta(minutes=1):
        raise place.error(
            f"prune_versions runs every {pruning.every}; a schedule counts in whole minutes, from one. "
            "Once a day is enough."
        )
    if pruning.minimum_age < dt.timedelta(0):
        raise place.error(f"prune_versions has a minimum_age of {pruning.minimum_age}; it cannot be negative.")


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
