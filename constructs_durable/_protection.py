"""What keeps executions safe: from a replacement of their function, from readers, and from noise at synth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from constructs_durable._policy import encryption_statement

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

__all__ = ["acknowledge_replacement_note", "encrypt_executions", "keep_when_replaced"]


def keep_when_replaced(resource: cdk.CfnResource) -> None:
    """Leave the old function in place when a change replaces it: its open executions go on."""
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


def acknowledge_replacement_note(root: Construct) -> None:
    """Silence what CDK says about every durable function on every synth."""
    cdk.Annotations.of(root).acknowledge_info(
        "aws-lambda:Function.DurableConfig", "made durable from the start, by DurableFunction"
    )
