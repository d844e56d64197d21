"""Findings of cdk-nag's AwsSolutions pack that this app accepts, and why."""

from __future__ import annotations

import aws_cdk as cdk

ACCEPTED = {
    "AwsSolutions-L1": "Python 3.13 is the runtime that AWS offers durable functions on and this app is tested on.",
    "AwsSolutions-SMG4": "Links signed with the secret live for days; it is rotated by putting a new value.",
    "AwsSolutions-APIG4": "The signed link is what authorizes a request.",
}

OPEN_ENDED = {
    "OrdersFunction520DBA95.Arn>:": "its own executions are named below its versions",
    "ShippingFunction9385A238.Arn>:": "its own executions are named below its versions",
    "ScanFunction21898010.Arn>:": "executions are named below the function's versions",
    "AgentFunctionB8994DEA.Arn>:": "executions are named below the function's versions",
    "MediaA721A567.Arn>/": "any object of the app's own bucket may be uploaded",
}
"""Resources that end in a wildcard, by the end of IAM5's id."""


def accept_findings(stack: cdk.Stack) -> None:
    """Acknowledge what is accepted in a stack."""
    accepted = [cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in ACCEPTED.items()]
    accepted += [
        cdk.Acknowledgment(id=f"AwsSolutions-IAM5[Resource::<{resource}*]", reason=reason)
        for resource, reason in OPEN_ENDED.items()
    ]
    cdk.Validations.of(stack).acknowledge(*accepted)
