"""What keeps executions safe: from a replacement of their function, and from readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs_durable._policy import encryption_statement

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

    from constructs_durable._checks import Limits

__all__ = ["encrypt_executions", "make_durable"]


def make_durable(resource: lambda_.CfnFunction, limits: Limits) -> None:
    """Make the function durable, and leave it in place when a change replaces it: its open executions go on.

    Said to the resource, because CDK's construct remarks on every durable function that it was made durable.
    """
    resource.durable_config = lambda_.CfnFunction.DurableConfigProperty(
        execution_timeout=limits.execution_timeout, retention_period_in_days=limits.retention_period
    )
    resource.add_override("UpdateReplacePolicy", "Retain")
    resource.add_override("DeletionPolicy", "Delete")  # the default, but validators want to see both


def encrypt_executions(root: Construct, resource: cdk.CfnResource, key: kms.IKey) -> None:
    """Encrypt the state of executions with a key, and let the service use it."""
    resource.add_property_override("DurableConfig.KMSKeyArn", key.key_arn)  # not in CDK's DurableConfig yet
    if key.add_to_resource_policy(encryption_statement(root)).statement_added:
        return
    cdk.Annotations.of(root).add_warning_v2(
        "constructs-durable:imported-key",
        "execution_key is imported, so its key policy cannot be extended here. It must allow lambda.amazonaws.com "
        "kms:GenerateDataKey and kms:Decrypt, with the condition StringLike on "
        "kms:EncryptionContext:aws:lambda:FunctionArn; without it the first execution fails.",
    )
