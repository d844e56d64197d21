"""The cheapest service that both SDKs accept: token chain, statuses, and the changed operations in each reply."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:bench:1/durable-execution/bench/exec-1"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOW_MS = int(NOW.timestamp() * 1000)
STATUS = {"START": "STARTED", "SUCCEED": "SUCCEEDED", "FAIL": "FAILED", "RETRY": "PENDING"}
DETAILS = {"STEP": "StepDetails", "CONTEXT": "ContextDetails"}


class Fake:
    """A boto3 client for either SDK, and a service client for ours; the same work behind both."""

    def __init__(self, latency: float = 0.0) -> None:
        self.latency = latency
        self.calls = 0
        self.updates = 0
        self.threads = 1
        self.operations: dict[str, dict] = {}

    def checkpoint(self, arn, token, updates, client_token):
        self.calls += 1
        self.updates += len(updates)
        if self.calls % 20 == 1:  # looking costs more than the rest of a call
            self.threads = max(self.threads, len(os.listdir("/proc/self/task")))  # noqa: PTH208  fewer imports
        if self.latency:
            time.sleep(self.latency)
        changed = {}
        for update in updates:
            changed[update["Id"]] = self.operations[update["Id"]] = operation(update)
        return {
            "CheckpointToken": f"t{self.calls}",
            "NewExecutionState": {"Operations": list(changed.values()), "NextMarker": ""},
        }

    def get_state(self, arn, token, marker, max_items):
        return {"Operations": [], "NextMarker": ""}

    def checkpoint_durable_execution(self, *, DurableExecutionArn, CheckpointToken, Updates, ClientToken=None):  # noqa: N803  boto3's names
        return self.checkpoint(DurableExecutionArn, CheckpointToken, Updates, ClientToken)

    def get_durable_execution_state(self, **_request):
        return {"Operations": [], "NextMarker": ""}


def operation(update):
    found = {k: update[k] for k in ("Id", "Type", "SubType", "Name", "ParentId") if k in update}
    found["Status"] = STATUS[update["Action"]]
    found["StartTimestamp"] = NOW
    details = {"Result": update["Payload"]} if "Payload" in update else {}
    if update["Type"] == "STEP":
        details["Attempt"] = 0 if update["Action"] == "START" else 1
    found[DETAILS[update["Type"]]] = details
    return found


def event(finished_steps: int = 0) -> dict:
    """The function's event for an execution that has finished `finished_steps` steps: `s0`, `s1` and so on."""
    execution = {
        "Id": "exec-1",
        "Type": "EXECUTION",
        "Name": "bench",
        "Status": "STARTED",
        "StartTimestamp": NOW_MS,
        "ExecutionDetails": {"InputPayload": "{}"},
    }
    steps = [
        {
            "Id": hashlib.blake2b(str(n + 1).encode()).hexdigest()[:64],
            "Type": "STEP",
            "SubType": "Step",
            "Name": f"s{n}",
            "Status": "SUCCEEDED",
            "StartTimestamp": NOW_MS,
            "EndTimestamp": NOW_MS,
            "StepDetails": {"Attempt": 1, "Result": str(n)},
        }
        for n in range(finished_steps)
    ]
    return {
        "DurableExecutionArn": ARN,
        "CheckpointToken": "t0",
        "InitialExecutionState": {"Operations": [execution, *steps], "NextMarker": ""},
        "UpdatedOperationIds": [],
    }
