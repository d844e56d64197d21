"""Signed links with which a person answers a callback: `approval_link` makes them, `read_link` checks them.

A link carries the question and its expiry, signed with a secret that the workflow shares with the `ApprovalApi` of
`constructs_durable`. Nothing is stored: the callback itself can be answered once, so a link works once.

```python
def ask(callback_id: str, ctx: WaitForCallbackContext) -> None:
    send_mail(order.owner, approval_link(callback_id, title="Refund 500 EUR?", to=order.owner))

answer = ctx.wait_for_callback(ask, timeout=timedelta(days=3))
```

The answer is JSON text: `{"decision": "approve", "by": …, "comment": …, "decided_at": …}`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

__all__ = ["Approval", "LinkError", "LinkExpiredError", "approval_link", "approval_secrets", "read_link", "sign_link"]

URL_VARIABLE = "DURABLE_APPROVAL_URL"
SECRET_ARN_VARIABLE = "DURABLE_APPROVAL_SECRET_ARN"  # noqa: S105  the name of a variable
SECRET_VARIABLE = "DURABLE_APPROVAL_SECRET"  # noqa: S105  the name of a variable; for laptops and tests

DAY = 86_400
LONGEST_LINK = 6_000  # characters; API Gateway takes 10,240 bytes for the request line and all headers
SHORTEST_SECRET = 32  # characters; the generated one has 64


class LinkError(ValueError):
    """The link is not one of ours, or was changed on the way."""


class LinkExpiredError(LinkError):
    """The link was good once."""


class Approval(NamedTuple):
    """What a link asks, and whom."""

    callback_id: str
    title: str
    details: dict[str, str]
    decisions: tuple[str, ...]
    to: str
    expires_at: int
    """Seconds since the epoch."""


def approval_link(
    callback_id: str,
    *,
    title: str,
    details: Mapping[str, object] | None = None,
    decisions: Sequence[str] = ("approve", "reject"),
    to: str = "",
    expires_in: timedelta | float = 7 * DAY,
) -> str:
    """Return a link to a page on which a person answers the callback.

    Call it in a step or in the submitter of `wait_for_callback`: it reads the clock, and the secret.

    Args:
        callback_id: The callback to answer.
        title: The question, as the page shows it.
        details: What helps to decide, shown as a table.
        decisions: The possible answers, one button each.
        to: Who is asked; recorded with the answer.
        expires_in: How long the link works, a timedelta or seconds. Choose the callback's own timeout.
    """
    url = os.environ.get(URL_VARIABLE)
    if not url:
        raise LinkError(
            f"approval_link() needs the variable {URL_VARIABLE}. An ApprovalApi sets it: ApprovalApi(…, functions=[…])."
        )
    seconds = expires_in if isinstance(expires_in, (int, float)) else expires_in.total_seconds()
    if seconds <= 0 or not decisions:
        raise LinkError(f"A link needs time and answers; expires_in is {seconds:g} s, decisions are {decisions!r}.")
    shown = {str(key): str(value) for key, value in (details or {}).items()}
    approval = Approval(callback_id, title, shown, tuple(decisions), to, int(time.time() + seconds))
    link = f"{url.rstrip('/')}/approvals/{sign_link(approval, approval_secrets()[0])}"
    if len(link) > LONGEST_LINK:
        raise LinkError(f"The link has {len(link)} characters; {LONGEST_LINK} fit. Shorten the title or the details.")
    return link


def sign_link(approval: Approval, secret: str) -> str:
    """Return the token of a link."""
    body = json.dumps(approval, ensure_ascii=False, separators=(",", ":")).encode()
    return f"{_encode(body)}.{_encode(_signature(body, secret))}"


def read_link(token: str, secrets: Iterable[str], now: float) -> Approval:
    """Return what a token says, once its signature and its expiry are checked.

    Args:
        token: The last part of the link.
        secrets: The secrets that may have signed it: the current one and, while it is rotated, the previous.
        now: Seconds since the epoch.

    Raises:
        LinkError: The token is malformed or not signed with any of the secrets.
        LinkExpiredError: It is genuine but too old.
    """
    try:
        body, signature = (_decode(part) for part in token.split("."))
    except ValueError:
        raise LinkError("The link is incomplete.") from None
    if not any([hmac.compare_digest(signature, _signature(body, secret)) for secret in secrets]):  # noqa: C419  all are compared, whichever matches
        raise LinkError("The link was not made here, or was changed.")
    callback_id, title, details, decisions, to, expires_at = json.loads(body)
    if now >= expires_at:
        raise LinkExpiredError("The link has expired.")
    return Approval(callback_id, title, details, tuple(decisions), to, expires_at)


def approval_secrets() -> list[str]:
    """Return the signing secrets, the current one first.

    They come from Secrets Manager, by the variable `DURABLE_APPROVAL_SECRET_ARN`, and are kept for five minutes; on a
    laptop `DURABLE_APPROVAL_SECRET` holds one itself.
    """
    local = os.environ.get(SECRET_VARIABLE)
    if local:
        return [_long_enough(local)]
    arn = os.environ.get(SECRET_ARN_VARIABLE)
    if not arn:
        raise LinkError(
            f"Neither {SECRET_ARN_VARIABLE} nor {SECRET_VARIABLE} is set. An ApprovalApi sets the first: "
            "ApprovalApi(…, functions=[…])."
        )
    kept = _kept.get(arn)
    if kept is None or time.monotonic() > kept[0]:
        kept = _kept[arn] = (time.monotonic() + 300, _fetch(arn))
    return kept[1]


_kept: dict[str, tuple[float, list[str]]] = {}


def _fetch(arn: str) -> list[str]:
    import boto3  # type: ignore[import-untyped]

    client: Any = boto3.client("secretsmanager")
    secrets = [_long_enough(client.get_secret_value(SecretId=arn)["SecretString"])]
    try:
        secrets.append(client.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"])
    except client.exceptions.ResourceNotFoundException:  # never rotated
        return secrets
    return secrets


def _long_enough(secret: str) -> str:
    if len(secret) < SHORTEST_SECRET:
        raise LinkError(f"The signing secret has {len(secret)} characters; use {SHORTEST_SECRET} or more.")
    return secret


def _signature(body: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"durable-approval-1." + body, hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
