"""The sample app's templates: recorded, linted, and free of findings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from constructs_durable.rules import add_durable_rules
from constructs_durable.testing import template_snapshot
from durable_check import check_handler
from sample_app import app as sample
from sample_app.stacks import FUNCTIONS, OrdersStack

ROOT = Path(__file__).parents[2]
FLAGS: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
STACKS = ("Orders", "MediaScan", "ApprovalAgent")

__all__ = ["template_snapshot"]


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's cloud assembly, made with the flags of cdk.json and checked by CDK with our rules and by cdk-nag."""
    folder = tmp_path_factory.mktemp("sample") / "cdk.out"
    app = cdk.App(outdir=str(folder), context=FLAGS)
    add_durable_rules(app)
    sample.build(app)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    return folder


@pytest.mark.parametrize("name", STACKS)
def test_template_is_the_recorded_one(name: str, assembly: Path, template_snapshot: Any) -> None:
    template = json.loads((assembly / f"{name}.template.json").read_text())
    assert template == template_snapshot


def test_validator_rule_pack_and_nag_find_nothing_unacknowledged(assembly: Path) -> None:
    reports = json.loads((assembly / "validation-report.json").read_text())["pluginReports"]
    assert [violation for report in reports for violation in report["violations"]] == []


def test_nag_does_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the acknowledgements it finds what they name, so that silence above means something."""
    monkeypatch.setattr(sample, "accept_findings", lambda _: None)
    app = cdk.App(outdir=str(tmp_path), context=FLAGS)
    sample.build(app)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    reports = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    found = {violation["ruleName"].split("[")[0] for report in reports for violation in report["violations"]}
    assert found == {"AwsSolutions-L1", "AwsSolutions-IAM5", "AwsSolutions-SMG4", "AwsSolutions-APIG4"}


def test_cfn_lint_finds_no_errors(assembly: Path) -> None:
    templates = sorted(str(path) for path in assembly.glob("*.template.json"))
    assert len(templates) == len(STACKS)
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--non-zero-exit-code", "error", "--", *templates]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stdout.splitlines() if line.startswith("E")]) == (0, [])


def test_templates_need_no_flags(tmp_path: Path) -> None:
    """Run as a bare Python module, without cdk.json, the app synthesizes too."""
    app = cdk.App(outdir=str(tmp_path))
    sample.build(app)
    app.synth()
    assert {path.name for path in tmp_path.glob("*.template.json")} == {f"{name}.template.json" for name in STACKS}


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FUNCTIONS.glob("*/handler.py")))
def test_checker_is_content_with_every_handler(name: str) -> None:
    assert check_handler(FUNCTIONS / name, "handler.handler") == []


def test_workflow_that_is_called_is_named_by_its_alias() -> None:
    from aws_cdk.assertions import Match, Template

    stack = OrdersStack(cdk.App(), "Orders")
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function",
        {"Environment": {"Variables": {"SHIPPING_ARN": {"Ref": Match.string_like_regexp("^ShippingAlias")}}}},
    )
