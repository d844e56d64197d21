"""The seam between the runtime and the durable execution service: two calls and one error."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class ServiceClient(Protocol):
        """What the runtime needs of the service. Requests and replies are the wire's own dicts."""

        def checkpoint(
            self,
            arn: str,
            token: str,
            updates: list[dict[str, Any]],
            client_token: str,
        ) -> dict[str, Any]:
            """Record updates; answer with the next token and what changed."""

        def get_state(self, arn: str, token: str, marker: str, max_items: int) -> dict[str, Any]:
            """Read one page of the history."""


class ServiceError(Exception):
    """A call to the service failed.

    Attributes:
        status: HTTP status, or 0 when no answer came.
        code: Error code of the reply, such as ``TooManyRequestsException``; a short name when no answer came.
        message: The reply's text.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code} (HTTP {status}): {message}" if status else f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


_default: ServiceClient | None = None


def default_client() -> ServiceClient:
    """Return the signed HTTP client of this process; its connection outlives the invocation."""
    global _default  # noqa: PLW0603  one keep-alive connection per execution environment
    if _default is None:
        from durable_runtime._transport import HttpServiceClient

        _default = HttpServiceClient()
    return _default


class Boto3ServiceClient:
    """Speaks through a boto3 Lambda client that the user configured."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def checkpoint(
        self,
        arn: str,
        token: str,
        updates: list[dict[str, Any]],
        client_token: str,
    ) -> dict[str, Any]:
        """Record updates; answer with the next token and what changed."""
        return _call(
            self._client.checkpoint_durable_execution,
            DurableExecutionArn=arn,
            CheckpointToken=token,
            Updates=updates,
            ClientToken=client_token,
        )

    def get_state(self, arn: str, token: str, marker: str, max_items: int) -> dict[str, Any]:
        """Read one page of the history."""
        return _call(
            self._client.get_durable_execution_state,
            DurableExecutionArn=arn,
            CheckpointToken=token,
            Marker=marker,
            MaxItems=max_items,
        )


def _call(method: Callable[..., dict[str, Any]], **arguments: Any) -> dict[str, Any]:
    """Call boto3; a refusal or a failure of the network becomes a ServiceError, a bug stays what it is."""
    from durable_runtime.exceptions import error_fields

    try:
        return method(**arguments)
    except Exception as error:
        refused = isinstance(getattr(error, "response", None), dict)
        if not refused and not type(error).__module__.startswith(("botocore.", "boto3.")):
            raise
        status, code, message = error_fields(error)
        raise ServiceError(status, code or type(error).__name__, message or str(error)) from error
