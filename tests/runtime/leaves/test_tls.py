"""https: certificates are checked, against the bundle that the environment names."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading

import pytest

from durable_runtime import _http, _transport
from durable_runtime._service import ServiceError
from durable_runtime._transport import HttpServiceClient
from tests.runtime.leaves.wire import OK, reply

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/n/i"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of our own for loopback, in a file with its key."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    return path


@pytest.fixture
def url(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                link, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(link, server_side=True) as secure:
                    while secure.recv(65_536):
                        secure.sendall(reply())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def client(environ, url):
    environ.setattr(_http, "_context", None)
    environ.setattr(_transport.time, "sleep", lambda _seconds: None)
    environ.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
    made = HttpServiceClient(max_attempts=2)
    yield made
    made.close()


def test_a_certificate_of_the_configured_bundle_is_trusted(environ, client, certificate):
    environ.setenv("AWS_CA_BUNDLE", str(certificate))
    assert client.checkpoint(ARN, "t", [], "c") == OK
    assert client.checkpoint(ARN, "t", [], "c") == OK


def test_any_other_certificate_is_refused(client):
    with pytest.raises(ServiceError, match="certificate verify failed"):
        client.checkpoint(ARN, "t", [], "c")
