"""A cloud assembly is read as CloudFormation would deploy it, as far as a laptop can."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from durable_local.assembly import AssemblyError, read_assembly

if TYPE_CHECKING:
    from pathlib import Path

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def function(code: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    base = {"Handler": "app.handler", "Runtime": "python3.13", "Code": code or {"ZipFile": "def handler(e, c): ..."}}
    return {"Type": "AWS::Lambda::Function", "Properties": base | properties}


def version(of: str) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": of}}}


def alias(of: str, published: str, name: str = "live") -> dict[str, Any]:
    number = {"Fn::GetAtt": [published, "Version"]}
    properties = {"FunctionName": {"Ref": of}, "FunctionVersion": number, "Name": name}
    return {"Type": "AWS::Lambda::Alias", "Properties": properties}


def variables(**values: Any) -> dict[str, Any]:
    return {"Environment": {"Variables": values}}


def write(folder: Path, **stacks: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    artifacts = {}
    for name, template in stacks.items():
        (folder / f"{name}.template.json").write_text(json.dumps(template))
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": f"{name}.template.json"},
        }
    (folder / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": artifacts}))
    return folder


def asset(folder: Path, name: str, key: str) -> dict[str, Any]:
    """Add an asset to the assembly; return the code property that names it."""
    (folder / f"asset.{key}").mkdir(parents=True)
    manifest = folder / f"{name}.assets.json"
    files = json.loads(manifest.read_text())["files"] if manifest.exists() else {}
    files[key] = {
        "source": {"path": f"asset.{key}", "packaging": "zip"},
        "destinations": {"here": {"bucketName": "b-${AWS::Region}", "objectKey": f"{key}.zip"}},
    }
    manifest.write_text(json.dumps({"files": files}))
    return {"S3Bucket": {"Fn::Sub": "b-${AWS::Region}"}, "S3Key": f"{key}.zip"}


def test_a_durable_function_comes_with_code_layers_alias_and_settings(tmp_path: Path) -> None:
    code, layer = asset(tmp_path, "Orders", "c0de"), asset(tmp_path, "Orders", "1a7e")
    resources = {
        "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": layer}},
        "Work": function(
            code,
            DurableConfig={"ExecutionTimeout": 3600, "RetentionPeriodInDays": 3},
            Layers=[{"Ref": "Layer"}],
            Timeout=60,
            MemorySize=512,
            LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
        )
        | {"Metadata": {"aws:cdk:path": "Orders/Work/Resource"}},
        "V1": version("Work"),
        "Live": alias("Work", "V1"),
    }
    (work,) = read_assembly(write(tmp_path, Orders={"Resources": resources})).functions
    assert (work.name, work.path, work.handler, work.runtime) == (
        "Orders-Work", "Orders/Work", "app.handler", "python3.13",
    )  # fmt: skip
    assert (work.code, work.layers) == (tmp_path / "asset.c0de", (tmp_path / "asset.1a7e",))
    assert (work.timeout, work.memory, work.execution_timeout, work.retention_days) == (60, 512, 3600, 3)
    assert (work.aliases, work.versions, work.target) == ({"live": "1"}, 1, "Orders-Work:live")
    assert work.logging == {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}
    assert work.durable


def test_references_to_functions_versions_and_aliases_resolve_across_stacks(tmp_path: Path) -> None:
    exported = {"Out": {"Value": {"Ref": "Live"}, "Export": {"Name": "Orders:Live"}}}
    orders = {
        "Resources": {
            "Work": function(FunctionName="work"),
            "V1": version("Work"),
            "V2": version("Work"),
            "Live": alias("Work", "V2"),
            "Caller": function(
                **variables(
                    name={"Ref": "Work"},
                    arn={"Fn::GetAtt": ["Work", "Arn"]},
                    dotted={"Fn::GetAtt": "Work.Arn"},
                    version={"Ref": "V1"},
                    alias={"Fn::Join": [":", ["x", {"Ref": "Live"}]]},
                    sub={"Fn::Sub": "${Work}/${Work.Arn}/${AWS::Region}/${!literal}"},
                    sub_with={"Fn::Sub": ["${A}-${AWS::AccountId}", {"A": {"Ref": "Work"}}]},
                    part={"Fn::Select": [6, {"Fn::Split": [":", {"Fn::GetAtt": ["Work", "Arn"]}]}]},
                    stack={"Ref": "AWS::StackName"},
                    number=7,
                )
            ),
        },
        "Outputs": exported,
    }
    other = {"Resources": {"Far": function(**variables(target={"Fn::ImportValue": "Orders:Live"}))}}
    assembly = read_assembly(write(tmp_path, Other=other, Orders=orders))
    assert assembly.function("Caller").environment == {
        "name": "work",
        "arn": f"{ARN}work",
        "dotted": f"{ARN}work",
        "version": f"{ARN}work:1",
        "alias": f"x:{ARN}work:live",
        "sub": f"work/{ARN}work/us-east-1/${{literal}}",
        "sub_with": "work-123456789012",
        "part": "work",
        "stack": "Orders",
        "number": "7",
    }
    assert assembly.function("work").aliases == {"live": "2"}
    assert assembly.function("Other-Far").environment == {"target": f"{ARN}work:live"}
    assert assembly.notes == []


def test_conditions_parameters_mappings_and_nested_stacks_resolve(tmp_path: Path) -> None:
    nested = {
        "Parameters": {"Target": {"Type": "String"}},
        "Resources": {"Inner": function(**variables(target={"Ref": "Target"}))},
        "Outputs": {"Name": {"Value": {"Ref": "Inner"}}},
    }
    template = {
        "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
        "Mappings": {"Sizes": {"dev": {"memory": "256"}}},
        "Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, "Dev": {"Fn::Not": [{"Condition": "Prod"}]}},
        "Resources": {
            "Gone": function() | {"Condition": "Prod"},
            "Here": function(
                MemorySize={"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]},
                **variables(
                    mode={"Fn::If": ["Dev", "quick", "slow"]},
                    none={"Ref": "AWS::NoValue"},
                    inner={"Fn::GetAtt": ["Nest", "Outputs.Name"]},
                ),
            ),
            "Nest": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {"TemplateURL": "x", "Parameters": {"Target": {"Ref": "Here"}}},
                "Metadata": {"aws:asset:path": "nested.template.json"},
            },
        },
    }
    (tmp_path / "nested.template.json").write_text(json.dumps(nested))
    assembly = read_assembly(write(tmp_path, App=template))
    assert {function.name for function in assembly.functions} == {"App-Here", "App-Nest-Inner"}
    assert assembly.function("App-Here").memory == 256
    assert assembly.function("App-Here").environment == {"mode": "quick", "inner": "App-Nest-Inner"}
    assert assembly.function("Inner").environment == {"target": "App-Here"}


def test_what_only_a_deployment_knows_gets_a_placeholder_and_a_note(tmp_path: Path) -> None:
    template = {
        "Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
            "Named": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "mail"}},
            "Work": function(**variables(t={"Ref": "Table"}, a={"Fn::GetAtt": ["Table", "Arn"]}, q={"Ref": "Named"})),
        }
    }
    assembly = read_assembly(write(tmp_path, App=template))
    assert assembly.functions[0].environment == {
        "t": "local-App-Table",
        "a": "arn:aws:dynamodb:us-east-1:123456789012:local-App-Table",
        "q": "mail",
    }
    assert [note.split(" has no value")[0] for note in assembly.notes] == [
        "Table (AWS::DynamoDB::Table)",
        "Table.Arn (AWS::DynamoDB::Table)",
    ]


def test_functions_that_cannot_run_here_are_named_with_the_reason(tmp_path: Path) -> None:
    template = {
        "Resources": {
            "Fine": function(),
            "Node": function(Runtime="nodejs24.x"),
            "Image": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Code": {"ImageUri": "x"}, "PackageType": "Image"},
            },
            "Bucket": function({"S3Bucket": "mine", "S3Key": "code.zip"}),
            "Layered": function(Layers=["arn:aws:lambda:us-east-1:1:layer:theirs:3"]),
        }
    }
    assembly = read_assembly(write(tmp_path, App=template))
    assert [function.name for function in assembly.functions] == ["App-Fine"]
    assert [note.partition(" is not served: ")[0] for note in assembly.notes] == [
        "App/Node", "App/Image", "App/Bucket", "App/Layered",
    ]  # fmt: skip
    assert "nodejs24.x" in assembly.notes[0]


def test_stages_are_read_with_their_own_assets(tmp_path: Path) -> None:
    inner = tmp_path / "assembly-Prod"
    code = asset(inner, "Prod", "feed")
    write(inner, Prod={"Resources": {"Work": function(code)}})
    manifest = {
        "artifacts": {"assembly-Prod": {"type": "cdk:cloud-assembly", "properties": {"directoryName": inner.name}}}
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (work,) = read_assembly(tmp_path).functions
    assert work.code == inner / "asset.feed"


def test_problems_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        AssemblyError, match=r"is not a cloud assembly: it has no manifest\.json\. Run `cdk synth` first"
    ):
        read_assembly(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(AssemblyError, match=r"Cannot read .*manifest\.json"):
        read_assembly(tmp_path)
    with pytest.raises(AssemblyError, match="holds no Python Lambda function"):
        read_assembly(write(tmp_path, App={"Resources": {}}))
    lost = asset(tmp_path, "App", "dead")
    (tmp_path / "asset.dead").rmdir()
    with pytest.raises(AssemblyError, match=r"asset\.dead is gone"):
        read_assembly(write(tmp_path, App={"Resources": {"Work": function(lost)}}))
    broken = function(**variables(x={"Fn::ImportValue": "nobody"}))
    with pytest.raises(AssemblyError, match="imports `nobody`, which no stack"):
        read_assembly(write(tmp_path, App={"Resources": {"Work": broken}}))


def test_a_function_is_found_by_name_path_or_part_and_never_guessed(tmp_path: Path) -> None:
    template = {"Resources": {"OrdersA": function(), "OrdersB": function(FunctionName="orders-b")}}
    assembly = read_assembly(write(tmp_path, App=template))
    assert assembly.function("orders-b:live").name == "orders-b"
    assert assembly.function("App/OrdersA").name == "App-OrdersA"
    with pytest.raises(
        AssemblyError, match=r"more than one function matches `orders`\. Its functions: App-OrdersA, orders-b"
    ):
        assembly.function("orders")
    with pytest.raises(AssemblyError, match="no function matches `payments`"):
        assembly.function("payments")
