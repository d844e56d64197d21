"""A recorded execution is replayed without side effects, and the first divergence is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from durable_local.testing import DurableTestRunner, HistoryError, TestResult, fail, read_recorded, replay, succeed
from durable_runtime import DurableContext, durable_execution

if TYPE_CHECKING:
    from collections.abc import Callable

EFFECTS: list[str] = []


def workflow(
    *,
    names: tuple[str, str] = ("price", "ship"),
    wait: bool = True,
    extra: bool = False,
    result: Any = None,
    crash: bool = False,
) -> Callable[..., Any]:
    @durable_execution
    def handler(event: dict[str, int], ctx: DurableContext) -> Any:
        price = ctx.step(lambda _: EFFECTS.append("price") or event["amount"] * 2, name=names[0])
        if wait:
            ctx.wait(3600, name="pause")
        answer = ctx.wait_for_callback(lambda _id, _c: EFFECTS.append("submit"), name="approval")
        items = ctx.map(
            [1, 2], lambda c, item, _i, _all: c.step(lambda _: EFFECTS.append("item") or item), name="items"
        )
        if crash:
            raise RuntimeError("new bug")
        ctx.step(lambda _: EFFECTS.append("ship"), name=names[1])
        child = ctx.run_in_child_context(lambda c: c.step(lambda _: "x" * 200_000, name="big") * 2, name="large")
        if extra:
            ctx.step(lambda _: EFFECTS.append("extra"), name="extra")
        return result or [price, answer, items.get_results(), len(child)]

    return handler


@pytest.fixture(scope="module")
def recorded() -> TestResult:
    with DurableTestRunner(workflow(), responders={"approval": succeed("yes")}) as runner:
        return runner.run({"amount": 21}, name="order-7").assert_succeeded()


@pytest.fixture(autouse=True)
def _no_effects() -> None:
    EFFECTS.clear()


def exported(result: TestResult, until: int | None = None) -> Any:
    document = json.loads(json.dumps(result.history()))
    if until is not None:
        document = {"Events": [event for event in document["Events"] if event["EventId"] <= until]}
    return document


def test_unchanged_code_is_compatible_with_every_prefix_and_nothing_runs(recorded: TestResult) -> None:
    for until in range(1, len(recorded.events) + 1):
        report = replay(workflow(), exported(recorded, until))
        assert report.compatible, f"until event {until}: {report}"
    assert replay(workflow(), recorded).assert_compatible().status == "SUCCEEDED"
    assert EFFECTS == []


@pytest.mark.parametrize(
    ("change", "expected", "found", "source"),
    [
        ({"names": ("price", "send")}, "STEP named 'ship' at top level", "STEP named 'send'", "name=names[1]"),
        ({"names": ("cost", "ship")}, "STEP named 'price' at top level", "STEP named 'cost'", "name=names[0]"),
        ({"wait": False}, "WAIT named 'pause'", "CONTEXT (WaitForCallback) named 'approval'", "wait_for_callback"),
        ({"extra": True}, "SUCCEEDED here, with nothing after it", "the code calls step 'extra'", 'name="extra"'),
        ({"result": "other"}, "ends as SUCCEEDED with result", 'the code returns "other"', None),
        ({"crash": True}, "the execution ends as SUCCEEDED", "the code fails with RuntimeError: new bug", None),
    ],
)  # fmt: skip
def test_the_first_divergence_is_named_with_its_source_line(
    recorded: TestResult, change: Any, expected: str, found: str, source: str | None
) -> None:
    report = replay(workflow(**change), exported(recorded))
    assert not report.compatible
    assert report.divergence is not None
    assert expected in report.divergence.expected
    assert found in report.divergence.found
    if source is not None:
        assert report.divergence.source is not None
        assert source in report.divergence.source
        assert "test_replay.py:" in report.divergence.source
    assert EFFECTS == []
    with pytest.raises(AssertionError, match="diverges"):
        report.assert_compatible()


def test_code_that_drops_the_end_is_found(recorded: TestResult) -> None:
    @durable_execution
    def shorter(event: Any, ctx: DurableContext) -> int:
        return ctx.step(lambda _: 1, name="price")

    report = replay(shorter, recorded)
    assert report.divergence is not None
    assert "WAIT named 'pause'" in report.divergence.expected
    assert report.divergence.found == "the code finishes without calling it"


def test_an_open_execution_says_what_comes_next(recorded: TestResult) -> None:
    until = next(event["EventId"] for event in recorded.events if event["EventType"] == "WaitSucceeded")
    report = replay(workflow(), exported(recorded, until))
    assert (report.status, report.compatible) == ("RUNNING", True)
    assert report.goes_on_with is not None
    assert "'approval'" in report.goes_on_with
    assert "test_replay.py:" in report.goes_on_with


def test_the_state_of_the_api_replays_as_well(recorded: TestResult) -> None:
    operations = read_recorded(recorded).operations
    in_seconds = [{**operation, "StartTimestamp": operation["StartTimestamp"] / 1000} for operation in operations[:3]]
    report = replay(workflow(), {"Operations": in_seconds})
    assert (report.compatible, report.status, report.operations) == (True, "RUNNING", 2)
    assert not replay(workflow(names=("cost", "ship")), {"Operations": in_seconds}).compatible


def test_failed_executions_and_retries_replay() -> None:
    @durable_execution
    def rejected(event: Any, ctx: DurableContext) -> Any:
        return ctx.wait_for_callback(lambda _id, _c: None, name="approval")

    with DurableTestRunner(rejected, responders={"*": fail("no", error_type="Rejected")}) as runner:
        result = runner.run()
    assert result.status == "FAILED"
    assert replay(rejected, exported(result)).compatible
    for until in range(1, len(result.events)):
        assert replay(rejected, exported(result, until)).compatible


def test_async_handlers_replay_without_effects() -> None:
    @durable_execution
    async def handler(event: Any, ctx: Any) -> int:
        first = await ctx.step(lambda _: EFFECTS.append("first") or 1, name="first")
        return first + await ctx.step(lambda _: EFFECTS.append("second") or 1, name="second")

    with DurableTestRunner(handler) as runner:
        result = runner.run().assert_succeeded()
    EFFECTS.clear()
    for until in range(1, len(result.events) + 1):
        assert replay(handler, exported(result, until)).compatible
    assert EFFECTS == []


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "is not JSON"),
        (7, "not int"),
        ({}, "neither `Events` nor `Operations`"),
        ({"Events": [{"EventId": 2, "EventType": "StepStarted"}]}, "no ExecutionStarted event"),
        ({"Events": [{"EventType": "ExecutionStarted"}]}, "malformed"),
        ({"Operations": [{"Id": "a", "Type": "STEP"}]}, "no EXECUTION operation"),
    ],
)
def test_an_unusable_history_says_what_is_missing(document: Any, text: str) -> None:
    with pytest.raises(HistoryError, match=text):
        replay(workflow(), document)


def test_a_history_without_payloads_is_refused(recorded: TestResult) -> None:
    document = exported(recorded)
    step = next(event for event in document["Events"] if event["EventType"] == "StepSucceeded")
    step["StepSucceededDetails"]["Result"] = {"Truncated": True}
    with pytest.raises(HistoryError, match="export the history again with IncludeExecutionData=True"):
        replay(workflow(), document)


def test_handlers_that_cannot_be_replayed_are_refused(recorded: TestResult) -> None:
    with pytest.raises(TypeError, match=r"decorate it with `durable_runtime\.durable_execution`"):
        replay(lambda event, context: None, recorded)
