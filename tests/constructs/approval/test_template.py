"""What an `ApprovalApi` puts into the template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Match, Template

from constructs_durable import DurableFunction, DurableInputError, DurableSdk
from constructs_durable.approval import ApprovalApi, ApprovalAuth, ApprovalEndpoint

FLAGS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]
HANDLER = "def handler(event, context):\n    return 1\n"


@pytest.fixture(params=[{}, FLAGS], ids=["bare", "flags"])
def stack(request: pytest.FixtureRequest) -> cdk.Stack:
    """A stack of a bare app, and one of an app with the flags of a fresh cdk.json."""
    return cdk.Stack(cdk.App(context=request.param), "Shop")


@pytest.fixture
def orders(stack: cdk.Stack, tmp_path: Path) -> DurableFunction:
    (tmp_path / "app.py").write_text(HANDLER)
    hour = cdk.Duration.hours(1)
    return DurableFunction(stack, "Orders", entry=tmp_path, handler="app.handler", execution_timeout=hour)


def statements(template: Template) -> list[dict[str, Any]]:
    policies = template.find_resources("AWS::IAM::Policy").values()
    return [each for policy in policies for each in policy["Properties"]["PolicyDocument"]["Statement"]]


def test_its_function_may_complete_callbacks_of_the_named_functions_and_nothing_else(
    stack: cdk.Stack, orders: DurableFunction
) -> None:
    ApprovalApi(stack, "Approvals", functions=[orders])
    template = Template.from_stack(stack)
    [policy] = template.find_resources(
        "AWS::IAM::Policy", {"Properties": {"PolicyName": Match.string_like_regexp("ApprovalsCallback")}}
    ).values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:SendDurableExecutionCallbackSuccess"
    arn, wildcard = statement["Resource"]["Fn::Join"][1]
    assert (arn["Fn::GetAtt"][0][:14], wildcard) == ("OrdersFunction", ":*")
    assert not [each for each in statements(template) if each["Resource"] == "*"]


def test_secret_is_generated_and_only_its_arn_is_handed_on(stack: cdk.Stack, orders: DurableFunction) -> None:
    ApprovalApi(stack, "Approvals", functions=[orders])
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::SecretsManager::Secret",
        {"GenerateSecretString": {"PasswordLength": 64, "ExcludePunctuation": True}, "SecretString": Match.absent()},
    )
    variables = Match.object_like({"DURABLE_APPROVAL_SECRET_ARN": {"Ref": Match.string_like_regexp("ApprovalsSecret")}})
    template.resource_properties_count_is("AWS::Lambda::Function", {"Environment": {"Variables": variables}}, 2)
    assert "resolve:secretsmanager" not in json.dumps(template.to_json())


def test_workflow_learns_the_address_and_may_read_the_secret(stack: cdk.Stack, orders: DurableFunction) -> None:
    ApprovalApi(stack, "Approvals").add_function(orders)
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {"DurableConfig": Match.any_value(), "Environment": {"Variables": {"DURABLE_APPROVAL_URL": Match.any_value()}}},
    )
    readers = [each for each in statements(template) if "secretsmanager:GetSecretValue" in each["Action"]]
    assert len(readers) == 2


def test_http_api_is_throttled_and_its_log_keeps_links_secret(stack: cdk.Stack) -> None:
    ApprovalApi(stack, "Approvals", requests_per_second=5)
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::ApiGatewayV2::Stage",
        {
            "DefaultRouteSettings": {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 10},
            "AccessLogSettings": {"Format": Match.not_(Match.string_like_regexp(r"\$context\.path|protocol"))},
        },
    )
    routes = template.find_resources("AWS::ApiGatewayV2::Route").values()
    keys = sorted(route["Properties"]["RouteKey"] for route in routes)
    assert keys == ["GET /approvals/{token}", "POST /approvals/{token}"]


@pytest.mark.parametrize(
    ("auth", "kind"),
    [
        (ApprovalAuth.iam(), "AWS_IAM"),
        (ApprovalAuth.jwt(issuer="https://id.example.com", audience=["app"]), "JWT"),
    ],
)
def test_authenticated_callers_need_no_secret(stack: cdk.Stack, auth: ApprovalAuth, kind: str) -> None:
    api = ApprovalApi(stack, "Approvals", auth=auth)
    template = Template.from_stack(stack)
    assert api.secret is None
    template.resource_count_is("AWS::SecretsManager::Secret", 0)
    template.has_resource_properties(
        "AWS::ApiGatewayV2::Route", {"RouteKey": "POST /decisions", "AuthorizationType": kind}
    )


@pytest.mark.parametrize("endpoint", list(ApprovalEndpoint))
def test_callers_with_aws_credentials_are_granted_one_by_one(stack: cdk.Stack, endpoint: ApprovalEndpoint) -> None:
    api = ApprovalApi(stack, "Approvals", auth=ApprovalAuth.iam(), endpoint=endpoint)
    role = iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal())
    api.grant_decide(role)
    actions = {"execute-api:Invoke", "lambda:InvokeFunctionUrl"}
    granted = {action for each in statements(Template.from_stack(stack)) for action in _as_list(each["Action"])}
    assert granted & actions


def test_one_audience_may_be_given_as_a_text() -> None:
    assert ApprovalAuth.jwt(issuer="https://x", audience="shop").audience == ("shop",)


def test_workflow_signs_links_for_one_endpoint_only(stack: cdk.Stack, orders: DurableFunction) -> None:
    first = ApprovalApi(stack, "First", functions=[orders])
    first.add_function(orders)  # once more changes nothing
    with pytest.raises(DurableInputError, match=r"^Shop/Second: Shop/Orders already signs links for Shop/First"):
        ApprovalApi(stack, "Second", functions=[orders])


def test_function_url_serves_links_without_an_api(stack: cdk.Stack, orders: DurableFunction) -> None:
    ApprovalApi(stack, "Approvals", functions=[orders], endpoint=ApprovalEndpoint.FUNCTION_URL)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::ApiGatewayV2::Api", 0)
    template.has_resource_properties("AWS::Lambda::Url", {"AuthType": "NONE"})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"auth": ApprovalAuth.jwt(issuer="https://x", audience=["a"]), "endpoint": ApprovalEndpoint.FUNCTION_URL},
            "a function URL cannot check JWTs",
        ),
        ({"auth": ApprovalAuth.jwt(issuer="id.example.com", audience=["a"])}, "issuer is 'id.example.com'"),
        ({"auth": ApprovalAuth.jwt(issuer="https://x", audience=[])}, "audience is empty"),
        ({"requests_per_second": 0}, "requests_per_second is 0"),
    ],
)
def test_what_cannot_work_is_an_error_at_synth(stack: cdk.Stack, options: dict[str, Any], text: str) -> None:
    with pytest.raises(DurableInputError, match=f"^Shop/Approvals: .*{text}"):
        ApprovalApi(stack, "Approvals", **options)


def test_granting_decisions_where_nobody_checks_credentials_is_an_error(stack: cdk.Stack) -> None:
    api = ApprovalApi(stack, "Approvals")
    with pytest.raises(DurableInputError, match="Shop/Approvals: grant_decide"):
        api.grant_decide(iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal()))


def test_function_of_another_stack_is_an_error_that_says_why(stack: cdk.Stack, orders: DurableFunction) -> None:
    other = cdk.Stack(stack.node.root, "Other")
    with pytest.raises(
        DurableInputError, match=r"^Other/Approvals: the function Shop/Orders is in another stack, Shop"
    ):
        ApprovalApi(other, "Approvals", functions=[orders])


def test_callers_may_be_in_another_stack(stack: cdk.Stack, orders: DurableFunction) -> None:
    other = cdk.Stack(stack.node.root, "Other")
    ApprovalApi(other, "Approvals", functions=[orders], auth=ApprovalAuth.iam())
    Template.from_stack(other).resource_count_is("AWS::IAM::Policy", 2)


def test_encrypted_executions_can_be_answered(stack: cdk.Stack, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HANDLER)
    hour, key = cdk.Duration.hours(1), kms.Key(stack, "Key")
    function = DurableFunction(
        stack, "Orders", entry=tmp_path, handler="app.handler", execution_timeout=hour, execution_key=key
    )
    ApprovalApi(stack, "Approvals", functions=[function])
    allowed = {"Action": "kms:Decrypt", "Effect": "Allow", "Resource": Match.any_value()}
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyName": Match.string_like_regexp("ApprovalsCallback"),
            "PolicyDocument": {"Statement": Match.array_with([allowed])},
        },
    )


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_handler_is_where_the_function_looks_for_it(stack: cdk.Stack) -> None:
    from constructs_durable.approval import CODE

    ApprovalApi(stack, "Approvals")
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function", {"Handler": "approval_api.app.handler", "Layers": [Match.any_value()]}
    )
    assert (CODE / "approval_api" / "app.py").is_file()


@pytest.mark.parametrize(
    ("sdk", "layers"), [(DurableSdk.RUNTIME_LAYER, 1), (DurableSdk.AWS_SDK, 1), (DurableSdk.BUNDLED, 0)]
)
def test_function_on_another_sdk_gets_what_signs_links(
    stack: cdk.Stack, tmp_path: Path, sdk: DurableSdk, layers: int
) -> None:
    (tmp_path / "app.py").write_text(HANDLER)
    hour = cdk.Duration.hours(1)
    orders = DurableFunction(stack, "Orders", entry=tmp_path, handler="app.handler", execution_timeout=hour, sdk=sdk)
    ApprovalApi(stack, "Approvals", functions=[orders])
    functions = Template.from_stack(stack).find_resources("AWS::Lambda::Function")
    [made] = [each["Properties"] for name, each in functions.items() if name.startswith("OrdersFunction")]
    assert len(made.get("Layers", [])) == layers


def test_function_that_signs_no_links_gets_no_layer(stack: cdk.Stack, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HANDLER)
    hour = cdk.Duration.hours(1)
    sdk = DurableSdk.AWS_SDK
    orders = DurableFunction(stack, "Orders", entry=tmp_path, handler="app.handler", execution_timeout=hour, sdk=sdk)
    ApprovalApi(stack, "Approvals", functions=[orders], auth=ApprovalAuth.iam())
    functions = Template.from_stack(stack).find_resources("AWS::Lambda::Function")
    [made] = [each["Properties"] for name, each in functions.items() if name.startswith("OrdersFunction")]
    assert "Layers" not in made
