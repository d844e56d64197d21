"""The proxy that a closed network asks for: HTTPS_PROXY and NO_PROXY, read as the standard library reads them.

Loaded when HTTPS_PROXY is set. Only https endpoints go through a proxy, in a tunnel, so it sees no request; an http
endpoint is one for development, on this machine.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from durable_runtime._http import Endpoint


class Proxy:
    """Where to ask for a tunnel, and in whose name.

    Attributes:
        host: Host of the proxy.
        port: Its port.
        authorization: Value of the Proxy-Authorization header, or None.
    """

    __slots__ = ("authorization", "host", "port")

    def __init__(self, url: str) -> None:
        """Read a proxy's URL; one without a scheme is http.

        Raises:
            ValueError: The URL is not of that form.
        """
        from durable_runtime._http import Endpoint

        scheme, separator, rest = url.strip().partition("://")
        if not separator:
            scheme, rest = "http", scheme
        account, _, authority = rest.rpartition("@")
        if scheme.lower() != "http":
            raise ValueError(f"the proxy of HTTPS_PROXY must be spoken to in http://, not {scheme}://")
        try:
            endpoint = Endpoint(f"http://{authority}")
        except ValueError:  # its text would show the password
            raise ValueError("HTTPS_PROXY is not of the form http://[user:password@]host[:port]") from None
        self.host, self.port = endpoint.host, endpoint.port
        self.authorization = _basic(account) if account else None

    def head(self, endpoint: Endpoint) -> bytes:
        """Return the request for a tunnel to an endpoint."""
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        lines = [f"CONNECT {host}:{endpoint.port} HTTP/1.1", f"host: {host}:{endpoint.port}"]
        if self.authorization is not None:
            lines.append(f"proxy-authorization: {self.authorization}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def proxy_for(endpoint: Endpoint, url: str) -> Proxy | None:
    """Return the proxy at a URL, or None where NO_PROXY spares the endpoint."""
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    host = endpoint.host.lower()
    names = (host, f"{host}:{endpoint.port}")
    for entry in spared.lower().split(","):
        suffix = entry.strip().lstrip(".")
        if suffix == "*" or (suffix and any(name == suffix or name.endswith(f".{suffix}") for name in names)):
            return None
    return Proxy(url)


def _basic(account: str) -> str:
    from binascii import b2a_base64

    user, _, password = account.partition(":")
    plain = _unquote(user) + b":" + _unquote(password)
    return f"Basic {b2a_base64(plain, newline=False).decode()}"


def _unquote(text: str) -> bytes:
    """Undo percent-encoding; `urllib.parse` would cost 9 ms of cold start."""
    first, *rest = text.encode().split(b"%")
    parts = [first]
    for part in rest:
        try:
            parts.append(bytes.fromhex(part[:2].decode()) + part[2:])
        except ValueError:
            parts.append(b"%" + part)
    return b"".join(parts)
