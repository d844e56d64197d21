"""Signed links: what they carry, when they stop working, and that nothing about them can be changed."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_runtime import approval
from durable_runtime.approval import Approval, LinkError, LinkExpiredError, approval_link, read_link, sign_link

SECRET, OTHER = "s" * 64, "o" * 64
ASKED = Approval("cb+/=1", "Refund 500 €?", {"Order": "A-1"}, ("approve", "reject"), "ada@example.com", 1_000)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURABLE_APPROVAL_URL", "https://api.example.com/")
    monkeypatch.setenv("DURABLE_APPROVAL_SECRET", SECRET)


@given(
    st.builds(
        Approval,
        st.text(min_size=1, max_size=40),
        st.text(max_size=40),
        st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
        st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=3).map(tuple),
        st.text(max_size=9),
        st.integers(1, 4_000_000_000),
    )
)
def test_token_gives_back_what_was_signed(asked: Approval) -> None:
    assert read_link(sign_link(asked, SECRET), [SECRET], asked.expires_at - 1) == asked


@given(st.integers(0), st.integers(1, 63))
def test_no_changed_character_is_accepted(position: int, shift: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = sign_link(ASKED, SECRET)
    places = [
        i for i, c in enumerate(token[:-1]) if c != "." and token[i + 1] != "."
    ]  # the last characters have spare bits
    at = places[position % len(places)]
    changed = alphabet[(alphabet.index(token[at]) + shift) % 64]
    with pytest.raises(LinkError):
        read_link(token[:at] + changed + token[at + 1 :], [SECRET], 0)


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "%%%.abc", "a" * 5000, sign_link(ASKED, OTHER)])
def test_foreign_and_malformed_tokens_are_refused(token: str) -> None:
    with pytest.raises(LinkError):
        read_link(token, [SECRET], 0)


def test_expired_link_is_told_from_a_forged_one() -> None:
    token = sign_link(ASKED, SECRET)
    assert read_link(token, [SECRET], 999.9).to == "ada@example.com"
    with pytest.raises(LinkExpiredError):
        read_link(token, [SECRET], 1_000)


def test_expiry_of_a_forged_link_is_not_looked_at() -> None:
    with pytest.raises(LinkError) as caught:
        read_link(sign_link(ASKED, OTHER), [SECRET], 2_000)
    assert not isinstance(caught.value, LinkExpiredError)


def test_link_of_the_previous_secret_works_while_it_is_rotated() -> None:
    assert read_link(sign_link(ASKED, OTHER), [SECRET, OTHER], 0) == ASKED


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("expires_in", [timedelta(hours=1), 3600, 3600.0])
def test_link_leads_to_the_endpoint_and_says_when_it_ends(expires_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval.time, "time", lambda: 1_000.0)
    link = approval_link("cb", title="Ship?", details={"Amount": 5}, expires_in=expires_in)
    address, token = link.rsplit("/", 1)
    assert address == "https://api.example.com/approvals"
    assert read_link(token, [SECRET], 1_000) == Approval(
        "cb", "Ship?", {"Amount": "5"}, ("approve", "reject"), "", 4_600
    )


@pytest.mark.usefixtures("endpoint")
def test_secret_is_not_in_the_link() -> None:
    token = approval_link("cb", title="Ship?").rsplit("/", 1)[1]
    body = base64.urlsafe_b64decode(token.split(".")[0] + "==")
    assert json.loads(body)[0] == "cb"
    assert SECRET.encode() not in body


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"expires_in": 0}, "expires_in is 0 s"),
        ({"decisions": ()}, "decisions are"),
        ({"details": {"Text": "x" * 9000}}, "6000 fit"),
    ],
)
def test_links_that_cannot_work_are_refused_when_made(options: dict[str, Any], text: str) -> None:
    with pytest.raises(LinkError, match=text):
        approval_link("cb", title="Ship?", **options)


def test_missing_wiring_names_the_construct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DURABLE_APPROVAL_URL", "DURABLE_APPROVAL_SECRET", "DURABLE_APPROVAL_SECRET_ARN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LinkError, match=r"ApprovalApi\(…, functions="):
        approval_link("cb", title="Ship?")
    monkeypatch.setenv("DURABLE_APPROVAL_URL", "https://api.example.com")
    with pytest.raises(LinkError, match="Neither DURABLE_APPROVAL_SECRET_ARN nor"):
        approval_link("cb", title="Ship?")
    monkeypatch.setenv("DURABLE_APPROVAL_SECRET", "short")
    with pytest.raises(LinkError, match="32 or more"):
        approval_link("cb", title="Ship?")


class FakeSecrets:
    """Secrets Manager with one secret, rotated or not."""

    class exceptions:  # noqa: N801  boto3's name
        class ResourceNotFoundException(Exception):  # noqa: N818  boto3's name
            pass

    def __init__(self, stages: dict[str, str]) -> None:
        self.stages, self.calls = stages, 0

    def get_secret_value(self, SecretId: str, VersionStage: str = "AWSCURRENT") -> dict[str, str]:
        self.calls += 1
        if VersionStage not in self.stages:
            raise self.exceptions.ResourceNotFoundException
        return {"SecretString": self.stages[VersionStage]}


@pytest.mark.parametrize("stages", [{"AWSCURRENT": SECRET}, {"AWSCURRENT": SECRET, "AWSPREVIOUS": OTHER}])
def test_secrets_come_from_secrets_manager_once_in_five_minutes(
    stages: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    fake = FakeSecrets(stages)
    monkeypatch.setattr(boto3, "client", lambda _: fake)
    monkeypatch.delenv("DURABLE_APPROVAL_SECRET", raising=False)
    monkeypatch.setenv("DURABLE_APPROVAL_SECRET_ARN", f"arn:{len(stages)}")
    assert approval.approval_secrets() == list(stages.values())
    assert approval.approval_secrets() == list(stages.values())
    assert fake.calls == 2
