"""The README's first example is what is synthesized here, to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aws_cdk.assertions import Match, Template

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def block(heading: str) -> str:
    found = re.search(rf"^## {heading}$.*?^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no Python block under {heading!r}"
    return found[1]


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Template:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "app.py").write_text(block("A workflow"))
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    exec(block("A stack").replace("app.synth()", ""), namespace)  # noqa: S102  our own documentation
    return Template.from_stack(namespace["stack"])


def test_the_first_example_declares_all_that_it_promises(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "DurableConfig": {"ExecutionTimeout": 30 * 86_400},
            "LoggingConfig": Match.object_like({"LogFormat": "JSON"}),
            "Layers": [Match.any_value()],
        },
    )
    template.has_resource("AWS::Lambda::Version", {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})
    template.has_resource_properties("AWS::Lambda::Alias", {"Name": "live"})
    template.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": Match.any_value()})


def test_the_first_examples_role_may_act_on_its_own_executions_only(template: Template) -> None:
    (policy,) = template.find_resources("AWS::IAM::Policy").values()
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    durable = [s for s in statements if "lambda:CheckpointDurableExecution" in s["Action"]]
    assert len(durable) == 1
    assert sorted(durable[0]["Action"]) == ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"]
    assert durable[0]["Resource"] == {"Fn::Join": ["", [{"Fn::GetAtt": [the_function(template), "Arn"]}, ":*"]]}


def test_the_first_examples_output_is_the_alias(template: Template) -> None:
    (alias,) = template.find_resources("AWS::Lambda::Alias")
    template.has_output("OrdersArn", {"Value": {"Ref": alias}})


def the_function(template: Template) -> str:
    (function,) = template.find_resources("AWS::Lambda::Function")
    return function


def test_the_figures_are_those_of_the_benchmarks() -> None:
    """Each row's two figures stand in one row of the benchmarks' tables."""
    table = README.partition("## Measured")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| [^|]+ \| (?P<ours>[\d.,]+) \S+ \| (?P<theirs>[\d.,]+) \S+ \|$", table, re.MULTILINE)
    measured = [line for line in (ROOT / "benchmarks" / "README.md").read_text().splitlines() if line.startswith("|")]
    assert len(rows) == 6
    for ours, theirs in rows:
        assert any(f" {ours} " in line and f" {theirs} " in line for line in measured), (ours, theirs)
