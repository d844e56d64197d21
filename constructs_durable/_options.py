"""The properties of `lambda.Function` that a `DurableFunction` hands through, with their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import aws_cdk as cdk
    from aws_cdk import aws_codeguruprofiler, aws_ec2, aws_iam, aws_kms, aws_lambda, aws_sns, aws_sqs

__all__ = ["ALIAS_OPTIONS", "ASYNCHRONOUS_OPTIONS", "FUNCTION_OPTIONS", "RESERVED_OPTIONS", "FunctionOptions"]


class FunctionOptions(TypedDict, total=False):
    """Every property of `lambda.Function` and of its alias that needs no thought of ours."""

    # The function.
    adot_instrumentation: aws_lambda.AdotInstrumentationConfig | None
    allow_all_ipv6_outbound: bool | None
    allow_all_outbound: bool | None
    allow_public_subnet: bool | None
    application_log_level_v2: aws_lambda.ApplicationLogLevel | None
    code_signing_config: aws_lambda.ICodeSigningConfig | None
    dead_letter_queue: aws_sqs.IQueue | None
    dead_letter_queue_enabled: bool | None
    dead_letter_topic: aws_sns.ITopic | None
    environment_encryption: aws_kms.IKey | None
    ephemeral_storage_size: cdk.Size | None
    filesystem: aws_lambda.FileSystem | None
    initial_policy: Sequence[aws_iam.PolicyStatement] | None
    insights_version: aws_lambda.LambdaInsightsVersion | None
    ipv6_allowed_for_dual_stack: bool | None
    params_and_secrets: aws_lambda.ParamsAndSecretsLayerVersion | None
    profiling: bool | None
    profiling_group: aws_codeguruprofiler.IProfilingGroup | None
    recursive_loop: aws_lambda.RecursiveLoop | None
    reserved_concurrent_executions: int | None
    runtime_management_mode: aws_lambda.RuntimeManagementMode | None
    security_groups: Sequence[aws_ec2.ISecurityGroup] | None
    snap_start: aws_lambda.SnapStartConf | None
    system_log_level_v2: aws_lambda.SystemLogLevel | None
    tenancy_config: aws_lambda.TenancyConfig | None
    tracing: aws_lambda.Tracing | None
    vpc: aws_ec2.IVpc | None
    vpc_subnets: aws_ec2.SubnetSelection | Mapping[str, Any] | None
    # The alias: Lambda calls these once per asynchronous start.
    max_event_age: cdk.Duration | dt.timedelta | None
    provisioned_concurrent_executions: int | None
    retry_attempts: int | None


ASYNCHRONOUS_OPTIONS = frozenset({"max_event_age", "retry_attempts"})
ALIAS_OPTIONS = ASYNCHRONOUS_OPTIONS | {"provisioned_concurrent_executions"}
FUNCTION_OPTIONS = frozenset(FunctionOptions.__annotations__) - ALIAS_OPTIONS

RESERVED_OPTIONS = {
    "code": "pass entry= (a folder), or packaged_code= for code that is built elsewhere",
    "durable_config": "pass execution_timeout=, retention_period= and execution_key=",
    "current_version_options": "pass version_removal_policy=",
    "log_format": "logs are JSON: execution ids stay queryable",
    "logging_format": "logs are JSON: execution ids stay queryable",
    "application_log_level": "use application_log_level_v2=",
    "system_log_level": "use system_log_level_v2=",
    "log_retention_role": "the log group is a plain resource here and needs no role",
    "log_retention_retry_options": "the log group is a plain resource here and needs no retries",
    "on_success": "destinations do not work for durable functions: use on_execution_status_change()",
    "on_failure": "destinations do not work for durable functions: use dead_letter_queue=",
    "additional_versions": "use deploy_gradually(), which moves the alias with CodeDeploy",
}
"""Properties of `lambda.Function` that have no place here, and what to use instead."""
