"""Snapshot tests of templates that stay readable in review: a syrupy extension and a fixture.

In a `conftest.py`::

    from constructs_durable.testing import template_snapshot  # noqa: F401

and in a test::

    def test_orders(template_snapshot):
        assert OrdersStack(App(), "Orders") == template_snapshot

Hashes of assets and versions are masked, so a snapshot changes when the stack does, and not with each line of
a handler. Importing this module switches CDK's template validation off for the process unless the environment
says otherwise: it costs two seconds, and `cdk synth` runs it anyway.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

try:
    from syrupy.extensions.json import JSONSnapshotExtension
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "constructs_durable.testing needs syrupy. Install it with `pip install 'syrupy>=5'`.", name=error.name
    ) from None

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import Stack
    from aws_cdk.assertions import Template
    from syrupy.assertion import SnapshotAssertion

__all__ = ["TemplateSnapshotExtension", "masked_template", "template_snapshot"]

os.environ.setdefault("CDK_VALIDATION", "false")
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

MASKS = (
    (re.compile(r"\b[0-9a-f]{64}(?=\.(?:zip|json)\b)"), "<ASSET>"),
    (re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}\b"), r"\1<HASH>"),
    (re.compile(r"(durable_runtime )[0-9a-f]{12}\b"), r"\1<HASH>"),
)
BOOTSTRAP = {"Parameters": "BootstrapVersion", "Rules": "CheckBootstrapVersion"}
"""What CDK's synthesizer adds to every template, whatever the stack."""


def masked_template(template: Mapping[str, Any] | Stack | Template) -> dict[str, Any]:
    """Return a copy of a template with hashes masked and the bootstrap rule left out.

    Args:
        template: The template, or the stack or the `Template` that has it.
    """
    text = json.dumps(_template(template))
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    masked: dict[str, Any] = json.loads(text)
    for section, name in BOOTSTRAP.items():
        members = masked.get(section, {})
        members.pop(name, None)
        if section in masked and not members:
            del masked[section]
    return masked


class TemplateSnapshotExtension(JSONSnapshotExtension):
    """Writes a stack, a `Template` or a template as JSON, one file per test."""

    def serialize(self, data: Any, **options: Any) -> Any:
        """Serialize the template of whatever was given."""
        return super().serialize(masked_template(data), **options)


@pytest.fixture
def template_snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compare a stack, a `Template` or a template with the recorded one; record with `--snapshot-update`."""
    return snapshot.use_extension(TemplateSnapshotExtension)


def _template(data: Any) -> Mapping[str, Any]:
    import aws_cdk as cdk
    from aws_cdk import assertions

    if isinstance(data, cdk.Stack):
        data = assertions.Template.from_stack(data)
    if isinstance(data, assertions.Template):
        data = data.to_json()
    if not isinstance(data, dict):
        raise TypeError(f"A template snapshot takes a Stack, a Template or a dict, not {type(data).__name__}.")
    return data
