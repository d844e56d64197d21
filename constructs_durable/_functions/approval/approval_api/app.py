"""The function behind an `ApprovalApi`: shows what a signed link asks, and completes the callback with the answer.

`GET /approvals/{token}` only shows the page, so a mail scanner that follows links decides nothing.
`POST /approvals/{token}` decides. `POST /decisions` does the same for callers the API has authenticated.
A callback can be completed once: the service refuses every further answer, and the page says so.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import boto3  # type: ignore[import-untyped]

from durable_runtime.approval import LinkError, LinkExpiredError, approval_secrets, read_link

from .page import message_page, question_page

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)
callbacks: Any = boto3.client("lambda")
mode = os.environ.get("APPROVAL_MODE", "links")  # or "callers", for authenticated ones

LONGEST_COMMENT = 2_000  # characters


class RefusalError(Exception):
    """The request cannot be served; carries the answer."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(f"{status} {title}")
        self.status, self.title, self.text = status, title, text


class Answer(NamedTuple):
    """What goes back: a status, and what happened in words."""

    status: int
    title: str
    text: str


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Serve one request of the HTTP API or of the function URL (payload format 2.0)."""
    request = event["requestContext"]["http"]
    method, path = request["method"], event["rawPath"]
    as_json = "application/json" in event.get("headers", {}).get("accept", "") or mode == "callers"
    try:
        return _route(event, method, path, as_json)
    except RefusalError as refusal:
        log.info("refused %s %s: %s", method, path.split("/")[1], refusal)
        return _reply(Answer(refusal.status, refusal.title, refusal.text), as_json)


def _route(event: dict[str, Any], method: str, path: str, as_json: bool) -> dict[str, Any]:
    if mode == "links" and path.startswith("/approvals/"):
        token = path.removeprefix("/approvals/")
        if method == "GET":
            return _show(token, as_json)
        if method == "POST":
            return _reply(_decide_by_link(token, _form(event)), as_json)
    elif mode == "callers" and path == "/decisions" and method == "POST":
        return _reply(_decide_by_caller(_json_body(event), _caller(event)), as_json)
    raise RefusalError(404, "Not found", "There is nothing here.")


def _show(token: str, as_json: bool) -> dict[str, Any]:
    approval = _read(token)
    if as_json:
        shown = {name: value for name, value in approval._asdict().items() if name != "callback_id"}
        return _response(200, "application/json", json.dumps(shown))
    return _response(200, "text/html; charset=utf-8", question_page(approval))


def _decide_by_link(token: str, form: dict[str, str]) -> Answer:
    approval = _read(token)
    decision = form.get("decision", "")
    if decision not in approval.decisions:
        raise RefusalError(400, "No decision", f"Choose one of: {', '.join(approval.decisions)}.")
    return _complete(approval.callback_id, decision, form.get("comment", ""), approval.to)


def _decide_by_caller(body: dict[str, Any], caller: str) -> Answer:
    callback_id, decision = body.get("callback_id"), body.get("decision")
    comment = body.get("comment", "")
    if not all(isinstance(each, str) for each in (callback_id, decision, comment)) or not callback_id or not decision:
        raise RefusalError(400, "No decision", "Send JSON with the texts callback_id, decision and comment.")
    return _complete(str(callback_id), str(decision), comment, caller)


def _complete(callback_id: str, decision: str, comment: str, by: str) -> Answer:
    comment = comment.replace("\r\n", "\n")  # as a browser counts them, and not as it sends them
    if len(comment) > LONGEST_COMMENT:
        raise RefusalError(400, "Comment too long", f"A comment may have {LONGEST_COMMENT} characters.")
    decided_at = datetime.now(UTC).isoformat(timespec="seconds")
    result = {"decision": decision, "by": by, "comment": comment, "decided_at": decided_at}
    try:
        callbacks.send_durable_execution_callback_success(CallbackId=callback_id, Result=json.dumps(result))
    except callbacks.exceptions.CallbackTimeoutException:
        raise RefusalError(410, "Already closed", "This question was answered before, or waited too long.") from None
    except callbacks.exceptions.InvalidParameterValueException:
        raise RefusalError(404, "Unknown question", "Nobody is waiting for this answer.") from None
    except callbacks.exceptions.TooManyRequestsException:
        raise RefusalError(503, "Busy", "Please try again in a moment.") from None
    except callbacks.exceptions.ClientError:
        log.exception("the callback could not be completed")
        raise RefusalError(502, "Not recorded", "Something is wrong on our side. Please try again later.") from None
    log.info("decided %s by %s", decision, by or "the bearer of the link")
    return Answer(200, f"Recorded: {decision}", "Thank you. You can close this page.")


def _read(token: str) -> Any:
    try:
        return read_link(token, approval_secrets(), time.time())
    except LinkExpiredError:
        raise RefusalError(410, "Expired", "This link has expired. Ask for a new one.") from None
    except LinkError:
        raise RefusalError(403, "Not valid", "This link is incomplete or was changed. Copy all of it.") from None


def _caller(event: dict[str, Any]) -> str:
    authorizer = event["requestContext"].get("authorizer", {})
    claims = authorizer.get("jwt", {}).get("claims", {})
    caller = claims.get("email") or claims.get("sub") or authorizer.get("iam", {}).get("userArn")
    if not caller:
        raise RefusalError(403, "Not authenticated", "This API answers authenticated callers only.")
    return str(caller)


def _body(event: dict[str, Any]) -> str:
    body = event.get("body") or ""
    try:
        return base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
    except ValueError:
        raise RefusalError(400, "Unreadable", "The body is not UTF-8 text.") from None


def _form(event: dict[str, Any]) -> dict[str, str]:
    if "application/json" in event.get("headers", {}).get("content-type", ""):
        return {key: value for key, value in _json_body(event).items() if isinstance(value, str)}
    return {key: values[-1] for key, values in parse_qs(_body(event)).items()}


def _json_body(event: dict[str, Any]) -> dict[str, Any]:
    try:
        body = json.loads(_body(event))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusalError(400, "Unreadable", "The body is not a JSON object.")
    return body


def _reply(answer: Answer, as_json: bool) -> dict[str, Any]:
    if as_json:
        body = json.dumps({"title": answer.title, "message": answer.text})
        return _response(answer.status, "application/json", body)
    return _response(answer.status, "text/html; charset=utf-8", message_page(answer.title, answer.text))


def _response(status: int, content_type: str, body: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {
            "content-type": content_type,
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'",
            "referrer-policy": "no-referrer",  # the link is the key
            "x-content-type-options": "nosniff",
            "x-robots-tag": "noindex",
            **({"retry-after": "5"} if status == 503 else {}),
        },
        "body": body,
    }
