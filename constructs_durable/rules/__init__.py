"""Rules for CDK's own validator: the mistakes around durable functions, wherever in the app they are made.

They look at templates, so they also see `lambda.Function(durable_config=…)`, L1 constructs, escape hatches and
included templates. CDK reports errors of its validator as warnings until the app's context has
`@aws-cdk/core:validateAgainstDefaultRules`: then they fail the synth. To accept a finding,
`Validations.of(construct).acknowledge(Acknowledgment(id="CloudFormation-Validate::DURABLE-004", reason="…"))`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import IConstruct

__all__ = ["RULES", "add_durable_rules", "durable_rules"]

RULES = {
    "DURABLE-001": "something invokes the function by its unqualified ARN",
    "DURABLE-002": "the next deploy deletes a version that open executions need",
    "DURABLE-003": "a version with a fixed logical id is published only once",
    "DURABLE-004": "the function has no published version",
    "DURABLE-005": "an event source waits for executions of more than 15 minutes",
    "DURABLE-006": "the function's timeout is too short for a phase",
    "DURABLE-007": "a fixed function name blocks replacement",
    "DURABLE-008": "the runtime has no durable functions",
    "DURABLE-009": "the role cannot write checkpoints",
    "DURABLE-010": "a grant on executions names an ARN that never matches",
    "DURABLE-011": "settings of asynchronous invocation for `$LATEST`",
    "DURABLE-012": "destinations, which durable functions do not support",
    "DURABLE-013": "a queue delivers messages again before the function's timeout",
}
"""What each rule finds."""


def add_durable_rules(scope: IConstruct, *, other_rules: Sequence[cdk.ValidationRuleSource] = ()) -> None:
    """Check every template below `scope` with CDK's default rules and with these.

    Args:
        scope: The app, usually.
        other_rules: Further Rego rules of yours: CDK takes all of them in one registration.
    """
    if not isinstance(scope, Construct):
        raise DurableInputError(f"add_durable_rules(): scope is {scope!r}; pass the app, or a stage or stack of it.")
    if not hasattr(cdk, "CloudFormationValidatePlugin"):
        raise RuntimeError("add_durable_rules() needs the validator of aws-cdk-lib 2.262.0 or later.")
    plugin = cdk.CloudFormationValidatePlugin(rego_rules=[durable_rules(), *other_rules])
    cdk.Validations.of(scope).add_plugins(plugin)


def durable_rules() -> cdk.ValidationRuleSource:
    """Return the rules for a `CloudFormationValidatePlugin` of your own."""
    content = (Path(__file__).parent / "durable.rego").read_text("utf-8")
    return cdk.ValidationRuleSource(name="constructs-durable", content=content)
