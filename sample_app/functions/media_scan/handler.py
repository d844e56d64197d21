"""Media scan: two outside jobs look at an upload at the same time; it is published only if both are content."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import timedelta

from durable_runtime import CompletionConfig, DurableContext, StepContext, durable_execution, durable_step

VIRUS_QUEUE_URL = os.environ.get("VIRUS_QUEUE_URL", "")
CONTENT_QUEUE_URL = os.environ.get("CONTENT_QUEUE_URL", "")


@dataclass
class Upload:
    """What was uploaded."""

    upload_id: str
    bucket: str
    key: str


@dataclass
class Report:
    """What a job answers through its callback."""

    clean: bool
    remarks: str = ""


@dataclass
class Verdict:
    """What became of the upload."""

    upload_id: str
    published: bool
    reasons: list[str]


@durable_execution
def handler(upload: Upload, ctx: DurableContext) -> Verdict:
    """Scan one upload, then publish it or put it aside."""
    scan_id = ctx.uuid4().hex  # the same on every replay: a job that is submitted twice is recognised

    def scan(c: DurableContext, kind: str, queue_url: str) -> Report:
        report: Report = c.wait_for_callback(
            lambda callback_id, _: submit(queue_url, f"{scan_id}-{kind}", upload, callback_id),
            name=f"{kind} scan",
            timeout=timedelta(hours=6),
            heartbeat_timeout=timedelta(minutes=10),  # a job that dies is noticed long before the timeout
            returns=Report,
        )
        return report

    reports = ctx.parallel(
        {
            "virus": lambda c: scan(c, "virus", VIRUS_QUEUE_URL),
            "content": lambda c: scan(c, "content", CONTENT_QUEUE_URL),
        },
        name="scan",
        completion_config=CompletionConfig.all_completed(),  # the verdict names everything that is wrong
        returns=Report,
    )
    reasons = [report.remarks or "refused" for report in reports.get_results() if not report.clean]
    reasons += [error.message or "no answer" for error in reports.get_errors() if error]
    if reasons:
        ctx.step(move(upload, "quarantine/"), name="put aside", retry=5)
    else:
        ctx.step(move(upload, "public/"), name="publish", retry=5)
    return Verdict(upload.upload_id, not reasons, reasons)


# --- The outside world: a queue for each kind of job, and the bucket. ------------------------------------------------


def submit(queue_url: str, job_id: str, upload: Upload, callback_id: str) -> None:
    """Queue a job. Whoever takes it sends heartbeats, and its report as JSON, to the callback."""
    import boto3  # type: ignore[import-untyped]  # Lambda brings it

    job = {"job_id": job_id, "bucket": upload.bucket, "key": upload.key, "callback_id": callback_id}
    boto3.client("sqs").send_message(QueueUrl=queue_url, MessageBody=json.dumps(job))


@durable_step
def move(_: StepContext, upload: Upload, prefix: str) -> None:
    """Copy the upload to where it belongs and delete it where it was; harmless when that has been done before."""
    import boto3

    s3 = boto3.client("s3")
    target = prefix + upload.key.rsplit("/", 1)[-1]
    try:
        s3.copy_object(Bucket=upload.bucket, Key=target, CopySource={"Bucket": upload.bucket, "Key": upload.key})
    except s3.exceptions.NoSuchKey:
        s3.head_object(Bucket=upload.bucket, Key=target)  # it was moved by an attempt that could not say so
    s3.delete_object(Bucket=upload.bucket, Key=upload.key)
