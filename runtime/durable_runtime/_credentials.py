"""Whose signature a request carries: what Lambda gives the function."""

from __future__ import annotations

import os
import time

from durable_runtime._service import ServiceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_REFRESH_SECONDS = 300
_ECS_HOST = "http://169.254.170.2"


class Credentials:
    """An access key, its secret, and the session token of a role."""

    __slots__ = ("key", "secret", "token")

    def __init__(self, key: str, secret: str, token: str | None) -> None:
        self.key = key
        self.secret = secret
        self.token = token

    def __repr__(self) -> str:
        return f"Credentials(key={self.key!r})"  # the secret stays out of logs


_kept: tuple[float, Credentials] | None = None


def current() -> Credentials:
    """Return the credentials of this moment; they are read anew for each call, because they rotate.

    Raises:
        ServiceError: There are none.
    """
    environ = os.environ
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return Credentials(key, secret, environ.get("AWS_SESSION_TOKEN") or None)
    url = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url and (path := environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")):
        url = _ECS_HOST + path
    if url:
        return _from_container(url)
    raise ServiceError(
        0,
        "NoCredentials",
        "the environment has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; Lambda sets them, elsewhere set them "
        "yourself or pass `boto3_client=` to durable_execution",
    )


def _from_container(url: str) -> Credentials:
    """Ask the execution environment; functions with SnapStart get their credentials this way."""
    global _kept  # noqa: PLW0603  one set of credentials per execution environment
    if _kept is not None and _kept[0] - time.time() > _REFRESH_SECONDS:
        return _kept[1]
    from durable_runtime._http import Connection, Endpoint

    try:
        endpoint = Endpoint(url)
    except ValueError as error:
        raise ServiceError(0, "NoCredentials", f"AWS_CONTAINER_CREDENTIALS_FULL_URI cannot be used: {error}") from error
    connection = Connection(endpoint, 2)
    headers = {"host": endpoint.authority, "accept": "application/json", "connection": "close"}
    token = _authorization()
    if token:
        headers["authorization"] = token
    try:
        reply = connection.request("GET", endpoint.path or "/", headers, b"", 5)
    except OSError as error:
        raise ServiceError(0, "NoCredentials", f"the credentials of the environment cannot be read: {error}") from error
    finally:
        connection.close()
    if reply.status != 200:
        raise ServiceError(0, "NoCredentials", f"the environment refused credentials with HTTP {reply.status}")
    expires, credentials = _parse(reply.body)
    _kept = (expires, credentials)
    return credentials


def _authorization() -> str | None:
    path = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    if path:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  pathlib costs cold start
            return file.read().strip()
    return os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")


def _parse(body: bytes) -> tuple[float, Credentials]:
    """Read the reply: keys, token, and when they expire."""
    import json
    from datetime import datetime

    try:
        parts: dict[str, Any] = json.loads(body)
        expires = datetime.fromisoformat(parts["Expiration"]).timestamp() if parts.get("Expiration") else 0.0
        return expires, Credentials(parts["AccessKeyId"], parts["SecretAccessKey"], parts.get("Token"))
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(0, "NoCredentials", f"the environment's credentials cannot be read: {error!r}") from error
