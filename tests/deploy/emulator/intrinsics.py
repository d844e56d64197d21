"""Resolves CloudFormation's functions, conditions and pseudo parameters in a template."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_VALUE = object()
_SUB = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(Exception):
    """The template says something this CloudFormation cannot resolve."""


class Resolver:
    """Evaluates template values against parameters, conditions and the resources that exist so far."""

    def __init__(
        self,
        template: dict[str, Any],
        constants: dict[str, Any],
        ref: Callable[[str], str],
        attribute: Callable[[str, str], Any],
    ) -> None:
        """Bind the template to its parameter values (`constants`) and to two look-ups for resources."""
        self._template = template
        self._constants = {**constants, "AWS::NoValue": NO_VALUE}
        self._ref = ref
        self._attribute = attribute

    def value(self, node: Any) -> Any:
        """Return `node` with every function evaluated and every `AWS::NoValue` left out."""
        if isinstance(node, list):
            return [item for item in map(self.value, node) if item is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            if name == "Ref":
                return self._reference(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if name.startswith("Fn::"):
                return self._function(name, argument)
        resolved = {key: self.value(item) for key, item in node.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Evaluate a named condition."""
        return bool(self.value(self._template["Conditions"][name]))

    def _reference(self, name: str) -> Any:
        return self._constants[name] if name in self._constants else self._ref(name)

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Fn::GetAtt":
                target, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._attribute(target, attribute)
            case "Fn::Join":
                return argument[0].join(str(part) for part in self.value(argument[1]))
            case "Fn::Sub":
                return self._substitute(argument)
            case "Fn::Select":
                return self.value(argument[1])[int(self.value(argument[0]))]
            case "Fn::Split":
                return self.value(argument[1]).split(argument[0])
            case "Fn::If":
                return self.value(argument[1] if self.condition(argument[0]) else argument[2])
            case "Fn::Equals":
                return str(self.value(argument[0])) == str(self.value(argument[1]))
            case "Fn::Not":
                return not self.value(argument[0])
            case "Fn::And":
                return all(map(self.value, argument))
            case "Fn::Or":
                return any(map(self.value, argument))
            case "Fn::FindInMap":
                table, *keys = map(self.value, argument)
                found = self._template["Mappings"][table]
                for key in keys:
                    found = found[key]
                return found
            case "Fn::Base64":
                return base64.b64encode(self.value(argument).encode()).decode()
            case "Fn::ToJsonString":
                return json.dumps(self.value(argument))
        raise TemplateError(f"{name} is not supported here")

    def _substitute(self, argument: Any) -> str:
        text, names = (argument, {}) if isinstance(argument, str) else (argument[0], self.value(argument[1]))

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in names:
                return str(names[name])
            if "." in name:
                return str(self._attribute(*name.split(".", 1)))
            return str(self._reference(name))

        return _SUB.sub(replace, text)


def dependencies(resource: dict[str, Any]) -> Iterator[str]:
    """Yield the logical ids (and parameter names) that a resource refers to."""
    explicit = resource.get("DependsOn", [])
    yield from [explicit] if isinstance(explicit, str) else explicit
    yield from _references(resource.get("Properties", {}))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item.split(".")[0] if isinstance(item, str) else item[0]
            elif key == "Fn::Sub":
                text = item if isinstance(item, str) else item[0]
                yield from (name.split(".")[0] for literal, name in _SUB.findall(text) if not literal)
                yield from _references(item)
            else:
                yield from _references(item)


def in_order(resources: dict[str, dict[str, Any]]) -> list[str]:
    """Return the logical ids so that each comes after everything it refers to."""
    ordered: list[str] = []
    visiting: set[str] = set()

    def visit(name: str) -> None:
        if name in ordered or name not in resources:
            return
        if name in visiting:
            raise TemplateError(f"Circular dependency between resources: {sorted(visiting)}")
        visiting.add(name)
        for dependency in dependencies(resources[name]):
            visit(dependency)
        visiting.discard(name)
        ordered.append(name)

    for name in resources:
        visit(name)
    return ordered
