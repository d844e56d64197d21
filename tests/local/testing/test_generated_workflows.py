"""Generated workflows end the same whatever goes wrong, and every prefix of their history replays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from durable_local.testing import (
    DurableTestRunner,
    Fault,
    TestResult,
    crash_after,
    crash_before,
    duplicate_delivery,
    lost_reply,
    lost_result,
    replay,
    server_error,
    stale_token,
    succeed,
    throttle,
)
from durable_local.testing._prove import outcome
from durable_runtime import DurableContext, durable_execution
from durable_runtime.config import Duration, StepConfig
from durable_runtime.retries import RetryStrategyConfig, create_retry_strategy

if TYPE_CHECKING:
    from collections.abc import Callable

RETRY = StepConfig(
    retry_strategy=create_retry_strategy(RetryStrategyConfig(max_attempts=4, initial_delay=Duration.from_seconds(10)))
)
RESPONDERS = {"*": succeed("answered", after=timedelta(minutes=7))}

leaves = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 10_000)),
    st.tuples(st.just("flaky"), st.integers(1, 3)),
    st.tuples(st.just("callback"), st.none()),
    st.tuples(st.just("invoke"), st.integers(0, 9)),
)
plans = st.lists(
    st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.just("child"), st.lists(inner, min_size=1, max_size=3)),
            st.tuples(st.just("map"), st.lists(inner, min_size=1, max_size=3)),
        ),
        max_leaves=6,
    ),
    min_size=1,
    max_size=4,
)
faults = st.one_of(
    st.builds(
        lambda make, number: make(number),
        st.sampled_from([crash_before, crash_after, lost_reply, stale_token, throttle, server_error]),
        st.integers(1, 8),
    ),
    st.builds(lambda make, number: make(number), st.sampled_from([lost_result, duplicate_delivery]), st.integers(1, 4)),
)


def perform(ctx: DurableContext, plan: list[Any]) -> list[Any]:
    return [OPERATIONS[kind](ctx, argument) for kind, argument in plan]


def flaky(ctx: DurableContext, failures: int) -> int:
    def body(step: Any) -> int:
        if step.attempt <= failures:
            raise ConnectionError(f"attempt {step.attempt}")
        return int(step.attempt)

    return ctx.step(body, name="flaky", config=RETRY)


def mapped(ctx: DurableContext, plan: list[Any]) -> list[Any]:
    return ctx.map(plan, lambda c, item, _index, _all: perform(c, [item]), name="map").get_results()


OPERATIONS: dict[str, Callable[[DurableContext, Any], Any]] = {
    "step": lambda ctx, value: ctx.step(lambda _: value, name=f"step {value}"),
    "wait": lambda ctx, seconds: ctx.wait(seconds),
    "flaky": flaky,
    "callback": lambda ctx, _: ctx.wait_for_callback(lambda _id, _c: None, name="callback"),
    "invoke": lambda ctx, value: ctx.invoke("echo", value, name="invoke"),
    "child": lambda ctx, plan: ctx.run_in_child_context(lambda child: perform(child, plan), name="child"),
    "map": mapped,
}


@durable_execution
def workflow(event: Any, ctx: DurableContext) -> list[Any]:
    return perform(ctx, event)


def run(plan: list[Any], *injected: Fault) -> TestResult:
    with DurableTestRunner(workflow, functions={"echo": lambda event, _: event}, responders=RESPONDERS) as runner:
        return runner.run(plan, faults=injected)


@given(plans, st.lists(faults, min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_faults_change_nothing_but_the_number_of_invocations(plan: list[Any], injected: list[Fault]) -> None:
    plain, disturbed = run(plan), run(plan, *injected)
    assert plain.status == "SUCCEEDED", plain.timeline()
    assert outcome(disturbed) == outcome(plain), f"{plain.timeline()}\n{disturbed.timeline()}"


@given(plans, st.data())
@settings(max_examples=40, deadline=None)
def test_every_prefix_of_a_history_replays(plan: list[Any], data: st.DataObject) -> None:
    document = run(plan).history()
    replay(workflow, document).assert_compatible()
    until = data.draw(st.integers(1, len(document["Events"])))
    prefix = [event for event in document["Events"] if event["EventId"] <= until]
    replay(workflow, prefix).assert_compatible()
