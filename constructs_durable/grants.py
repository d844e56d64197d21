"""Who may start, answer, read and manage executions: actions with the resources that really match.

An execution's ARN is `…:function:NAME:VERSION/durable-execution/…`. The service checks these permissions
against it, so the unqualified ARN and the alias's never match: every grant but `start` names `NAME:*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from constructs_durable._arguments import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_

__all__ = [
    "CALLBACK_ACTIONS",
    "LIST_ACTIONS",
    "MANAGE_ACTIONS",
    "READ_ACTIONS",
    "RUN_ACTIONS",
    "DurableFunctionGrants",
    "without_circle",
]

RUN_ACTIONS = ("lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState")
CALLBACK_ACTIONS = (
    "lambda:SendDurableExecutionCallbackFailure",
    "lambda:SendDurableExecutionCallbackHeartbeat",
    "lambda:SendDurableExecutionCallbackSuccess",
)
READ_ACTIONS = ("lambda:GetDurableExecution", "lambda:GetDurableExecutionHistory")
LIST_ACTIONS = ("lambda:ListDurableExecutionsByFunction",)
MANAGE_ACTIONS = (
    "lambda:DeleteDurableExecution",
    "lambda:PauseDurableExecution",
    "lambda:ResumeDurableExecution",
    "lambda:StopDurableExecution",
)


class DurableFunctionGrants:
    """Grants on the executions of one function; also for functions this library did not make."""

    @checked
    def __init__(self, function: lambda_.IFunction, *, invoke: lambda_.IFunction, key: kms.IKey | None = None) -> None:
        """Name the function, what to invoke, and the key of its executions.

        Args:
            function: The function itself, unqualified.
            invoke: Its alias or version: what `start` allows to invoke.
            key: The key that encrypts its executions. Readers may decrypt with it.
        """
        self._arn = function.function_arn
        self._invoke = invoke
        self._key = key

    @classmethod
    @checked
    def of(cls, alias: lambda_.IAlias, *, key: kms.IKey | None = None) -> DurableFunctionGrants:
        """Make grants for an alias, imported or hand-made; a DurableFunction has its own in `grants`."""
        own = getattr(alias, "grants", None)
        if isinstance(own, cls):
            return own
        return cls(alias.version.lambda_, invoke=alias, key=key)

    @checked
    def start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to start executions, by invoking the alias."""
        return self._invoke.grant_invoke(without_circle(grantee))

    @checked
    def callbacks(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to complete callbacks and to send their heartbeats."""
        return self._grant(grantee, CALLBACK_ACTIONS, decrypts=True)

    @checked
    def answers(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to complete callbacks with a result, and nothing else."""
        return self._grant(grantee, CALLBACK_ACTIONS[-1:], decrypts=True)

    @checked
    def read_executions(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to list executions and to read their state and history."""
        listed = iam.Grant.add_to_principal(
            grantee=without_circle(grantee),
            actions=[*LIST_ACTIONS],
            resource_arns=[self._arn, f"{self._arn}:*"],
        )
        return listed.combine(self._grant(grantee, READ_ACTIONS, decrypts=True))

    @checked
    def manage_executions(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to stop, pause, resume and delete executions, and to read them."""
        return self.read_executions(grantee).combine(self._grant(grantee, MANAGE_ACTIONS))

    def _grant(self, grantee: iam.IGrantable, actions: Sequence[str], *, decrypts: bool = False) -> iam.Grant:
        grant = iam.Grant.add_to_principal(
            grantee=without_circle(grantee), actions=[*actions], resource_arns=[f"{self._arn}:*"]
        )
        if decrypts and self._key is not None:
            grant = grant.combine(self._key.grant_decrypt(grantee))
        return grant


def without_circle(grantee: iam.IGrantable) -> iam.IGrantable:
    """Return where grants to a durable function go, so that it need not wait for the function granted on."""
    principal: iam.IGrantable = getattr(grantee, "_own_principal", grantee)
    return principal
