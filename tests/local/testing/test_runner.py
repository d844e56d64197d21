"""The test kit runs workflows in process, on a clock that skips all waiting."""

from __future__ import annotations

import gc
import logging
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from durable_local import Settings
from durable_local.testing import DurableTestRunner, TestResult, fail, never, succeed
from durable_runtime import DurableContext, durable_execution
from durable_runtime.config import CallbackConfig, Duration, WaitForCallbackConfig

THREE_DAYS = CallbackConfig(timeout=Duration.from_days(3))


@durable_execution
def order(event: dict[str, Any], ctx: DurableContext) -> dict[str, Any]:
    charged = ctx.step(lambda _: event["amount"] * 2, name="charge")
    ctx.wait(timedelta(hours=1), name="cool down")
    return {"charged": charged, "shipped": ctx.step(lambda _: True, name="ship")}


@durable_execution
def approval(event: Any, ctx: DurableContext) -> Any:
    return ctx.wait_for_callback(lambda _id, _ctx: None, name="approval")


def about(span: timedelta | None, wanted: timedelta) -> bool:
    """Say whether a span is as wanted; between its skips, a skipping clock follows the machine's."""
    return span is not None and wanted <= span < wanted + timedelta(minutes=1)


def test_a_run_tells_status_result_operations_and_time() -> None:
    with DurableTestRunner(order) as runner:
        result = runner.run({"amount": 21}, name="order-7")
    assert (result.status, result.result, result.error) == ("SUCCEEDED", {"charged": 42, "shipped": True}, None)
    assert result.name == "order-7"
    assert result.arn.startswith(
        "arn:aws:lambda:us-east-1:123456789012:function:order:$LATEST/durable-execution/order-7/"
    )
    assert [(op.type, op.name, op.status) for op in result.operations] == [
        ("STEP", "charge", "SUCCEEDED"), ("WAIT", "cool down", "SUCCEEDED"), ("STEP", "ship", "SUCCEEDED"),
    ]  # fmt: skip
    charge, wait = result.operation("charge"), result.operation("cool down")
    assert (charge.result, charge.attempts, charge.error) == (42, 1, None)
    assert about(wait.duration, timedelta(hours=1))
    assert about(result.duration, timedelta(hours=1))
    assert [invocation.error for invocation in result.invocations] == [None, None]
    assert result.meter["Operations"] == 4
    assert result.events[0]["EventType"] == "ExecutionStarted"


def test_the_timeline_reads_as_a_table() -> None:
    with DurableTestRunner(order) as runner:
        lines = runner.run({"amount": 1}, name="order-8").timeline().splitlines()
    assert lines[0].startswith("order-8: SUCCEEDED, after 1h")
    assert lines[0].endswith("2 invocations, 3 operations")
    assert [line.split()[1:4] for line in lines[1:4]] == [
        ["step", "charge", "SUCCEEDED"], ["wait", "cool", "down"], ["step", "ship", "SUCCEEDED"],
    ]  # fmt: skip
    assert lines[-1] == '  result: {"charged": 2, "shipped": true}'


def test_a_year_of_waits_takes_no_real_time_and_the_execution_timeout_counts_it() -> None:
    @durable_execution
    def patient(event: Any, ctx: DurableContext) -> int:
        for month in range(12):
            ctx.wait(timedelta(days=30), name=f"month {month}")
        return 12

    started = time.monotonic()
    with DurableTestRunner(patient) as runner:
        assert runner.run().result == 12
    with DurableTestRunner(patient, execution_timeout=timedelta(days=100)) as runner:
        late = runner.run()
    assert time.monotonic() - started < 30, "it waited in real time"
    assert late.status == "TIMED_OUT"
    assert about(late.duration, timedelta(days=100))
    assert len(late.operations) == 4


def test_a_name_starts_nothing_twice() -> None:
    runs = []

    @durable_execution
    def once(event: Any, ctx: DurableContext) -> str:
        ctx.step(lambda _: runs.append(1), name="effect")
        return "done"

    with DurableTestRunner(once) as runner:
        first, second = runner.run({"a": 1}, name="same"), runner.run({"a": 1}, name="same")
        assert first.arn == second.arn
        with pytest.raises(Exception, match="Execution already started"):
            runner.run({"a": 2}, name="same")
    assert runs == [1]


def test_failed_workflows_show_their_error_and_the_assertion_shows_the_timeline() -> None:
    @durable_execution
    def broken(event: Any, ctx: DurableContext) -> None:
        ctx.step(lambda _: 1, name="fine")
        raise LookupError("no such order")

    with DurableTestRunner(broken) as runner:
        result = runner.run()
    assert result.status == "FAILED"
    assert result.error is not None
    assert (result.error.error_type, result.error.message) == ("LookupError", "no such order")
    with pytest.raises(
        AssertionError, match=r"is FAILED, not SUCCEEDED(.|\n)*step fine(.|\n)*LookupError: no such order"
    ):
        result.assert_succeeded()
    with pytest.raises(LookupError, match=r"no operation named 'absent'.*Its operations: 'fine'"):
        result.operation("absent")


def test_retries_are_skipped_over_and_counted() -> None:
    attempts = []

    def flaky(_: Any) -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise ConnectionError("busy")
        return "ok"

    @durable_execution
    def retrying(event: Any, ctx: DurableContext) -> str:
        return ctx.step(flaky, name="call")

    with DurableTestRunner(retrying) as runner:
        result = runner.run()
    assert result.result == "ok"
    assert (result.operation("call").attempts, result.operation("call").error) == (3, None)
    assert result.duration is not None
    assert result.duration >= timedelta(seconds=2)


@pytest.mark.parametrize(
    ("responder", "status", "value"),
    [
        ({"approved": True}, "SUCCEEDED", '{"approved": true}'),
        (succeed("yes", after=timedelta(days=2)), "SUCCEEDED", "yes"),
        (lambda request: succeed(f"seen {request.name}"), "SUCCEEDED", "seen approval create callback id"),
        (fail("rejected", error_type="Rejected"), "FAILED", "rejected"),
    ],
)
def test_declared_responders_answer_callbacks(responder: Any, status: str, value: str) -> None:
    with DurableTestRunner(approval, responders={"approval": responder}) as runner:
        result = runner.run()
    assert result.status == status, result.timeline()
    assert (result.result if status == "SUCCEEDED" else result.error.message) == value  # type: ignore[union-attr]


def test_an_answer_comes_at_its_time_by_the_executions_clock() -> None:
    with DurableTestRunner(approval, responders={"*": succeed(after=timedelta(days=2))}) as runner:
        result = runner.run()
    assert about(result.duration, timedelta(days=2))


def test_a_callback_without_an_answer_runs_into_its_timeout() -> None:
    @durable_execution
    def asks(event: Any, ctx: DurableContext) -> Any:
        return ctx.create_callback(name="answer", config=THREE_DAYS).result()

    for responders in ({}, {"answer": never()}, {"answer": succeed(after=timedelta(days=4))}):
        with DurableTestRunner(asks, responders=responders) as runner:
            result = runner.run()
        assert result.status == "FAILED"
        assert result.operation("answer").status == "TIMED_OUT"
        assert about(result.operation("answer").duration, timedelta(days=3))


def test_heartbeats_keep_a_callback_alive() -> None:
    config = WaitForCallbackConfig(heartbeat_timeout=Duration.from_minutes(10))

    @durable_execution
    def slow(event: Any, ctx: DurableContext) -> Any:
        return ctx.wait_for_callback(lambda _id, _ctx: None, name="job", config=config)

    answer = succeed("done", after=timedelta(hours=1))
    beating = succeed("done", after=timedelta(hours=1), heartbeat_every=timedelta(minutes=5))
    with DurableTestRunner(slow, responders={"job": answer}) as runner:
        assert runner.run().status == "FAILED"
    with DurableTestRunner(slow, responders={"job": beating}) as runner:
        assert runner.run().result == "done"


def test_a_started_execution_waits_for_the_test_to_answer() -> None:
    with DurableTestRunner(approval) as runner:
        execution = runner.start({"a": 1})
        assert execution.status == "RUNNING"
        callback = execution.callback("approval")
        assert callback.callback_id
        assert callback.open
        result = execution.complete("approval", {"ok": 1})
        assert result.assert_succeeded().result == '{"ok": 1}'
        with pytest.raises(LookupError, match="no open callback named 'approval'"):
            execution.callback("approval")


def test_a_run_that_nobody_answers_is_reported_as_running_with_what_it_waits_for() -> None:
    with DurableTestRunner(approval) as runner:
        result = runner.run()
    assert result.status == "RUNNING"
    assert [op.name for op in result.open_callbacks()] == ["approval create callback id"]


def test_a_manual_clock_moves_only_by_hand_and_everything_happens_at_its_moment() -> None:
    with DurableTestRunner(order, clock="manual") as runner:
        execution = runner.start({"amount": 1})
        assert execution.now.operation("cool down").status == "STARTED"
        runner.advance(minutes=59)
        assert execution.status == "RUNNING"
        runner.advance(timedelta(minutes=2))
        result = execution.now
    assert result.status == "SUCCEEDED"
    assert result.duration == timedelta(hours=1)
    with pytest.raises(ValueError, match="Time goes forward only"):
        runner.advance(days=-1)


def test_stop_pause_and_resume() -> None:
    with DurableTestRunner(order, clock="manual") as runner:
        stopped = runner.start({"amount": 1}).stop("enough", error_type="Operator")
        assert stopped.status == "STOPPED"
        assert str(stopped.error) == "Operator: enough"
        execution = runner.start({"amount": 1})
        execution.pause(reason="maintenance")
        runner.advance(hours=2)
        assert execution.status == "PAUSED"
        assert execution.resume().status == "SUCCEEDED"


def test_sibling_functions_are_invoked_durable_and_plain() -> None:
    @durable_execution
    def parent(event: Any, ctx: DurableContext) -> Any:
        both = [ctx.invoke("child:live", {"n": 1}, name="child"), ctx.invoke("plain", {"n": 2}, name="plain")]
        return [*both, ctx.invoke("arn:aws:lambda:us-east-1:123456789012:function:child:live", {"n": 3}, name="by arn")]

    @durable_execution
    def child(event: Any, ctx: DurableContext) -> int:
        ctx.wait(60)
        return event["n"] + 1

    with DurableTestRunner(parent, functions={"child:live": child, "plain": lambda event, _: event}) as runner:
        result = runner.run().assert_succeeded()
        assert result.result == [2, {"n": 2}, 4]
        grandchild = runner.execution(str(result.operation("child").child_arn)).now
    assert grandchild.result == 2
    assert ":function:child:1/" in grandchild.arn

    with DurableTestRunner(parent) as runner:
        assert "Function not found" in str(runner.run().error)


def test_what_the_handler_logs_is_with_its_execution() -> None:
    @durable_execution
    def talks(event: Any, ctx: DurableContext) -> None:
        logging.getLogger("shop").warning("order %s", event["order"])

    with DurableTestRunner(talks) as runner:
        first, second = runner.run({"order": 1}), runner.run({"order": 2})
    assert (first.logs, second.logs) == (["order 1"], ["order 2"])


def test_parallel_runs_on_one_runner_do_not_mix() -> None:
    barrier = threading.Barrier(4)

    @durable_execution
    def slow(event: Any, ctx: DurableContext) -> int:
        ctx.step(lambda _: barrier.wait(20) and None, name="together")
        ctx.wait(3600)
        return ctx.step(lambda _: event * 2, name="double")

    with DurableTestRunner(slow) as runner, ThreadPoolExecutor(4) as pool:
        results = list(pool.map(runner.run, range(4)))
    assert [result.result for result in results] == [0, 2, 4, 6]


def test_limits_are_the_services_and_can_be_tightened() -> None:
    @durable_execution
    def busy(event: Any, ctx: DurableContext) -> None:
        for number in range(10):
            ctx.step(lambda _: None, name=f"step {number}")

    records: list[dict[str, Any]] = []
    with DurableTestRunner(busy, settings=Settings(max_operations=6), sink=records.append) as runner:
        result = runner.run()
    assert result.status == "FAILED"
    assert "limit of 6 operations" in str(result.error)
    assert {record["kind"] for record in records} >= {"status", "quota"}


def test_a_handler_that_exits_is_a_crash_and_is_tried_again() -> None:
    runs = []

    @durable_execution
    def exits(event: Any, ctx: DurableContext) -> str:
        runs.append(1)
        if len(runs) == 1:
            raise SystemExit(3)
        return "second"

    with DurableTestRunner(exits) as runner:
        result = runner.run()
    assert result.result == "second"
    assert [invocation.error is None for invocation in result.invocations] == [False, True]
    assert "exit status 3" in str(result.invocations[0].error)


def test_a_runner_that_nobody_closes_leaves_nothing_open() -> None:
    runner = DurableTestRunner(order)
    runner.run({"amount": 1}).assert_succeeded()
    service = runner._service
    del runner
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        service.start("order:$LATEST", b"{}", None, None, {})


def test_wrong_use_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"Pass the handler itself, not its name"):
        DurableTestRunner("orders")
    with DurableTestRunner(order) as runner, pytest.raises(TypeError, match="The event must be JSON"):
        runner.run({1, 2})


def test_results_are_not_collected_as_tests() -> None:
    assert TestResult.__test__ is False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "problem", "text"),
    [
        ({"execution_timeout": 0}, ValueError, "execution_timeout must be 1 to 31,622,400 seconds, not 0"),
        ({"execution_timeout": timedelta(days=367)}, ValueError, "not 31,708,800"),
        ({"timeout": 901}, ValueError, "timeout must be 1 to 900 seconds, not 901"),
        ({"functions": {"ship": "shipping"}}, TypeError, "The handler of 'ship' must be a function, not 'shipping'"),
        ({"clock": "fast"}, ValueError, "there is no clock `fast`"),
    ],
)
def test_options_that_cannot_be_are_refused(options, problem: type[Exception], text: str) -> None:
    with pytest.raises(problem, match=text):
        DurableTestRunner(order, **options)


def test_what_is_no_fault_is_refused() -> None:
    with DurableTestRunner(order) as runner, pytest.raises(TypeError, match="made by `crash_after"):
        runner.run(faults=["crash"])
