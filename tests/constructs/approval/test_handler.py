"""The function behind an `ApprovalApi`, request by request."""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import botocore.stub
import pytest
from botocore.stub import Stubber

from durable_runtime.approval import Approval, sign_link

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "s" * 64


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("DURABLE_APPROVAL_SECRET", SECRET)
    module = importlib.import_module("constructs_durable._functions.approval.approval_api.app")
    monkeypatch.setattr(module, "callbacks", boto3.client("lambda"))
    return module


def token(title: str = "Refund?", expires_in: float = 86_400, **details: str) -> str:
    asked = Approval("cb-1", title, details, ("approve", "reject"), "ada@example.com", int(time.time() + expires_in))
    return sign_link(asked, SECRET)


def request(method: str, path: str, body: str = "", **headers: str) -> dict[str, Any]:
    return {
        "rawPath": path,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method}},
        "body": body,
    }


@contextlib.contextmanager
def expecting(app: Any, **said: str) -> Iterator[None]:
    """One callback is completed, and says `said`."""
    sent: list[dict[str, Any]] = []
    app.callbacks.meta.events.register(
        "before-parameter-build.lambda.SendDurableExecutionCallbackSuccess", lambda params, **_: sent.append(params)
    )
    with Stubber(app.callbacks) as stub:
        stub.add_response(
            "send_durable_execution_callback_success", {}, {"CallbackId": "cb-1", "Result": botocore.stub.ANY}
        )
        yield
    [call] = sent
    result = json.loads(call["Result"])
    assert result.pop("decided_at").endswith("+00:00")
    assert result == {"comment": "", "by": "ada@example.com", **said}


def test_following_a_link_shows_the_question_and_decides_nothing(app: Any) -> None:
    with Stubber(app.callbacks):  # every call would fail
        answer = app.handler(request("GET", f"/approvals/{token(Order='A-1')}"), None)
    assert answer["statusCode"] == 200
    for text in ("<h1>Refund?</h1>", "A-1", 'value="approve"', 'value="reject"', "ada@example.com"):
        assert text in answer["body"]


def test_page_escapes_everything_it_shows(app: Any) -> None:
    evil = "<script>alert('x')</script>\"&"
    page = app.handler(request("GET", f"/approvals/{token(evil, note=evil)}"), None)["body"]
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 3  # title, heading, detail


def test_page_is_neither_kept_nor_framed_nor_told_to_others(app: Any) -> None:
    headers = app.handler(request("GET", f"/approvals/{token()}"), None)["headers"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


def test_posting_the_form_completes_the_callback(app: Any) -> None:
    with expecting(app, decision="reject", comment="too much & too late"):
        form = base64.b64encode(b"decision=reject&comment=too+much+%26+too+late").decode()
        event = request("POST", f"/approvals/{token()}", form) | {"isBase64Encoded": True}
        answer = app.handler(event, None)
    assert answer["statusCode"] == 200
    assert "Recorded: reject" in answer["body"]


def test_a_comment_may_be_as_long_as_the_page_lets_it_be(app: Any) -> None:
    typed = "\n".join(["nineteen characters"] * 100)  # what the browser counts: it sends each line end as two
    assert len(typed) == 1_999
    with expecting(app, decision="approve", comment=typed):
        form = urlencode({"decision": "approve", "comment": typed.replace("\n", "\r\n")})
        assert app.handler(request("POST", f"/approvals/{token()}", form), None)["statusCode"] == 200


def test_a_button_says_the_decision_as_the_workflow_spells_it(app: Any) -> None:
    asked = Approval("cb-1", "Refund?", {}, ("ask VIP desk", "no"), "ada@example.com", int(time.time() + 60))
    link = sign_link(asked, SECRET)
    assert ">Ask VIP desk</button>" in app.handler(request("GET", f"/approvals/{link}"), None)["body"]


def test_programs_get_and_send_json(app: Any) -> None:
    shown = app.handler(request("GET", f"/approvals/{token()}", accept="application/json"), None)
    assert json.loads(shown["body"])["decisions"] == ["approve", "reject"]
    assert "cb-1" not in shown["body"]
    with expecting(app, decision="approve"):
        body = json.dumps({"decision": "approve"})
        event = request(
            "POST", f"/approvals/{token()}", body, accept="application/json", content_type="application/json"
        )
        assert json.loads(app.handler(event, None)["body"])["title"] == "Recorded: approve"


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [
        ("CallbackTimeoutException", 410, "answered before"),
        ("InvalidParameterValueException", 404, "Nobody is waiting"),
        ("TooManyRequestsException", 503, "try again"),
        ("KMSAccessDeniedException", 502, "wrong on our side"),
        ("AccessDeniedException", 502, "wrong on our side"),
    ],
)
def test_refusals_of_the_service_become_pages(app: Any, code: str, status: int, text: str) -> None:
    with Stubber(app.callbacks) as stub:
        stub.add_client_error("send_durable_execution_callback_success", code, http_status_code=400)
        answer = app.handler(request("POST", f"/approvals/{token()}", "decision=approve"), None)
    assert answer["statusCode"] == status
    assert text in answer["body"]


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (request("GET", f"/approvals/{token(expires_in=-1)}"), 410),
        (request("POST", f"/approvals/{token(expires_in=-1)}", "decision=approve"), 410),
        (request("GET", "/approvals/forged.token"), 403),
        (request("POST", f"/approvals/{token()}", "decision=maybe"), 400),
        (request("POST", f"/approvals/{token()}", ""), 400),
        (request("POST", f"/approvals/{token()}", "decision=approve&comment=" + "x" * 2001), 400),
        (request("POST", f"/approvals/{token()}", "/w==") | {"isBase64Encoded": True}, 400),
        (request("DELETE", f"/approvals/{token()}"), 404),
        (request("POST", "/decisions", "{}"), 404),
        (request("GET", "/"), 404),
    ],
)
def test_bad_requests_are_refused_before_any_call(app: Any, event: dict[str, Any], status: int) -> None:
    with Stubber(app.callbacks):  # every call would fail
        assert app.handler(event, None)["statusCode"] == status


class TestAuthenticatedCallers:
    """With `iam()` or `jwt()` the API has checked who calls; the function records it."""

    @pytest.fixture(autouse=True)
    def _callers(self, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(app, "mode", "callers")

    @pytest.mark.parametrize(
        ("authorizer", "by"),
        [
            ({"jwt": {"claims": {"sub": "u-1", "email": "eva@example.com"}}}, "eva@example.com"),
            ({"jwt": {"claims": {"sub": "u-1"}}}, "u-1"),
            ({"iam": {"userArn": "arn:aws:iam::1:user/eva"}}, "arn:aws:iam::1:user/eva"),
        ],
    )
    def test_answer_carries_who_gave_it(self, app: Any, authorizer: dict[str, Any], by: str) -> None:
        body = json.dumps({"callback_id": "cb-1", "decision": "approve", "comment": "ok", "by": "someone else"})
        event = request("POST", "/decisions", body)
        event["requestContext"]["authorizer"] = authorizer
        with expecting(app, decision="approve", comment="ok", by=by):
            assert app.handler(event, None)["statusCode"] == 200

    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"callback_id": 1, "decision": "approve"}', "{"])
    def test_incomplete_answers_are_refused(self, app: Any, body: str) -> None:
        event = request("POST", "/decisions", body)
        event["requestContext"]["authorizer"] = {"iam": {"userArn": "arn"}}
        with Stubber(app.callbacks):
            assert app.handler(event, None)["statusCode"] == 400

    def test_unauthenticated_caller_and_signed_links_are_refused(self, app: Any) -> None:
        with Stubber(app.callbacks):
            assert (
                app.handler(request("POST", "/decisions", '{"callback_id": "c", "decision": "d"}'), None)["statusCode"]
                == 403
            )
            assert app.handler(request("GET", f"/approvals/{token()}"), None)["statusCode"] == 404
