"""The one error of the local service's API: a status, a code and a text, as Lambda sends them."""

from __future__ import annotations

from typing import Any

USER = "User"
SERVICE = "Service"


class ApiError(Exception):
    """An answer of the service that is not a success.

    Every driver passes it on in its own way: over HTTP as a status with ``x-amzn-errortype``, in process
    as an exception.
    """

    def __init__(self, status: int, code: str, message: str, kind: str = USER, **members: Any) -> None:
        super().__init__(f"{code} ({status}): {message}")
        self.status = status
        self.code = code
        self.message = message
        self.kind = kind
        self.members = members

    def body(self) -> dict[str, Any]:
        """Return the JSON body: boto3 reads either spelling of the message, other SDKs only one of them."""
        return {"Type": self.kind, "Message": self.message, "message": self.message, **self.members}


def invalid_parameter(message: str) -> ApiError:
    """Build the 400 that all twelve durable operations share."""
    return ApiError(400, "InvalidParameterValueException", message)


def not_found(message: str) -> ApiError:
    """Build the 404 of an unknown function, version, alias or execution."""
    return ApiError(404, "ResourceNotFoundException", message)


def conflict(message: str) -> ApiError:
    """Build the 409 of a request that the resource's state does not allow."""
    return ApiError(409, "ResourceConflictException", message)


def callback_over(message: str) -> ApiError:
    """Build the 400 of a callback that is timed out or already completed."""
    return ApiError(400, "CallbackTimeoutException", message)


def service_failure(message: str) -> ApiError:
    """Build the 500 of a fault of the service itself."""
    return ApiError(500, "ServiceException", message, SERVICE)
