"""https: certificates are checked, against the bundle that the environment names."""

from __future__ import annotations

import pytest

from durable_runtime import _http, _transport
from durable_runtime._service import ServiceError
from durable_runtime._transport import HttpServiceClient
from tests.runtime.leaves.wire import OK

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/n/i"


@pytest.fixture
def client(environ, secure_url):
    environ.setattr(_http, "_context", None)
    environ.setattr(_transport.time, "sleep", lambda _seconds: None)
    environ.setenv("AWS_ENDPOINT_URL_LAMBDA", secure_url)
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
