"""What the tests of the constructs share: a handler folder, apps with and without flags, a function in a stack."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import assertions
from aws_cdk import aws_lambda as lambda_

from constructs_durable import DurableFunction

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = Path(__file__).parent / "handlers"
FRESH_FLAGS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]
"""The feature flags that `cdk init` writes for a fresh app."""

_flags: dict[str, Any] = {}


@contextmanager
def app_flags(flags: dict[str, Any]) -> Iterator[None]:
    """Give the flags to every app that `a_stack` makes meanwhile."""
    global _flags  # noqa: PLW0603  one setting for all helpers of a test
    before, _flags = _flags, flags
    yield
    _flags = before


def a_stack(**options: Any) -> cdk.Stack:
    return cdk.Stack(cdk.App(context=_flags), "Demo", **options)


def a_function(stack: cdk.Stack, construct_id: str = "Orders", **options: Any) -> DurableFunction:
    defaults = {
        "entry": HANDLERS / "good",
        "handler": "app.handler",
        "execution_timeout": cdk.Duration.minutes(10),
    }
    return DurableFunction(stack, construct_id, **{**defaults, **options})


def resources(stack: cdk.Stack) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = assertions.Template.from_stack(stack).to_json()["Resources"]
    return found


def of_type(found: dict[str, dict[str, Any]], resource_type: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in found.items() if each["Type"] == resource_type}


def only(found: dict[str, dict[str, Any]], resource_type: str) -> dict[str, Any]:
    (resource,) = of_type(found, resource_type).values()
    return resource


def messages(stack: cdk.Stack, level: str) -> list[str]:
    find = getattr(assertions.Annotations.from_stack(stack), f"find_{level}")
    return [each.entry.data for each in find("*", assertions.Match.any_value())]


def mentions(value: Any, text: str) -> bool:
    return text in json.dumps(value)


def an_ordinary_function(stack: cdk.Stack, construct_id: str, **options: Any) -> lambda_.Function:
    """Declare a function with aws-cdk-lib alone."""
    return lambda_.Function(
        stack,
        construct_id,
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
        **options,
    )
