"""What the service tells the outside has the shapes AWS documents."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from durable_local.events import EventsOut
from durable_local.testing import DurableTestRunner
from durable_runtime import DurableContext, durable_execution

if TYPE_CHECKING:
    from pathlib import Path


@durable_execution
def work(event: Any, ctx: DurableContext) -> str:
    ctx.step(lambda _: 1, name="one")
    ctx.wait(3600)
    if event.get("fail"):
        raise RuntimeError("sold out")
    return "done"


def documents(**options: Any) -> tuple[list[Any], list[Any], dict[str, list[float]]]:
    seen: list[Any] = []
    with DurableTestRunner(work, sink=EventsOut(seen.append), **options) as runner:
        runner.run({"fail": 1}, name="order-7")
    metrics: dict[str, list[float]] = {}
    for document in seen:
        if "Metric" in document:
            metrics.setdefault(document["Metric"]["MetricName"], []).append(document["Metric"]["Value"])
    return (
        [document["Event"] for document in seen if "Event" in document],
        [document["DeadLetter"] for document in seen if "DeadLetter" in document],
        metrics,
    )


def test_status_changes_are_eventbridge_events() -> None:
    started, failed = documents()[0]
    assert (failed["source"], failed["detail-type"], failed["resources"]) == (
        "aws.lambda", "Durable Execution Status Change", [],
    )  # fmt: skip
    assert (failed["account"], failed["region"], failed["version"]) == ("123456789012", "us-east-1", "0")
    detail = failed["detail"]
    assert detail["durableExecutionName"] == "order-7"
    assert detail["durableExecutionArn"].startswith(f"{detail['functionArn']}/durable-execution/order-7/")
    assert (started["detail"]["status"], detail["status"]) == ("RUNNING", "FAILED")
    assert "endTimestamp" not in started["detail"]
    assert detail["startTimestamp"] < detail["endTimestamp"] == failed["time"]
    assert failed["time"].endswith("Z")


def test_the_durable_metrics_are_counted_and_measured() -> None:
    metrics = documents()[2]
    assert metrics["DurableExecutionStarted"] == [1]
    assert metrics["DurableExecutionFailed"] == [1]
    assert metrics["DurableExecutionDuration"][0] >= 3_600_000
    assert metrics["DurableExecutionOperations"] == [3]
    assert metrics["DurableExecutionStorageWrittenBytes"][0] > 0
    assert metrics["ApproximateRunningDurableExecutions"] == [1, 0]
    assert metrics["ApproximateRunningDurableExecutionsUtilization"] == [0.00002, 0]
    assert "DurableExecutionTimedOut" in documents(execution_timeout=60)[2]


def test_an_asynchronous_start_that_fails_leaves_a_dead_letter() -> None:
    (letter,) = documents()[1]
    assert json.loads(letter["Body"]) == {"fail": 1}
    assert letter["Attributes"]["ErrorType"] == "RuntimeError"
    assert letter["Attributes"]["ErrorMessage"] == "sold out"


def test_a_resumed_execution_has_started_once_also_after_a_restart(tmp_path: Path) -> None:
    seen: list[Any] = []
    database = tmp_path / "service.sqlite"
    with DurableTestRunner(work, clock="manual", sink=EventsOut(seen.append), database=database) as runner:
        execution = runner.start({})
        execution.pause()
        runner.advance(timedelta(hours=2))
    with DurableTestRunner(work, clock="manual", sink=EventsOut(seen.append), database=database) as runner:
        runner.execution(execution.arn).resume()
    statuses = [document["Event"]["detail"]["status"] for document in seen if "Event" in document]
    assert statuses == ["RUNNING", "SUCCEEDED"]


def test_a_file_gets_one_document_per_line(tmp_path: Path) -> None:
    out = EventsOut(tmp_path / "events.jsonl")
    with DurableTestRunner(work, sink=out) as runner:
        runner.run({})
    out.close()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [document["Event"]["detail"]["status"] for document in lines if "Event" in document] == [
        "RUNNING",
        "SUCCEEDED",
    ]
