"""What the package lets others import, and what importing it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import constructs_durable

PUBLIC = [
    "ApprovalApi",
    "ApprovalAuth",
    "ApprovalEndpoint",
    "AsyncStarter",
    "DurableDashboard",
    "DurableFunction",
    "DurableFunctionGrants",
    "DurableInputError",
    "DurableMetrics",
    "DurableRuntimeLayer",
    "DurableSdk",
    "ExecutionPolicy",
    "ExecutionStatus",
    "ReplayCheck",
    "VersionPruning",
]


def test_the_public_names_are_frozen() -> None:
    assert constructs_durable.__all__ == PUBLIC
    assert dir(constructs_durable) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(constructs_durable, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        constructs_durable.Nonsense  # noqa: B018


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after the code."""
    code += "; import sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_importing_the_package_loads_nothing() -> None:
    assert "aws_cdk" not in loaded_by("import constructs_durable")


def test_a_durable_function_loads_only_what_every_stack_needs() -> None:
    before = loaded_by("from aws_cdk import aws_lambda")
    added = loaded_by("from constructs_durable import DurableFunction") - before
    foreign = {name for name in added if name.partition(".")[0] != "constructs_durable"}
    assert not {name for name in foreign if name.startswith("aws_cdk.")}
    assert not foreign & {"durable_runtime", "durable_check", "boto3", "syrupy", "pytest", "hashlib", "zipfile"}
    assert "constructs_durable._bundling" not in added
    assert "constructs_durable.approval" not in added


def test_every_property_of_a_function_is_taken_handed_through_or_refused_with_a_reason() -> None:
    from aws_cdk import aws_lambda as lambda_

    from constructs_durable import DurableFunction
    from constructs_durable._options import ALIAS_OPTIONS, FUNCTION_OPTIONS, RESERVED_OPTIONS

    own = set(inspect.signature(DurableFunction.__init__).parameters)
    offered = set(inspect.signature(lambda_.FunctionProps.__init__).parameters) - {"self"}
    assert offered - own - FUNCTION_OPTIONS - ALIAS_OPTIONS - set(RESERVED_OPTIONS) == set()
    assert own & (FUNCTION_OPTIONS | ALIAS_OPTIONS | set(RESERVED_OPTIONS)) == set()
