"""What one `DurableFunction` puts into a template."""

from __future__ import annotations

import datetime as dt

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs_durable import DurableSdk, ExecutionPolicy
from tests.constructs.support import a_function, a_stack, mentions, messages, of_type, only, resources

pytestmark = pytest.mark.usefixtures("either_flags")


def test_one_declaration_makes_exactly_the_eight_resources() -> None:
    stack = a_stack()
    a_function(stack)
    assert sorted(each["Type"] for each in resources(stack).values()) == [
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
    ]


def test_the_function_has_sane_defaults() -> None:
    stack = a_stack()
    a_function(stack, execution_timeout=dt.timedelta(days=3))
    function = only(resources(stack), "AWS::Lambda::Function")
    properties = function["Properties"]
    assert properties["DurableConfig"] == {"ExecutionTimeout": 3 * 86_400}
    assert properties["Architectures"] == ["arm64"]
    assert properties["Runtime"] == "python3.13"
    assert properties["MemorySize"] == 256
    assert properties["Timeout"] == 900
    assert properties["LoggingConfig"]["LogFormat"] == "JSON"
    assert "FunctionName" not in properties
    assert function["UpdateReplacePolicy"] == "Retain"
    assert function["DeletionPolicy"] == "Delete"


def test_an_unset_timeout_never_exceeds_the_execution_timeout() -> None:
    stack = a_stack()
    a_function(stack, execution_timeout=dt.timedelta(seconds=90))
    assert only(resources(stack), "AWS::Lambda::Function")["Properties"]["Timeout"] == 90


def test_versions_are_retained_and_wait_for_the_policy() -> None:
    stack = a_stack()
    a_function(stack)
    found = resources(stack)
    version = only(found, "AWS::Lambda::Version")
    assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert version["DependsOn"] == list(of_type(found, "AWS::IAM::Policy"))


def test_the_policy_names_the_functions_own_executions_and_logs_only() -> None:
    stack = a_stack()
    a_function(stack)
    found = resources(stack)
    (function,) = of_type(found, "AWS::Lambda::Function")
    (group,) = of_type(found, "AWS::Logs::LogGroup")
    own = {"Fn::GetAtt": [function, "Arn"]}
    assert only(found, "AWS::IAM::Policy")["Properties"]["PolicyDocument"]["Statement"] == [
        {
            "Action": ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"],
            "Effect": "Allow",
            "Resource": {"Fn::Join": ["", [own, ":*"]]},
        },
        {
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Effect": "Allow",
            "Resource": {"Fn::GetAtt": [group, "Arn"]},
        },
    ]
    assert "ManagedPolicyArns" not in only(found, "AWS::IAM::Role")["Properties"]


def test_the_managed_policy_is_an_option() -> None:
    stack = a_stack()
    a_function(stack, execution_policy=ExecutionPolicy.AWS_MANAGED)
    found = resources(stack)
    assert mentions(only(found, "AWS::IAM::Role"), "service-role/AWSLambdaBasicDurableExecutionRolePolicy")
    assert of_type(found, "AWS::IAM::Policy") == {}


def test_a_supplied_role_gets_the_policy() -> None:
    stack = a_stack()
    role = iam.Role(stack, "Mine", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    a_function(stack, role=role)
    policy = only(resources(stack), "AWS::IAM::Policy")["Properties"]
    assert mentions(policy["Roles"], "Mine")
    assert mentions(policy, "lambda:CheckpointDurableExecution")
    assert messages(stack, "warning") == []


def test_a_supplied_role_may_get_the_managed_policy() -> None:
    stack = a_stack()
    role = iam.Role(stack, "Mine", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    a_function(stack, role=role, execution_policy=ExecutionPolicy.AWS_MANAGED)
    assert mentions(only(resources(stack), "AWS::IAM::Role"), "AWSLambdaBasicDurableExecutionRolePolicy")
    assert messages(stack, "warning") == []


def test_an_imported_mutable_role_gets_the_policy() -> None:
    stack = a_stack()
    a_function(stack, role=iam.Role.from_role_arn(stack, "Mine", "arn:aws:iam::123456789012:role/runner"))
    assert only(resources(stack), "AWS::IAM::Policy")["Properties"]["Roles"] == ["runner"]
    assert messages(stack, "warning") == []


@pytest.mark.parametrize("policy", ExecutionPolicy)
def test_an_immutable_role_gets_a_warning_that_names_the_two_actions(policy) -> None:
    stack = a_stack()
    role = iam.Role.from_role_arn(stack, "Mine", "arn:aws:iam::123456789012:role/runner", mutable=False)
    a_function(stack, role=role, execution_policy=policy)
    (warning,) = messages(stack, "warning")
    assert "lambda:CheckpointDurableExecution and lambda:GetDurableExecutionState" in warning
    assert "constructs-durable:immutable-role" in warning
    assert of_type(resources(stack), "AWS::IAM::Policy") == {}


def test_a_function_in_a_vpc_may_manage_its_network_interfaces() -> None:
    stack = a_stack()
    a_function(stack, vpc=ec2.Vpc(stack, "Vpc", max_azs=1, nat_gateways=0), allow_public_subnet=True)
    (role,) = [each for name, each in of_type(resources(stack), "AWS::IAM::Role").items() if name.startswith("Orders")]
    assert mentions(role, "service-role/AWSLambdaVPCAccessExecutionRole")


def test_a_function_in_a_vpc_can_be_let_through_by_others() -> None:
    stack = a_stack()
    vpc = ec2.Vpc(stack, "Vpc", max_azs=1, nat_gateways=0)
    function = a_function(stack, vpc=vpc, allow_public_subnet=True)
    database = ec2.SecurityGroup(stack, "Database", vpc=vpc)
    database.connections.allow_from(function, ec2.Port.tcp(5432))
    function.connections.allow_to(database, ec2.Port.tcp(6432), "pooler")
    found = resources(stack)
    rules = [each["Properties"] for each in of_type(found, "AWS::EC2::SecurityGroupIngress").values()]
    assert sorted(rule["FromPort"] for rule in rules) == [5432, 6432]
    assert all(mentions(rule["SourceSecurityGroupId"], "OrdersFunctionSecurityGroup") for rule in rules)
    assert function.is_bound_to_vpc


def test_a_function_outside_a_vpc_has_no_connections() -> None:
    function = a_function(a_stack())
    assert not function.is_bound_to_vpc
    with pytest.raises(RuntimeError, match="Only VPC-associated"):
        function.connections  # noqa: B018


def test_the_synth_is_quiet() -> None:
    stack = a_stack()
    a_function(stack)
    assert [messages(stack, level) for level in ("info", "warning", "error")] == [[], [], []]


def test_every_plain_property_of_the_function_is_handed_through() -> None:
    stack = a_stack()
    a_function(
        stack,
        description="takes orders",
        environment={"TABLE": "orders"},
        memory_size=512,
        tracing=lambda_.Tracing.ACTIVE,
        reserved_concurrent_executions=7,
        retention_period=cdk.Duration.days(30),
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.X86_64,
        ephemeral_storage_size=cdk.Size.mebibytes(1024),
        dead_letter_queue_enabled=True,
        retry_attempts=0,
        provisioned_concurrent_executions=2,
        max_event_age=cdk.Duration.hours(1),
        log_retention=logs.RetentionDays.ONE_WEEK,
        log_removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    found = resources(stack)
    properties = only(found, "AWS::Lambda::Function")["Properties"]
    assert properties["Description"] == "takes orders"
    assert properties["Environment"] == {"Variables": {"TABLE": "orders"}}
    assert properties["MemorySize"] == 512
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert properties["ReservedConcurrentExecutions"] == 7
    assert properties["DurableConfig"] == {"ExecutionTimeout": 600, "RetentionPeriodInDays": 30}
    assert properties["Runtime"] == "python3.14"
    assert properties["Architectures"] == ["x86_64"]
    assert properties["EphemeralStorage"] == {"Size": 1024}
    assert "TargetArn" in properties["DeadLetterConfig"]
    invoke = only(found, "AWS::Lambda::EventInvokeConfig")["Properties"]
    assert (invoke["MaximumRetryAttempts"], invoke["MaximumEventAgeInSeconds"]) == (0, 3600)
    assert mentions(invoke["Qualifier"], "Alias")
    assert only(found, "AWS::Lambda::Alias")["Properties"]["ProvisionedConcurrencyConfig"] == {
        "ProvisionedConcurrentExecutions": 2
    }
    assert only(found, "AWS::Logs::LogGroup")["Properties"]["RetentionInDays"] == 7


def test_a_property_cdk_does_not_know_can_be_set() -> None:
    stack = a_stack()
    a_function(stack).add_property_override("DurableConfig.Novelty", 1)
    assert only(resources(stack), "AWS::Lambda::Function")["Properties"]["DurableConfig"]["Novelty"] == 1


def test_tags_on_the_root_reach_the_function_and_its_role() -> None:
    stack = a_stack()
    cdk.Tags.of(a_function(stack).root).add("team", "orders")
    found = resources(stack)
    for resource_type in ("AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup"):
        assert {"Key": "team", "Value": "orders"} in only(found, resource_type)["Properties"]["Tags"]


def test_a_key_encrypts_executions_with_the_policy_the_service_needs() -> None:
    stack = a_stack()
    function = a_function(stack, execution_key=kms.Key(stack, "Key"))
    reader = iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal())
    function.grant_read_executions(reader)
    found = resources(stack)
    key = only(found, "AWS::KMS::Key")["Properties"]["KeyPolicy"]["Statement"]
    (statement,) = [each for each in key if each.get("Sid") == "DurableExecutions"]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert mentions(statement["Condition"], "kms:EncryptionContext:aws:lambda:FunctionArn")
    config = only(found, "AWS::Lambda::Function")["Properties"]["DurableConfig"]
    assert "Fn::GetAtt" in config["KMSKeyArn"]
    own, readers = (
        next(each for name, each in of_type(found, "AWS::IAM::Policy").items() if name.startswith(prefix))
        for prefix in ("OrdersExecutionPolicy", "ReaderDefaultPolicy")
    )
    assert mentions(own, "kms:Decrypt")
    assert mentions(readers, "kms:Decrypt")


def test_an_imported_key_gets_a_warning_with_the_statement_it_needs() -> None:
    stack = a_stack()
    arn = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
    a_function(stack, execution_key=kms.Key.from_key_arn(stack, "Key", arn))
    (warning,) = messages(stack, "warning")
    assert "kms:GenerateDataKey and kms:Decrypt" in warning


@pytest.mark.parametrize("sdk", [DurableSdk.AWS_SDK, DurableSdk.BUNDLED])
def test_a_team_may_bring_its_own_runtime(sdk) -> None:
    stack = a_stack()
    a_function(stack, sdk=sdk)
    found = resources(stack)
    assert of_type(found, "AWS::Lambda::LayerVersion") == {}
    assert "Layers" not in only(found, "AWS::Lambda::Function")["Properties"]


def test_two_functions_share_one_layer_and_stacks_do_not() -> None:
    app = cdk.App()
    first, second = cdk.Stack(app, "First"), cdk.Stack(app, "Second")
    a_function(first, "A")
    a_function(first, "B")
    a_function(second, "C")
    for stack in (first, second):
        assertions.Template.from_stack(stack).resource_count_is("AWS::Lambda::LayerVersion", 1)
