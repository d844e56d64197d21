"""Stops the open executions of a function that is about to be deleted, as a CloudFormation resource.

Without it the deletion waits for them, and CloudFormation gives up after an hour.
"""

from __future__ import annotations

import functools
import json
import logging
import time
import urllib.request
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)

OPEN = ["RUNNING", "PAUSING", "PAUSED"]
ERROR = {"ErrorType": "FunctionDeleted", "ErrorMessage": "The function of this execution is being deleted."}
RESERVE = 30.0  # seconds left for the answer to CloudFormation
PAUSE = 2.0  # seconds between two looks


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer CloudFormation; on deletion, stop what is open first."""
    name = event["ResourceProperties"]["FunctionName"]
    status, reason = "SUCCESS", ""
    try:
        if event["RequestType"] == "Delete":
            seconds = context.get_remaining_time_in_millis() / 1000 - RESERVE
            stopped = drain(lambda_client(), name, deadline=time.monotonic() + seconds)
            log.info("stopped %d executions of %s", stopped, name)
    except Exception as error:
        log.exception("executions of %s could not be stopped", name)
        status, reason = "FAILED", f"{type(error).__name__}: {error}"
    answer(event, status, reason)


def drain(client: Any, function_name: str, *, deadline: float, pause: float = PAUSE) -> int:
    """Stop executions until none is open; return how many were stopped."""
    stopped: set[str] = set()
    while open_now := open_executions(client, function_name):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(open_now)} executions are still open, for example {open_now[0]}")
        for arn in open_now:
            if arn not in stopped:
                stop(client, arn)
                stopped.add(arn)
        time.sleep(pause)
    return len(stopped)


def stop(client: Any, arn: str) -> None:
    """Stop one execution; one that has just ended needs nothing."""
    try:
        client.stop_durable_execution(DurableExecutionArn=arn, Error=ERROR)
    except (client.exceptions.ResourceConflictException, client.exceptions.ResourceNotFoundException):
        log.info("%s ended by itself", arn)


def open_executions(client: Any, function_name: str) -> list[str]:
    """Return the ARNs of the executions that have not ended, on all versions."""
    pages = client.get_paginator("list_durable_executions_by_function").paginate(
        FunctionName=function_name, Statuses=OPEN
    )
    return [execution["DurableExecutionArn"] for page in pages for execution in page["DurableExecutions"]]


def answer(event: dict[str, Any], status: str, reason: str) -> None:
    """Send the result where CloudFormation waits for it."""
    body = {
        "Status": status,
        "Reason": reason or "see the function's log",
        "PhysicalResourceId": event.get("PhysicalResourceId", event["LogicalResourceId"]),
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    request = urllib.request.Request(  # noqa: S310  CloudFormation's own https URL
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310
        reply.read()


@functools.cache
def lambda_client() -> Any:
    """Make the client on first use."""
    import boto3  # type: ignore[import-untyped]

    return boto3.client("lambda")
