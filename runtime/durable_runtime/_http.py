"""One keep-alive HTTP/1.1 connection, as far as a JSON API needs it.

The standard library's `http.client` loads the e-mail parser and `ssl` for 24 ms of cold start, also where
neither is used. A request is one write; a reply is a status, headers and a body of known or chunked length.
"""

from __future__ import annotations

import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from durable_runtime._proxy import Proxy

MAX_HEAD = 65_536
MAX_BODY = 64 * 1024 * 1024


class StaleConnectionError(OSError):
    """A kept connection was closed by the other side before it answered anything."""


class BadReplyError(OSError):
    """What came back is not an HTTP reply."""


class ProxyError(OSError):
    """The proxy would not connect to the endpoint."""


class Reply:
    """A reply: status, headers with lower-case names, body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Endpoint:
    """Where to connect to."""

    __slots__ = ("host", "path", "port", "secure")

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.lower() not in ("http", "https"):
            raise ValueError(f"the endpoint {url!r} must start with http:// or https://")
        self.secure = scheme.lower() == "https"
        authority, slash, path = rest.partition("/")
        host, _, port = (
            authority.rpartition(":") if authority.rfind(":") > authority.rfind("]") else (authority, "", "")
        )
        if not host or (port and not (port.isdecimal() and int(port) < 65_536)) or "@" in authority or "?" in rest:
            raise ValueError(f"the endpoint {url!r} is not of the form http[s]://host[:port][/path]")
        self.host = host.strip("[]")
        self.port = int(port) if port else (443 if self.secure else 80)
        self.path = (slash + path).rstrip("/")

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


class Connection:
    """A connection that is opened when first used and reopened when the other side has closed it."""

    __slots__ = ("_buffer", "_connect_timeout", "_deadline", "_endpoint", "_proxy", "_socket")

    def __init__(self, endpoint: Endpoint, connect_timeout: float, proxy: Proxy | None = None) -> None:
        self._endpoint = endpoint
        self._connect_timeout = connect_timeout
        self._proxy = proxy
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._deadline = 0.0

    @property
    def is_open(self) -> bool:
        """Say whether the next request reuses a connection."""
        return self._socket is not None

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        kept, self._socket = self._socket, None
        self._buffer.clear()
        if kept is not None:
            kept.close()

    def request(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        read_timeout: float,
    ) -> Reply:
        """Send a request and read the reply, which must be there after ``read_timeout`` seconds.

        Raises:
            StaleConnectionError: A kept connection had been closed; nothing of the request was answered.
            OSError: Any other failure of the network, timeouts included.
        """
        reused = self._socket is not None
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        try:
            link = self._socket or self._connect(min(self._connect_timeout, read_timeout))
            link.settimeout(read_timeout)
            self._deadline = time.monotonic() + read_timeout
            self._buffer.clear()
            link.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body)
            reply = self._read_reply(link)
        except BaseException as error:
            unanswered = not self._buffer and not isinstance(error, TimeoutError)
            self.close()
            if reused and unanswered and isinstance(error, OSError):
                raise StaleConnectionError(str(error)) from error
            raise
        return reply

    def _connect(self, timeout: float) -> socket.socket:
        endpoint = self._endpoint
        target = self._proxy or endpoint
        try:
            link = socket.create_connection((target.host, target.port), timeout)
        except UnicodeError as error:
            raise OSError(f"{target.host!r} is no host name: {error}") from error
        try:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._proxy is not None:
                self._open_tunnel(link, self._proxy, timeout)
            if endpoint.secure:
                link = _tls().wrap_socket(link, server_hostname=endpoint.host)
        except BaseException:
            link.close()
            raise
        self._socket = link
        return link

    def _open_tunnel(self, link: socket.socket, proxy: Proxy, timeout: float) -> None:
        """Ask a proxy to connect to the endpoint."""
        self._deadline = time.monotonic() + timeout
        self._buffer.clear()
        link.sendall(proxy.head(self._endpoint))
        status, _ = self._read_head(link)
        if not 200 <= status < 300:
            raise ProxyError(f"the proxy {proxy.host}:{proxy.port} refused the connection with HTTP {status}")

    def _read_reply(self, link: socket.socket) -> Reply:
        status, headers = self._read_head(link)
        while status < 200:  # 100 Continue and its kin come before the real reply
            status, headers = self._read_head(link)
        coding = headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length")
        if status in (204, 304):
            body = b""
        elif coding == "chunked":
            body = b"".join(self._chunks(link))
        elif length is not None and length.isdecimal() and int(length) <= MAX_BODY:
            body = self._take(link, int(length))
        elif length is None and not coding:
            body = self._take_all(link)
            headers["connection"] = "close"
        else:
            raise BadReplyError(f"cannot read a body with content-length {length!r}, transfer-encoding {coding!r}")
        if headers.get("connection", "").lower() == "close" or self._buffer:
            self.close()
        return Reply(status, headers, body)

    def _read_head(self, link: socket.socket) -> tuple[int, dict[str, str]]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadReplyError(f"the reply's headers are longer than {MAX_HEAD} bytes")
            self._receive(link)
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        version, _, rest = lines[0].partition(" ")
        code = rest[:3]
        if not version.startswith("HTTP/1.") or not code.isdecimal():
            raise BadReplyError(f"not an HTTP reply: {lines[0][:80]!r}")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if version == "HTTP/1.0" and headers.get("connection", "").lower() != "keep-alive":
            headers["connection"] = "close"
        return int(code), headers

    def _chunks(self, link: socket.socket) -> Iterator[bytes]:
        total = 0
        while True:
            size_text = self._take_line(link).partition(b";")[0].strip()
            try:
                size = int(size_text, 16)
            except ValueError:
                raise BadReplyError(f"not a chunk size: {bytes(size_text[:20])!r}") from None
            total += size
            if size < 0 or total > MAX_BODY:
                raise BadReplyError(f"the reply's body is longer than {MAX_BODY} bytes")
            if size == 0:
                break
            yield self._take(link, size)
            if self._take(link, 2) != b"\r\n":
                raise BadReplyError("a chunk does not end where it should")
        while self._take_line(link):
            pass  # trailers carry nothing for us

    def _take_line(self, link: socket.socket) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadReplyError("a line of the reply is too long")
            self._receive(link)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take(self, link: socket.socket, length: int) -> bytes:
        while len(self._buffer) < length:
            self._receive(link)
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _take_all(self, link: socket.socket) -> bytes:
        while data := self._recv(link):
            self._buffer += data
            if len(self._buffer) > MAX_BODY:
                raise BadReplyError(f"the reply's body is longer than {MAX_BODY} bytes")
        body = bytes(self._buffer)
        self._buffer.clear()
        return body

    def _receive(self, link: socket.socket) -> None:
        data = self._recv(link)
        if not data:
            raise ConnectionResetError("the other side closed the connection in the middle of a reply")
        self._buffer += data

    def _recv(self, link: socket.socket) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the reply did not end in time")
        link.settimeout(left)
        return link.recv(65_536)


_context = None


def _tls() -> Any:
    """Return the TLS context of this process; `ssl` and its certificates load with the first https request."""
    global _context  # noqa: PLW0603  building it reads every certificate of the bundle
    if _context is None:
        import os
        import ssl

        bundle = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
        _context = ssl.create_default_context(cafile=bundle)
        _context.set_alpn_protocols(["http/1.1"])
    return _context
