"""What the service tells the outside: EventBridge events, dead letters and CloudWatch metrics.

.. code-block:: python

    LocalService(sink=EventsOut("events.jsonl"))          # one JSON object per line
    DurableTestRunner(handler, sink=EventsOut(seen.append))  # or a callable that gets each document

Each document has one member that says what it is: ``Event`` (in EventBridge's shape), ``DeadLetter`` (as Lambda sends
it to a dead letter queue) or ``Metric`` (in the shape of `PutMetricData`).
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EventsOut"]

Document = dict[str, Any]

NAMESPACE = "AWS/Lambda"
RUNNING_QUOTA = 5_000_000
"""Running executions of a Region, against which utilization is measured (Lambda quotas)."""

ERROR_MESSAGE_BYTES = 1024
"""How much of an error's text Lambda puts on a dead letter (Lambda developer guide, "Dead-letter queues")."""

# The statuses EventBridge documents an event for. None is documented for pausing and deleting.
_PUBLISHED = frozenset({"RUNNING", "SUCCEEDED", "STOPPED", "FAILED", "TIMED_OUT"})
_COUNTERS = {
    "SUCCEEDED": "DurableExecutionSucceeded",
    "STOPPED": "DurableExecutionStopped",
    "FAILED": "DurableExecutionFailed",
    "TIMED_OUT": "DurableExecutionTimedOut",
}


class EventsOut:
    """Turns the service's records into what AWS would publish, and hands it on.

    Args:
        target: A file that gets one JSON object per line, or a callable that gets each document.
    """

    def __init__(self, target: str | Path | Callable[[Document], object]) -> None:
        self._file: TextIO | None = None
        if callable(target):
            self._deliver: Callable[[Document], object] = target
        else:
            self._file = Path(target).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115  closed by `close`
            self._deliver = self._write
        self._running: set[str] = set()

    def __call__(self, record: Document) -> None:
        """Take a record of the service's event sink."""
        if record["kind"] == "status":
            for document in self._status(record):
                self._deliver(document)
        elif record["kind"] == "dead_letter":
            self._deliver({"DeadLetter": _dead_letter(record)})

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _write(self, document: Document) -> None:
        assert self._file is not None  # noqa: S101  set together
        self._file.write(json.dumps(document, ensure_ascii=False) + "\n")

    def _status(self, record: Document) -> Iterator[Document]:
        status, arn = record["status"], record["arn"]
        if status not in _PUBLISHED or record["resumed"]:
            return  # a resumed execution runs again, but has started once
        if status == "RUNNING":
            self._running.add(arn)
        else:
            self._running.discard(arn)
        yield {"Event": _status_event(record)}
        for name, value, unit in self._measures(record):
            yield {
                "Metric": {
                    "Namespace": NAMESPACE,
                    "MetricName": name,
                    "Dimensions": [{"Name": "FunctionName", "Value": record["function"]}],
                    "Timestamp": _iso(record["at"]),
                    "Value": value,
                    "Unit": unit,
                }
            }

    def _measures(self, record: Document) -> Iterator[tuple[str, float, str]]:
        running = len(self._running)
        if record["status"] == "RUNNING":
            yield "DurableExecutionStarted", 1, "Count"
        else:
            yield _COUNTERS[record["status"]], 1, "Count"
            yield "DurableExecutionDuration", record["ended"] - record["started"], "Milliseconds"
            yield "DurableExecutionOperations", record["operations"], "Count"
            yield "DurableExecutionStorageWrittenBytes", record["stored"], "Bytes"
        yield "ApproximateRunningDurableExecutions", running, "Count"
        yield "ApproximateRunningDurableExecutionsUtilization", 100 * running / RUNNING_QUOTA, "Percent"


def _status_event(record: Document) -> Document:
    """Return a status change in EventBridge's shape."""
    _, _, _, region, account, *_ = record["arn"].split(":")
    detail = {
        "durableExecutionArn": record["arn"],
        "durableExecutionName": record["name"],
        "functionArn": record["function_arn"],
        "status": record["status"],
        "startTimestamp": _iso(record["started"]),
    }
    if record["status"] != "RUNNING":
        detail["endTimestamp"] = _iso(record["ended"])
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Durable Execution Status Change",
        "source": "aws.lambda",
        "account": account,
        "time": _iso(record["at"]),
        "region": region,
        "resources": [],
        "detail": detail,
    }


def _dead_letter(record: Document) -> Document:
    """Return a dead letter as Lambda sends it: the event as body, the failure in the attributes."""
    error = record["error"]
    message = str(error.get("ErrorMessage") or error.get("errorMessage") or "")
    kind = str(error.get("ErrorType") or error.get("errorType") or "")
    return {
        "Target": record["target"],
        "Body": record["payload"],
        "Attributes": {
            "FunctionArn": record["function_arn"],
            "DurableExecutionArn": record.get("arn"),
            "ErrorType": kind,
            "ErrorMessage": message.encode()[:ERROR_MESSAGE_BYTES].decode(errors="ignore"),
        },
    }


def _iso(milliseconds: int) -> str:
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
