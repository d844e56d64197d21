"""What only `async def` handlers can do: start now and await later, gather, task groups, races; on replay too."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from durable_runtime import RetryPresets, WithRetryConfig, durable_execution, exceptions
from durable_runtime.config import Duration
from tests.runtime.driving import invoke_once, run_to_end
from tests.runtime.service import Fault, Service, succeed


def drive(function, **options):
    faults = options.pop("faults", ())
    answers = options.pop("answers", None)
    service = Service(options.pop("payload", None), faults=faults, answers=answers)
    return run_to_end(durable_execution(function), service=service, **options)


def same_after_every_crash(function, **options):
    """Run calmly, then with a crash after each call in turn; the result and the history must not differ."""
    calm = drive(function, **options)
    for call in range(1, len(calm.service.calls) + 1):
        crashed = drive(function, faults=[Fault(call, when="after")], **options)
        assert crashed.text == calm.text
        assert crashed.service.updates_by_id() == calm.service.updates_by_id()
    return calm


def names(run, action="START"):
    return [name for _, a, name in run.service.updates() if a == action]


def test_gathered_steps_run_together_and_keep_their_order():
    """Two steps that wait for each other can only end if both have started."""

    async def handler(event, ctx):
        left, right = asyncio.Event(), asyncio.Event()

        async def first(_context):
            left.set()
            await asyncio.wait_for(right.wait(), 10)
            return "first"

        async def second(_context):
            right.set()
            await asyncio.wait_for(left.wait(), 10)
            return "second"

        return await asyncio.gather(ctx.step(first, name="a"), ctx.step(second, name="b"))

    run = drive(handler)
    assert run.result == ["first", "second"]
    assert names(run) == ["a", "b"]


def test_operations_start_when_called_and_can_be_awaited_later():
    """Ids are those of the calls, not of the awaits."""

    async def handler(event, ctx):
        slow = ctx.step(lambda _c: "slow", name="slow")
        quick = ctx.step(lambda _c: "quick", name="quick")
        found = [await quick, await slow]
        await ctx.wait(5, name="pause")
        return found

    run = same_after_every_crash(handler)
    assert run.result == ["quick", "slow"]
    assert names(run)[:2] == ["slow", "quick"]


def test_waits_started_together_pass_together():
    async def handler(event, ctx):
        await asyncio.gather(ctx.wait(100, name="a"), ctx.wait(200, name="b"), ctx.wait(300, name="c"))
        return "waited"

    run = same_after_every_crash(handler)
    assert run.result == "waited"
    assert sorted(names(run)) == ["a", "b", "c"]
    assert run.service.skipped < 310


def test_gather_of_everything_replays_the_same():
    async def handler(event, ctx):
        async def child(context):
            await context.wait(7, name="inner")
            return await context.step(lambda _c: "child", name="inner step")

        async def item(context, value, index, items):
            return await context.step(lambda _c: value * 2, name="double")

        callback, invoke, batch, nested = await asyncio.gather(
            ctx.wait_for_callback(lambda _id, _c: None, name="approve"),
            ctx.invoke("pay:1", {"n": 1}, name="pay"),
            ctx.map([1, 2, 3], item, name="map"),
            ctx.run_in_child_context(child, "child"),
        )
        return [callback, invoke, batch.get_results(), nested]

    run = same_after_every_crash(handler, answers={"approve create callback id": succeed("ok"), "pay:1": succeed("1")})
    assert run.result == ["ok", 1, [2, 4, 6], "child"]


def test_a_task_group_works_and_its_failure_is_the_steps():
    async def handler(event, ctx):
        def fails(_context):
            raise LookupError("gone")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(wrapped(ctx.wait(60, name="cancelled with the group")))
                group.create_task(wrapped(ctx.step(fails, name="bad", retry=no_retry)))
        except* exceptions.StepError as group_error:
            failures = [str(e) for e in group_error.exceptions]
        await ctx.wait(5, name="after")
        return failures

    async def wrapped(awaitable):
        return await awaitable

    def no_retry(_error, _attempt):
        from durable_runtime.retries import RetryDecision

        return RetryDecision.no_retry()

    run = same_after_every_crash(handler)
    (failure,) = run.result
    assert failure.endswith("gone")


def test_a_race_replays_with_the_same_winner():
    """`asyncio.wait` for the first of a callback and a long wait: the callback wins, now and on every replay."""

    async def handler(event, ctx):
        callback = await ctx.create_callback(name="answer")
        answer = asyncio.ensure_future(callback.result())
        timeout = asyncio.ensure_future(ctx.wait(1_000_000, name="timeout"))
        done, _ = await asyncio.wait({answer, timeout}, return_when=asyncio.FIRST_COMPLETED)
        winner = "answer" if answer in done else "timeout"
        await ctx.step(lambda _c: winner, name=f"won by {winner}")
        await ctx.wait(5, name="after")
        return winner

    run = drive(handler, answers={"answer": succeed("yes")})
    assert run.result == "answer"
    assert "won by answer" in names(run)


def test_a_loser_that_nobody_awaits_does_not_hold_up_the_end():
    async def handler(event, ctx):
        ctx.wait(1_000_000, name="forgotten")
        return await ctx.step(lambda _c: "done", name="step")

    run = drive(handler)
    assert run.result == "done"
    assert run.service.invocations == 1


def test_def_steps_do_not_block_the_loop():
    """A blocking step and an async step that waits for each other both finish."""

    async def handler(event, ctx):
        blocked, loop_ran = threading.Event(), threading.Event()

        def blocking(_context):
            blocked.set()
            return loop_ran.wait(10)

        async def native(_context):
            while not blocked.is_set():  # noqa: ASYNC110  a threading event cannot be awaited
                await asyncio.sleep(0.001)
            loop_ran.set()

        first, _ = await asyncio.gather(ctx.step(blocking, name="blocking"), ctx.step(native, name="native"))
        return first

    assert drive(handler).result is True


def test_a_map_of_native_steps_starts_no_thread(monkeypatch):
    started = []
    start = threading.Thread.start

    def counted(thread):
        if thread.name != "invocation":
            started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", counted)

    async def handler(event, ctx):
        async def one(_context):
            return 1

        async def item(context, value, index, items):
            return await context.step(one, name="one")

        batch = await ctx.map(range(300), item, name="map")
        return sum(batch.get_results())

    assert drive(handler).result == 300
    assert started == []


def test_cancelled_tasks_are_cancelled():
    """`asyncio.timeout` around an operation gives the code its TimeoutError."""

    async def handler(event, ctx):
        async def slow(_context):
            await asyncio.sleep(30)

        try:
            async with asyncio.timeout(0.05):
                await ctx.step(slow, name="slow")
        except TimeoutError:
            return "timed out"

    assert drive(handler).result == "timed out"


def test_plain_asyncio_between_operations_is_allowed():
    async def handler(event, ctx):
        await asyncio.sleep(0)
        first = await ctx.step(lambda _c: 1, name="a")
        await asyncio.sleep(0.002)
        return first + await ctx.step(lambda _c: 1, name="b")

    assert same_after_every_crash(handler).result == 2


def test_an_operation_after_suspension_began_does_not_run():
    """The handler is unwound at its wait; what its `finally` starts is refused."""
    seen = []

    async def handler(event, ctx):
        try:
            await ctx.wait(Duration.from_seconds(60), name="wait")
        finally:
            if not seen:
                try:
                    await ctx.step(lambda _c: seen.append("ran"), name="cleanup")
                except exceptions.SuspendingError:
                    seen.append("refused")

    run = drive(handler)
    assert run.status == "SUCCEEDED"
    assert seen == ["refused"]
    assert "cleanup" not in names(run)


@pytest.mark.parametrize("count", [1, 50])
def test_children_gathered_by_hand_replay_the_same(count):
    async def handler(event, ctx):
        async def child(context, number):
            first = await context.step(lambda _c: number, name="a")
            await context.wait(10 + number, name="w")
            return first + await context.step(lambda _c: 1, name="b")

        children = [ctx.run_in_child_context(lambda c, n=n: child(c, n), f"child {n}") for n in range(count)]
        return sum(await asyncio.gather(*children))

    calm = drive(handler)
    assert calm.result == sum(range(count)) + count
    crashed = drive(handler, faults=[Fault(n, when="after") for n in range(2, 400, 3)], limit=600)
    assert crashed.text == calm.text
    assert crashed.service.updates_by_id() == calm.service.updates_by_id()


@pytest.mark.parametrize("way", ["wait", "as_completed", "done"])
def test_a_replayed_race_has_the_winner_of_the_first_run(way):
    """Both steps are called before either is awaited, and the one that was called first ends second."""
    winners = []

    async def slow(_context):
        await asyncio.sleep(0.02)
        return "slow"

    async def fast(_context):
        return "fast"

    async def first_of(operations):
        if way == "as_completed":
            return [await next(iter(asyncio.as_completed(operations)))]
        if way == "wait":
            done, _ = await asyncio.wait(map(asyncio.ensure_future, operations), return_when=asyncio.FIRST_COMPLETED)
            return [task.result() for task in done]
        while not any(operation.done() for operation in operations):  # noqa: ASYNC110  what a user may write
            await asyncio.sleep(0)
        return [operation.result() for operation in operations if operation.done()]

    async def handler(event, ctx):
        operations = [ctx.step(slow, "slow"), ctx.step(fast, "fast")]
        winners.append(await first_of(operations))
        await ctx.wait(Duration.from_seconds(5), "pause")
        return await asyncio.gather(*operations) if way != "as_completed" else None

    assert drive(handler).status == "SUCCEEDED"
    assert winners == [["fast"], ["fast"]]


def test_an_operation_may_be_awaited_more_than_once_and_fails_each_time_alike():
    def broken(_context):
        raise LookupError("gone")

    async def handler(event, ctx):
        failing, fine = ctx.step(broken, "broken", retry=False), ctx.step(lambda _c: 5, "fine")
        seen = [await fine, await fine, fine.done(), fine.result(), fine.cancel()]
        for _ in range(2):
            with pytest.raises(LookupError, match="gone"):
                await failing
        alone = ctx.step(lambda _c: 6, "alone")
        seen += [await alone, await alone, alone.done(), alone.result(), alone.cancel()]
        await ctx.wait(Duration.from_seconds(5), "pause")
        return seen

    assert same_after_every_crash(handler).result == [5, 5, True, 5, False, 6, 6, True, 6, False]


@pytest.mark.parametrize("cleanup", ["swallows", "fails"])
@pytest.mark.parametrize("kind", ["child", "map"])
def test_a_branch_that_breaks_its_suspension_is_not_over(kind, cleanup):
    """What it returned, or raised, while it was cancelled must not be recorded as its outcome."""

    async def branch(context, *_item):
        done = "cut short"
        try:
            await context.wait(Duration.from_seconds(5), "pause")
            done = "whole"
        except BaseException:
            if cleanup == "fails":
                raise ValueError("cleanup failed") from None
        return done

    async def handler(event, ctx):
        if kind == "child":
            return [await ctx.run_in_child_context(branch, "child")]
        return (await ctx.map([1], branch, "map")).get_results()

    run = drive(handler)
    assert run.result == ["whole"]
    assert run.service.invocations == 2


@pytest.mark.parametrize("native", [True, False], ids=["async def step", "def step"])
def test_a_step_that_was_given_up_is_not_begun_again_by_replays(native):
    """Its TaskGroup failed in the first invocation; each later one learns that before the step could run."""
    begun = []

    async def endless(_context):
        begun.append("native")
        await asyncio.sleep(60)

    def long(_context):
        begun.append("plain")
        time.sleep(0.05)

    async def handler(event, ctx):
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(ctx.step(endless if native else long, "given up"))
                group.create_task(ctx.step(lambda _c: 1 / 0, "bad", retry=False))
        except* ZeroDivisionError:
            pass
        for number in range(3):
            await ctx.wait(5, f"pause {number}")
        return "over"

    run = drive(handler)
    assert (run.result, run.service.invocations) == ("over", 4)
    assert len(begun) == 1


def test_an_unfinished_step_runs_once_the_results_of_history_are_out():
    """After a crash the results that history holds come first; then the step begins again."""
    turns = []

    async def slow(_context):
        turns.append("slow")
        await asyncio.sleep(0.05)

    async def handler(event, ctx):
        turns.append("start")

        async def chain(context):
            for number in range(3):
                await context.step(lambda _c: None, f"quick {number}")
                turns.append("quick")

        await asyncio.gather(ctx.run_in_child_context(chain, "chain"), ctx.step(slow, "slow"))

    service = Service(faults=[Fault(2, when="after")])
    with contextlib.suppress(exceptions.CheckpointError):
        invoke_once(durable_execution(handler), service)
    service.abandon()
    recorded = sum(raw["Status"] == "SUCCEEDED" for raw in service.operations.values())
    turns.clear()
    assert recorded >= 1
    assert run_to_end(durable_execution(handler), service=service).status == "SUCCEEDED"
    assert turns.index("slow") > recorded
    assert turns.count("quick") == 3


def test_with_retry_on_the_callers_context_starts_when_it_is_called():
    """Its operations run while the caller waits for something else, and take the same positions on every replay."""

    async def quick(_context):
        """In the loop, so that what ends first does not depend on threads."""

    async def block(context, attempt):
        await context.step(quick, f"part {attempt}")
        if attempt == 1:
            raise LookupError("once more")
        return attempt

    async def handler(event, ctx):
        alone = WithRetryConfig(wrap_with_run_in_child_context=False)
        started = ctx.with_retry(block, "block", alone, retry=RetryPresets.fixed(9))
        lost = ctx.with_retry(block, "nobody waits for this", alone, retry=False)
        await ctx.step(quick, "other")
        await ctx.wait(60, "pause")
        assert not lost.cancel()
        return [await started, await started, started.done(), await asyncio.gather(started)]

    run = same_after_every_crash(handler)
    assert run.result == [2, 2, True, [2]]
    first = [name for call in run.service.accepted[:3] for name in (update.get("Name") for update in call)]
    assert first[:1] == ["other"]
    assert "part 1" in first


def test_tasks_that_a_group_cancels_clean_up_in_the_same_order_on_every_replay():
    """A TaskGroup keeps its tasks in a set, and their addresses differ from invocation to invocation."""

    async def leg(ctx, number):
        async with ctx.saga() as saga:
            saga.add(lambda: None, name=f"undo {number}")
            await ctx.wait(3600, f"leg {number}")

    async def fails(ctx):
        await ctx.wait(5, "look")
        raise LookupError("sold out")

    async def child(ctx):
        with contextlib.suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for number in range(12):
                    group.create_task(leg(ctx, number))
                group.create_task(fails(ctx))
        waits = [asyncio.ensure_future(ctx.wait(5, f"wait {number}")) for number in range(12)]
        done, _ = await asyncio.wait(waits)
        return [waits.index(task) for task in done]

    async def handler(event, ctx):
        await ctx.run_in_child_context(child, "first")  # replays skip its tasks, and those count no more
        order = await child(ctx)
        await ctx.wait(5, "pause")
        return order

    run = same_after_every_crash(handler)
    assert sorted(run.result) == list(range(12))
    assert len([name for name in names(run) if name.startswith("undo")]) == 24
