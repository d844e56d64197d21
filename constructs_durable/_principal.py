"""A durable function as somebody who is granted things."""

from __future__ import annotations

import jsii
from aws_cdk import aws_iam as iam

__all__ = ["OwnPolicyPrincipal"]


@jsii.implements(iam.IPrincipal)
class OwnPolicyPrincipal:
    """A role whose grants land in a given policy.

    A grant on the function itself, or on one that calls it, among its role's default policy would close a circle.
    """

    def __init__(self, role: iam.IPrincipal, policy: iam.Policy) -> None:
        self._role = role
        self._policy = policy

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """Itself."""
        return self

    @property
    def assume_role_action(self) -> str:
        """As for the role."""
        return self._role.assume_role_action

    @property
    def policy_fragment(self) -> iam.PrincipalPolicyFragment:
        """As for the role."""
        return self._role.policy_fragment

    @property
    def principal_account(self) -> str | None:
        """As for the role."""
        return self._role.principal_account

    def add_to_principal_policy(self, statement: iam.PolicyStatement) -> iam.AddToPrincipalPolicyResult:
        """Add the statement to the policy."""
        self._policy.add_statements(statement)
        return iam.AddToPrincipalPolicyResult(statement_added=True, policy_dependable=self._policy)
