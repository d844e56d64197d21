"""The service client of a function in Lambda: signed HTTP on the standard library.

Needs no boto3: importing it and building its Lambda client takes a fifth of a second and 30 MB, before the
first checkpoint is sent.
"""

from __future__ import annotations

import json
import os
import sys
import time

from durable_runtime import _credentials
from durable_runtime._http import Connection, Endpoint, Reply, StaleConnectionError
from durable_runtime._service import ServiceError
from durable_runtime._sigv4 import Signer, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._proxy import Proxy

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 50.0
MAX_ATTEMPTS = 5
"""Calls in all, the first included; a retry carries the same client token, so the service counts it once."""

_BASE_DELAY = 0.1
_THROTTLED_DELAY = 0.5
_MAX_DELAY = 10.0
_DEADLINE_MARGIN = 0.1

# Partition to (DNS suffix, DNS suffix of dual-stack endpoints).
_SUFFIXES = {
    "aws": ("amazonaws.com", "api.aws"),
    "aws-cn": ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "aws-us-gov": ("amazonaws.com", "api.aws"),
    "aws-iso": ("c2s.ic.gov", "api.aws.ic.gov"),
    "aws-iso-b": ("sc2s.sgov.gov", "api.aws.scloud"),
    "aws-iso-e": ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    "aws-iso-f": ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    "aws-eusc": ("amazonaws.eu", "api.amazonwebservices.eu"),
}

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class HttpServiceClient:
    """Calls the service; connections are kept between calls and between invocations."""

    def __init__(
        self,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        max_attempts: int = MAX_ATTEMPTS,
        remaining: Callable[[], float] | None = None,
    ) -> None:
        """Make a client.

        Args:
            connect_timeout: Seconds to wait for a connection.
            read_timeout: Seconds to wait for a reply.
            max_attempts: Calls in all, the first included.
            remaining: Tells the seconds left; no attempt and no pause outlasts them.
        """
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._max_attempts = max_attempts
        self._remaining = remaining
        self._pool: dict[str, list[Connection]] = {}
        self._signers: dict[str, Signer] = {}

    def bounded(self, remaining: Callable[[], float]) -> HttpServiceClient:
        """Return a client on the same connections that minds the seconds left of an invocation."""
        client = object.__new__(HttpServiceClient)
        vars(client).update(vars(self), _remaining=remaining)
        return client

    def checkpoint(
        self,
        arn: str,
        token: str,
        updates: list[dict[str, Any]],
        client_token: str,
    ) -> dict[str, Any]:
        """Record updates; answer with the next token and what changed."""
        request = {"CheckpointToken": token, "Updates": updates, "ClientToken": client_token}
        return self._call("POST", arn, "checkpoint", "", _dumps(request).encode())

    def get_state(self, arn: str, token: str, marker: str, max_items: int) -> dict[str, Any]:
        """Read one page of the history."""
        parameters = {"CheckpointToken": token, "Marker": marker, "MaxItems": str(max_items)}
        query = "&".join(f"{key}={quote(value)}" for key, value in parameters.items() if value)
        return self._call("GET", arn, "state", query, b"")

    def close(self) -> None:
        """Close all kept connections."""
        while self._pool:
            for connection in self._pool.popitem()[1]:
                connection.close()

    def _call(self, method: str, arn: str, action: str, query: str, body: bytes) -> dict[str, Any]:
        """Send until an answer counts: not for throttling, trouble of the service, or a broken connection."""
        attempt = 1
        while True:
            try:
                reply = self._send(method, arn, action, query, body)
                error = None if reply.status == 200 else _error_of(reply)
                if error is None:
                    return _parse(reply)
            except OSError as failure:
                reply, error = None, _network_error(failure)
                error.__cause__ = failure
            except ServiceError as failure:
                if failure.code != "InvalidResponse":
                    raise
                reply, error = None, failure
            pause = self._pause(error, reply, attempt)
            if pause is None:
                raise error
            time.sleep(pause)
            attempt += 1

    def _pause(self, error: ServiceError, reply: Reply | None, attempt: int) -> float | None:
        """Say how long to wait before the next attempt, or None to give up."""
        transient = error.status in (0, 429) or (error.status >= 500 and not error.code.startswith("KMS"))
        if not transient or attempt >= self._max_attempts:
            return None
        from random import random

        base = _THROTTLED_DELAY if error.status == 429 else _BASE_DELAY
        pause: float = random() * min(_MAX_DELAY, base * 2 ** (attempt - 1))  # noqa: S311  spreads load, keeps no secret
        asked = reply.headers.get("retry-after", "") if reply is not None else ""
        if asked.isdecimal():
            pause = max(pause, min(float(asked), _MAX_DELAY))
        if self._remaining is not None and pause >= self._remaining() - _DEADLINE_MARGIN:
            return None
        return pause

    def _send(self, method: str, arn: str, action: str, query: str, body: bytes) -> Reply:
        """Sign and send one request; a connection that died while it was idle is replaced at once."""
        region, endpoint = _endpoint_for(arn)
        path = f"{endpoint.path}/2025-12-01/durable-executions/{quote(arn)}/{action}"
        signed = {"host": endpoint.authority}
        if body:
            signed["content-type"] = "application/json"
        signer = self._signers.get(region) or self._signers.setdefault(region, Signer("lambda", region))
        added = signer.sign(
            _credentials.current(),
            method=method,
            path=path,
            query=query,
            headers=signed,
            body=body,
            now=time.time(),
        )
        headers = signed | added | {"user-agent": _user_agent()} | _trace()
        target = f"{path}?{query}" if query else path
        proxy_url = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY") if endpoint.secure else None
        idle = self._pool.setdefault(f"{endpoint.secure}{endpoint.authority} {proxy_url}", [])
        while True:
            try:
                connection = idle.pop()
            except IndexError:  # none, or another thread was faster
                connection = Connection(endpoint, self._connect_timeout, _proxy_for(endpoint, proxy_url))
            try:
                reply = connection.request(method, target, headers, body, self._timeout())
            except StaleConnectionError:
                continue  # each of these was kept from before; the pool runs out of them
            if connection.is_open:
                idle.append(connection)
            return reply

    def _timeout(self) -> float:
        """Return the read timeout, shortened to what is left of the invocation."""
        if self._remaining is None:
            return self._read_timeout
        return max(0.05, min(self._read_timeout, self._remaining() - _DEADLINE_MARGIN))


_endpoints: dict[tuple[str | None, ...], Endpoint] = {}


def _endpoint_for(arn: str) -> tuple[str, Endpoint]:
    """Return region and endpoint: configured ones first, else by the partition and region of the ARN."""
    environ = os.environ
    parts = arn.split(":", 5)
    partition, region = (parts[1], parts[3]) if len(parts) == 6 else ("aws", "")
    region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if not region:
        raise ServiceError(0, "NoRegion", f"neither the ARN {arn!r} nor AWS_REGION names a region")
    url = None
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        url = environ.get("AWS_ENDPOINT_URL_LAMBDA") or environ.get("AWS_ENDPOINT_URL")
    fips, dual = environ.get("AWS_USE_FIPS_ENDPOINT"), environ.get("AWS_USE_DUALSTACK_ENDPOINT")
    key = (url, partition, region, fips, dual)
    endpoint = _endpoints.get(key)
    if endpoint is None:
        try:
            endpoint = _endpoints[key] = Endpoint(url or _service_url(partition, region, fips, dual))
        except ValueError as error:
            raise ServiceError(0, "InvalidEndpoint", str(error)) from error
    return region, endpoint


def _service_url(partition: str, region: str, fips: str | None, dual: str | None) -> str:
    suffixes = _SUFFIXES.get(partition, _SUFFIXES["aws"])
    name = "lambda-fips" if (fips or "").lower() == "true" else "lambda"
    return f"https://{name}.{region}.{suffixes[(dual or '').lower() == 'true']}"


def _proxy_for(endpoint: Endpoint, url: str | None) -> Proxy | None:
    """Return the proxy that the environment asks for; most have none."""
    if not url:
        return None
    from durable_runtime._proxy import proxy_for

    try:
        return proxy_for(endpoint, url)
    except ValueError as error:
        raise ServiceError(0, "InvalidProxy", str(error)) from error


def _user_agent() -> str:
    import durable_runtime

    version = getattr(durable_runtime, "__version__", "0")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"constructs-durable/{version} lang/python#{python}"


def _trace() -> dict[str, str]:
    """Pass on Lambda's trace header, as AWS's SDKs do: it carries X-Ray's parent and the recursion guard."""
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    return {"x-amzn-trace-id": trace} if trace and os.environ.get("AWS_LAMBDA_FUNCTION_NAME") else {}


def _parse(reply: Reply) -> dict[str, Any]:
    try:
        parsed = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise ServiceError(0, "InvalidResponse", f"the service answered with no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise ServiceError(0, "InvalidResponse", f"the service answered {type(parsed).__name__}, not an object")
    return parsed


def _error_of(reply: Reply) -> ServiceError:
    """Read code and text of an error reply, wherever the service put them."""
    try:
        body = json.loads(reply.body) if reply.body else {}
    except (ValueError, RecursionError):
        body = {}
    if not isinstance(body, dict):
        body = {}
    code = reply.headers.get("x-amzn-errortype") or body.get("__type") or body.get("code") or ""
    code = str(code).partition(":")[0].rpartition("#")[2]
    text = body.get("message") or body.get("Message") or reply.body[:200].decode("utf-8", "replace")
    return ServiceError(reply.status, code or f"HTTP{reply.status}", str(text))


def _network_error(failure: OSError) -> ServiceError:
    """Describe a failure without an answer."""
    if isinstance(failure, TimeoutError):
        return ServiceError(0, "Timeout", f"the service did not answer in time: {failure}")
    return ServiceError(0, "ConnectionError", f"the service cannot be reached: {type(failure).__name__}: {failure}")
