"""The edge of the HTTP service: who is let in, what is read, and that nothing brings it down."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_local._http._request import MAX_BODY, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

NOWHERE = "arn:aws:lambda:us-east-1:123456789012:function:work:1/durable-execution/n/i"


def test_only_loopback_names_are_answered(stage) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil:80", "", "0.0.0.0:1", "169.254.169.254"):
        status, body = stage.raw("GET", "/_durable/health", headers={"Host": host})
        assert (status, json.loads(body)["Type"]) == (403, "User"), host
    for host in ("localhost", "127.0.0.1:9999", "[::1]:80", "localhost:1"):
        assert stage.raw("GET", "/_durable/health", headers={"Host": host})[0] == 200, host


def test_a_web_page_cannot_use_the_service(stage) -> None:
    assert stage.raw("POST", "/_durable/clock/advance", b"{}", {"Origin": "https://evil.example"})[0] == 403
    assert stage.raw("GET", "/_durable/health", headers={"Origin": "http://localhost:3000"})[0] == 200


def test_the_service_listens_on_loopback_only(stage) -> None:
    assert stage.service._socket.getsockname()[0] == "127.0.0.1"


def test_a_connection_is_kept_and_answers_come_whole(stage) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stage.service.port, timeout=10)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/_durable/health")
        assert json.load(connection.getresponse())["status"] == "ok"
        assert connection.sock is first
    assert first.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "UnknownOperationException"),
        ("GET", "/2025-12-01/nothing", 404, "UnknownOperationException"),
        ("PATCH", f"/2025-12-01/durable-executions/{quote(NOWHERE, safe='')}", 405, "MethodNotAllowedException"),
        ("GET", "/2025-12-01/durable-executions/%zz", 400, "InvalidParameterValueException"),
        ("GET", "/2025-12-01/durable-executions/%ff%fe", 400, "InvalidParameterValueException"),
        ("GET", "/2025-12-01/durable-executions/a%2", 400, "InvalidParameterValueException"),
        ("GET", f"/2025-12-01/durable-executions/{NOWHERE}", 404, "UnknownOperationException"),
        ("GET", f"/2025-12-01/durable-executions/{quote(NOWHERE, safe='')}", 404, "ResourceNotFoundException"),
        (
            "GET",
            f"/2025-12-01/durable-executions/{quote(NOWHERE, safe='')}/history?MaxItems=many",
            400,
            "InvalidParameterValueException",
        ),
        (
            "GET",
            f"/2025-12-01/durable-executions/{quote(NOWHERE, safe='')}?IncludeExecutionData=perhaps",
            400,
            "InvalidParameterValueException",
        ),
        (
            "GET",
            "/2025-12-01/functions/plain/durable-executions?StartedAfter=yesterday",
            400,
            "InvalidParameterValueException",
        ),
        (
            "GET",
            "/2025-12-01/functions/plain/durable-executions?StartedBefore=1e300",
            400,
            "InvalidParameterValueException",
        ),
        ("GET", "/2025-12-01/functions/plain/durable-executions?MaxItems=--1", 400, "InvalidParameterValueException"),
        ("GET", "/2025-12-01/functions/plain/durable-executions?Statuses=OPEN", 400, "InvalidParameterValueException"),
        ("GET", "/2025-12-01/functions/plain/durable-executions?Marker=x", 400, "InvalidParameterValueException"),
    ],
)
def test_a_request_that_cannot_be_has_a_clear_answer(stage, method: str, path: str, status: int, code: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stage.service.port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = json.load(answer)
    assert (answer.status, answer.getheader("x-amzn-errortype")) == (status, code)
    assert body["message"] == body["Message"] != ""
    connection.close()


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff\xfe", b"{}" * 2, b"[" * 100_000, b"nul"])
def test_a_body_that_is_no_json_object_is_refused(stage, body: bytes) -> None:
    path = f"/2025-12-01/durable-executions/{quote(NOWHERE, safe='')}/checkpoint"
    status, answer = stage.raw("POST", path, body)
    assert (status, "Could not parse request body into json" in json.loads(answer)["message"]) == (400, True)


@pytest.mark.parametrize("text", ["no base64!", "ä", "\ud83d"])
def test_code_that_is_no_base64_is_refused(stage, text: str) -> None:
    body = json.dumps({"Content": {"ZipFile": text}}).encode()
    status, answer = stage.raw("POST", "/2018-10-31/layers/l/versions", body)
    assert (status, "ZipFile is not base64" in json.loads(answer)["message"]) == (400, True)


def test_a_body_over_the_bound_is_refused_declared_or_not(stage) -> None:
    path = f"/2025-12-01/durable-executions/{quote(NOWHERE, safe='')}/checkpoint"
    connection = http.client.HTTPConnection("127.0.0.1", stage.service.port, timeout=20)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(MAX_BODY + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    chunks = (b"x" * 1_000_000 for _ in range(MAX_BODY // 1_000_000 + 2))
    connection = http.client.HTTPConnection("127.0.0.1", stage.service.port, timeout=20)
    connection.request("POST", path, chunks, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert connection.getresponse().status == 413
    connection.close()


def test_bytes_that_are_no_http_do_no_harm(stage) -> None:
    for noise in (
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"\r\n" * 10,
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", stage.service.port), timeout=5) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert stage.get("/_durable/health")["status"] == "ok"


@given(st.binary(max_size=40))
def test_percent_decoding_returns_what_was_encoded(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.hex()
    assert decode(quote(text, safe="").encode()) == text


# --- fuzz: whatever comes, the answer is a documented error and the service stays up ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    [
        *("Id", "Type", "Action", "ParentId", "Name", "SubType", "Payload", "Error", "ContextOptions", "StepOptions"),
        *("WaitOptions", "CallbackOptions", "ChainedInvokeOptions", "NextAttemptDelaySeconds", "WaitSeconds"),
        *("TimeoutSeconds", "FunctionName", "ErrorMessage", "StackTrace", "ClientToken", "Reason", "Code", "Layers"),
        *("ZipFile", "S3Bucket", "S3Key", "Environment", "Variables", "DurableConfig", "ExecutionTimeout", "Tags"),
        *("LoggingConfig", "Runtime", "Role", "Handler", "FunctionVersion", "MaxItems", "CheckpointToken", "Updates"),
    ]
)
VALUES = JSON | st.sampled_from(["STEP", "WAIT", "START", "RETRY", "SUCCEED", "x", 1, -1, 10**30, "\x00", "\ud83d"])
NEAR_MISSES = st.recursive(
    st.dictionaries(MEMBERS, VALUES, max_size=6),
    lambda inner: st.dictionaries(MEMBERS, inner | st.lists(inner, max_size=3), max_size=4),
    max_leaves=6,
)
EXECUTION = "/2025-12-01/durable-executions/{arn}"
TARGETS = [
    ("POST", f"{EXECUTION}/checkpoint"),
    ("GET", f"{EXECUTION}/state"),
    ("GET", EXECUTION),
    ("GET", f"{EXECUTION}/history"),
    ("POST", f"{EXECUTION}/stop"),
    ("POST", f"{EXECUTION}/pause"),
    ("POST", f"{EXECUTION}/resume"),
    ("DELETE", EXECUTION),
    ("POST", "/2025-12-01/durable-execution-callbacks/{noise}/succeed"),
    ("POST", "/2025-12-01/durable-execution-callbacks/{noise}/fail"),
    ("GET", "/2025-12-01/functions/{noise}/durable-executions"),
    ("POST", "/2015-03-31/functions/{noise}/invocations"),
    ("POST", "/2015-03-31/functions"),
    ("GET", "/2015-03-31/functions"),
    ("PUT", "/2015-03-31/functions/plain/configuration"),
    ("PUT", "/2015-03-31/functions/plain/code"),
    ("POST", "/2015-03-31/functions/plain/aliases"),
    ("POST", "/2015-03-31/functions/plain/policy"),
    ("POST", "/2015-03-31/event-source-mappings"),
    ("POST", "/2018-10-31/layers/noise/versions"),
    ("PUT", "/2019-09-25/functions/plain/event-invoke-config"),
    ("POST", "/2017-03-31/tags/{noise}"),
    ("POST", "/_durable/clock/advance"),
    ("POST", "/_durable/faults"),
    ("GET", "/_durable/logs"),
    ("GET", "/_durable/meter/{noise}"),
]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    target=st.sampled_from(TARGETS),
    noise=st.text(min_size=1, max_size=30),
    body=st.one_of(st.binary(max_size=60), JSON, NEAR_MISSES),
    updates=st.lists(NEAR_MISSES | VALUES, max_size=3),
    query=st.dictionaries(
        st.sampled_from(["MaxItems", "Marker", "Statuses", "Qualifier", "StartedAfter", "ReverseOrder", "after", "x"]),
        st.text(max_size=12) | st.from_regex(r"\A[-+0-9.e]{1,8}\Z"),
        max_size=3,
    ),
)
def test_noise_gets_a_documented_answer_and_no_server_error(
    stage, *, target: tuple[str, str], noise: str, body: Any, updates: list[Any], query: dict[str, str]
) -> None:
    method, template = target
    arn = NOWHERE
    if "{arn}" in template:
        describe = stage.lambda_.get_durable_execution
        if not hasattr(stage, "fuzzed") or describe(DurableExecutionArn=stage.fuzzed)["Status"] != "RUNNING":
            stage.fuzzed = stage.start()
        arn = stage.fuzzed
    if template.endswith("/checkpoint") and isinstance(body, dict):
        body = {**body, "CheckpointToken": stage.token, "Updates": updates}
        body.pop("ClientToken", None)
    path = template.format(arn=quote(arn, safe=""), noise=quote(noise, safe=""))
    if query:
        path += "?" + "&".join(f"{name}={quote(value)}" for name, value in query.items())
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answer = stage.raw(method, path, data)
    assert status < 500, answer
    if status >= 400:
        assert json.loads(answer)["message"]
    elif template.endswith("/checkpoint"):
        stage.token = json.loads(answer).get("CheckpointToken", stage.token)


# --- one member of a good request at a time ---

CODE = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="  # an empty archive
FUNCTION = {
    "FunctionName": "mutant",
    "Role": "arn:aws:iam::123456789012:role/r",
    "Runtime": "python3.13",
    "Handler": "app.handler",
    "Code": {"ZipFile": CODE},
    "Timeout": 3,
    "Environment": {"Variables": {"NAME": "value"}},
    "Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"],
    "Tags": {"a": "b"},
    "DurableConfig": {"ExecutionTimeout": 60, "RetentionPeriodInDays": 2},
    "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"},
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:q"},
}
REQUESTS = [
    ("POST", "/2015-03-31/functions", FUNCTION),
    ("PUT", "/2015-03-31/functions/plain/configuration", FUNCTION),
    ("PUT", "/2015-03-31/functions/plain/code", {"ZipFile": CODE, "Publish": True, "DryRun": False}),
    ("POST", "/2015-03-31/functions/plain/aliases", {"Name": "a", "FunctionVersion": "$LATEST", "Description": "d"}),
    ("POST", "/2018-10-31/layers/l/versions", {"Content": {"ZipFile": CODE}, "CompatibleRuntimes": ["python3.13"]}),
    ("PUT", "/2019-09-25/functions/plain/event-invoke-config", {"MaximumRetryAttempts": 1, "DestinationConfig": {}}),
    ("POST", "/2015-03-31/functions/plain/policy", {"StatementId": "s", "Action": "lambda:*", "Principal": "*"}),
]
NONSENSE = [True, -1, 10**30, "", "\ud83d", [None], {"a": 1}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        yield from places(member, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], nonsense: Any) -> Any:
    if not path:
        return nonsense
    copy = value.copy()
    copy[path[0]] = replaced(copy[path[0]], path[1:], nonsense)
    return copy


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=lambda value: value if "/" in value else "")
def test_no_member_of_a_request_can_bring_the_service_down(make_stage, method: str, path: str, body: Any) -> None:
    stage = make_stage()
    with stage.service:
        stage.create("plain")
        stage.raw("POST", "/2018-10-31/layers/l/versions", json.dumps({"Content": {"ZipFile": CODE}}).encode())
        assert stage.raw(method, path, json.dumps({**body, "Name": "b", "FunctionName": "whole"}).encode())[0] < 300
        for place in places(body):
            for nonsense in NONSENSE:
                status, answer = stage.raw(method, path, json.dumps(replaced(body, place, nonsense)).encode())
                assert status < 500, (place, nonsense, answer)
                if status == 201 and body is FUNCTION:
                    stage.lambda_.delete_function(FunctionName=json.loads(answer)["FunctionName"])
        assert stage.lambda_.invoke(FunctionName="plain:1", InvocationType="DryRun")["StatusCode"] == 204
