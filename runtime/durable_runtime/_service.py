"""The seam between the runtime and the durable execution service: two calls, one error, and what it means."""

from __future__ import annotations

from durable_runtime.exceptions import DurableApiErrorCategory

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


_INVALID_TOKEN = "Invalid checkpoint token"  # noqa: S105  the service's error text, not a secret

# They come as HTTP 502 and need the owner of the key, so another try cannot help.
_PERMANENT_CODES = frozenset(
    {
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
    },
)


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
    try:
        return method(**arguments)
    except Exception as error:
        refused = isinstance(getattr(error, "response", None), dict)
        if not refused and not type(error).__module__.startswith(("botocore.", "boto3.")):
            raise
        status, code, message = error_fields(error)
        raise ServiceError(status, code or type(error).__name__, message or str(error)) from error


def classify(status: int, code: str | None, message: str | None) -> DurableApiErrorCategory:
    """Say what a failed service call means for the execution.

    4xx fails the execution, except 429 and a stale checkpoint token; KMS codes fail it whatever their status;
    everything else (5xx, no answer) is worth another invocation.
    """
    if code in _PERMANENT_CODES:
        return DurableApiErrorCategory.EXECUTION
    stale = code == "InvalidParameterValueException" and (message or "").startswith(_INVALID_TOKEN)
    if 400 <= status < 500 and status != 429 and not stale:
        return DurableApiErrorCategory.EXECUTION
    return DurableApiErrorCategory.INVOCATION


def error_fields(exception: BaseException) -> tuple[int, str | None, str | None]:
    """Read (HTTP status, code, message) from a ServiceError or a botocore exception."""
    status = getattr(exception, "status", None)
    if isinstance(status, int):
        return status, getattr(exception, "code", None), getattr(exception, "message", None)
    response = getattr(exception, "response", None)
    if isinstance(response, dict):
        error = response.get("Error") or {}
        metadata = response.get("ResponseMetadata") or {}
        return metadata.get("HTTPStatusCode") or 0, error.get("Code"), error.get("Message")
    # botocore refuses a malformed request before it sends it, and no retry changes that.
    if type(exception).__name__ == "ParamValidationError":
        return 400, "ParamValidationError", str(exception)
    return 0, None, None
