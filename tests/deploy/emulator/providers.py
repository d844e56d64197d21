"""How each resource type is made: ordinary AWS API calls against the emulator itself."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import boto3
from stacks import ACCOUNT, REGION, Provider

_serial = itertools.count(1)

Code = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the template's code location into what the Lambda API is sent."""


def _physical(stack: str, logical_id: str, limit: int = 64) -> str:
    suffix = f"-{next(_serial):06d}"
    return f"{stack}-{logical_id}"[: limit - len(suffix)] + suffix


class Base:
    """A resource that is replaced when one of `create_only` changes."""

    create_only: tuple[str, ...] = ()

    def __init__(self, client: Any) -> None:
        self.client = client

    def replaces(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        return any(old.get(name) != new.get(name) for name in self.create_only)

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} cannot be updated here: {physical_id} to {properties}")

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None: ...


class Recorded(Base):
    """A type that nothing in the test looks at: it exists in the stack's records only."""

    def __init__(self, *attributes: str, reference: str = "") -> None:
        self.attributes, self.reference = attributes, reference

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = _physical(stack, logical_id)
        known = {
            key: f"arn:aws:emulated:{REGION}:{ACCOUNT}:{name}" if key.endswith("Arn") else f"{name}.{key.lower()}"
            for key in self.attributes
        }
        return (known[self.reference] if self.reference else name), known

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {}


class Bucket(Base):
    create_only = ("BucketName",)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = properties.get("BucketName") or _physical(stack, logical_id).lower()
        self.client.create_bucket(Bucket=name)
        if "VersioningConfiguration" in properties:
            self.client.put_bucket_versioning(
                Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"]
            )
        return name, {"Arn": f"arn:aws:s3:::{name}", "RegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com"}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {}


class Parameter(Base):
    create_only = ("Name",)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = properties.get("Name") or _physical(stack, logical_id)
        self.update(name, properties)
        return name, {"Value": properties["Value"], "Type": properties["Type"]}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        self.client.put_parameter(Name=physical_id, Value=properties["Value"], Type=properties["Type"], Overwrite=True)
        return {"Value": properties["Value"]}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_parameter(Name=physical_id)


class Role(Base):
    create_only = ("RoleName",)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = properties.get("RoleName") or _physical(stack, logical_id)
        document = json.dumps(properties["AssumeRolePolicyDocument"])
        role = self.client.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
        self.update(name, properties)
        return name, {"Arn": role["Arn"], "RoleId": role["RoleId"]}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        for arn in properties.get("ManagedPolicyArns", []):
            self.client.attach_role_policy(RoleName=physical_id, PolicyArn=arn)
        for policy in properties.get("Policies", []):
            document = json.dumps(policy["PolicyDocument"])
            self.client.put_role_policy(RoleName=physical_id, PolicyName=policy["PolicyName"], PolicyDocument=document)
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        for policy in self.client.list_attached_role_policies(RoleName=physical_id)["AttachedPolicies"]:
            self.client.detach_role_policy(RoleName=physical_id, PolicyArn=policy["PolicyArn"])
        for name in self.client.list_role_policies(RoleName=physical_id)["PolicyNames"]:
            self.client.delete_role_policy(RoleName=physical_id, PolicyName=name)
        self.client.delete_role(RoleName=physical_id)


class InlinePolicy(Base):
    create_only = ("PolicyName",)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        self.update(properties["PolicyName"], properties)
        return properties["PolicyName"], {}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        document = json.dumps(properties["PolicyDocument"])
        for role in properties["Roles"]:
            self.client.put_role_policy(RoleName=role, PolicyName=physical_id, PolicyDocument=document)
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        for role in properties["Roles"]:
            self.client.delete_role_policy(RoleName=role, PolicyName=physical_id)


class LogGroup(Base):
    create_only = ("LogGroupName",)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = properties.get("LogGroupName") or _physical(stack, logical_id)
        self.client.create_log_group(logGroupName=name)
        self.update(name, properties)
        return name, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        if "RetentionInDays" in properties:
            self.client.put_retention_policy(logGroupName=physical_id, retentionInDays=properties["RetentionInDays"])
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_log_group(logGroupName=physical_id)


class Queue(Base):
    create_only = ("QueueName", "FifoQueue")

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = properties.get("QueueName") or _physical(stack, logical_id, 80)
        url = self.client.create_queue(QueueName=name)["QueueUrl"]
        return url, {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "QueueName": name}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_queue(QueueUrl=physical_id)


class LayerVersion(Base):
    create_only = ("Content", "CompatibleRuntimes", "CompatibleArchitectures", "Description", "LayerName")

    def __init__(self, client: Any, code: Code) -> None:
        super().__init__(client)
        self.code = code

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        arguments = {
            "LayerName": _physical(stack, logical_id),
            **properties,
            "Content": self.code(properties["Content"]),
        }
        published = self.client.publish_layer_version(**arguments)
        return published["LayerVersionArn"], {"LayerVersionArn": published["LayerVersionArn"]}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        *name, version = physical_id.split(":")
        self.client.delete_layer_version(LayerName=":".join(name), VersionNumber=int(version))


class Function(Base):
    """CloudFormation replaces a function when durability is added or removed (a conditional create-only property)."""

    create_only = ("FunctionName", "PackageType")

    def __init__(self, client: Any, code: Code) -> None:
        super().__init__(client)
        self.code = code

    def replaces(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        return super().replaces(old, new) or ("DurableConfig" in old) != ("DurableConfig" in new)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        arguments = {"FunctionName": _physical(stack, logical_id), **self._arguments(properties)}
        arguments["Code"] = self.code(properties["Code"])
        created = self.client.create_function(**arguments)
        return created["FunctionName"], {"Arn": created["FunctionArn"]}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        arguments = self._arguments(properties)
        for name in ("Architectures", "Tags", "FunctionName"):
            arguments.pop(name, None)
        self.client.update_function_configuration(FunctionName=physical_id, **arguments)
        self.client.update_function_code(FunctionName=physical_id, **self.code(properties["Code"]))
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_function(FunctionName=physical_id)

    @staticmethod
    def _arguments(properties: dict[str, Any]) -> dict[str, Any]:
        ignored = ("Code", "ReservedConcurrentExecutions", "RecursiveLoop")
        arguments = {key: value for key, value in properties.items() if key not in ignored}
        if "Tags" in arguments:
            arguments["Tags"] = {tag["Key"]: tag["Value"] for tag in arguments["Tags"]}
        return arguments


class Version(Base):
    create_only = ("FunctionName", "Description", "CodeSha256")

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        published = self.client.publish_version(
            FunctionName=properties["FunctionName"], Description=properties.get("Description", "")
        )
        return published["FunctionArn"], {"Version": published["Version"], "FunctionArn": published["FunctionArn"]}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_function(FunctionName=physical_id)


class Alias(Base):
    create_only = ("FunctionName", "Name")

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        arn = self.client.create_alias(**properties)["AliasArn"]
        return arn, {"AliasArn": arn}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        self.client.update_alias(**properties)
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_alias(FunctionName=properties["FunctionName"], Name=properties["Name"])


class Topic(Base):
    create_only = ("TopicName", "FifoTopic")

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        arn = self.client.create_topic(Name=properties.get("TopicName") or _physical(stack, logical_id))["TopicArn"]
        return arn, {"TopicArn": arn, "TopicName": arn.rsplit(":", 1)[1]}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_topic(TopicArn=physical_id)


class Secret(Base):
    create_only = ("Name",)

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        wanted = properties["GenerateSecretString"]
        options = {name: wanted[name] for name in ("PasswordLength", "ExcludePunctuation") if name in wanted}
        value = self.client.get_random_password(**options)["RandomPassword"]
        arn = self.client.create_secret(Name=_physical(stack, logical_id), SecretString=value)["ARN"]
        return arn, {"Id": arn}

    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_secret(SecretId=physical_id, ForceDeleteWithoutRecovery=True)


class EventSourceMapping(Base):
    create_only = ("EventSourceArn", "FunctionName")

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        mapping = self.client.create_event_source_mapping(**properties)["UUID"]
        return mapping, {"Id": mapping}

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        self.client.delete_event_source_mapping(UUID=physical_id)


RECORDED: dict[str, tuple[str, ...]] = {
    "AWS::ApiGatewayV2::Api": ("ApiId", "ApiEndpoint"),
    "AWS::ApiGatewayV2::Integration": (),
    "AWS::ApiGatewayV2::Route": (),
    "AWS::ApiGatewayV2::Stage": (),
    "AWS::CDK::Metadata": (),
    "AWS::CloudWatch::Alarm": ("Arn",),
    "AWS::CloudWatch::Dashboard": (),
    "AWS::ECR::Repository": ("Arn",),
    "AWS::Events::Rule": ("Arn",),
    "AWS::Lambda::Permission": (),
    "AWS::Logs::QueryDefinition": (),
    "AWS::S3::BucketPolicy": (),
    "AWS::SNS::TopicPolicy": (),
    "AWS::SQS::QueuePolicy": (),
}
"""Types that nothing in the test looks at, with the attributes that templates ask for."""


def providers(endpoint: str, lambda_endpoint: str | None) -> dict[str, Provider]:
    """Return the provider of every type that the bootstrap stack and the sample app use.

    Functions live in moto, or in another service that does not know moto's buckets and is sent the bytes.
    """
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)

    def client(service: str, endpoint_url: str = endpoint) -> Any:
        return session.client(service, endpoint_url=endpoint_url)

    def code(location: dict[str, Any]) -> dict[str, Any]:
        if lambda_endpoint is None:
            return location
        stored = client("s3").get_object(Bucket=location["S3Bucket"], Key=location["S3Key"])
        return {"ZipFile": stored["Body"].read()}

    iam, awslambda = client("iam"), client("lambda", lambda_endpoint or endpoint)
    return {
        "AWS::S3::Bucket": Bucket(client("s3")),
        "AWS::SSM::Parameter": Parameter(client("ssm")),
        "AWS::IAM::Role": Role(iam),
        "AWS::IAM::Policy": InlinePolicy(iam),
        "AWS::Logs::LogGroup": LogGroup(client("logs")),
        "AWS::SQS::Queue": Queue(client("sqs")),
        "AWS::Lambda::LayerVersion": LayerVersion(awslambda, code),
        "AWS::Lambda::Function": Function(awslambda, code),
        "AWS::Lambda::Version": Version(awslambda),
        "AWS::Lambda::Alias": Alias(awslambda),
        "AWS::SNS::Topic": Topic(client("sns")),
        "AWS::SecretsManager::Secret": Secret(client("secretsmanager")),
        "AWS::Lambda::EventSourceMapping": EventSourceMapping(awslambda),
        **{kind: Recorded(*attributes) for kind, attributes in RECORDED.items()},
    }
