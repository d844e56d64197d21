"""The small functions that do a construct's chores: plain, least privilege, their own logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs_durable._code import NOT_CODE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs import Construct

__all__ = ["HelperFunction"]

FOLDER = Path(__file__).parent / "_functions"


class HelperFunction(lambda_.Function):
    """A function of this library, with boto3 from Lambda's runtime as its only dependency."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002  CDK's name for it
        *,
        folder: str,
        description: str,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        timeout: cdk.Duration,
    ) -> None:
        """Declare the function, its role and its logs.

        Args:
            scope: Where it belongs.
            id: Its name there.
            folder: Its code, below `_functions`.
            description: Shown in the console.
            environment: Environment variables.
            statements: What it may do, besides writing its logs.
            timeout: How long one invocation may take.
        """
        log_group = logs.LogGroup(scope, f"{id}Logs", retention=logs.RetentionDays.ONE_MONTH)
        role = iam.Role(scope, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        for statement in statements:
            role.add_to_policy(statement)
        super().__init__(
            scope,
            id,
            code=lambda_.Code.from_asset(str(FOLDER / folder), exclude=NOT_CODE),
            handler="index.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=128,
            timeout=timeout,
            description=description,
            environment=environment,
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
        )
