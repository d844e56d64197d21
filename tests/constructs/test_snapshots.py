"""`constructs_durable.testing`: snapshots that change with the stack, and with nothing else."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from constructs_durable import AsyncStarter, VersionPruning
from constructs_durable.testing import TemplateSnapshotExtension, masked_template
from tests.constructs.support import FRESH_FLAGS, a_function, a_stack, app_flags


def test_a_plain_function(template_snapshot) -> None:
    stack = a_stack()
    a_function(stack)
    assert stack == template_snapshot


def test_a_function_with_everything(template_snapshot) -> None:
    with app_flags(FRESH_FLAGS):
        stack = a_stack()
    function = a_function(
        stack,
        execution_timeout=dt.timedelta(days=30),
        execution_key=kms.Key(stack, "Key"),
        prune_versions=VersionPruning(),
        stop_executions_on_delete=True,
    )
    AsyncStarter(stack, "Starter", target=function, queue=sqs.Queue(stack, "Queue"))
    assert stack == template_snapshot


def template(tmp_path, source: str) -> dict:
    (tmp_path / "app.py").write_text(source)
    stack = a_stack()
    a_function(stack, entry=tmp_path)
    return assertions.Template.from_stack(stack).to_json()


def test_another_handler_gives_another_template_and_the_same_masked_one(tmp_path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = template(tmp_path / "one", "def handler(event, context): return 1")
    second = template(tmp_path / "two", "def handler(event, context): return 2")
    assert first != second
    assert masked_template(first) == masked_template(second)


def test_masking_takes_out_every_hash_and_nothing_else(tmp_path) -> None:
    found = template(tmp_path, "def handler(event, context): ...")
    masked = masked_template(found)
    assert "Parameters" not in masked
    assert "Rules" not in masked
    assert len(masked["Resources"]) == len(found["Resources"])
    assert str(masked).count("<ASSET>.zip") == 2
    assert str(masked).count("<HASH>") == 3


def test_own_parameters_and_rules_stay() -> None:
    own = {"Parameters": {"BootstrapVersion": {}, "Limit": {}}, "Rules": {"CheckBootstrapVersion": {}}}
    assert masked_template(own) == {"Parameters": {"Limit": {}}}


def test_a_snapshot_takes_stacks_templates_and_dicts_and_refuses_the_rest() -> None:
    stack = cdk.Stack(cdk.App(), "Empty", synthesizer=cdk.DefaultStackSynthesizer())
    extension = TemplateSnapshotExtension()
    from_template = extension.serialize(assertions.Template.from_stack(stack))
    assert extension.serialize(stack) == from_template == extension.serialize({}) == "{}\n"
    with pytest.raises(TypeError, match="not int"):
        extension.serialize(1)


def test_syrupy_is_asked_for_only_by_those_who_use_it() -> None:
    code = """
import sys
sys.modules["syrupy"] = sys.modules["syrupy.extensions.json"] = None
import constructs_durable
try:
    import constructs_durable.testing
except ModuleNotFoundError as error:
    print(error)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'syrupy>=5'" in found.stdout
