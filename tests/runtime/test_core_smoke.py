"""The core alone: the queue's rules, identities, and what runs on which thread."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from hashlib import blake2b

import pytest

from durable_runtime import CompletionConfig, NonDeterministicExecutionError, durable_execution
from durable_runtime._commit import MAX_BYTES, MAX_UPDATES, CommitLog, Line
from durable_runtime._history import History, epoch_seconds
from durable_runtime._ids import marker_id, position_id, prefix_of
from durable_runtime.exceptions import OrphanedChildException, SuspendExecution
from tests.runtime.driving import run_to_end
from tests.runtime.history import op, op_id
from tests.runtime.service import Service


def update(number: int, payload: str = "1") -> dict:
    return {"Id": str(number), "Type": "STEP", "Action": "SUCCEED", "Payload": payload}


def log_of(client=None) -> CommitLog:
    return CommitLog(client, "arn", "token", History())


def test_ids_are_those_of_the_architecture():
    top = blake2b(b"3").hexdigest()[:64]
    assert position_id(prefix_of(None), 3) == top
    assert position_id(prefix_of(top), 0) == blake2b(f"{top}-0".encode()).hexdigest()[:64]


def test_markers_have_ids_that_no_position_has():
    positions = {position_id(b"", number) for number in range(1000)}
    assert marker_id(b"", "patch", "1") not in positions


def test_a_batch_ends_at_the_number_and_at_the_bytes_that_the_service_takes():
    log, line = log_of(), Line()
    for number in range(MAX_UPDATES + 1):
        log.add(update(number), line)
    assert [len(log.take()), len(log.take())] == [MAX_UPDATES, 1]
    for number in range(3):
        log.add(update(number, "x" * (MAX_BYTES // 2 - 100)), line)
    assert [len(log.take()), len(log.take())] == [2, 1]


def test_an_update_larger_than_a_call_goes_alone():
    log, line = log_of(), Line()
    for payload in ("1", "x" * (MAX_BYTES + 1), "2"):
        log.add(update(len(log), payload), line)
    assert [len(log.take()) for _ in range(3)] == [1, 1, 1]


def test_bytes_are_counted_as_the_request_has_them():
    """A quote takes two bytes in JSON, an emoji twelve."""
    log, line = log_of(), Line()
    log.add(update(1, "😀" * (MAX_BYTES // 20)), line)
    log.add(update(2, '"' * (MAX_BYTES // 3)), line)
    assert len(log.take()) == 1


def test_an_orphaned_line_and_those_forked_from_it_record_nothing():
    log, root = log_of(), Line()
    branch = Line(root)
    inner = Line(branch)
    branch.orphaned = True
    log.add(update(1), root)
    with pytest.raises(OrphanedChildException):
        log.add(update(2), inner)
    assert len(log) == 1


def test_a_withheld_token_stops_everything():
    log = log_of()
    log.add(update(1), Line())
    log.accept(log.take(), {"token": None, "operations": [], "ids": set()})
    with pytest.raises(SuspendExecution):
        log.add(update(2), Line())


def test_what_a_reply_leaves_out_is_noted_from_the_updates():
    log = log_of()
    log.add(update(1, '"kept"'), Line())
    log.absorb(log.take(), {"token": "t", "operations": [], "ids": set()})
    assert log.history.operations["1"]["Status"] == "SUCCEEDED"
    assert log.history.operations["1"]["StepDetails"]["Result"] == '"kept"'


@pytest.mark.parametrize("value", [1_795_172_990_761, 1_795_172_990.761, "2026-11-20T11:09:50.761+00:00"])
def test_timestamps_are_read_in_every_form_that_the_service_sends(value):
    assert epoch_seconds(value) == pytest.approx(1_795_172_990.761)


def test_a_def_handler_runs_on_the_thread_that_calls_it():
    seen = []

    @durable_execution
    def handler(_event, ctx):
        seen.append(threading.get_ident())
        return ctx.step(lambda _step: seen.append(threading.get_ident()), name="where")

    service = Service()
    handler.invoke_with(service.begin(), None, service)
    assert set(seen) == {threading.get_ident()}


def test_an_async_step_of_a_def_handler_runs():
    async def fetch(_step):
        await asyncio.sleep(0)
        return 5

    @durable_execution
    def handler(_event, ctx):
        return ctx.step(fetch)

    assert run_to_end(handler).result == 5


def test_history_of_other_code_ends_the_execution_even_if_swallowed():
    @durable_execution
    def first(_event, ctx):
        ctx.step(lambda _step: 1, name="charge")
        ctx.wait(60)

    @durable_execution
    def second(_event, ctx):
        with contextlib.suppress(NonDeterministicExecutionError):
            ctx.step(lambda _step: 2, name="refund")
        return "went on"

    service = Service()
    service.end(first.invoke_with(service.begin(), None, service))
    service.pass_time()
    output = second.invoke_with(service.begin(), None, service)
    assert output["Status"] == "FAILED"
    for part in ("'refund'", "'charge'", "test_core_smoke.py", "aliases="):
        assert part in output["Error"]["ErrorMessage"]


def batch_history():
    """A map of three whose first and last branch were started when the invocation died."""
    the_map = op_id(1)
    return [
        op("map", "STARTED", name="map"),
        op("item", "SUCCEEDED", at=0, parent=the_map, name="map-item-0", Result="0"),
        op("item", "STARTED", at=2, parent=the_map, name="map-item-2"),
    ]


def test_branches_that_an_early_completion_leaves_out_are_not_missed():
    @durable_execution
    def handler(_event, ctx):
        rule = CompletionConfig.first_successful()
        return ctx.map([0, 1, 2], lambda _ctx, item: item, name="map", completion_config=rule).get_results()

    service = Service(operations=batch_history())
    assert handler.invoke_with(service.begin(), None, service) == {"Status": "SUCCEEDED", "Result": "[0]"}


def test_a_map_that_has_become_shorter_is_reported():
    @durable_execution
    def handler(_event, ctx):
        return ctx.map([0], lambda _ctx, item: item, name="map").get_results()

    service = Service(operations=batch_history())
    output = handler.invoke_with(service.begin(), None, service)
    assert "'map-item-2'" in output["Error"]["ErrorMessage"]


@pytest.mark.parametrize("linger", [0, 30])
def test_how_long_an_outcome_waits_for_company_can_be_set(linger):
    """With a long linger nothing is sent while the code goes on; with none, the flusher sends at once."""
    service, sent_in_time = Service(), threading.Event()

    class Watching:
        get_state = service.get_state

        def checkpoint(self, *args):
            reply = service.checkpoint(*args)
            sent_in_time.set()
            return reply

    @durable_execution(outcome_linger=linger, start_linger=linger)
    def handler(_event, ctx):
        ctx.step(lambda _step: 1, name="one")
        return sent_in_time.wait(0.05 if linger else 20)

    output = handler.invoke_with(service.begin(), None, Watching())
    assert output["Result"] == ("false" if linger else "true")


def test_what_a_beaten_step_hands_back_too_late_is_dropped_in_silence():
    """Its thread ends after the race, with a coroutine that nobody will await: warnings are errors here."""
    decided, ended = threading.Event(), threading.Event()

    @durable_execution
    async def handler(_event, ctx):
        def body(_step):
            decided.wait(20)
            ended.set()
            return asyncio.sleep(0)

        async def slow(inner):
            await inner.step(body, name="slow")

        async def quick(inner):
            return await inner.step(lambda _step: 1, name="quick")

        rule = CompletionConfig.first_successful()
        batch = await ctx.parallel([slow, quick], completion_config=rule)
        decided.set()
        return batch.get_results()

    assert run_to_end(handler).result == [1]
    assert ended.wait(20)
    gc.collect()
