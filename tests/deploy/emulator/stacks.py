"""A small CloudFormation: change sets, creation in dependency order, replacement, clean-up last.

The order is CloudFormation's own: first everything is created or updated, dependencies before dependents; then what
was replaced or removed is deleted, dependents first, unless its policy says `Retain`. That order is what the test
is about: the alias must move to the new version while the old one still exists.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import yaml
from intrinsics import NO_VALUE, Resolver, TemplateError, in_order
from wire import ApiError

ACCOUNT = "123456789012"
REGION = "us-east-1"


class Provider(Protocol):
    """Creates, changes and deletes resources of one type."""

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]: ...
    def replaces(self, old: dict[str, Any], new: dict[str, Any]) -> bool: ...
    def update(self, physical_id: str, properties: dict[str, Any]) -> dict[str, Any]: ...
    def delete(self, physical_id: str, properties: dict[str, Any]) -> None: ...


@dataclass
class Resource:
    """One resource that exists."""

    type: str
    physical_id: str
    properties: dict[str, Any]
    attributes: dict[str, Any]
    deletion_policy: str
    replace_policy: str


@dataclass
class ChangeSet:
    """A template with its parameters, waiting to be executed."""

    id: str
    name: str
    template: dict[str, Any]
    source: str
    parameters: dict[str, str]
    changes: list[dict[str, Any]]


@dataclass
class Stack:
    """A stack, its resources and its event log."""

    name: str
    id: str
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    source: str = ""
    template: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)
    resources: dict[str, Resource] = field(default_factory=dict)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def itself(self) -> tuple[str, str, str]:
        """Logical id, physical id and type of the stack in its own event log."""
        return self.name, self.id, "AWS::CloudFormation::Stack"


class CloudFormation:
    """The operations of the API that the `cdk` command uses, by name."""

    def __init__(self, providers: dict[str, Provider], read_url: Any, read_parameter: Any) -> None:
        """Take the resource providers and how to read a template by URL and a parameter from the store."""
        self._providers = providers
        self._read_url = read_url
        self._read_parameter = read_parameter
        self._stacks: dict[str, Stack] = {}
        self._serial = itertools.count(1)

    # --- the API ---------------------------------------------------------------------------------------------

    def call(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """Perform one API operation."""
        operation = getattr(self, f"_api_{action}", None)
        if operation is None:
            raise ApiError("InvalidAction", f"this CloudFormation has no {action}")
        return operation(request)

    def _api_DescribeStacks(self, request: dict[str, Any]) -> dict[str, Any]:
        stacks = [self._stack(request)] if request.get("StackName") else list(self._stacks.values())
        return {"Stacks": [self._describe(stack) for stack in stacks]}

    def _api_GetTemplate(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"TemplateBody": self._stack(request).source}

    def _api_DescribeStackEvents(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"StackEvents": self._stack(request).events[::-1]}

    def _api_DescribeStackResources(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"StackResources": self._list_resources(self._stack(request))}

    def _api_ListStackResources(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"StackResourceSummaries": self._list_resources(self._stack(request))}

    def _api_CreateChangeSet(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["StackName"]
        if name not in self._stacks:
            stack_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{next(self._serial)}"
            self._stacks[name] = Stack(name, stack_id)
        stack = self._stacks[name]
        source = request.get("TemplateBody") or self._read_url(request["TemplateURL"])
        template = _parse(source)
        parameters = self._parameters(stack, template, request.get("Parameters") or [])
        changes = self._changes(stack, template)
        change_set = ChangeSet(
            f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{request['ChangeSetName']}/{next(self._serial)}",
            request["ChangeSetName"],
            template,
            source,
            parameters,
            changes,
        )
        stack.change_sets[change_set.name] = change_set
        stack.tags = request.get("Tags") or stack.tags
        return {"Id": change_set.id, "StackId": stack.id}

    def _api_DescribeChangeSet(self, request: dict[str, Any]) -> dict[str, Any]:
        stack, change_set = self._change_set(request)
        changed = bool(change_set.changes) or change_set.template.get("Outputs") != stack.template.get("Outputs")
        return {
            "ChangeSetName": change_set.name,
            "ChangeSetId": change_set.id,
            "StackId": stack.id,
            "StackName": stack.name,
            "Status": "CREATE_COMPLETE" if changed else "FAILED",
            "ExecutionStatus": "AVAILABLE" if changed else "UNAVAILABLE",
            "StatusReason": None if changed else "The submitted information didn't contain changes.",
            "Changes": change_set.changes,
        }

    def _api_DeleteChangeSet(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self._stacks.get(request.get("StackName", ""))
        if stack:
            stack.change_sets.pop(request["ChangeSetName"], None)
        return {}

    def _api_ExecuteChangeSet(self, request: dict[str, Any]) -> dict[str, Any]:
        stack, change_set = self._change_set(request)
        stack.change_sets.clear()
        verb = "UPDATE" if stack.source else "CREATE"
        self._event(stack, stack.itself, f"{verb}_IN_PROGRESS", "User Initiated")
        try:
            self._apply(stack, change_set)
        except Exception as error:  # every failure becomes the stack's failed state, as in CloudFormation
            stack.status, stack.reason = f"{verb}_FAILED", f"{type(error).__name__}: {error}"
        else:
            stack.status = f"{verb}_COMPLETE"
        self._event(stack, stack.itself, stack.status, stack.reason)
        return {}

    def _api_DeleteStack(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self._stack(request)
        for name in reversed(in_order(stack.template["Resources"])):
            if name in stack.resources:
                resource = stack.resources.pop(name)
                if resource.deletion_policy == "Delete":
                    self._delete(stack, name, resource)
        stack.status = "DELETE_COMPLETE"
        self._event(stack, stack.itself, stack.status)
        del self._stacks[stack.name]
        self._stacks[stack.id] = stack  # a deleted stack is found by its id only
        return {}

    # --- the engine ------------------------------------------------------------------------------------------

    def _apply(self, stack: Stack, change_set: ChangeSet) -> None:
        template = change_set.template
        resolver = self._resolver(stack, template, change_set.parameters)
        wanted = {
            name: body
            for name, body in template["Resources"].items()
            if "Condition" not in body or resolver.condition(body["Condition"])
        }
        obsolete: list[tuple[str, Resource]] = []
        for name in in_order(wanted):
            replaced = self._settle(stack, name, wanted[name], resolver)
            if replaced and replaced.replace_policy == "Delete":
                obsolete.append((name, replaced))
        removed = [name for name in in_order(stack.template.get("Resources", {})) if name not in wanted]
        for name in removed:
            if name in stack.resources:
                resource = stack.resources.pop(name)
                if resource.deletion_policy == "Delete":
                    obsolete.append((name, resource))
        for name, resource in reversed(obsolete):
            self._delete(stack, name, resource)
        stack.template, stack.source, stack.parameters = template, change_set.source, change_set.parameters
        stack.outputs = {
            name: {
                "value": str(resolver.value(body["Value"])),
                "export": resolver.value(body.get("Export", {})).get("Name"),
            }
            for name, body in template.get("Outputs", {}).items()
            if "Condition" not in body or resolver.condition(body["Condition"])
        }

    def _settle(self, stack: Stack, name: str, body: dict[str, Any], resolver: Resolver) -> Resource | None:
        """Create, update or keep one resource; return the one it replaces, if any."""
        kind = body["Type"]
        provider = self._provider(kind)
        properties = resolver.value(body.get("Properties", {}))
        policies = (body.get("DeletionPolicy", "Delete"), body.get("UpdateReplacePolicy", "Delete"))
        old = stack.resources.get(name)
        if old and not provider.replaces(old.properties, properties):
            old.deletion_policy, old.replace_policy = policies
            if old.properties != properties:
                old.attributes.update(provider.update(old.physical_id, properties))
                old.properties = properties
                self._event(stack, (name, old.physical_id, kind), "UPDATE_COMPLETE")
            return None
        physical_id, attributes = provider.create(name, properties, stack.name)
        stack.resources[name] = Resource(kind, physical_id, properties, attributes, *policies)
        self._event(stack, (name, physical_id, kind), "CREATE_COMPLETE")
        return old

    def _delete(self, stack: Stack, name: str, resource: Resource) -> None:
        self._provider(resource.type).delete(resource.physical_id, resource.properties)
        self._event(stack, (name, resource.physical_id, resource.type), "DELETE_COMPLETE")

    def _resolver(self, stack: Stack, template: dict[str, Any], parameters: dict[str, str]) -> Resolver:
        constants: dict[str, Any] = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack.name,
            "AWS::StackId": stack.id,
        }
        for name, slot in template.get("Parameters", {}).items():
            value = parameters.get(name, slot.get("Default"))
            constants[name] = self._read_parameter(value) if slot["Type"].startswith("AWS::SSM") else value

        def resource(name: str) -> Resource:
            if name not in stack.resources:
                raise TemplateError(f"reference to {name}, which does not exist")
            return stack.resources[name]

        def attribute(name: str, key: str) -> Any:
            found = resource(name)
            if key not in found.attributes:
                raise TemplateError(f"{found.type} {name} has no attribute {key} here")
            return found.attributes[key]

        return Resolver(template, constants, lambda name: resource(name).physical_id, attribute)

    def _changes(self, stack: Stack, template: dict[str, Any]) -> list[dict[str, Any]]:
        old, new = stack.template.get("Resources", {}), template["Resources"]
        actions = [
            ("Add" if name not in old else "Modify" if name in new else "Remove", name)
            for name in {**old, **new}
            if old.get(name) != new.get(name)
        ]
        return [
            {
                "Type": "Resource",
                "ResourceChange": {
                    "Action": action,
                    "LogicalResourceId": name,
                    "ResourceType": {**old, **new}[name]["Type"],
                },
            }
            for action, name in actions
        ]

    # --- look-ups --------------------------------------------------------------------------------------------

    def _provider(self, kind: str) -> Provider:
        if kind not in self._providers:
            raise TemplateError(f"no provider for {kind}: add one to providers.py")
        return self._providers[kind]

    def _stack(self, request: dict[str, Any]) -> Stack:
        wanted = request["StackName"]
        for stack in self._stacks.values():
            if wanted == stack.id or (wanted == stack.name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise ApiError("ValidationError", f"Stack with id {wanted} does not exist")

    def _change_set(self, request: dict[str, Any]) -> tuple[Stack, ChangeSet]:
        wanted = request["ChangeSetName"]
        for stack in self._stacks.values():
            if request.get("StackName") not in (None, stack.name, stack.id):
                continue
            for change_set in stack.change_sets.values():
                if wanted in (change_set.name, change_set.id):
                    return stack, change_set
        raise ApiError("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist")

    @staticmethod
    def _parameters(stack: Stack, template: dict[str, Any], given: list[dict[str, str]]) -> dict[str, str]:
        known = template.get("Parameters", {})
        return {
            item["ParameterKey"]: stack.parameters[item["ParameterKey"]]
            if item.get("UsePreviousValue") == "true"
            else item["ParameterValue"]
            for item in given
            if item["ParameterKey"] in known
            and (item.get("UsePreviousValue") != "true" or item["ParameterKey"] in stack.parameters)
        }

    @staticmethod
    def _describe(stack: Stack) -> dict[str, Any]:
        return {
            "StackName": stack.name,
            "StackId": stack.id,
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "CreationTime": stack.created,
            "EnableTerminationProtection": False,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
            "Outputs": [
                {"OutputKey": key, "OutputValue": item["value"], "ExportName": item["export"]}
                for key, item in stack.outputs.items()
            ],
            "Tags": stack.tags,
        }

    @staticmethod
    def _list_resources(stack: Stack) -> list[dict[str, Any]]:
        return [
            {
                "LogicalResourceId": name,
                "PhysicalResourceId": resource.physical_id,
                "ResourceType": resource.type,
                "ResourceStatus": "CREATE_COMPLETE",
                "LastUpdatedTimestamp": stack.created,
            }
            for name, resource in stack.resources.items()
        ]

    def _event(self, stack: Stack, where: tuple[str, str, str], status: str, reason: str | None = None) -> None:
        name, physical_id, kind = where
        stack.events.append(
            {
                "StackId": stack.id,
                "EventId": f"event-{next(self._serial)}",
                "StackName": stack.name,
                "LogicalResourceId": name,
                "PhysicalResourceId": physical_id,
                "ResourceType": kind,
                "Timestamp": datetime.now(UTC).isoformat(),
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
        )


def _parse(source: str) -> dict[str, Any]:
    return json.loads(source) if source.lstrip().startswith("{") else yaml.safe_load(source)


__all__ = ["NO_VALUE", "CloudFormation", "Provider"]
