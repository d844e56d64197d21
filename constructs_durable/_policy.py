"""The execution role's permissions: on the function's own executions and logs, and on nothing else."""

from __future__ import annotations

import enum
import functools
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from constructs_durable.grants import RUN_ACTIONS

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

__all__ = [
    "ExecutionPolicy",
    "encryption_statement",
    "execution_policy",
    "execution_role",
    "granted_policy",
    "warn_if_not_attached",
]

MANAGED_DURABLE = "service-role/AWSLambdaBasicDurableExecutionRolePolicy"
MANAGED_VPC = "service-role/AWSLambdaVPCAccessExecutionRole"


class ExecutionPolicy(enum.Enum):
    """What lets the execution role record and read executions."""

    LEAST_PRIVILEGE = "an inline policy on this function's own executions and log group"
    AWS_MANAGED = f"AWS's managed policy {MANAGED_DURABLE}, which allows both on every function"


def execution_role(scope: Construct, role: iam.IRole | None, policy: ExecutionPolicy, *, vpc: bool) -> iam.IRole:
    """Return the role to run with, made here unless one was supplied."""
    managed = [MANAGED_DURABLE] if policy is ExecutionPolicy.AWS_MANAGED else []
    managed += [MANAGED_VPC] if vpc else []
    policies = [iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in managed]
    if role is None:
        return iam.Role(
            scope,
            "Role",
            assumed_by=_lambda_service(),
            managed_policies=policies or None,
        )
    for each in policies:
        role.add_managed_policy(each)
    return role


def execution_policy(
    scope: Construct,
    role: iam.IRole,
    *,
    supplied: bool,
    function_arn: str,
    log_group_arn: str,
    key: kms.IKey | None,
    policy: ExecutionPolicy,
) -> iam.Policy:
    """Attach the permissions to the role as a resource of their own.

    Among the role's own policies they would close a circle: CDK lets a function wait for its role's policies.
    """
    statements: list[dict[str, Any]] = []
    if policy is ExecutionPolicy.LEAST_PRIVILEGE:
        statements += [
            _allow(RUN_ACTIONS, f"{function_arn}:*"),
            _allow(("logs:CreateLogStream", "logs:PutLogEvents"), log_group_arn),
        ]
    if key is not None:
        statements.append(_allow(("kms:Decrypt",), key.key_arn))
    document = iam.PolicyDocument.from_json({"Version": "2012-10-17", "Statement": statements})
    if not supplied:
        return iam.Policy(scope, "ExecutionPolicy", document=document, roles=[role])
    attached = iam.Policy(scope, "ExecutionPolicy", document=document)
    role.attach_inline_policy(attached)  # asked of the role, because only it knows whether it may change
    return attached


def granted_policy(scope: Construct, function: lambda_.IFunction) -> iam.Policy:
    """Attach a policy for what the function is granted on durable functions, itself or those that call it.

    Nothing waits for it, so whatever it names may wait for the function.
    """
    granted = iam.Policy(scope, "GrantedPolicy")
    if function.role is not None:
        function.role.attach_inline_policy(granted)
    return granted


def warn_if_not_attached(scope: Construct, policy: iam.Policy) -> bool:
    """Name the missing actions when the supplied role cannot be changed: imported as immutable, or from afar.

    Returns:
        Whether the role can be changed.
    """
    resource = policy.node.default_child
    attached = isinstance(resource, iam.CfnPolicy) and bool(cdk.Stack.of(scope).resolve(resource.roles))
    if attached:
        return True
    cdk.Annotations.of(scope).add_warning_v2(
        "constructs-durable:immutable-role",
        f"role is imported and cannot be changed here. It must already allow {' and '.join(RUN_ACTIONS)} on this "
        "function's executions (`function:NAME:*`), and logs:CreateLogStream and logs:PutLogEvents on its log group; "
        "without the first two every execution fails at its first checkpoint.",
    )
    return False


def encryption_statement(scope: Construct) -> iam.PolicyStatement:
    """Let the service encrypt executions with a key, for functions of this account and region.

    The function cannot be named: its ARN would make the key wait for the function, which waits for the key.
    """
    functions = cdk.Stack.of(scope).format_arn(
        service="lambda", resource="function", resource_name="*", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
    )
    return iam.PolicyStatement(
        sid="DurableExecutions",
        principals=[_lambda_service()],
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
        conditions={"StringLike": {"kms:EncryptionContext:aws:lambda:FunctionArn": functions}},
    )


@functools.cache
def _lambda_service() -> iam.ServicePrincipal:
    return iam.ServicePrincipal("lambda.amazonaws.com")


def _allow(actions: tuple[str, ...], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}
