"""The surface of a `DurableFunction` as others wire it: what is hidden, and what is guarded.

Hidden is all that leads to the unqualified function or to `$LATEST`. Guarded is all that makes a caller
wait for the whole execution, which the service ends after 15 minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda

from constructs_durable._arguments import checked
from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs import Construct

    from constructs_durable._waiting import Waiting

__all__ = ["QualifiedAlias"]

_Method = TypeVar("_Method", bound="Callable[..., Any]")

WAITING_SERVICES = {
    "alexa-appkit": "an Alexa skill",
    "alexa-connectedhome": "an Alexa skill",
    "apigateway": "API Gateway",
    "appsync": "AppSync",
    "bedrock": "a Bedrock agent",
    "cognito-idp": "a Cognito trigger",
    "connect": "Amazon Connect",
    "elasticloadbalancing": "a load balancer",
    "lex": "a Lex bot",
    "lexv2": "a Lex bot",
    "vpc-lattice": "VPC Lattice",
}
"""Service principals that invoke and wait for the answer. S3, SNS, EventBridge, IoT and logs do not wait."""


class _Hidden:
    """An attribute that explains why it is not there.

    A non-data descriptor on purpose: jsii overrides functions and properties only, so the base class's
    own code keeps its members.
    """

    def __init__(self, instead: str) -> None:
        self._instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> NoReturn:
        raise AttributeError(
            f"A DurableFunction has no `{self._name}`: a durable function can only be invoked through its alias "
            f"or a numbered version. {self._instead}"
        )


def _with_signature_of(original: Callable[..., Any]) -> Callable[[_Method], _Method]:
    """Lend a method the signature of the one it overrides: jsii spreads a struct over named keywords only.

    `inspect.signature` follows `__wrapped__`; asked for here, four signatures would cost a millisecond of import.
    """

    def lend(method: _Method) -> _Method:
        vars(method)["__wrapped__"] = original
        return method

    return lend


class QualifiedAlias(aws_lambda.Alias):
    """A `lambda.Alias` without a way to the function behind it, and with guarded triggers."""

    lambda_ = _Hidden("Use the DurableFunction itself; it is the alias.")
    version = _Hidden("Use the DurableFunction itself; it always points to the newest version.")
    latest_version = _Hidden("Use the DurableFunction itself instead of `$LATEST`.")
    current_version = _Hidden("Use the DurableFunction itself; it always points to the newest version.")
    add_alias = _Hidden("The DurableFunction is its alias; alias_name= says what it is called.")
    grant_invoke_latest_version = _Hidden("Use grant_start() or grant_invoke().")
    grant_invoke_version = _Hidden("Use grant_start() or grant_invoke(), which follow the alias.")

    _root: Construct
    _function: aws_lambda.Function
    _waiting: Waiting

    @checked
    def add_event_source(self, source: aws_lambda.IEventSource) -> None:
        """Let events invoke the alias; refused where the service would refuse it."""
        self._waiting.check_source(source)
        super().add_event_source(source)

    @_with_signature_of(aws_lambda.Alias.add_event_source_mapping)
    def add_event_source_mapping(
        self,
        id: str,  # noqa: A002  CDK's name for it
        **options: Any,
    ) -> aws_lambda.EventSourceMapping:
        """Map a queue or stream to the alias; refused where the service would refuse it."""
        self._waiting.refuse("An event source mapping", mapping=True)
        return super().add_event_source_mapping(id, **options)

    @_with_signature_of(aws_lambda.Alias.add_function_url)
    def add_function_url(self, **options: Any) -> aws_lambda.FunctionUrl:
        """Add an HTTPS endpoint that invokes the alias and waits for the execution."""
        self._waiting.refuse("A function URL")
        return super().add_function_url(**options)

    @_with_signature_of(aws_lambda.Alias.add_permission)
    def add_permission(self, id: str, **permission: Any) -> None:  # noqa: A002  CDK's name for it
        """Let a principal invoke the alias."""
        caller = WAITING_SERVICES.get(_service_name(permission.get("principal")))
        if caller is not None:
            self._waiting.refuse(caller[0].upper() + caller[1:])
        if permission.get("function_url_auth_type") is not None:
            self._waiting.refuse("A function URL")
        super().add_permission(id, **permission)

    @_with_signature_of(aws_lambda.Alias.grant_invoke_url)
    def grant_invoke_url(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to invoke the alias through its function URL, which waits for the execution."""
        self._waiting.refuse("A function URL")
        return super().grant_invoke_url(grantee)

    @_with_signature_of(aws_lambda.Alias.configure_async_invoke)
    def configure_async_invoke(self, **options: Any) -> None:
        """Say how often and how long Lambda tries to start an execution; destinations are refused."""
        given = [name for name in ("on_failure", "on_success") if options.get(name) is not None]
        if given:
            raise DurableInputError(
                f"{self._root.node.path}: {given[0]} is a destination, and destinations do not work for durable "
                "functions. Use dead_letter_queue=, or on_execution_status_change() for executions that have ended."
            )
        super().configure_async_invoke(**options)


def _service_name(principal: object) -> str:
    """Return `apigateway` for a principal `apigateway.amazonaws.com`."""
    return principal.service.partition(".")[0] if isinstance(principal, iam.ServicePrincipal) else ""
