"""Signatures and endpoints, with botocore as the oracle."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote as reference_quote

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_runtime import _transport
from durable_runtime._credentials import Credentials
from durable_runtime._sigv4 import Signer, quote

NOW = dt.datetime(2026, 11, 20, 9, 8, 7, tzinfo=dt.UTC)
WORD = st.text("abcXYZ019-_.~:/$+= %é", min_size=1, max_size=20)


def signed_by_botocore(monkeypatch, url, headers, body, credentials):
    for name in ("get_current_datetime", "datetime"):
        if hasattr(botocore.auth, name):
            stub = (lambda **_: NOW) if name == "get_current_datetime" else _FrozenDatetime
            monkeypatch.setattr(botocore.auth, name, stub)
    request = botocore.awsrequest.AWSRequest(method="POST", url=url, headers=headers, data=body)
    keys = botocore.credentials.Credentials(credentials.key, credentials.secret, credentials.token)
    botocore.auth.SigV4Auth(keys, "lambda", headers["host"].split(".")[1]).add_auth(request)
    return dict(request.headers.items())


class _FrozenDatetime:
    class datetime(dt.datetime):  # noqa: N801  stands for the module's class
        @classmethod
        def utcnow(cls):
            return NOW.replace(tzinfo=None)

        @classmethod
        def now(cls, tz=None):
            return NOW if tz else NOW.replace(tzinfo=None)


@given(
    segment=WORD,
    query=st.dictionaries(st.sampled_from(["CheckpointToken", "Marker", "MaxItems"]), WORD),
    body=st.binary(max_size=40),
    token=st.none() | st.sampled_from(["FwoGZXIvYXdzEXAMPLE=="]),
    region=st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1", "eusc-de-east-1"]),
)
def test_signatures_are_botocores(segment, query, body, token, region):
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    path = f"/2025-12-01/durable-executions/{quote('arn:' + segment)}/state"
    text = "&".join(f"{key}={quote(value)}" for key, value in sorted(query.items()))
    headers = {"host": f"lambda.{region}.amazonaws.com", "content-type": "application/json"}
    with pytest.MonkeyPatch.context() as monkeypatch:
        url = f"https://{headers['host']}{path}" + (f"?{text}" if text else "")
        theirs = signed_by_botocore(monkeypatch, url, dict(headers), body, credentials)
    ours = Signer("lambda", region).sign(
        credentials,
        method="POST",
        path=path,
        query=text,
        headers=headers,
        body=body,
        now=NOW.timestamp(),
    )
    assert ours["x-amz-date"] == theirs["X-Amz-Date"]
    assert ours["authorization"] == theirs["Authorization"]
    assert ours.get("x-amz-security-token") == theirs.get("X-Amz-Security-Token")


def test_a_signer_keeps_no_key_longer_than_its_day_and_secret():
    signer = Signer("lambda", "us-east-1")

    def sign(secret, moment):
        return signer.sign(
            Credentials("k", secret, None),
            method="GET",
            path="/",
            query="",
            headers={"host": "h"},
            body=b"",
            now=moment,
        )["authorization"]

    first = sign("one", 0)
    assert sign("one", 86_400) != first != sign("two", 0)
    assert sign("one", 0) == first
    assert sign("one", 0) == Signer("lambda", "us-east-1").sign(
        Credentials("k", "one", None), method="GET", path="/", query="", headers={"host": "h"}, body=b"", now=0
    )["authorization"]  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_percent_encoding_is_the_standard_librarys(text):
    assert quote(text) == reference_quote(text, safe="-_.~")


REGIONS = {
    "aws": "eu-central-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}


def test_every_partition_that_botocore_knows_is_known():
    loader = botocore.session.get_session().get_component("data_loader")
    known = {partition["id"]: partition["outputs"] for partition in loader.load_data("partitions")["partitions"]}
    assert {name: (out["dnsSuffix"], out["dualStackDnsSuffix"]) for name, out in known.items()} == _transport._SUFFIXES


@pytest.mark.parametrize(("partition", "region"), REGIONS.items())
@pytest.mark.parametrize(("fips", "dual"), [("", ""), ("true", ""), ("", "true"), ("true", "true")])
def test_endpoints_are_botocores(environ, partition, region, fips, dual):
    from botocore.endpoint_provider import EndpointProvider, EndpointResolutionError

    loader = botocore.session.get_session().get_component("data_loader")
    rules = loader.load_service_model("lambda", "endpoint-rule-set-1")
    provider = EndpointProvider(rules, loader.load_data("partitions"))
    try:
        wanted = provider.resolve_endpoint(Region=region, UseFIPS=bool(fips), UseDualStack=bool(dual)).url
    except EndpointResolutionError as error:
        pytest.fail(f"botocore knows no endpoint for {region}: {error}")
    environ.setenv("AWS_USE_FIPS_ENDPOINT", fips)
    environ.setenv("AWS_USE_DUALSTACK_ENDPOINT", dual)
    arn = f"arn:{partition}:lambda:{region}:123456789012:function:f:1/durable-execution/n/i"
    found, endpoint = _transport._endpoint_for(arn)
    assert found == region
    assert endpoint.secure
    assert f"https://{endpoint.authority}" == wanted
