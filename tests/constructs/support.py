"""What the tests of the constructs share: a handler folder, apps with and without flags, a function in a stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import assertions

from constructs_durable import DurableFunction

HANDLERS = Path(__file__).parent / "handlers"
FRESH_FLAGS: dict[str, Any] = {
    "@aws-cdk/aws-lambda:recognizeLayerVersion": True,
    "@aws-cdk/aws-lambda:recognizeVersionProps": True,
    "@aws-cdk/aws-lambda:useCdkManagedLogGroup": True,
    "@aws-cdk/aws-lambda:createNewPoliciesWithAddToRolePolicy": False,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-iam:importedRoleStackSafeDefaultPolicyName": True,
    "@aws-cdk/core:target-partitions": ["aws", "aws-cn"],
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/core:explicitStackTags": True,
    "@aws-cdk/aws-kms:aliasNameRef": True,
    "@aws-cdk/aws-codedeploy:removeAlarmsFromDeploymentGroup": True,
}
"""The flags of a freshly made `cdk.json` that touch what is made here."""


def a_stack(flags: dict[str, Any] | None = None, **options: Any) -> cdk.Stack:
    return cdk.Stack(cdk.App(context=flags or {}), "Demo", **options)


def a_function(stack: cdk.Stack, construct_id: str = "Orders", **options: Any) -> DurableFunction:
    defaults = {
        "entry": HANDLERS / "good",
        "handler": "app.handler",
        "execution_timeout": cdk.Duration.minutes(10),
    }
    return DurableFunction(stack, construct_id, **{**defaults, **options})


def resources(stack: cdk.Stack) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = assertions.Template.from_stack(stack).to_json()["Resources"]
    return found


def of_type(found: dict[str, dict[str, Any]], resource_type: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in found.items() if each["Type"] == resource_type}


def only(found: dict[str, dict[str, Any]], resource_type: str) -> dict[str, Any]:
    (resource,) = of_type(found, resource_type).values()
    return resource


def messages(stack: cdk.Stack, level: str) -> list[str]:
    find = getattr(assertions.Annotations.from_stack(stack), f"find_{level}")
    return [each.entry.data for each in find("*", assertions.Match.any_value())]


def mentions(value: Any, text: str) -> bool:
    return text in json.dumps(value)
