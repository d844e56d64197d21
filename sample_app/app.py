"""The app: `cdk synth` runs it, and so does `python -m sample_app.app`."""

from __future__ import annotations

import os

import aws_cdk as cdk

from constructs_durable.rules import add_durable_rules
from sample_app.accepted import accept_findings
from sample_app.stacks import ApprovalAgentStack, MediaScanStack, OrdersStack


def build(app: cdk.App) -> list[cdk.Stack]:
    """Declare the three stacks."""
    environment = cdk.Environment(
        account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION")
    )
    stacks = [
        OrdersStack(app, "Orders", env=environment),
        MediaScanStack(app, "MediaScan", env=environment),
        ApprovalAgentStack(app, "ApprovalAgent", env=environment),
    ]
    for stack in stacks:
        accept_findings(stack)
    return stacks


if __name__ == "__main__":
    app = cdk.App(outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
    if (
        os.environ.get("CDK_VALIDATION") != "false"
    ):  # what switches CDK's own rules off: the validator takes two seconds
        add_durable_rules(app)
    build(app)
    app.synth()
