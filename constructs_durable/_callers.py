"""Callers that wait for executions of more than 15 minutes, found in the tree when it is complete.

What is wired through a `DurableFunction` is refused at once. What names its alias elsewhere is not seen then: a mapping
or a URL made by its own construct, a state machine, a data source. One validation per app looks for those, and only if
the app has a function whose executions may take that long.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import aws_cdk as cdk
import constructs
import jsii

from constructs_durable._checks import stage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from constructs import Construct, IConstruct

    from constructs_durable._surface import QualifiedAlias

__all__ = ["watch_callers"]


class Caller(NamedTuple):
    """A kind of resource that may invoke a function and wait."""

    words: str
    properties: tuple[str, ...]
    """Where it names the function."""
    waits: Callable[[list[Any]], Iterator[Any]]
    """Gives the parts of these properties that name a function to be waited for."""
    is_mapping: bool = False
    """A mapping cannot be set up to invoke asynchronously."""


def _named(values: list[Any]) -> Iterator[Any]:
    yield from values


def _piped(values: list[Any]) -> Iterator[Any]:
    target, parameters = values
    chosen = _member(_member(parameters, "lambdaFunctionParameters"), "invocationType")
    if chosen != "FIRE_AND_FORGET":
        yield target


def _invoked_by_tasks(values: list[Any]) -> Iterator[Any]:
    """Yield the functions that tasks of a state machine invoke synchronously."""
    for definition in values:
        if definition is None:
            continue
        text, references = _with_marks(definition)
        for task in _objects(_parsed(text)):
            resource, given = str(task.get("Resource", "")), task.get("Parameters") or task.get("Arguments")
            if ":lambda:invoke" in resource:
                if _member(given, "invocationType") == "Event":
                    continue
                named = _member(given, "functionName") or _member(given, "functionName.$")
            else:
                named = resource  # a task may also name the function itself
            yield [references[int(mark)] for mark in re.findall(r"<reference (\d+)>", str(named))]


CALLERS = {
    "AWS::Lambda::EventSourceMapping": Caller("An event source mapping", ("functionName",), _named, is_mapping=True),
    "AWS::Lambda::Url": Caller("A function URL", ("targetFunctionArn",), _named),
    "AWS::StepFunctions::StateMachine": Caller(
        "A task of a state machine", ("definitionString", "definition"), _invoked_by_tasks
    ),
    "AWS::AppSync::DataSource": Caller("AppSync", ("lambdaConfig",), _named),
    "AWS::Pipes::Pipe": Caller("A pipe", ("target", "targetParameters"), _piped),
}
"""By type of resource. Those that need a permission of their own are refused when they ask for it."""

KINDS = {
    "aws-cdk-lib.aws_lambda.CfnEventSourceMapping": "AWS::Lambda::EventSourceMapping",
    "aws-cdk-lib.aws_lambda.CfnUrl": "AWS::Lambda::Url",
    "aws-cdk-lib.aws_stepfunctions.CfnStateMachine": "AWS::StepFunctions::StateMachine",
    "aws-cdk-lib.aws_appsync.CfnDataSource": "AWS::AppSync::DataSource",
    "aws-cdk-lib.aws_pipes.CfnPipe": "AWS::Pipes::Pipe",
}


def watch_callers(scope: Construct, function: QualifiedAlias) -> None:
    """Look for callers that would wait too long for this function, when the app is complete."""
    stage = stage_of(scope) or scope.node.root
    if stage not in _WATCHED:
        _WATCHED[stage] = []
        cdk.Stack.of(scope).node.add_validation(_Callers(stage))
    _WATCHED[stage].append(function)


_WATCHED: WeakKeyDictionary[IConstruct, list[QualifiedAlias]] = WeakKeyDictionary()


@jsii.implements(constructs.IValidation)
class _Callers:
    """Names every caller below a stage that waits for a function that takes too long."""

    def __init__(self, stage: IConstruct) -> None:
        self._stage = stage

    def validate(self) -> list[str]:
        found = [(each, caller) for each in self._stage.node.find_all() if (caller := _caller(each)) is not None]
        if not found:
            return []
        watched = [(function, _Names.of(function)) for function in _WATCHED[self._stage]]
        refusals = (
            function._waiting.refusal(f"{caller.words} ({resource.node.path})", mapping=caller.is_mapping)  # noqa: SLF001
            for resource, caller in found
            for named in _waited_for(resource, caller)
            for function, names in watched
            if names.are_in(named, cdk.Stack.of(resource))
        )
        return list(dict.fromkeys(str(refusal) for refusal in refusals if refusal is not None))


def _caller(construct: IConstruct) -> Caller | None:
    jsii_type = getattr(construct, "__jsii_type__", "")
    if jsii_type == "aws-cdk-lib.CfnResource" and isinstance(construct, cdk.CfnResource):
        return CALLERS.get(construct.cfn_resource_type)
    return CALLERS[KINDS[jsii_type]] if jsii_type in KINDS else None


def _waited_for(resource: Any, caller: Caller) -> Iterator[Any]:
    properties = cdk.Stack.of(resource).resolve(resource._cfn_properties)  # noqa: SLF001  protected, for subclasses
    yield from caller.waits([_member(properties, name) for name in caller.properties])


def _member(properties: Any, name: str) -> Any:
    """Return a property by CDK's name or, in resources that are written out, by CloudFormation's."""
    if not isinstance(properties, dict):
        return None
    return properties.get(name, properties.get(name[0].upper() + name[1:]))


class _Names(NamedTuple):
    """How templates name a function and its alias."""

    stack: cdk.Stack
    logical_ids: frozenset[str]

    @classmethod
    def of(cls, function: QualifiedAlias) -> _Names:
        stack = cdk.Stack.of(function)
        references = stack.resolve([function.function_arn, function._function.function_arn])  # noqa: SLF001
        return cls(stack, frozenset(_logical_ids(references)))

    def are_in(self, value: Any, stack: cdk.Stack) -> bool:
        """Tell whether a resolved value of a stack names one of the two."""
        if stack is self.stack:
            return not self.logical_ids.isdisjoint(_logical_ids(value))
        text = json.dumps(value)
        exported = f"{self.stack.stack_name}:ExportsOutput"
        return any(f"{exported}{how}{name}" in text for how in ("Ref", "FnGetAtt") for name in self.logical_ids)


def _logical_ids(value: Any) -> Iterator[str]:
    for each in _objects(value):
        if "Ref" in each:
            yield each["Ref"]
        elif "Fn::GetAtt" in each:
            yield each["Fn::GetAtt"][0]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every dict in a JSON value."""
    if isinstance(value, dict):
        yield value
        yield from (found for each in value.values() for found in _objects(each))
    elif isinstance(value, list):
        yield from (found for each in value for found in _objects(each))


def _parsed(text: str) -> Any:
    """Return the JSON value of a definition; None for one that is JSON only after the deploy."""
    numbers_as_texts = re.sub(r'(?<=":)(<reference \d+>)(?=[,}])', r'"\1"', text)
    for attempt in (text, numbers_as_texts):
        try:
            return json.loads(attempt)
        except ValueError:
            continue
    return None


def _with_marks(definition: Any) -> tuple[str, list[Any]]:
    """Return JSON text with a mark in place of each reference, and the references."""
    if not isinstance(definition, str) and "Fn::Join" not in definition:
        definition = json.dumps(definition)
    parts = [definition] if isinstance(definition, str) else definition["Fn::Join"][1]
    references = [part for part in parts if not isinstance(part, str)]
    marks = iter(range(len(references)))
    return "".join(part if isinstance(part, str) else f"<reference {next(marks)}>" for part in parts), references
