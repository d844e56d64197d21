"""The media scan workflow: two jobs, their answers, their silence."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from durable_local.testing import DurableTestRunner, crash_everywhere, fail, never, succeed
from durable_runtime import durable_step
from sample_app.functions.media_scan import handler as media_scan

UPLOAD = {"upload_id": "U-1", "bucket": "media", "key": "incoming/cat.png"}
CLEAN = succeed({"clean": True}, after=timedelta(minutes=8))


class Outside:
    """The queues and the bucket."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.moves: list[str] = []

    def submit(self, _queue_url: str, job_id: str, _upload: Any, callback_id: str) -> None:
        assert callback_id
        self.jobs.append(job_id)

    def move(self, _: Any, upload: Any, prefix: str) -> None:
        self.moves.append(prefix + upload.key)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    world = Outside()
    monkeypatch.setattr(media_scan, "submit", world.submit)
    monkeypatch.setattr(media_scan, "move", durable_step(world.move))
    return world


def run(**responders: Any) -> Any:
    answers = {f"{kind} scan create callback id": responder for kind, responder in responders.items()}
    with DurableTestRunner(media_scan.handler, responders=answers) as runner:
        return runner.run(UPLOAD)


def test_clean_upload_is_published(outside: Outside) -> None:
    result = run(virus=CLEAN, content=CLEAN)
    assert result.result == {"upload_id": "U-1", "published": True, "reasons": []}
    assert outside.moves == ["public/incoming/cat.png"]


def test_both_jobs_run_at_the_same_time(outside: Outside) -> None:
    result = run(virus=CLEAN, content=CLEAN)
    assert len(outside.jobs) == 2
    assert round(result.operation("scan").duration / timedelta(minutes=8), 2) == 1


def test_refused_upload_is_put_aside_with_every_reason(outside: Outside) -> None:
    refused = succeed({"clean": False, "remarks": "not safe for work"}, after=timedelta(minutes=1))
    result = run(virus=fail("scanner broke"), content=refused)
    assert not result.result["published"]
    assert sorted(result.result["reasons"]) == ["not safe for work", "scanner broke"]
    assert outside.moves == ["quarantine/incoming/cat.png"]


def test_job_that_dies_is_noticed_by_its_missing_heartbeat(outside: Outside) -> None:
    result = run(virus=CLEAN, content=never())
    assert result.result["reasons"] == ["Callback timed out on heartbeat"]
    assert round(result.operation("scan").duration / timedelta(minutes=10), 2) == 1
    assert outside.moves == ["quarantine/incoming/cat.png"]


def test_job_that_keeps_saying_it_lives_runs_into_the_timeout(outside: Outside) -> None:
    slow = succeed({"clean": True}, after=timedelta(hours=7), heartbeat_every=timedelta(minutes=5))
    result = run(virus=CLEAN, content=slow)
    assert result.result["reasons"] == ["Callback timed out"]
    assert round(result.operation("scan").duration / timedelta(hours=6), 2) == 1
    assert outside.moves == ["quarantine/incoming/cat.png"]


def test_slow_job_with_heartbeats_is_waited_for(outside: Outside) -> None:
    slow = succeed({"clean": True}, after=timedelta(hours=5), heartbeat_every=timedelta(minutes=5))
    assert run(virus=CLEAN, content=slow).result["published"]
    assert outside.moves == ["public/incoming/cat.png"]


def test_job_ids_stay_the_same_when_a_job_is_submitted_twice(outside: Outside) -> None:
    report = crash_everywhere(
        media_scan.handler,
        UPLOAD,
        responders={"*": CLEAN},
        before_each=outside.jobs.clear,
        same=lambda result: (result.status, result.result, len(set(outside.jobs))),
    )
    assert len(report.runs) > 8


def test_moving_twice_moves_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="media")
        s3.put_object(Bucket="media", Key="incoming/cat.png", Body=b"cat")
        for _ in range(2):
            media_scan.move(media_scan.Upload(**UPLOAD), "public/")(None)
        assert [item["Key"] for item in s3.list_objects_v2(Bucket="media")["Contents"]] == ["public/cat.png"]
        lost = media_scan.Upload("U-2", "media", "incoming/dog.png")
        with pytest.raises(s3.exceptions.ClientError, match="Not Found"):
            media_scan.move(lost, "public/")(None)


def test_job_says_where_the_upload_is_and_whom_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    sent: list[dict[str, str]] = []

    class Queue:
        def send_message(self, **message: str) -> None:
            sent.append(message)

    monkeypatch.setattr(boto3, "client", lambda _: Queue())
    media_scan.submit("https://queue", "job-1", media_scan.Upload(**UPLOAD), "callback-1")
    [message] = sent
    assert message["QueueUrl"] == "https://queue"
    assert json.loads(message["MessageBody"]) == {
        "job_id": "job-1",
        "bucket": "media",
        "key": "incoming/cat.png",
        "callback_id": "callback-1",
    }
