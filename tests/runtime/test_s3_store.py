"""Large results in S3: boto3's client against a real HTTP server that speaks S3."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading

import boto3
import pytest
from botocore.config import Config

from durable_runtime import S3Store, exceptions
from durable_runtime._offload import fetch, offload
from tests.runtime.driving import invoke_once, run_to_end
from tests.runtime.kit import BOTH
from tests.runtime.service import ARN, Service

moto_server = pytest.importorskip("moto.server", reason="the S3 server is installed for the first interpreter only")
LARGE = {"report": "é" * 200_000, "rows": list(range(20))}


@pytest.fixture(scope="module")
def endpoint():
    server = moto_server.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def environment(endpoint, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return monkeypatch


@pytest.fixture
def s3(environment, endpoint):
    client = boto3.client("s3", config=Config(retries={"max_attempts": 1}))
    client.create_bucket(Bucket="results", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield client
    ask(endpoint, "reset")


def ask(endpoint, path, text=""):
    """Tell the server, outside of S3."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
    connection.request("POST", f"/moto-api/{path}", text, {"content-type": "text/plain"})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def report(kit, event, ctx):
    """Make a large value, and look at it on the next invocation."""
    made = yield ctx.step(lambda _: LARGE, name="report")
    yield ctx.wait(kit.seconds(5))
    try:
        read = yield ctx.step(lambda _: LARGE, name="second")
    except exceptions.SerDesError as error:
        return str(error)
    return [made == LARGE, read == LARGE]


def stored(s3):
    return {each["Key"]: each["Size"] for each in s3.list_objects_v2(Bucket="results").get("Contents", [])}


def test_large_results_go_to_the_bucket_and_come_back(kit, s3):
    store = S3Store("results", "durable/")
    run = run_to_end(kit.handler(report, store=store), service=(service := Service({})))
    assert run.result == [True, True]
    for name in ("report", "second"):
        pointer = json.loads(service.named(name)["StepDetails"]["Result"])["$stored"]
        assert pointer["key"].startswith("orders/order-42/exec-1/")
        answer = s3.get_object(Bucket="results", Key=f"durable/{pointer['key']}")
        body = answer["Body"].read()
        assert (answer["ContentType"], len(body)) == ("application/json", pointer["size"])
        assert hashlib.sha256(body).hexdigest() == pointer["sha256"]
        assert json.loads(body) == LARGE
    assert len(stored(s3)) == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s3, key: s3.put_object(Bucket="results", Key=key, Body=b'"changed"'), "is not what was recorded"),
        (lambda s3, key: s3.put_object(Bucket="results", Key=key, Body=json.dumps(LARGE).encode()), "is not what was"),
        (lambda s3, key: s3.delete_object(Bucket="results", Key=key), "NoSuchKey"),
    ],
    ids=["changed", "rewritten", "deleted"],
)
def test_an_object_that_is_not_what_was_recorded_ends_in_an_error_that_names_it(kit, s3, damage, message):
    """Also where it says the same in other bytes: nobody but the runtime writes there."""
    service = Service({})
    handler = kit.handler(report, store=S3Store("results"))
    assert service.end(invoke_once(handler, service)) == "RUNNING"
    (key,) = stored(s3)
    damage(s3, key)
    service.pass_time()
    output = invoke_once(handler, service)
    assert output["Status"] == "FAILED"
    assert message in output["Error"]["ErrorMessage"]
    assert key in output["Error"]["ErrorMessage"]


def test_a_bucket_that_is_not_there_fails_the_step_and_can_be_caught(kit, s3):
    def flow(kit, event, ctx):
        try:
            yield ctx.step(lambda _: LARGE, name="report")
        except exceptions.SerDesError as error:
            return str(error)

    run = run_to_end(kit.handler(flow, store=S3Store("elsewhere")), service=(service := Service({})))
    assert "S3Store.put" in run.result
    assert "NoSuchBucket" in run.result
    assert service.named("report")["Status"] == "FAILED"


def test_credentials_that_are_refused_fail_for_good(s3, endpoint):
    pointer = offload(S3Store("results"), '"x"', ARN, "op")
    ask(endpoint, "reset-auth", "0")
    try:
        with pytest.raises(exceptions.SerDesError, match=r"S3Store\.get .*(InvalidAccessKeyId|AccessDenied)"):
            fetch(S3Store("results"), pointer)
        with pytest.raises(exceptions.SerDesError, match=r"S3Store\.put .*(InvalidAccessKeyId|AccessDenied)"):
            offload(S3Store("results"), '"y"', ARN, "op")
    finally:
        ask(endpoint, "reset-auth", "1000000000")


def test_a_server_that_cannot_be_reached_repeats_the_invocation(environment, kit):
    """The step is not recorded as failed: its result could not be kept for the moment."""
    client = boto3.client("s3", endpoint_url="http://127.0.0.1:1", config=Config(retries={"max_attempts": 0}))

    def flow(kit, event, ctx):
        return (yield ctx.step(lambda _: LARGE, name="report"))

    service = Service({})
    with pytest.raises(exceptions.RetryableSerDesError, match="EndpointConnectionError"):
        invoke_once(kit.handler(flow, store=S3Store("results", client=client)), service)
    assert ("STEP", "FAIL", "report") not in service.updates()


def test_branches_that_meet_in_a_new_store_share_one_client(s3):
    made, barrier, failures = [], threading.Barrier(16), []
    store = S3Store("results")
    original = boto3.client

    def counting(*arguments, **options):
        made.append(1)
        return original(*arguments, **options)

    def branch(index):
        barrier.wait(10)
        try:
            assert fetch(store, offload(store, f'"{index}"', ARN, f"op-{index}")) == f'"{index}"'
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=branch, args=(index,)) for index in range(16)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "client", counting)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert failures == []
    assert made == [1]
    assert len(stored(s3)) == 16
