"""`ApprovalApi`: an HTTP endpoint on which people, or authenticated programs, answer callbacks."""

from __future__ import annotations

import enum
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_durable._arguments import checked
from constructs_durable.errors import DurableInputError
from constructs_durable.layer import DurableRuntimeLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_apigatewayv2 as apigateway
    from aws_cdk import aws_secretsmanager as secretsmanager

    from constructs_durable.function import DurableFunction

__all__ = ["ApprovalApi", "ApprovalAuth", "ApprovalEndpoint"]

CODE = Path(__file__).parent / "_functions" / "approval"

ACCESS_LOG_FORMAT = json.dumps(
    {
        field: f"$context.{field}"
        for field in ("requestId", "requestTime", "httpMethod", "routeKey", "status", "responseLatency")
    }
)
"""Names the route, never the path: a signed link is a key."""


_SIGNED_FOR: WeakKeyDictionary[DurableFunction, ApprovalApi] = WeakKeyDictionary()


class ApprovalEndpoint(enum.Enum):
    """What serves the requests."""

    HTTP_API = "an API Gateway HTTP API, throttled, with access logs"
    FUNCTION_URL = "the function's own URL"


@dataclass(frozen=True)
class ApprovalAuth:
    """Who may answer; made by `signed_links()`, `iam()` or `jwt()`."""

    kind: str
    issuer: str = ""
    audience: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("links", "iam", "jwt"):
            raise DurableInputError(
                f"ApprovalAuth: kind is {self.kind!r}; call ApprovalAuth.signed_links(), .iam() or .jwt() instead."
            )

    @classmethod
    def signed_links(cls) -> ApprovalAuth:
        """Whoever holds a link that a workflow has signed with `approval_link()`: a person with a mail."""
        return cls("links")

    @classmethod
    def iam(cls) -> ApprovalAuth:
        """Callers that sign their requests with AWS credentials and are allowed to call: `grant_decide()`."""
        return cls("iam")

    @classmethod
    @checked
    def jwt(cls, *, issuer: str, audience: Sequence[str] | str) -> ApprovalAuth:
        """Callers with a token of an identity provider, for example a Cognito user pool.

        Args:
            issuer: The `iss` the token must have, an HTTPS URL.
            audience: The values of `aud` (or `client_id`) that are accepted.
        """
        return cls("jwt", issuer, (audience,) if isinstance(audience, str) else tuple(audience))


class ApprovalApi(Construct):
    """An HTTP endpoint that completes callbacks of durable functions.

    With signed links, which are the default, `GET /approvals/{token}` shows what the link asks on a page, and `POST`
    there decides. A link expires, and works once, because a callback can be answered once. The signing secret is
    generated in Secrets Manager and never enters the template. With `iam()` or `jwt()`, authenticated callers send
    `{"callback_id": …, "decision": …, "comment": …}` to `POST /decisions`.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002  CDK's name for it
        *,
        functions: Sequence[DurableFunction] = (),
        auth: ApprovalAuth | None = None,
        endpoint: ApprovalEndpoint = ApprovalEndpoint.HTTP_API,
        requests_per_second: int = 20,
        log_retention: logs.RetentionDays | None = None,
    ) -> None:
        """Declare the endpoint and its function.

        Args:
            scope: Where it belongs.
            id: Its name there.
            functions: The durable functions whose callbacks are answered here; `add_function()` adds more.
                Those that sign links get the runtime's layer, if they run on AWS's SDK.
            auth: Who may answer. Default: holders of signed links.
            endpoint: What serves the requests.
            requests_per_second: What the HTTP API lets through, for all callers together.
            log_retention: How long the function's and the API's logs are kept. Default: one month.
        """
        self._auth = auth = auth or ApprovalAuth.signed_links()
        _check(scope, id, auth, endpoint, requests_per_second)
        super().__init__(scope, id)
        self._retention = log_retention or logs.RetentionDays.ONE_MONTH
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self._secret = self._make_secret() if auth.kind == "links" else None
        self._function = self._make_function()
        if endpoint is ApprovalEndpoint.HTTP_API:
            self._routes, self._url = self._make_api(requests_per_second)
        else:
            self._routes, self._url = [], self._make_function_url()
        for each in functions:
            self.add_function(each)

    @property
    def url(self) -> str:
        """Where the endpoint is; known at deploy."""
        return self._url

    @property
    def secret(self) -> secretsmanager.ISecret | None:
        """What signs the links; None with authenticated callers.

        Put a new value into it to rotate it: links signed with the last one go on working.
        """
        return self._secret

    @property
    def function(self) -> lambda_.IFunction:
        """The function behind the endpoint, an ordinary one."""
        return self._function

    @functools.cached_property
    def _callback_policy(self) -> iam.Policy:
        """A resource of its own: among the role's policies it would close a circle.

        This function would wait for the workflows' ARNs, and they for its URL.
        """
        return iam.Policy(self, "CallbackPolicy", roles=[self._role])

    @checked
    def add_function(self, function: DurableFunction) -> None:
        """Answer this function's callbacks here, and let it sign links."""
        function.grants.answers(self._callback_policy)
        if self._secret is None:
            return
        here, there = cdk.Stack.of(self).node.path, cdk.Stack.of(function.root).node.path
        if here != there:
            raise DurableInputError(
                f"{self.node.path}: the function {function.root.node.path} is in another stack, {there}. It "
                "needs this endpoint's URL, and this endpoint its ARN: neither stack could be deployed first. "
                "Put the ApprovalApi into the function's stack."
            )
        signing = _SIGNED_FOR.setdefault(function, self)
        if signing is not self:
            raise DurableInputError(
                f"{self.node.path}: {function.root.node.path} already signs links for {signing.node.path}, and it can "
                "hold one address and one secret only. Add it to one ApprovalApi with signed links."
            )
        function._import_runtime()  # noqa: SLF001  `durable_runtime.approval` signs the links
        self._secret.grant_read(function)
        function.add_environment("DURABLE_APPROVAL_URL", self._url)
        function.add_environment("DURABLE_APPROVAL_SECRET_ARN", self._secret.secret_arn)

    @checked
    def grant_decide(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to answer, where callers sign with AWS credentials."""
        if self._auth.kind != "iam":
            raise DurableInputError(
                f"{self.node.path}: grant_decide() is for auth=ApprovalAuth.iam(); this endpoint does not look at AWS "
                "credentials."
            )
        if not self._routes:
            return self._function.grant_invoke_url(grantee)
        grants = [route.grant_invoke(grantee) for route in self._routes]
        return grants[0]

    def _make_secret(self) -> secretsmanager.Secret:
        from aws_cdk import aws_secretsmanager as secretsmanager

        return secretsmanager.Secret(
            self,
            "Secret",
            description=f"Signs the approval links of {self.node.path}",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
        )

    def _make_function(self) -> lambda_.Function:
        log_group = logs.LogGroup(self, "Logs", retention=self._retention, removal_policy=cdk.RemovalPolicy.DESTROY)
        log_group.grant_write(self._role)
        environment = {"APPROVAL_MODE": "callers"}
        if self._secret is not None:
            self._secret.grant_read(self._role)
            environment = {"APPROVAL_MODE": "links", "DURABLE_APPROVAL_SECRET_ARN": self._secret.secret_arn}
        return lambda_.Function(
            self,
            "Function",
            description=f"Answers callbacks for {self.node.path}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(CODE), exclude=["**/__pycache__/**", "**/*.pyc"]),
            handler="approval_api.app.handler",
            layers=[DurableRuntimeLayer.of(self)],
            memory_size=256,
            timeout=cdk.Duration.seconds(15),
            role=self._role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            environment=environment,
        )

    def _make_api(self, requests_per_second: int) -> tuple[list[apigateway.HttpRoute], str]:
        from aws_cdk import aws_apigatewayv2 as apigateway
        from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration

        api = apigateway.HttpApi(self, "Api", create_default_stage=False)
        log_group = logs.LogGroup(
            self, "AccessLogs", retention=self._retention, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        apigateway.CfnStage(
            self,
            "Stage",
            api_id=api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=requests_per_second, throttling_burst_limit=2 * requests_per_second
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log_group.log_group_arn, format=ACCESS_LOG_FORMAT
            ),
        )
        if self._auth.kind == "links":
            path, methods = "/approvals/{token}", [apigateway.HttpMethod.GET, apigateway.HttpMethod.POST]
        else:
            path, methods = "/decisions", [apigateway.HttpMethod.POST]
        routes = api.add_routes(
            path=path,
            methods=methods,
            integration=HttpLambdaIntegration("Integration", self._function),
            authorizer=self._authorizer(),
        )
        return routes, api.api_endpoint

    def _authorizer(self) -> apigateway.IHttpRouteAuthorizer | None:
        if self._auth.kind == "links":
            return None
        from aws_cdk import aws_apigatewayv2_authorizers as authorizers

        if self._auth.kind == "iam":
            return authorizers.HttpIamAuthorizer()
        return authorizers.HttpJwtAuthorizer("Jwt", self._auth.issuer, jwt_audience=list(self._auth.audience))

    def _make_function_url(self) -> str:
        needs_iam = self._auth.kind == "iam"
        kind = lambda_.FunctionUrlAuthType.AWS_IAM if needs_iam else lambda_.FunctionUrlAuthType.NONE
        return self._function.add_function_url(auth_type=kind).url


def _check(
    scope: Construct, construct_id: str, auth: ApprovalAuth, endpoint: ApprovalEndpoint, requests_per_second: int
) -> None:
    if auth.kind == "jwt" and endpoint is ApprovalEndpoint.FUNCTION_URL:
        text = "a function URL cannot check JWTs. Use ApprovalEndpoint.HTTP_API, or ApprovalAuth.iam()."
        raise DurableInputError.at(scope, construct_id, text)
    if auth.kind == "jwt" and not (auth.issuer.startswith("https://") or cdk.Token.is_unresolved(auth.issuer)):
        text = f"issuer is {auth.issuer!r}; it is the HTTPS URL of the identity provider, as in the token's `iss`."
        raise DurableInputError.at(scope, construct_id, text)
    if auth.kind == "jwt" and not auth.audience:
        text = "audience is empty: every token of the issuer would be accepted. Name your client id."
        raise DurableInputError.at(scope, construct_id, text)
    if requests_per_second < 1:
        text = f"requests_per_second is {requests_per_second}; at least 1, or nobody can answer."
        raise DurableInputError.at(scope, construct_id, text)
