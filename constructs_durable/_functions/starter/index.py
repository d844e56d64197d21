"""Starts one durable execution per message, asynchronously, and does not wait for it.

The execution's name comes from the message, so a message that is delivered twice starts once.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # DurableExecutionName


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Start an execution for each record of a queue or topic; report the queue's records that failed."""
    failed: list[dict[str, str]] = []
    for record in event["Records"]:
        if "Sns" in record:  # a topic delivers one record and repeats the whole event
            start(record["Sns"]["MessageId"], record["Sns"]["Message"])
            continue
        try:
            start(record["messageId"], record["body"])
        except Exception:
            log.exception("message %s did not start an execution; the queue delivers it again", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def start(message_id: str, body: str) -> None:
    """Start the execution that belongs to a message, unless it was started before."""
    payload = as_json(body)
    name = execution_name(message_id, payload, os.environ.get("NAME_FROM", ""))
    client = lambda_client()
    try:
        client.invoke(
            FunctionName=os.environ["TARGET"],
            InvocationType="Event",
            DurableExecutionName=name,
            Payload=json.dumps(payload).encode(),
        )
    except client.exceptions.DurableExecutionAlreadyStartedException:
        log.warning("message %s: execution %s was started before with another payload; left alone", message_id, name)
        return
    log.info("message %s: execution %s", message_id, name)


def as_json(body: str) -> Any:
    """Read a message as JSON; other text becomes the payload as it is."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def execution_name(message_id: str, payload: object, path: str) -> str:
    """Name the execution after a member of the payload such as `order.id`, or after the message."""
    value: object = payload
    for key in path.split(".") if path else ():
        if not isinstance(value, dict) or key not in value:
            raise ValueError(f"message {message_id} has no `{path}` to name its execution after")
        value = value[key]
    text = str(value) if path else message_id
    return text if NAME.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def lambda_client() -> Any:
    """Make the client on first use."""
    import boto3  # type: ignore[import-untyped]

    return boto3.client("lambda")
