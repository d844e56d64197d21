"""Resolves CloudFormation's intrinsic functions as far as a laptop can: functions, aliases, versions, parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")
_LAMBDA = "AWS::Lambda::"


class UnresolvedError(LookupError):
    """A value is known only after a deployment."""


class Template:
    """One stack's template, with the values that its references have locally."""

    def __init__(
        self,
        name: str,
        document: Mapping[str, Any],
        *,
        region: str,
        account: str,
        parameters: Mapping[str, Any] | None = None,
        imports: Callable[[str], Any] | None = None,
        nested: Mapping[str, Template] | None = None,
    ) -> None:
        self.name = name
        self.resources: dict[str, Any] = document.get("Resources") or {}
        self.outputs: dict[str, Any] = document.get("Outputs") or {}
        self.nested = dict(nested or {})
        self._mappings = document.get("Mappings") or {}
        self._conditions = document.get("Conditions") or {}
        self._region, self._account = region, account
        self._imports = imports
        declared = document.get("Parameters") or {}
        defaults = {key: row["Default"] for key, row in declared.items() if "Default" in row}
        self._parameters: dict[str, Any] = defaults | dict(parameters or {})
        self._pseudo = {
            "AWS::Region": region,
            "AWS::AccountId": account,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": name,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/{name}/local",
            "AWS::NoValue": None,
        }
        self.placeholders: dict[str, str] = {}
        """References that have no value locally, each with what stands in for it."""

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a type whose condition holds, by logical id."""
        return {
            name: resource
            for name, resource in self.resources.items()
            if resource.get("Type") == kind and self._included(resource)
        }

    def function_name(self, logical_id: str) -> str:
        """Return a function's name: its own, or one made of stack and logical id as CloudFormation does."""
        own = (self.resources[logical_id].get("Properties") or {}).get("FunctionName")
        return str(self.resolve(own)) if own else f"{self.name}-{logical_id}"[:64]

    def function_arn(self, logical_id: str) -> str:
        """Return a function's unqualified ARN."""
        return f"arn:aws:lambda:{self._region}:{self._account}:function:{self.function_name(logical_id)}"

    def function_of(self, reference: Any) -> str | None:
        """Return the logical id of the function that a version or an alias names, when it is in this template."""
        name = str(self.resolve(reference))
        for logical_id in self.of_type(f"{_LAMBDA}Function"):
            if name in (self.function_name(logical_id), self.function_arn(logical_id)):
                return logical_id
        return None

    def versions_of(self, function_id: str) -> list[str]:
        """Return the logical ids of a function's versions; version 1 is the first."""
        rows = self.of_type(f"{_LAMBDA}Version").items()
        return [name for name, row in rows if self.function_of(row["Properties"]["FunctionName"]) == function_id]

    def resolve(self, value: Any) -> Any:
        """Return a value with every intrinsic function in it replaced."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = _INTRINSICS.get(name)
            if function is not None:
                return function(self, argument)
        return {key: self.resolve(item) for key, item in value.items()}

    def holds(self, condition: Any) -> bool:
        """Evaluate a condition: by name or written out."""
        if isinstance(condition, str):
            return self.holds(self._conditions.get(condition, False))
        if isinstance(condition, dict) and len(condition) == 1:
            ((name, argument),) = condition.items()
            match name:
                case "Condition":
                    return self.holds(argument)
                case "Fn::Equals":
                    return bool(self.resolve(argument[0]) == self.resolve(argument[1]))
                case "Fn::Not":
                    return not self.holds(argument[0])
                case "Fn::And":
                    return all(map(self.holds, argument))
                case "Fn::Or":
                    return any(map(self.holds, argument))
        return bool(condition)

    def export(self, name: str) -> Any:
        """Return the value of an output exported under `name`."""
        for output in self.outputs.values():
            if "Export" in output and self.resolve(output["Export"]["Name"]) == name:
                return self.resolve(output["Value"])
        raise UnresolvedError(name)

    def _included(self, resource: Mapping[str, Any]) -> bool:
        return "Condition" not in resource or self.holds(resource["Condition"])

    def _placeholder(self, logical_id: str, attribute: str | None) -> str:
        resource = self.resources.get(logical_id)
        kind = resource["Type"] if resource else "an unknown resource"
        key = f"{logical_id}.{attribute}" if attribute else logical_id
        stand_in = f"local-{self.name}-{logical_id}"
        if attribute and attribute.endswith("Arn"):
            service = kind.split("::")[1].lower() if "::" in kind else "local"
            stand_in = f"arn:aws:{service}:{self._region}:{self._account}:{stand_in}"
        self.placeholders[f"{key} ({kind})"] = stand_in
        return stand_in

    # The intrinsic functions.

    def ref(self, name: str) -> Any:
        """Resolve ``Ref``."""
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        resource = self.resources.get(name)
        kind = resource["Type"] if resource else ""
        if kind == f"{_LAMBDA}Function":
            return self.function_name(name)
        if kind in (f"{_LAMBDA}Version", f"{_LAMBDA}Alias"):
            return self._qualified_arn(name)
        if kind == f"{_LAMBDA}LayerVersion":
            return f"arn:aws:lambda:{self._region}:{self._account}:layer:{self.name}-{name}:1"
        own = ((resource or {}).get("Properties") or {}).get(_NAME_PROPERTIES.get(kind, ""))
        return self.resolve(own) if own else self._placeholder(name, None)

    def get_attribute(self, argument: Any) -> Any:
        """Resolve ``Fn::GetAtt``, in its list and its dotted form."""
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        kind = self.resources.get(logical_id, {}).get("Type", "")
        match kind, attribute:
            case ("AWS::Lambda::Function", "Arn"):
                return self.function_arn(logical_id)
            case ("AWS::Lambda::Version", "Version"):
                return self._version_number(logical_id)
            case ("AWS::Lambda::Version", "FunctionArn") | ("AWS::Lambda::Alias", "AliasArn"):
                return self._qualified_arn(logical_id)
            case ("AWS::CloudFormation::Stack", _) if attribute.startswith("Outputs.") and logical_id in self.nested:
                nested = self.nested[logical_id]
                return nested.resolve(nested.outputs[attribute.removeprefix("Outputs.")]["Value"])
        return self._placeholder(logical_id, str(attribute))

    def _qualified_arn(self, logical_id: str) -> str:
        resource = self.resources[logical_id]
        properties = resource["Properties"]
        is_alias = resource["Type"] == f"{_LAMBDA}Alias"
        qualifier = self.resolve(properties["Name"]) if is_alias else self._version_number(logical_id)
        function_id = self.function_of(properties["FunctionName"])
        if function_id is not None:
            return f"{self.function_arn(function_id)}:{qualifier}"
        name = str(self.resolve(properties["FunctionName"]))
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{self._region}:{self._account}:function:{name}"
        return f"{arn}:{qualifier}"

    def _version_number(self, logical_id: str) -> str:
        function_id = self.function_of(self.resources[logical_id]["Properties"]["FunctionName"])
        versions = self.versions_of(function_id) if function_id else []
        return str(versions.index(logical_id) + 1) if logical_id in versions else "1"

    def join(self, argument: list[Any]) -> str:
        """Resolve ``Fn::Join``."""
        separator, parts = argument
        return str(separator).join(str(part) for part in self.resolve(parts))

    def substitute(self, argument: Any) -> str:
        """Resolve ``Fn::Sub``, with and without its own variables."""
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return str(self.resolve(variables[name]))
            return str(self.get_attribute(name) if "." in name else self.ref(name))

        return _SUBSTITUTION.sub(value, text)

    def select(self, argument: list[Any]) -> Any:
        """Resolve ``Fn::Select``."""
        index, items = argument
        return self.resolve(items)[int(self.resolve(index))]

    def split(self, argument: list[Any]) -> list[str]:
        """Resolve ``Fn::Split``."""
        return str(self.resolve(argument[1])).split(argument[0])

    def choose(self, argument: list[Any]) -> Any:
        """Resolve ``Fn::If``."""
        return self.resolve(argument[1] if self.holds(argument[0]) else argument[2])

    def find_in_map(self, argument: list[Any]) -> Any:
        """Resolve ``Fn::FindInMap``."""
        table, row, column = (self.resolve(part) for part in argument[:3])
        return self._mappings[table][row][column]

    def import_value(self, argument: Any) -> Any:
        """Resolve ``Fn::ImportValue`` from the other stacks of the assembly."""
        name = str(self.resolve(argument))
        if self._imports is None:
            raise UnresolvedError(name)
        return self._imports(name)


# The property that `Ref` answers with when the template sets it.
_NAME_PROPERTIES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Events::EventBus": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::IAM::Role": "RoleName",
}

_INTRINSICS: dict[str, Callable[[Template, Any], Any]] = {
    "Ref": Template.ref,
    "Fn::GetAtt": Template.get_attribute,
    "Fn::Join": Template.join,
    "Fn::Sub": Template.substitute,
    "Fn::Select": Template.select,
    "Fn::Split": Template.split,
    "Fn::If": Template.choose,
    "Fn::FindInMap": Template.find_in_map,
    "Fn::ImportValue": Template.import_value,
}
