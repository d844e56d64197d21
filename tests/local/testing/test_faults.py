"""Injected faults: the workflow ends the same, and what really went wrong is in the history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from durable_local.testing import (
    DurableTestRunner,
    Fault,
    assert_deterministic,
    crash_after,
    crash_before,
    crash_everywhere,
    duplicate_delivery,
    invocation_timeout,
    lost_reply,
    lost_result,
    server_error,
    stale_token,
    succeed,
    throttle,
)
from durable_runtime import DurableContext, durable_execution

EFFECTS: list[str] = []


def effect(name: str, value: Any = None) -> Any:
    EFFECTS.append(name)
    return value


@durable_execution
def order(event: Any, ctx: DurableContext) -> Any:
    total = ctx.step(lambda _: effect("price", 10), name="price")
    ctx.step(lambda _: effect("charge"), name="charge")
    ctx.wait(timedelta(hours=1), name="pause")
    return ctx.step(lambda _: effect("ship", total + 1), name="ship")


@pytest.fixture(autouse=True)
def _no_effects() -> None:
    EFFECTS.clear()


ALL: list[tuple[Fault, bool]] = [
    (crash_before(1), True),
    (crash_after(1), True),
    (crash_before(3), True),
    (crash_after(2), True),
    (lost_reply(1), False),
    (throttle(1), False),
    (throttle(2, times=3), False),
    (server_error(1, times=2), False),
    (stale_token(2), True),
    (invocation_timeout(3), True),
    (lost_result(1), True),
    (lost_result(2), True),
    (duplicate_delivery(1), False),
]


@pytest.mark.parametrize(("fault", "kills"), ALL, ids=[f"{fault.kind}-{fault.at}x{fault.times}" for fault, _ in ALL])
def test_the_workflow_survives_each_fault(fault: Fault, kills: bool) -> None:
    with DurableTestRunner(order) as runner:
        result = runner.run(faults=[fault])
    assert (result.status, result.result) == ("SUCCEEDED", 11), result.timeline()
    assert result.faults[0] == fault, "the fault did not strike"
    failed = [invocation for invocation in result.invocations if invocation.error is not None]
    if kills:
        assert len(failed) == 1, result.timeline()


def test_each_fault_leaves_its_own_trace_in_the_history() -> None:
    def error_of(fault: Fault) -> Any:
        with DurableTestRunner(order, timeout=30) as runner:
            return next(run.error for run in runner.run(faults=[fault]).invocations if run.error)

    assert "The process crashed after checkpoint 1." in error_of(crash_after(1)).message
    timeout = error_of(invocation_timeout(2))
    assert timeout.error_type == "Sandbox.Timedout"
    assert timeout.message.endswith("Error: Task timed out after 30.00 seconds")
    assert "Invalid checkpoint token" in error_of(stale_token(1)).message


def test_a_crash_before_the_record_runs_the_step_again_and_a_crash_after_it_does_not() -> None:
    for fault, runs in ((crash_before(1), 2), (crash_after(1), 1)):
        EFFECTS.clear()
        with DurableTestRunner(order) as runner:
            runner.run(faults=[fault])
        assert EFFECTS.count("price") == runs, fault


def test_an_at_most_once_step_never_runs_twice_and_says_that_it_was_interrupted() -> None:
    @durable_execution
    def careful(event: Any, ctx: DurableContext) -> Any:
        return ctx.step(lambda _: effect("charge", 1), name="charge", at_most_once=True)

    for fault, status in ((crash_before(1), "SUCCEEDED"), (crash_after(1), "FAILED"), (crash_before(2), "FAILED")):
        EFFECTS.clear()
        with DurableTestRunner(careful) as runner:
            result = runner.run(faults=[fault])
        assert result.status == status, result.timeline()
        assert EFFECTS.count("charge") <= 1
    assert "interrupted" in str(result.error)
    assert assert_deterministic(careful).result == 1


def test_a_second_delivery_repeats_no_recorded_effect() -> None:
    with DurableTestRunner(order) as runner:
        result = runner.run(faults=[duplicate_delivery(2)])
    assert result.result == 11
    assert (EFFECTS.count("price"), EFFECTS.count("charge")) == (1, 1)


def test_faults_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match=r"crash_after\(0\): checkpoints and invocations are counted from 1"):
        crash_after(0)


def test_a_workflow_ends_the_same_wherever_it_dies() -> None:
    @durable_execution
    def everything(event: Any, ctx: DurableContext) -> Any:
        squares = ctx.map([1, 2, 3], lambda c, item, _i, _all: c.step(lambda _: item * item), name="squares")
        answer = ctx.wait_for_callback(lambda _id, _ctx: None, name="approval")
        doubled = ctx.run_in_child_context(lambda c: c.step(lambda _: sum(squares.get_results()) * 2), name="double")
        ctx.wait(30)
        return [doubled, answer, ctx.invoke("plain", {"n": 1}, name="plain")]

    report = crash_everywhere(
        everything,
        responders={"approval": succeed("yes", after=timedelta(hours=1))},
        functions={"plain": lambda event, _: event["n"]},
    )
    assert report.reference.result == [28, "yes", 1]
    assert report.points >= 10
    assert {fault.kind for fault, _ in report.runs} == {"crash_before", "crash_after", "lost_result"}


def test_a_workflow_that_counts_outside_steps_is_found_out() -> None:
    lives: list[int] = []

    @durable_execution
    def forgetful(event: Any, ctx: DurableContext) -> int:
        lives.append(1)
        ctx.step(lambda _: None, name="work")
        ctx.wait(1)
        return len(lives)

    with pytest.raises(AssertionError, match=r"ends differently with crash_before\(1\)(.|\n)*Without a fault"):
        crash_everywhere(forgetful, before_each=lives.clear)
    with pytest.raises(AssertionError, match=r"not deterministic|diverges"):
        assert_deterministic(forgetful, before_each=lives.clear)


def test_a_workflow_that_changes_its_calls_is_found_out() -> None:
    lives: list[int] = []

    @durable_execution
    def wavering(event: Any, ctx: DurableContext) -> None:
        lives.append(1)
        ctx.step(lambda _: None, name=f"step {len(lives)}")
        ctx.wait(1)

    with pytest.raises(AssertionError, match=r"expected \(history\): STEP named 'step 1'"):
        assert_deterministic(wavering, before_each=lives.clear)


def test_a_deterministic_workflow_passes_and_returns_its_run() -> None:
    assert assert_deterministic(order).result == 11


def test_aws_sdk_handlers_meet_the_same_faults() -> None:
    sdk = pytest.importorskip("aws_durable_execution_sdk_python", reason="AWS's SDK is not installed")

    @sdk.durable_execution
    def theirs(event: Any, ctx: Any) -> int:
        first = ctx.step(lambda _: 1, name="one")
        return ctx.step(lambda _: first + 1, name="two")

    with DurableTestRunner(theirs) as runner:
        for fault in (crash_before(1), crash_after(2), stale_token(1)):
            result = runner.run(faults=[fault])
            assert (result.status, result.result, len(result.invocations)) == ("SUCCEEDED", 2, 2), fault
