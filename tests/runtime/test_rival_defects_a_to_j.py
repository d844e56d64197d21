"""One test for each defect of AWS's SDK 3.0.0 from A to J, with U and X which belong to them: here it is right."""

from __future__ import annotations

import json
import sys
import threading
import time

import pytest

import durable_runtime
from durable_runtime import exceptions
from durable_runtime._thread_budget import RESERVE
from tests.runtime.driving import invoke_once
from tests.runtime.history import op, op_id
from tests.runtime.kit import BOTH, SYNC
from tests.runtime.service import Service, succeed

BIG = 800 * 1024


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def sent(run):
    return [" ".join(map(str, u)) for u in run.service.updates()]


# -- A: oversize updates ------------------------------------------------------------------------------------


def test_a_an_oversize_step_result_behind_other_updates_fails_at_once(kit):
    """It used to wait for ever in an overflow queue."""

    def flow(kit, event, ctx):
        yield ctx.step(lambda _c: 1, name="before")
        try:
            yield ctx.step(lambda _c: "x" * BIG, name="big")
        except exceptions.PayloadTooLargeError as error:
            return str(error)

    message = kit.run(flow).result
    assert "big" in message
    assert "262,144" in message


def test_a_a_legal_large_invoke_payload_in_a_child_context_goes_alone(kit):
    """900 KB fits no shared batch, but is legal for an invoke."""

    def flow(kit, event, ctx):
        def body(context):
            yield context.step(lambda _c: 1, name="before")
            return (yield context.invoke("pay:1", "x" * (900 * 1024), name="large"))

        return (yield ctx.run_in_child_context(kit.fn(body), "child"))

    run = kit.run(flow, answers={"pay:1": succeed('"paid"')})
    assert run.result == "paid"


# -- B, C: idle time ----------------------------------------------------------------------------------------


@pytest.fixture
def started_threads(monkeypatch):
    """Names of the threads that start, other than the watchdog's."""
    names = []
    start = threading.Thread.start

    def counted(thread):
        if thread.name != "invocation":
            names.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", counted)
    return names


def test_b_an_empty_handler_starts_no_thread_and_leaves_none(kit, started_threads):
    """Nothing polls, so nothing has to be waited for at the end."""

    def flow(kit, event, ctx):
        return 1
        yield

    assert kit.run(flow).result == 1
    assert started_threads == []


def test_b_nothing_of_an_invocation_outlives_it(kit):
    before = set(threading.enumerate())

    def flow(kit, event, ctx):
        def item(context, value, index, items):
            return (yield context.step(lambda _c: value, name="one"))

        yield ctx.map(list(range(20)), kit.fn(item), name="map")
        yield ctx.wait(kit.seconds(5))

    kit.run(flow)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) <= before


def test_c_sequential_steps_take_one_call_each_and_no_thread(kit, started_threads):
    def flow(kit, event, ctx):
        for n in range(50):
            yield ctx.step(lambda _c: n, name=f"s{n}")

    run = kit.run(flow)
    assert len(run.service.calls) <= 50
    own = [name for name in started_threads if not name.startswith("durable-step")]  # `def` steps of async handlers
    assert len(own) <= 1


# -- D, E, U: rails -----------------------------------------------------------------------------------------


def test_d_a_step_inside_a_step_raises_on_the_first_run(kit):
    def flow(kit, event, ctx):
        def outer(_context):
            return ctx.step(lambda _c: "inner", name="inner")

        yield ctx.step(outer, name="outer", config=kit.StepConfig(retry_strategy=kit.retry(1)))

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert "inside step 'outer'" in run.message
    assert "STEP START inner" not in sent(run)


def test_e_the_outer_context_in_a_branch_raises_on_the_first_run(kit):
    def flow(kit, event, ctx):
        def branch(_context, item, index, items):
            return (yield ctx.step(lambda _c: item, name=f"s{index}"))

        batch = yield ctx.map([1, 2], kit.fn(branch), name="map")
        return [str(e.error_type if hasattr(e, "error_type") else e) for e in batch.get_errors()]

    run = kit.run(flow)
    text = json.dumps([run.text, run.error])
    assert "WrongContextError" in text
    assert not [u for u in sent(run) if u.startswith("STEP")]


def test_u_an_operation_in_finally_while_suspending_is_refused():
    """Cleanup on unwinding must not run its durable step at suspension."""
    seen = []

    def flow(kit, event, ctx):
        try:
            yield ctx.wait(kit.seconds(5), name="wait")
        finally:
            if not seen:
                try:
                    ctx.step(lambda _c: seen.append("cleanup ran"), name="cleanup")
                except exceptions.SuspendingError as error:
                    seen.append(str(error))

    run = SYNC.run(flow)
    assert run.status == "SUCCEEDED"
    assert sent(run) == ["WAIT START wait"]
    assert "suspend" in seen[0]


# -- F, X: non-determinism ----------------------------------------------------------------------------------


def changed(kit, flow, history):
    service = Service(operations=history)
    return invoke_once(kit.handler(flow), service), service


@pytest.mark.parametrize("swallow", [Exception, BaseException])
def test_f_nondeterminism_cannot_be_swallowed(kit, swallow):
    """`except Exception` does not see it, and `except BaseException` does not help."""

    def flow(kit, event, ctx):
        try:
            yield ctx.step(lambda _c: "new", name="new name")
        except swallow:
            return "swallowed"

    output, service = changed(kit, flow, [op("step", "SUCCEEDED", name="old name", Result='"old"')])
    assert output["Status"] == "FAILED"
    error = output["Error"]
    assert "NonDeterministic" in error["ErrorType"]
    for part in ("old name", "new name", "test_rival_defects_a_to_j.py", op_id(1)[:8]):
        assert part in error["ErrorMessage"]
    assert service.updates() == []


def test_f_with_retry_lets_nondeterminism_through(kit):
    def flow(kit, event, ctx):
        def block(context, attempt):
            return (yield context.wait(kit.seconds(5), name="new name"))

        config = durable_runtime.WithRetryConfig(wrap_with_run_in_child_context=False)
        return (yield durable_runtime.with_retry(ctx, kit.fn(block), config, name="block"))

    output, service = changed(kit, flow, [op("wait", "SUCCEEDED", name="old name")])
    assert output["Status"] == "FAILED"
    assert "NonDeterministic" in output["Error"]["ErrorType"]
    assert service.updates() == []


def test_x_history_that_the_code_no_longer_visits_is_reported(kit):
    def flow(kit, event, ctx):
        return (yield ctx.step(lambda _c: 1, name="kept"))

    history = [op("step", "SUCCEEDED", name="kept", Result="1"), op("step", "SUCCEEDED", at=2, name="removed")]
    output, _ = changed(kit, flow, history)
    assert output["Status"] == "FAILED"
    assert "removed" in output["Error"]["ErrorMessage"]


# -- G, H: maps ---------------------------------------------------------------------------------------------


def test_g_a_replayed_wait_in_a_busy_map_resumes_when_it_is_due():
    """Not after its whole duration again: the other branch waits for it."""
    resumed = threading.Event()

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            if index == 0:
                yield context.wait(kit.seconds(3600), name="wait")
                resumed.set()
                return "resumed"
            return (yield context.step(lambda _c: resumed.wait(20), name="busy"))

        batch = yield ctx.map(["waits", "works"], kit.fn(branch), name="map")
        return batch.get_results()

    the_map = op_id(1)
    history = [
        op("map", "STARTED", name="map"),
        op("item", "STARTED", at=0, parent=the_map, name="map-item-0"),
        op(
            "wait",
            "STARTED",
            parent=op_id(0, the_map),
            name="wait",
            ScheduledEndTimestamp=time.time() + 0.3,
        ),
    ]
    service = Service(operations=history)
    output = invoke_once(SYNC.handler(flow), service)
    assert json.loads(output["Result"]) == ["resumed", True]


def test_h_a_map_of_more_items_than_lambda_has_threads_finishes(kit):
    peak = 0

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            nonlocal peak
            peak = max(peak, threading.active_count())
            time.sleep(0.001)
            return index
            yield

        batch = yield ctx.map(range(1100), kit.fn(branch), name="map")
        return batch.success_count

    assert kit.run(flow).result == 1100
    assert peak <= 1_024 - RESERVE + 2  # Lambda allows 1,024; the calling thread and pytest's are no branches'


# -- I, J: linear cost --------------------------------------------------------------------------------------


def function_calls(work):
    """How many of the runtime's functions a call runs, on all threads: a measure of work without a clock."""
    count = 0

    def profile(frame, kind, _argument):
        nonlocal count
        if kind == "call" and "durable_runtime" in frame.f_code.co_filename:
            count += 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return count


def test_i_a_plugin_costs_the_same_for_each_step():
    from durable_runtime.plugin import DurableInstrumentationPlugin

    class Plugin(DurableInstrumentationPlugin):
        def on_operation_change(self, info):
            pass

    def work(steps):
        def flow(kit, event, ctx):
            for n in range(steps):
                yield ctx.step(lambda _c: n, name=f"s{n}")

        return lambda: SYNC.run(flow, decorator={"plugins": [Plugin()]})

    function_calls(work(10))
    few, many = function_calls(work(100)), function_calls(work(400))
    assert many < few * 4.6


def test_j_should_complete_costs_the_same_for_each_item():
    def work(items):
        def flow(kit, event, ctx):
            def branch(context, item, index, items):
                return index
                yield

            def done(status):
                complete = status.completed_count == status.total_count
                return durable_runtime.complete_batch() if complete else durable_runtime.continue_batch()

            config = kit.MapConfig(completion_config=kit.CompletionConfig(should_complete=done))
            batch = yield ctx.map(range(items), kit.fn(branch), name="m", config=config)
            return batch.success_count

        return lambda: SYNC.run(flow)

    function_calls(work(10))
    few, many = function_calls(work(100)), function_calls(work(400))
    assert many < few * 4.6
