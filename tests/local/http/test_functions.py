"""The function API with an unchanged boto3."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from durable_local import _rules as rules

ROLE = "arn:aws:iam::123456789012:role/worker"


@pytest.fixture
def name(request, stage) -> str:
    """A function of the test's own."""
    name = f"f-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"
    stage.create(name, publish=False)
    return name


def test_a_created_function_is_described_as_aws_does(stage, zipped) -> None:
    made = stage.create("described", Environment={"Variables": {"KEY": "value"}}, Tags={"team": "orders"})
    assert made["FunctionArn"] == "arn:aws:lambda:us-east-1:123456789012:function:described:1"
    assert (made["State"], made["LastUpdateStatus"], made["Version"]) == ("Active", "Successful", "1")
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped()).digest()).decode()
    assert made["DurableConfig"] == {"ExecutionTimeout": 900, "RetentionPeriodInDays": 7}
    assert made["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": "/aws/lambda/described"}
    assert made["Timeout"] == 900
    whole = stage.lambda_.get_function(FunctionName="described")
    assert (whole["Tags"], whole["Configuration"]["Version"]) == ({"team": "orders"}, "$LATEST")
    assert whole["Configuration"]["Environment"]["Variables"] == {"KEY": "value"}


def test_a_key_is_told_wherever_the_api_has_it(stage) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
    stage.create("keyed", durable=None, DurableConfig={"ExecutionTimeout": 60, "KMSKeyArn": key})
    arn = stage.start("keyed:1")
    assert stage.lambda_.get_durable_execution(DurableExecutionArn=arn)["DurableConfig"]["KMSKeyArn"] == key
    (item,) = stage.lambda_.list_durable_executions_by_function(FunctionName="keyed")["DurableExecutions"]
    assert item["KMSKeyArn"] == key


@pytest.mark.parametrize(("chosen", "level"), [({}, "INFO"), ({"ApplicationLogLevel": "DEBUG"}, "DEBUG")])
def test_a_function_that_logs_json_logs_from_info_unless_told_otherwise(stage, chosen, level: str) -> None:
    stage.create(f"logs-{level}", LoggingConfig={"LogFormat": "JSON", **chosen})
    environment = stage.service.engine.functions.version(f"logs-{level}", "$LATEST").environment
    assert environment == {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}


@pytest.mark.parametrize("waiter", ["function_exists", "function_active", "function_active_v2", "function_updated_v2"])
def test_the_waiters_are_satisfied(stage, name: str, waiter: str) -> None:
    stage.lambda_.get_waiter(waiter).wait(FunctionName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 1})


def test_the_published_version_waiter_is_satisfied(stage, name: str) -> None:
    stage.lambda_.publish_version(FunctionName=name)
    waiter = stage.lambda_.get_waiter("published_version_active")
    waiter.wait(FunctionName=name, Qualifier="1", WaiterConfig={"Delay": 0, "MaxAttempts": 1})


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"DurableConfig": {"RetentionPeriodInDays": 5}}, rules.TIMEOUT_REQUIRED),
        ({"DurableConfig": {"ExecutionTimeout": 31_622_401}}, "31622400"),
        ({"DurableConfig": {"ExecutionTimeout": 60, "RetentionPeriodInDays": 91}}, "90"),
        ({"Timeout": 901}, "900"),
        ({"MemorySize": 10_241}, "10240"),
        ({"Runtime": "cobol85"}, "runtime"),
        ({"Role": "me"}, "role"),
        ({"Environment": {"Variables": {"1BAD": "x"}}}, "environment"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "reserved keys"),
        ({"Environment": {"Variables": {"BIG": "x" * 5000}}}, "4KB"),
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:none:1"]}, "does not exist"),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip"),
        ({"Code": {"S3Bucket": "some-bucket", "S3Key": "key"}}, "local-folder"),
        ({"Code": {"S3Bucket": "local-folder", "S3Key": "relative"}}, "absolute path"),
        ({"Code": {"ImageUri": "repo/image"}, "PackageType": "Image"}, "container images"),
        ({"FunctionName": "bad name"}, "functionName"),
        (
            {"DurableConfig": {"ExecutionTimeout": 60}, "LoggingConfig": {"LogFormat": "Text"}},
            rules.LOG_FORMAT_JSON,
        ),
    ],
)
def test_what_lambda_refuses_at_creation_is_refused_here(stage, zipped, members, text: str) -> None:
    request = {
        "FunctionName": "refused",
        "Runtime": "python3.13",
        "Role": ROLE,
        "Handler": "app.handler",
        "Code": {"ZipFile": zipped()},
        **members,
    }
    with pytest.raises(ClientError, match=text) as caught:
        stage.lambda_.create_function(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(stage.lambda_.exceptions.ResourceNotFoundException):
        stage.lambda_.get_function(FunctionName="refused")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("LoggingConfig", "JSON"),
        ("LoggingConfig", {"LogFormat": ["JSON"]}),
        ("LoggingConfig", {"LogFormat": "JSON", "ApplicationLogLevel": "LOUD"}),
        ("DeadLetterConfig", "arn:aws:sqs:us-east-1:123456789012:letters"),
        ("Architectures", "arm64"),
        ("KMSKeyArn", 7),
        ("Environment", {"Variables": {"HALF": "\ud83d"}}),
    ],
)
def test_a_member_of_the_wrong_shape_is_named(stage, member: str, value: object) -> None:
    role = "arn:aws:iam::123456789012:role/r"
    body = {"FunctionName": "shapes", "Role": role, "Handler": "a.b", "Runtime": "python3.13", member: value}
    status, answer = stage.raw("POST", "/2015-03-31/functions", json.dumps(body).encode())
    assert (status, member.lower() in json.loads(answer)["message"].lower()) == (400, True)


def test_an_image_without_a_handler_is_refused_for_what_it_is(stage) -> None:
    with pytest.raises(ClientError, match="not container images"):
        stage.lambda_.create_function(
            FunctionName="image",
            PackageType="Image",
            Code={"ImageUri": "repo/image"},
            Role="arn:aws:iam::123456789012:role/r",
        )


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_that_cannot_be_unpacked_is_refused_at_once(stage, method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as bundle:
        bundle.writestr("app.py", "".join(f"x{n} = {n * n}\n" for n in range(1000)))
    damaged = bytearray(buffer.getvalue())
    damaged[200:260] = b"\xff" * 60
    with pytest.raises(stage.lambda_.exceptions.InvalidParameterValueException, match="Could not unzip"):
        stage.lambda_.update_function_code(FunctionName="plain", ZipFile=bytes(damaged))


def test_a_name_is_taken_once(stage, name: str) -> None:
    with pytest.raises(stage.lambda_.exceptions.ResourceConflictException, match="already exist"):
        stage.create(name)


def test_configuration_changes_and_a_durable_configuration_is_replaced(stage, name: str) -> None:
    before = stage.lambda_.get_function_configuration(FunctionName=name)
    after = stage.lambda_.update_function_configuration(
        FunctionName=name, Timeout=30, DurableConfig={"ExecutionTimeout": 60}, RevisionId=before["RevisionId"]
    )
    assert (after["Timeout"], after["MemorySize"]) == (30, before["MemorySize"])
    assert after["DurableConfig"] == {"ExecutionTimeout": 60, "RetentionPeriodInDays": 14}
    assert after["RevisionId"] != before["RevisionId"]


def test_a_plain_function_does_not_become_durable(stage) -> None:
    with pytest.raises(stage.lambda_.exceptions.InvalidParameterValueException, match="only be set when"):
        stage.lambda_.update_function_configuration(FunctionName="plain", DurableConfig={"ExecutionTimeout": 60})


def test_versions_are_numbered_final_and_only_published_when_something_changed(stage, zipped, name: str) -> None:
    publish = lambda: stage.lambda_.publish_version(FunctionName=name)["Version"]
    assert (publish(), publish()) == ("1", "1")
    stage.lambda_.update_function_code(FunctionName=name, ZipFile=zipped(app="def handler(e, c): return 2\n"))
    assert publish() == "2"
    listed = stage.lambda_.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1", "2"]
    assert listed[1]["CodeSha256"] != listed[2]["CodeSha256"]
    with pytest.raises(stage.lambda_.exceptions.InvalidParameterValueException, match="CodeSHA256"):
        stage.lambda_.publish_version(FunctionName=name, CodeSha256="other")


def test_aliases_point_move_and_go(stage, zipped, name: str) -> None:
    lambda_ = stage.lambda_
    lambda_.publish_version(FunctionName=name)
    lambda_.update_function_code(FunctionName=name, ZipFile=zipped(app="def handler(e, c): return 2\n"), Publish=True)
    made = lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert made["AliasArn"].endswith(f":{name}:live")
    assert lambda_.update_alias(FunctionName=name, Name="live", FunctionVersion="2")["FunctionVersion"] == "2"
    assert lambda_.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
    assert [alias["Name"] for alias in lambda_.list_aliases(FunctionName=name)["Aliases"]] == ["live"]
    assert lambda_.list_aliases(FunctionName=name, FunctionVersion="1")["Aliases"] == []
    with pytest.raises(lambda_.exceptions.ResourceConflictException, match="alias live"):
        lambda_.delete_function(FunctionName=name, Qualifier="2")
    lambda_.delete_alias(FunctionName=name, Name="live")
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_alias(FunctionName=name, Name="live")
    lambda_.delete_function(FunctionName=name, Qualifier="2")
    assert len(lambda_.list_versions_by_function(FunctionName=name)["Versions"]) == 2


@pytest.mark.parametrize("members", [{"Name": "7"}, {"Name": "a b"}, {"FunctionVersion": "9"}])
def test_an_alias_needs_a_name_and_a_version(stage, name: str, members) -> None:
    with pytest.raises(ClientError):
        stage.lambda_.create_alias(**{"FunctionName": name, "Name": "live", "FunctionVersion": "$LATEST", **members})


def test_a_deleted_function_is_gone_with_all_it_had(stage, name: str) -> None:
    stage.lambda_.publish_version(FunctionName=name)
    stage.lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    stage.lambda_.delete_function(FunctionName=name)
    for qualifier in ("$LATEST", "1", "live"):
        with pytest.raises(stage.lambda_.exceptions.ResourceNotFoundException):
            stage.lambda_.get_function(FunctionName=name, Qualifier=qualifier)


def test_functions_are_listed_in_pages_and_with_all_versions(stage, name: str) -> None:
    stage.lambda_.publish_version(FunctionName=name)
    pages = stage.lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert name in names
    assert names == sorted(names)
    every = stage.lambda_.list_functions(FunctionVersion="ALL", MaxItems=1000)["Functions"]
    assert [f["Version"] for f in every if f["FunctionName"] == name] == ["$LATEST", "1"]


def test_layers_are_published_found_used_and_deleted(stage, zipped) -> None:
    lambda_ = stage.lambda_
    content = {"ZipFile": zipped(**{"python/tool": "VALUE = 1\n"})}
    made = lambda_.publish_layer_version(LayerName="tools", Content=content, CompatibleRuntimes=["python3.13"])
    again = lambda_.publish_layer_version(LayerName="tools", Content=content)
    assert (made["Version"], again["Version"]) == (1, 2)
    arn = made["LayerVersionArn"]
    assert lambda_.get_layer_version(LayerName="tools", VersionNumber=1)["CompatibleRuntimes"] == ["python3.13"]
    assert lambda_.get_layer_version_by_arn(Arn=arn)["LayerVersionArn"] == arn
    assert [v["Version"] for v in lambda_.list_layer_versions(LayerName="tools")["LayerVersions"]] == [2, 1]
    assert "tools" in [layer["LayerName"] for layer in lambda_.list_layers()["Layers"]]
    assert stage.create("layered", Layers=[arn])["Layers"][0]["Arn"] == arn
    (folder,) = stage.service.engine.functions.resolve("layered:1", None).function.layers
    assert (folder / "python" / "tool.py").read_text() == "VALUE = 1\n"
    lambda_.delete_layer_version(LayerName="tools", VersionNumber=2)
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_layer_version(LayerName="tools", VersionNumber=2)


def test_code_may_be_a_folder_of_this_machine(stage, tmp_path) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context): return 1\n")
    stage.lambda_.create_function(
        FunctionName="in-place",
        Runtime="python3.13",
        Role=ROLE,
        Handler="app.handler",
        Code={"S3Bucket": "local-folder", "S3Key": str(tmp_path)},
    )
    assert stage.service.engine.functions.resolve("in-place", None).function.code == tmp_path


def test_tags_are_added_and_removed(stage, name: str) -> None:
    arn = stage.lambda_.get_function_configuration(FunctionName=name)["FunctionArn"]
    stage.lambda_.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    stage.lambda_.untag_resource(Resource=arn, TagKeys=["a", "c"])
    assert stage.lambda_.list_tags(Resource=arn)["Tags"] == {"b": "2"}


def test_what_stands_around_a_function_is_kept(stage, name: str) -> None:
    lambda_ = stage.lambda_
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)
    assert lambda_.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3
    lambda_.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in lambda_.get_function_concurrency(FunctionName=name)
    lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    assert lambda_.get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"] == 0
    lambda_.delete_function_event_invoke_config(FunctionName=name)
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_function_event_invoke_config(FunctionName=name)
    statement = {
        "FunctionName": name,
        "StatementId": "s",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    assert json.loads(lambda_.add_permission(**statement)["Statement"])["Sid"] == "s"
    with pytest.raises(lambda_.exceptions.ResourceConflictException):
        lambda_.add_permission(**statement)
    assert len(json.loads(lambda_.get_policy(FunctionName=name)["Policy"])["Statement"]) == 1
    lambda_.remove_permission(FunctionName=name, StatementId="s")
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_policy(FunctionName=name)
    assert lambda_.get_account_settings()["AccountUsage"]["FunctionCount"] >= 2
    assert lambda_.get_function_code_signing_config(FunctionName=name)["FunctionName"] == name
    assert lambda_.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Auto"
    assert lambda_.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"


def test_an_event_source_needs_a_qualified_and_short_durable_function(stage) -> None:
    lambda_ = stage.lambda_
    stage.create("long-one", durable=901)
    source = {"EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:q"}
    for target in ("work", "long-one:1"):
        with pytest.raises(lambda_.exceptions.InvalidParameterValueException):
            lambda_.create_event_source_mapping(FunctionName=target, **source)
    made = lambda_.create_event_source_mapping(FunctionName="work:1", **source)
    assert lambda_.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled"
    assert len(lambda_.list_event_source_mappings(FunctionName="work:1")["EventSourceMappings"]) == 1
    assert lambda_.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_event_source_mapping(UUID=made["UUID"])


def test_a_qualifier_in_the_name_and_beside_it_must_agree(stage) -> None:
    with pytest.raises(stage.lambda_.exceptions.InvalidParameterValueException, match="does not match"):
        stage.lambda_.get_function(FunctionName="work:1", Qualifier="2")
