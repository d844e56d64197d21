"""The service client against a real HTTP server: what it sends, how it retries, what it refuses."""

from __future__ import annotations

import json
import threading
import time

import pytest

from durable_runtime import _transport
from durable_runtime._http import Connection, Endpoint
from durable_runtime._service import Boto3ServiceClient, ServiceError, classify
from durable_runtime._transport import HttpServiceClient
from durable_runtime.exceptions import DurableApiErrorCategory
from tests.runtime.leaves.wire import CLOSE, HANG, OK, Server, reply

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:orders:$LATEST/durable-execution/order-1/0a1b"
QUOTED = (
    "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aorders%3A%24LATEST"
    "%2Fdurable-execution%2Forder-1%2F0a1b"
)
STALE = {"x-amzn-errortype": "InvalidParameterValueException:http://x"}
THROTTLED = {"x-amzn-errortype": "TooManyRequestsException"}
UPDATES = [{"Id": "a", "Type": "STEP", "Action": "SUCCEED", "Payload": '"é\u2028"'}]


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between attempts, which take no time here."""
    recorded = []
    monkeypatch.setattr(_transport.time, "sleep", recorded.append)
    return recorded


@pytest.fixture
def client(environ):
    made = HttpServiceClient(connect_timeout=2, read_timeout=2)
    yield made
    made.close()


def serve(environ, *script):
    server = Server(*script)
    environ.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
    return server


def test_a_checkpoint_is_one_signed_post_with_the_arn_as_one_path_segment(environ, client):
    with serve(environ) as server:
        assert client.checkpoint(ARN, "token=", UPDATES, "client-1") == OK
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", f"/2025-12-01/durable-executions/{QUOTED}/checkpoint")
    assert request.json == {"CheckpointToken": "token=", "Updates": UPDATES, "ClientToken": "client-1"}
    assert "é".encode() in request.body
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/lambda/aws4_request" in request.headers["authorization"]
    assert request.headers["content-type"] == "application/json"
    assert "constructs-durable/" in request.headers["user-agent"]
    assert "x-amz-security-token" not in request.headers


def test_a_page_of_state_is_a_get_with_an_encoded_query(environ, client):
    with serve(environ, reply(body={"Operations": []})) as server:
        assert client.get_state(ARN, "a+/=", "m k", 1000) == {"Operations": []}
        client.get_state(ARN, "t", "", 10)
    first, second = server.requests
    assert first.target == (
        f"/2025-12-01/durable-executions/{QUOTED}/state?CheckpointToken=a%2B%2F%3D&Marker=m%20k&MaxItems=1000"
    )
    assert (first.method, first.body) == ("GET", b"")
    assert second.target.endswith("/state?CheckpointToken=t&MaxItems=10")


def test_the_connection_is_kept_between_calls(environ, client):
    with serve(environ) as server:
        for _ in range(5):
            client.checkpoint(ARN, "t", [], "c")
        assert server.connections == 1


def test_a_reply_that_says_close_is_the_last_of_its_connection(environ, client):
    with serve(environ, reply(headers={"Connection": "close"})) as server:
        client.checkpoint(ARN, "t", [], "c")
        client.checkpoint(ARN, "t", [], "c")
        assert server.connections == 2


def test_a_connection_that_died_while_idle_is_replaced_at_once(environ, client, pauses):
    with serve(environ) as server:
        client.checkpoint(ARN, "t", [], "c1")
        server.drop_connections()
        assert client.checkpoint(ARN, "t", [], "c2") == OK
        assert server.connections == 2
    assert [request.json["ClientToken"] for request in server.requests] == ["c1", "c2"]
    assert pauses == []


def test_calls_at_the_same_time_use_connections_of_their_own(environ, client):
    with serve(environ) as server:
        barrier = threading.Barrier(4)
        results = []

        def call():
            barrier.wait()
            results.append(client.checkpoint(ARN, "t", [], "c"))

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert results == [OK] * 4
        assert server.connections <= 4


@pytest.mark.parametrize(
    "trouble",
    [
        reply(500, {"Type": "Service", "Message": "oops"}, {"x-amzn-errortype": "ServiceException"}),
        reply(503, raw=b"<html>busy</html>"),
        reply(429, {"message": "slow down"}, {"x-amzn-errortype": "TooManyRequestsException"}),
        CLOSE,
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", CLOSE),
        b"HTTP/1.1 two-hundred\r\n\r\n",
        reply(200, raw=b"not json"),
        reply(200, ["not an object"]),
        (b"SSH-2.0-OpenSSH\r\n\r\n", CLOSE),
    ],
)
def test_passing_trouble_is_retried_with_the_same_client_token(environ, client, pauses, trouble):
    with serve(environ, trouble, trouble, reply()) as server:
        assert client.checkpoint(ARN, "t", UPDATES, "once") == OK
    assert [request.json["ClientToken"] for request in server.requests] == ["once"] * 3
    assert len(pauses) == 2
    assert all(0 <= pause <= 2 for pause in pauses)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            reply(400, {"Type": "User", "message": "Invalid checkpoint token"}, STALE),
            (400, "InvalidParameterValueException", "Invalid checkpoint token"),
        ),
        (
            reply(404, {"__type": "com.amazonaws#ResourceNotFoundException", "Message": "no"}),
            (404, "ResourceNotFoundException", "no"),
        ),
        (reply(403, {"code": "AccessDenied"}), (403, "AccessDenied", '{"code": "AccessDenied"}')),
        (
            reply(502, {"Message": "key gone"}, {"x-amzn-errortype": "KMSDisabledException"}),
            (502, "KMSDisabledException", "key gone"),
        ),
        (reply(413, raw=b""), (413, "HTTP413", "")),
        (reply(302, raw=b"", headers={"Location": "/elsewhere"}), (302, "HTTP302", "")),
        (reply(400, raw=b"[]"), (400, "HTTP400", "[]")),
    ],
)
def test_a_refusal_is_raised_at_once_with_status_code_and_text(environ, client, pauses, script, expected):
    with serve(environ, script) as server, pytest.raises(ServiceError) as caught:
        client.checkpoint(ARN, "t", [], "c")
    assert (caught.value.status, caught.value.code, caught.value.message) == expected
    assert len(server.requests) == 1
    assert pauses == []


def test_attempts_are_bounded(environ, client, pauses):
    with serve(environ, reply(503)) as server, pytest.raises(ServiceError) as caught:
        client.checkpoint(ARN, "t", [], "c")
    assert caught.value.status == 503
    assert len(server.requests) == _transport.MAX_ATTEMPTS
    assert len(pauses) == _transport.MAX_ATTEMPTS - 1


def test_a_server_that_never_answers_ends_in_a_timeout(environ, pauses):
    client = HttpServiceClient(read_timeout=0.05, max_attempts=2)
    with serve(environ, HANG) as server, pytest.raises(ServiceError) as caught:
        client.checkpoint(ARN, "t", [], "c")
    assert (caught.value.status, caught.value.code) == (0, "Timeout")
    assert len(server.requests) == 2


def test_a_reply_that_never_ends_is_given_up(environ, pauses):
    client = HttpServiceClient(read_timeout=0.2, max_attempts=1)
    drip = (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", *[(0.01, b"x")] * 1000)
    with serve(environ, drip), pytest.raises(ServiceError) as caught:
        client.checkpoint(ARN, "t", [], "c")
    assert (caught.value.status, caught.value.code) == (0, "Timeout")


def test_nobody_listening_is_a_connection_error(environ, client, pauses):
    with serve(environ):
        pass
    with pytest.raises(ServiceError) as caught:
        client.checkpoint(ARN, "t", [], "c")
    assert (caught.value.status, caught.value.code) == (0, "ConnectionError")
    assert len(pauses) == _transport.MAX_ATTEMPTS - 1


def test_retry_after_is_honoured_and_bounded(environ, client, pauses):
    late = reply(429, {"message": "x"}, {"Retry-After": "7"})
    never = reply(429, {"message": "x"}, {"Retry-After": "86400"})
    with serve(environ, late, never, reply()):
        client.checkpoint(ARN, "t", [], "c")
    assert pauses == [7, 10]


def test_no_pause_outlasts_the_invocation(environ, client, pauses):
    with serve(environ, reply(429, {"message": "x"}, {"Retry-After": "5"})) as server:
        with pytest.raises(ServiceError):
            client.bounded(lambda: 4.0).checkpoint(ARN, "t", [], "c")
        assert len(server.requests) == 1
    assert pauses == []


def test_no_read_outlasts_the_invocation(environ, pauses):
    client = HttpServiceClient(max_attempts=1).bounded(lambda: 0.2)
    started = time.monotonic()
    with serve(environ, HANG), pytest.raises(ServiceError, match="did not answer in time"):
        client.checkpoint(ARN, "t", [], "c")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "text",
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'5;ext=1\r\n{"Ope\r\nC\r\nrations": []\r\n1\r\n}\r\n0\r\nT: x\r\n\r\n'
        ),
        b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-LENGTH:18\r\n\r\n{"Operations": []}',
        (b'HTTP/1.0 200 OK\r\n\r\n{"Operations": []}', CLOSE),
        (b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"Operations": ', b"[]}", CLOSE),
    ],
)
def test_every_form_of_a_body_is_read(environ, client, text):
    with serve(environ, text, reply(body={"Operations": [1]})):
        assert client.get_state(ARN, "t", "", 1) == {"Operations": []}
        assert client.get_state(ARN, "t", "", 1) == {"Operations": [1]}


def test_a_body_that_arrives_byte_by_byte_is_read(environ, client):
    content = reply(body={"Operations": []})
    with serve(environ, tuple(content[i : i + 1] for i in range(len(content)))):
        assert client.get_state(ARN, "t", "", 1) == {"Operations": []}


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
    ],
)
def test_nonsense_on_the_wire_is_an_error_and_no_hang(environ, text):
    client = HttpServiceClient(read_timeout=2, max_attempts=1)
    with serve(environ, text), pytest.raises(ServiceError) as caught:
        client.get_state(ARN, "t", "", 1)
    assert caught.value.code == "ConnectionError"


def test_a_reply_nobody_asked_for_does_not_answer_the_next_request(environ, client):
    with serve(environ, reply() + reply(body={"Operations": ["wrong"]}), reply(body={"Operations": []})) as server:
        client.checkpoint(ARN, "t", [], "c")
        assert client.get_state(ARN, "t", "", 1) == {"Operations": []}
        assert server.connections == 2


def test_session_token_and_trace_header_are_sent_and_credentials_are_read_for_each_call(environ, client):
    environ.setenv("AWS_SESSION_TOKEN", "session")
    environ.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
    environ.setenv("_X_AMZN_TRACE_ID", "Root=1-2-3")
    with serve(environ) as server:
        client.checkpoint(ARN, "t", [], "c")
        environ.setenv("AWS_ACCESS_KEY_ID", "ROTATED")
        environ.delenv("AWS_SESSION_TOKEN")
        client.checkpoint(ARN, "t", [], "c")
    first, second = server.requests
    assert first.headers["x-amz-security-token"] == "session"
    assert "x-amz-security-token" in first.headers["authorization"]
    assert first.headers["x-amzn-trace-id"] == "Root=1-2-3"
    assert "Credential=ROTATED/" in second.headers["authorization"]
    assert "x-amz-security-token" not in second.headers


def test_credentials_of_the_container_are_fetched_once_and_renewed(environ, client, tmp_path):
    environ.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "token").write_text("Bearer x\n")
    environ.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))

    def grant(key, seconds):
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        return reply(body={"AccessKeyId": key, "SecretAccessKey": "s", "Token": "t", "Expiration": expires})

    with Server(grant("SHORT", 60), grant("LONG", 3600)) as granter, serve(environ) as server:
        environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", granter.url + "/creds")
        for _ in range(3):
            client.checkpoint(ARN, "t", [], "c")
    assert [request.target for request in granter.requests] == ["/creds", "/creds"]
    assert granter.requests[0].headers["authorization"] == "Bearer x"
    used = [request.headers["authorization"].split("Credential=")[1].split("/")[0] for request in server.requests]
    assert used == ["SHORT", "LONG", "LONG"]


@pytest.mark.parametrize("answer", [reply(403, {}), reply(200, raw=b"x"), reply(200, {"AccessKeyId": "x"}), CLOSE])
def test_credentials_that_cannot_be_had_are_an_error_that_says_so(environ, client, answer):
    environ.delenv("AWS_ACCESS_KEY_ID")
    with Server(answer) as granter:
        environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", granter.url)
        with pytest.raises(ServiceError) as caught:
            client.checkpoint(ARN, "t", [], "c")
    assert (caught.value.status, caught.value.code) == (0, "NoCredentials")


@pytest.mark.parametrize("url", ["169.254.170.23/v1/credentials", "http://", "http://h:99999/x"])
def test_a_credentials_uri_that_is_none_is_an_error_that_says_so(environ, client, url):
    environ.delenv("AWS_ACCESS_KEY_ID")
    environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    with serve(environ), pytest.raises(ServiceError, match="AWS_CONTAINER_CREDENTIALS_FULL_URI cannot be used"):
        client.checkpoint(ARN, "t", [], "c")


def test_no_credentials_at_all_is_an_error_that_says_what_to_do(environ, client):
    environ.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ServiceError, match=r"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.*boto3_client="):
        client.checkpoint(ARN, "t", [], "c")


def test_configured_endpoints_and_their_order(environ, client):
    with Server() as general, Server() as special:
        environ.setenv("AWS_ENDPOINT_URL", general.url + "/base/")
        client.checkpoint(ARN, "t", [], "c")
        environ.setenv("AWS_ENDPOINT_URL_LAMBDA", special.url)
        client.checkpoint(ARN, "t", [], "c")
    assert general.requests[0].target.startswith("/base/2025-12-01/durable-executions/")
    assert len(general.requests) == len(special.requests) == 1
    environ.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert _transport._endpoint_for(ARN)[1].host == "lambda.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    "url", ["localhost:3000", "ftp://x", "http://", "http://h:port", "http://u:p@h", "http://h?x=1"]
)
def test_an_endpoint_that_is_no_url_is_refused(environ, client, url):
    environ.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
    with pytest.raises(ServiceError) as caught:
        client.checkpoint(ARN, "t", [], "c")
    assert caught.value.code == "InvalidEndpoint"
    assert url in str(caught.value)


def test_endpoints_with_ports_and_ipv6():
    endpoint = Endpoint("http://[::1]:8080/x")
    assert (endpoint.host, endpoint.port, endpoint.authority, endpoint.path) == ("::1", 8080, "[::1]:8080", "/x")
    assert Endpoint("HTTPS://host").authority == "host"
    assert Endpoint("https://host:8443").authority == "host:8443"


def test_a_region_is_needed(environ, client):
    with pytest.raises(ServiceError, match="names a region"):
        client.checkpoint("not-an-arn", "t", [], "c")
    environ.setenv("AWS_REGION", "us-west-2")
    assert _transport._endpoint_for("not-an-arn")[1].host == "lambda.us-west-2.amazonaws.com"


def test_an_open_connection_is_closed_when_a_request_fails(environ):
    with Server(HANG) as server:
        endpoint = Endpoint(server.url)
        connection = Connection(endpoint, 1)
        with pytest.raises(TimeoutError):
            connection.request("GET", "/", {"host": endpoint.authority}, b"", 0.05)
        assert not connection.is_open


def test_a_boto3_client_is_spoken_to_in_its_own_words(environ):
    boto3 = pytest.importorskip("boto3")
    from botocore.config import Config

    with Server(reply(), reply(body={"Operations": []}), reply(429, {"message": "m"}, THROTTLED)) as server:
        config = Config(retries={"total_max_attempts": 1})
        made = boto3.client("lambda", region_name="us-east-1", endpoint_url=server.url, config=config)
        adapter = Boto3ServiceClient(made)
        assert adapter.checkpoint(ARN, "dG9r", [{"Id": "a", "Type": "STEP", "Action": "START"}], "c")["CheckpointToken"]
        assert adapter.get_state(ARN, "dG9r", "m", 5)["Operations"] == []
        with pytest.raises(ServiceError) as caught:
            adapter.checkpoint(ARN, "dG9r", [], "c")
        assert (caught.value.status, caught.value.code) == (429, "TooManyRequestsException")
        with pytest.raises(ServiceError) as caught:
            adapter.checkpoint(ARN, "dG9r", [{"Id": b"bytes"}], "c")
        assert (caught.value.status, caught.value.code) == (400, "ParamValidationError")
        made.close()
    assert server.requests[0].target == f"/2025-12-01/durable-executions/{QUOTED}/checkpoint"


def test_an_error_that_is_not_botocores_passes_through():
    class Broken:
        def checkpoint_durable_execution(self, **_arguments):
            raise KeyError("mine")

    with pytest.raises(KeyError):
        Boto3ServiceClient(Broken()).checkpoint(ARN, "t", [], "c")


@pytest.mark.parametrize(
    ("status", "code", "message", "category"),
    [
        (400, "InvalidParameterValueException", "Invalid checkpoint token", "INVOCATION"),
        (400, "InvalidParameterValueException", "Invalid parent operation id.", "EXECUTION"),
        (403, "AccessDeniedException", None, "EXECUTION"),
        (429, "TooManyRequestsException", None, "INVOCATION"),
        (500, "ServiceException", None, "INVOCATION"),
        (502, "KMSAccessDeniedException", None, "EXECUTION"),
        (0, "Timeout", None, "INVOCATION"),
    ],
)
def test_failed_calls_are_classified(status, code, message, category):
    assert classify(status, code, message) is DurableApiErrorCategory[category]


def test_the_body_is_compact_json(environ, client):
    with serve(environ) as server:
        client.checkpoint(ARN, "t", [{"Id": "a"}], "c")
    body = server.requests[0].body
    assert body == json.dumps(json.loads(body), separators=(",", ":")).encode()


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, '"' + "x" * 10], ids=["lists", "objects", "cut"])
@pytest.mark.parametrize("status", [200, 503])
def test_json_that_nobody_can_read_is_an_error_like_any_other(environ, client, pauses, text, status):
    """The standard library's reader gives up on deep nesting with a RecursionError."""
    with serve(environ, reply(status, raw=text.encode())), pytest.raises(ServiceError):
        client.checkpoint(ARN, "t", [], "c")
    assert len(pauses) == 4


@pytest.mark.parametrize("url", ["http://127.0.0.1:65536", "http://127.0.0.1:99999999"])
def test_a_port_that_cannot_be_is_refused(environ, client, url):
    environ.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
    with pytest.raises(ServiceError, match="is not of the form"):
        client.checkpoint(ARN, "t", [], "c")


def test_a_name_that_dns_cannot_know_is_a_connection_error(environ, client, pauses):
    environ.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://{'a' * 70}.example")
    with pytest.raises(ServiceError, match="is no host name") as caught:
        client.checkpoint(ARN, "t", [], "c")
    assert caught.value.code == "ConnectionError"
