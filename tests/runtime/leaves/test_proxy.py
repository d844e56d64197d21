"""HTTPS_PROXY and NO_PROXY: through a real CONNECT proxy on loopback, with botocore as the oracle of what is spared."""

from __future__ import annotations

import contextlib
import socket
import threading

import botocore.utils
import pytest

from durable_runtime import _http, _transport
from durable_runtime._http import Endpoint
from durable_runtime._proxy import Proxy, proxy_for
from durable_runtime._service import ServiceError
from durable_runtime._transport import HttpServiceClient
from tests.runtime.leaves.wire import OK, Server

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/n/i"


class ConnectProxy:
    """A proxy that opens tunnels, or answers CONNECT with the bytes it is given."""

    def __init__(self, answer=b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n"):
        self.answer = answer
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                link, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        with contextlib.suppress(OSError), link:
            head = b""
            while b"\r\n\r\n" not in head:
                head += link.recv(65_536)
            self.heads.append(head.decode("latin-1"))
            link.sendall(self.answer)
            if b" 200 " not in self.answer:
                return
            host, port = head.split(b" ")[1].rsplit(b":", 1)
            with socket.create_connection((host.decode(), int(port)), 5) as far:
                back = threading.Thread(target=self._pump, args=(far, link), daemon=True)
                back.start()
                self._pump(link, far)

    @staticmethod
    def _pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def client(environ, secure_url, certificate):
    environ.setattr(_http, "_context", None)
    environ.setattr(_transport.time, "sleep", lambda _seconds: None)
    environ.setenv("AWS_ENDPOINT_URL_LAMBDA", secure_url)
    environ.setenv("AWS_CA_BUNDLE", str(certificate))
    made = HttpServiceClient(max_attempts=2, connect_timeout=2, read_timeout=2)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}", "http://127.0.0.1:{}/"])
def test_calls_go_through_a_tunnel_that_is_kept(environ, client, secure_url, name, form):
    with ConnectProxy() as proxy:
        environ.setenv(name, form.format(proxy.port))
        assert client.checkpoint(ARN, "t", [], "c") == OK
        assert client.checkpoint(ARN, "t", [], "c") == OK
        client.close()
    authority = secure_url.removeprefix("https://")
    assert proxy.heads == [f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n"]


def test_the_proxy_learns_name_and_password_and_the_service_does_not(environ, client):
    with ConnectProxy() as proxy:
        environ.setenv("HTTPS_PROXY", f"http://user:p%40ss%zz@127.0.0.1:{proxy.port}")
        assert client.checkpoint(ARN, "t", [], "c") == OK
        client.close()
    assert "proxy-authorization: Basic dXNlcjpwQHNzJXp6\r\n" in proxy.heads[0]  # user:p@ss%zz


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", "refused the connection with HTTP 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", "refused the connection with HTTP 502"),
        (b"SSH-2.0-nonsense\r\n\r\n", "not an HTTP reply"),
        (b"", "closed the connection"),
    ],
    ids=["407", "502", "nonsense", "closed"],
)
def test_a_proxy_that_refuses_is_a_connection_error_that_says_so(environ, client, answer, message):
    with ConnectProxy(answer) as proxy:
        environ.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{proxy.port}")
        with pytest.raises(ServiceError, match=message) as caught:
            client.checkpoint(ARN, "t", [], "c")
    assert (caught.value.status, caught.value.code) == (0, "ConnectionError")
    assert "secret" not in str(caught.value)
    assert len(proxy.heads) == 2


def test_a_proxy_that_never_answers_is_given_up(environ, client):
    with ConnectProxy(b"HTTP/1.1 200 ") as proxy:
        environ.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        environ.setenv("AWS_ENDPOINT_URL_LAMBDA", f"https://127.0.0.1:{proxy.port}")
        impatient = HttpServiceClient(max_attempts=1, connect_timeout=0.2, read_timeout=2)
        with pytest.raises(ServiceError, match=r"Timeout|ConnectionError"):
            impatient.checkpoint(ARN, "t", [], "c")


def test_nobody_listening_at_the_proxy_is_a_connection_error(environ, client):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environ.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(ServiceError, match="ConnectionRefusedError"):
        client.checkpoint(ARN, "t", [], "c")


def test_http_endpoints_and_spared_ones_are_called_directly(environ, client, secure_url):
    environ.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    environ.setenv("NO_PROXY", "example.com,127.0.0.1")
    assert client.checkpoint(ARN, "t", [], "c") == OK
    environ.delenv("NO_PROXY")
    with Server() as server:
        environ.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        assert client.checkpoint(ARN, "t", [], "c") == OK


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:secret@proxy:1", "must be spoken to in http://, not https://"),
        ("socks5://proxy:1", "not socks5://"),
        ("http://user:secret@", "is not of the form"),
        ("http://user:secret@host:port", "is not of the form"),
        ("http://user:secret@host:99999", "is not of the form"),
        ("  ", "is not of the form"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(environ, client, url, message):
    environ.setenv("HTTPS_PROXY", url)
    with pytest.raises(ServiceError, match=message) as caught:
        client.checkpoint(ARN, "t", [], "c")
    assert caught.value.code == "InvalidProxy"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "spared",
    [
        "",
        "*",
        "amazonaws.com",
        ".amazonaws.com",
        "lambda.us-east-1.amazonaws.com",
        "LAMBDA.US-EAST-1.AMAZONAWS.COM",
        "us-east-1.amazonaws.com:443",
        "us-east-1.amazonaws.com:8443",
        "azonaws.com",
        "other.com, .amazonaws.com ,",
        "other.com,,",
        "lambda",
        "com",
        ".",
        "10.0.0.0/8",
    ],
)
@pytest.mark.parametrize(
    "url", ["https://lambda.us-east-1.amazonaws.com", "https://lambda.us-east-1.amazonaws.com:8443"]
)
def test_what_no_proxy_spares_is_what_botocore_spares(environ, spared, url):
    environ.setenv("NO_PROXY", spared)
    environ.setenv("HTTPS_PROXY", "http://proxy:3128")
    # urllib looks for the port as written, and we know that of https.
    expected = bool(botocore.utils.get_environ_proxies(url if ":8443" in url else f"{url}:443"))
    assert (proxy_for(Endpoint(url), "http://proxy:3128") is not None) == expected


def test_a_proxy_has_a_default_port():
    assert (Proxy("proxy").host, Proxy("proxy").port) == ("proxy", 80)
