"""Blocks of operations: sagas, `with_retry`, short waits slept in place, and large values in a store."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt

import pytest

import durable_runtime
from durable_runtime import durable_execution, exceptions
from durable_runtime._offload import FileSystemStore
from tests.runtime.driving import run_to_end
from tests.runtime.kit import ASYNC, BOTH, RIVAL, SYNC
from tests.runtime.service import Fault, Service, succeed


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def started(run):
    return [name for _, action, name in run.service.updates() if action == "START"]


# -- sagas --------------------------------------------------------------------------------------------------


def booking(undone, *, fails=True, undo_fails=False, waits=True):
    """A trip in both kinds of handler: what was booked is undone in reverse when a later part fails."""

    def undo(what):
        undone.append(what)
        if undo_fails and what == "flight":
            raise ConnectionError("the airline is closed")

    def no_retry(_error, _attempt):
        return durable_runtime.RetryDecision.no_retry()

    def handler(event, ctx):
        with ctx.saga() as saga:
            ctx.step(lambda _c: 1, name="book flight")
            saga.add(undo, "flight", name="undo flight", retry=no_retry)
            if waits:
                ctx.wait(60, name="pause")
            ctx.step(lambda _c: 1, name="book hotel")
            saga.add(undo, what="hotel", name="undo hotel", retry=no_retry)
            if fails:
                ctx.step(lambda _c: 1 / 0, name="book car", retry=no_retry)
        return "booked"

    async def async_handler(event, ctx):
        async with ctx.saga() as saga:
            await ctx.step(lambda _c: 1, name="book flight")
            saga.add(undo, "flight", name="undo flight", retry=no_retry)
            if waits:
                await ctx.wait(60, name="pause")
            await ctx.step(lambda _c: 1, name="book hotel")
            saga.add(undo, what="hotel", name="undo hotel", retry=no_retry)
            if fails:
                await ctx.step(lambda _c: 1 / 0, name="book car", retry=no_retry)
        return "booked"

    return {"sync": durable_execution(handler), "async": durable_execution(async_handler)}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_failed_saga_undoes_its_parts_in_reverse_as_steps(kind):
    undone = []
    run = run_to_end(booking(undone)[kind])
    assert run.status == "FAILED"
    assert "division by zero" in run.message
    assert undone == ["hotel", "flight"]
    assert started(run) == ["book flight", "pause", "book hotel", "book car", "undo hotel", "undo flight"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_saga_undoes_nothing_on_suspension_or_success(kind):
    undone = []
    run = run_to_end(booking(undone, fails=False)[kind])
    assert run.result == "booked"
    assert undone == []
    assert run.service.invocations == 2


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_compensation_that_fails_does_not_stop_the_others(kind):
    undone = []
    run = run_to_end(booking(undone, undo_fails=True)[kind])
    assert undone == ["hotel", "flight"]
    assert "division by zero" in run.message


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_saga_survives_a_crash_anywhere(kind, when):
    """No invocation's crash makes it undo anything, or forget to."""
    calm = run_to_end(booking([])[kind])
    for call in range(1, len(calm.service.calls) + 1):
        crashed = run_to_end(booking([])[kind], service=Service(faults=[Fault(call, when=when)]))
        assert crashed.message == calm.message
        assert crashed.service.updates_by_id() == calm.service.updates_by_id()


def test_the_wrong_kind_of_with_says_so():
    async def handler(event, ctx):
        with ctx.saga():
            return 1

    run = run_to_end(durable_execution(handler))
    assert run.status == "FAILED"
    assert "async with" in run.message


# -- with_retry ---------------------------------------------------------------------------------------------


def retried(*, wrapped):
    def flow(kit, event, ctx):
        with_retry = sdk(kit, "with_retry")
        config = sdk(kit, "WithRetryConfig")(retry_strategy=kit.retry(3, 7), wrap_with_run_in_child_context=wrapped)

        def block(context, attempt):
            value = yield context.step(lambda _c: attempt, name=f"part {attempt}")
            if attempt < 3:
                raise LookupError(f"attempt {attempt}")
            return value

        return (yield with_retry(ctx, kit.fn(block), config, name="block"))

    return flow


def sdk(kit, name):
    return getattr(__import__(kit.package), name)


@pytest.mark.parametrize("wrapped", [True, False])
def test_with_retry_repeats_a_block_as_awss_sdk_does(kit, wrapped):
    """Same operations, names and waits between attempts."""
    theirs = RIVAL.run(retried(wrapped=wrapped))
    mine = kit.run(retried(wrapped=wrapped))
    assert mine.result == theirs.result == 3
    assert mine.service.updates() == theirs.service.updates()


def test_with_retry_gives_up_with_the_last_error(kit):
    def flow(kit, event, ctx):
        def block(context, attempt):
            raise LookupError(f"attempt {attempt}")
            yield

        config = durable_runtime.WithRetryConfig(retry_strategy=kit.retry(2))
        yield durable_runtime.with_retry(ctx, kit.fn(block), config, name="block")

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert "attempt 2" in run.message


# -- short waits --------------------------------------------------------------------------------------------


def test_short_waits_and_retries_are_slept_in_place_where_allowed(kit):
    """No second invocation, the same history."""

    def flow(kit, event, ctx):
        yield ctx.wait(kit.seconds(1), name="w")

        def body(context):
            if context.attempt == 1:
                raise LookupError("once")
            return "done"

        return (yield ctx.step(body, name="s", config=kit.StepConfig(retry_strategy=kit.retry(2))))

    run = kit.run(flow, decorator={"sleep_in_place": dt.timedelta(seconds=2)})
    assert run.result == "done"
    assert run.service.invocations == 1
    assert run.service.updates() == kit.run(flow).service.updates()


def test_a_wait_longer_than_allowed_suspends(kit):
    def flow(kit, event, ctx):
        yield ctx.wait(kit.seconds(60), name="w")

    assert kit.run(flow, decorator={"sleep_in_place": 2}).service.invocations == 2


# -- large values -------------------------------------------------------------------------------------------


def test_a_large_step_result_goes_through_a_store(kit, tmp_path):
    """The checkpoint holds a reference; replay reads the value back."""
    ran = []

    def flow(kit, event, ctx):
        value = yield ctx.step(lambda _c: ran.append(1) or "x" * 500_000, name="render")
        yield ctx.wait(kit.seconds(5), name="w")
        return len(value)

    run = kit.run(flow, decorator={"store": FileSystemStore(tmp_path)})
    assert run.result == 500_000
    assert ran == [1]
    assert len(run.service.named("render")["StepDetails"]["Result"]) < 1000


def test_typed_values_come_back_as_what_they_were(kit):
    """Annotations rebuild results on the first run and on replay alike."""
    seen = []

    def flow(kit, event, ctx):
        def price(_context) -> Price:
            return Price(5, "EUR")

        value = yield ctx.step(price)
        seen.append(value)
        yield ctx.wait(kit.seconds(5), name="w")
        found = yield ctx.invoke("pay:1", {"a": 1}, name="pay", returns=Price)
        seen.append(found)
        return value

    assert kit.run(flow, answers={"pay:1": succeed('{"amount": 7, "currency": "USD"}')}).status == "SUCCEEDED"
    assert seen == [Price(5, "EUR"), Price(5, "EUR"), Price(5, "EUR"), Price(7, "USD")]


@dataclasses.dataclass
class Price:
    """A value of the user's own."""

    amount: int
    currency: str


def test_a_condition_may_give_up(kit):
    """`max_attempts` of a wait strategy ends in a WaitForConditionError that can be caught."""

    def flow(kit, event, ctx):
        strategy = durable_runtime.create_wait_strategy(
            durable_runtime.WaitStrategyConfig(should_continue_polling=lambda _s: True, max_attempts=3),
        )
        config = kit.WaitForConditionConfig(wait_strategy=strategy, initial_state=0)
        try:
            yield ctx.wait_for_condition(lambda s, _c: s + 1, config, name="poll")
        except exceptions.WaitForConditionError as error:
            return str(error)

    run = kit.run(flow)
    assert run.result
    assert started(run) == ["poll"] * 3
    assert kit in (SYNC, ASYNC)


@pytest.mark.parametrize("state", [None, 0, "", [], False], ids=repr)
def test_a_condition_goes_on_from_a_state_that_is_falsy_or_written_as_nothing(kit, state):
    """Only the first check gets the initial state, whatever the serdes writes for later ones."""

    class Sparse:
        def serialize(self, value, _context):
            return repr(value) if value else None

        def deserialize(self, text, _context):
            return state if text is None else text.strip("'")

    def check(seen, _context):
        return state if seen == "initial" else "met"

    def decide(seen, attempt):
        if seen == "met" or attempt > 4:
            return kit.WaitForConditionDecision.stop_polling()
        return kit.WaitForConditionDecision.continue_waiting(kit.seconds(1))

    def flow(kit, event, ctx):
        config = kit.WaitForConditionConfig(wait_strategy=decide, initial_state="initial", serdes=Sparse())
        return (yield ctx.wait_for_condition(check, config, "polled"))

    assert kit.run(flow).result == "met"


def test_a_saga_of_a_cancelled_task_is_undone_and_that_of_a_suspended_one_is_not():
    """A TaskGroup cancels the others when one fails: what they had done must not stay."""
    undone = []

    async def leg(ctx, name):
        async with ctx.saga() as saga:
            await ctx.step(lambda _c: 1, name=f"book {name}")
            saga.add(undone.append, name, name=f"undo {name}")
            await ctx.wait(60, name=f"{name} confirms")

    async def refused(ctx):
        await ctx.wait(5, name="ask")
        raise LookupError("sold out")

    async def handler(event, ctx):
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(leg(ctx, "flight"))
                group.create_task(refused(ctx))
        except* LookupError:
            await ctx.wait(5, name="pause")
        lost = asyncio.ensure_future(leg(ctx, "hotel"))
        await ctx.wait(5, name="look around")
        lost.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await lost
        await leg(ctx, "train")
        return "home"

    run = run_to_end(durable_execution(handler))
    assert run.result == "home"
    assert undone == ["flight", "hotel"]
    assert [name for name in started(run) if name.startswith("undo")] == ["undo flight", "undo hotel"]


def test_a_block_without_a_name_has_none_in_the_history(kit):
    def flow(kit, event, ctx):
        def block(context, attempt):
            yield context.step(lambda _c: attempt, name=f"part {attempt}")
            if attempt == 1:
                raise LookupError("once more")

        def unnamed(function):
            function.__name__ = "<lambda>"
            return function

        config = sdk(kit, "WithRetryConfig")(retry_strategy=kit.retry(2, 7))
        retried = sdk(kit, "with_retry")
        return (yield retried(ctx, unnamed(kit.fn(block)), config))

    assert kit.run(flow).service.updates() == RIVAL.run(flow).service.updates()


@pytest.mark.parametrize("wrapped", [True, False], ids=["in a child", "at the top"])
def test_an_interrupted_step_can_be_caught_as_what_it_is(kit, wrapped):
    """On the first run after the interruption and on every replay."""
    begun, caught = [], []

    def charge(_context):
        begun.append(1)

    def flow(kit, event, ctx):
        def body(context):
            return (yield context.step(charge, name="charge", at_most_once=True))

        try:
            if wrapped:
                yield ctx.run_in_child_context(kit.fn(body), name="child")
            else:
                yield ctx.step(charge, name="charge", at_most_once=True)
        except exceptions.StepInterruptedError as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            caught.append((kinds, error.step_id, error.termination_reason, str(error)))
        yield ctx.wait(kit.seconds(5), name="pause")
        return "found out"

    run = kit.run(flow, faults=[Fault(2, "die")])
    assert run.result == "found out"
    assert len(begun) == 1
    assert caught[0] == caught[1]
    assert ("ChildContextError" if wrapped else "StepError") in caught[0][0]
    assert caught[0][1] == run.service.named("charge")["Id"]


@pytest.mark.parametrize("nonsense", [True, 0, -1, 1.5, "often", [3], Service])
def test_a_compensation_with_a_nonsense_retry_is_refused_when_it_is_added(kit, nonsense):
    """Not when it is needed: then it would be left out."""

    def flow(kit, event, ctx):
        with pytest.raises(exceptions.ValidationError, match=r"saga\.add 'undo print': retry is"):
            ctx.saga().add(print, retry=nonsense)
        return (yield ctx.step(lambda _c: "refused", name="after"))

    assert kit.run(flow).result == "refused"
