"""What a declared `DurableFunction` can do: grants, calls, rollouts, changes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from constructs_durable import _policy
from constructs_durable._arguments import checked
from constructs_durable._calls import Call, construct_of
from constructs_durable._checks import Place, refuse_twice, refused_by
from constructs_durable._names import check_layers, variable_problem
from constructs_durable._surface import QualifiedAlias
from constructs_durable.errors import DurableInputError
from constructs_durable.grants import DurableFunctionGrants, without_circle
from constructs_durable.layer import DurableRuntimeLayer, DurableSdk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_codedeploy as codedeploy
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_logs as logs

    from constructs_durable.function import DurableFunction

__all__ = ["DurableAlias"]

ALIAS_ARN_PARTS = 8


class DurableAlias(QualifiedAlias):
    """The alias with its function, role and logs behind it."""

    _function: lambda_.Function
    _log_group: logs.ILogGroup
    _execution_policy: iam.Policy
    _execution_key: kms.IKey | None
    _layers: list[lambda_.ILayerVersion]
    _sdk: DurableSdk
    _role_can_change: bool = True
    _environment: Mapping[str, str]
    """Variables as they were declared."""

    @classmethod
    @checked
    def from_alias_arn(cls, scope: Construct, id: str, alias_arn: str) -> lambda_.IAlias:  # noqa: A002  CDK's name
        """Import the alias of a durable function that another stack or team has made.

        `DurableFunctionGrants.of()` grants on it.

        Args:
            scope: Where the import belongs.
            id: Its name there.
            alias_arn: The alias's ARN, `arn:…:function:NAME:ALIAS`.
        """
        parts = alias_arn.split(":")
        if cdk.Token.is_unresolved(alias_arn) or len(parts) != ALIAS_ARN_PARTS or parts[-1] == "$LATEST":
            raise DurableInputError.at(
                scope,
                id,
                f"alias_arn is {alias_arn!r}; it is written `arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS`. "
                "An unqualified durable function cannot be invoked, and `$LATEST` has no permissions of its own. "
                "For an ARN known at deploy only, use lambda.Alias.from_alias_attributes().",
            )
        root = Construct(scope, id)
        function = lambda_.Function.from_function_attributes(
            root, "Function", function_arn=":".join(parts[:-1]), same_environment=True
        )
        version = lambda_.Version.from_version_attributes(root, "Version", lambda_=function, version=parts[-1])
        return lambda_.Alias.from_alias_attributes(root, "Alias", alias_name=parts[-1], alias_version=version)

    @property
    def root(self) -> Construct:
        """The construct that holds all parts, for tags, aspects and dependencies."""
        return self._root

    @property
    def log_group(self) -> logs.ILogGroup:
        """The log group of all versions."""
        return self._log_group

    @property
    def connections(self) -> ec2.Connections:
        """The network connections of a function in a VPC."""
        return self._function.connections

    @property
    def is_bound_to_vpc(self) -> bool:
        """Whether the function runs in a VPC."""
        return self._function.is_bound_to_vpc

    @functools.cached_property
    def grants(self) -> DurableFunctionGrants:
        """Grants on this function and its executions."""
        return DurableFunctionGrants(self._function, invoke=self, key=self._execution_key)

    @checked
    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to invoke the alias."""
        return super().grant_invoke(without_circle(grantee))

    @checked
    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to start executions."""
        return self.grants.start(grantee)

    @checked
    def grant_callbacks(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to complete callbacks and to send their heartbeats."""
        return self.grants.callbacks(grantee)

    @checked
    def grant_read_executions(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to list executions and to read their state and history."""
        return self.grants.read_executions(grantee)

    @checked
    def grant_manage_executions(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to stop, pause, resume and delete executions, and to read them."""
        return self.grants.manage_executions(grantee)

    @checked
    def calls(self, other: lambda_.IFunction, *, variable: str | None = None) -> str:
        """Let this function's workflows invoke another function with `ctx.invoke`.

        Args:
            other: The function to call. A DurableFunction is called through its alias.
            variable: The environment variable that will hold its ARN.
                Default: the callee's construct id in capitals, with `_ARN`.

        Returns:
            The variable's name.
        """
        call = Call.of(self, other, variable)
        if call.is_wired:
            return call.variable
        call.check(self._environment)
        call.check_account()
        self._execution_policy.add_statements(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=other.resource_arns_for_grant_invoke)
        )
        if not self._role_can_change:
            cdk.Annotations.of(self._root).add_warning_v2(
                "constructs-durable:immutable-role-calls",
                f"role is imported and cannot be changed here. It must already allow lambda:InvokeFunction on "
                f"{construct_of(other).node.path}; without it every `ctx.invoke` fails.",
            )
        self.add_environment(call.variable, other.function_arn)
        return call.remember()

    @checked
    def started_by(self, starter: lambda_.Function | DurableFunction, *, variable: str | None = None) -> str:
        """Let another function start executions of this one: `calls`, seen from the callee.

        Args:
            starter: A function whose code invokes this one, with `InvocationType="Event"` unless executions are short.
            variable: The environment variable of the starter that will hold this function's ARN.
                Default: this function's construct id in capitals, with `_ARN`.

        Returns:
            The variable's name.
        """
        if isinstance(starter, DurableAlias):
            return starter.calls(self, variable=variable)
        call = Call.of(starter, self, variable)
        if not call.is_wired:
            call.check({})
            self.grant_start(starter)
            starter.add_environment(call.variable, self.function_arn)
        return call.remember()

    @checked
    def deploy_gradually(
        self,
        config: codedeploy.ILambdaDeploymentConfig,
        *,
        alarms: Sequence[cloudwatch.IAlarm] = (),
        **options: Any,
    ) -> codedeploy.LambdaDeploymentGroup:
        """Move the alias with CodeDeploy, and back when an alarm goes off.

        Open executions stay on the version they started on, so a rollback touches new ones only.

        Args:
            config: How traffic shifts, for example `LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES`.
            alarms: What ends the rollout. `recommended_alarms()` watch what matters for durable functions.
            options: Any further property of `LambdaDeploymentGroup`.
        """
        from aws_cdk import aws_codedeploy as codedeploy

        refuse_twice(self._root, "Rollout", "deploy_gradually() was called before, and an alias moves in one way only.")
        with refused_by("codedeploy.LambdaDeploymentGroup", self._root):
            return codedeploy.LambdaDeploymentGroup(
                self._root, "Rollout", alias=self, deployment_config=config, alarms=[*alarms], **options
            )

    @checked
    def add_environment(self, key: str, value: str) -> None:
        """Add an environment variable; the next deploy publishes a version with it."""
        problem = variable_problem(key)
        if problem is not None:
            raise DurableInputError(f"{self._root.node.path}: key is {key!r}{problem}")
        self._function.add_environment(key, value)

    @checked
    def add_layers(self, *layers: lambda_.ILayerVersion) -> None:
        """Add layers; the next deploy publishes a version with them."""
        check_layers(Place.of(self._root), len(self._layers) + len(layers))
        self._function.add_layers(*layers)
        self._layers += layers

    def _import_runtime(self) -> None:
        """Let the handler import `durable_runtime` beside whatever SDK it runs on."""
        if self._sdk is DurableSdk.BUNDLED or any(isinstance(each, DurableRuntimeLayer) for each in self._layers):
            return
        layer = DurableRuntimeLayer.of(self._root)
        self.add_layers(layer)
        self._function.invalidate_version_based_on(layer.content_hash)

    @checked
    def add_property_override(self, property_path: str, value: object) -> None:
        """Set a property of the `AWS::Lambda::Function` that CDK does not know yet."""
        self._resource.add_property_override(property_path, value)

    @functools.cached_property
    def _resource(self) -> lambda_.CfnFunction:
        resource = self._function.node.default_child
        if not isinstance(resource, lambda_.CfnFunction):
            raise TypeError(f"{self._root.node.path} has no CloudFormation resource to override.")
        return resource

    @functools.cached_property
    def _own_principal(self) -> iam.IPrincipal:
        """The role, but with new permissions in a policy that nothing waits for."""
        from constructs_durable._principal import OwnPolicyPrincipal

        return OwnPolicyPrincipal(self._function.grant_principal, _policy.granted_policy(self._root, self._function))
