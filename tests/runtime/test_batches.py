"""`map` and `parallel` in detail: completion rules as in AWS's SDK, names, nesting, limits, large outcomes."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import durable_runtime
from durable_runtime import exceptions
from tests.runtime.kit import ASYNC, BOTH, RIVAL, SYNC


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def outcome(batch):
    items = [[i.index, i.status.value, i.result, i.error.message if i.error else None] for i in batch.all]
    return [
        batch.completion_reason.value,
        batch.status.value,
        items,
        batch.success_count,
        batch.failure_count,
        batch.started_count,
        batch.total_count,
        batch.has_failure,
        batch.get_results(),
    ]


RULES = st.fixed_dictionaries(
    {},
    optional={
        "min_successful": st.integers(1, 4),
        "tolerated_failure_count": st.integers(0, 4),
        "tolerated_failure_percentage": st.sampled_from([0, 20, 50, 100]),
    },
)


@settings(max_examples=8)
@given(st.lists(st.booleans(), max_size=5), RULES, st.booleans())
def test_completion_rules_decide_as_in_awss_sdk(goods, rules, waits):
    """One branch at a time, so that the order is fixed: same reason, same items, same counts."""
    assume(not goods or rules.get("min_successful", 1) <= len(goods))

    def flow(kit, event, ctx):
        def branch(context, good, index, items):
            if waits:
                yield context.wait(kit.seconds(5), name="w")
            if not good:
                raise LookupError(f"item {index}")
            return (yield context.step(lambda _c: index * 10, name="s"))

        config = kit.MapConfig(max_concurrency=1, completion_config=kit.CompletionConfig(**rules))
        return outcome((yield ctx.map(goods, kit.fn(branch), name="m", config=config)))

    theirs = RIVAL.run(flow)
    for mine in (SYNC.run(flow), ASYNC.run(flow)):
        assert mine.result == theirs.result
        assert mine.service.updates() == theirs.service.updates()


@pytest.mark.parametrize("outcome_name", ["SUCCEEDED", "FAILED"])
def test_should_complete_sees_counts_and_items_and_decides(kit, outcome_name):
    seen = []

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            return item
            yield

        def decide(status):
            seen.append((status.success_count, status.completed_count, status.total_count, len(status.items)))
            if status.success_count >= 2:
                return durable_runtime.complete_batch(durable_runtime.CompletionOutcome[outcome_name])
            return durable_runtime.continue_batch()

        config = kit.MapConfig(max_concurrency=1, completion_config=kit.CompletionConfig(should_complete=decide))
        return outcome((yield ctx.map([1, 2, 3, 4], kit.fn(branch), name="m", config=config)))

    reason, status, items, *_ = kit.run(flow).result
    assert reason == f"CUSTOM_COMPLETION_{outcome_name}"
    assert status == outcome_name
    assert [i[1] for i in items] == ["SUCCEEDED", "SUCCEEDED"]
    assert (1, 1, 4, 4) in seen


@pytest.mark.parametrize("finished", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("nonsense", "says"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: True, "should_complete answered True; it must answer continue_batch() or complete_batch()"),
    ],
    ids=["raises", "nonsense"],
)
def test_a_predicate_that_raises_or_answers_nonsense_fails_the_map_whenever_it_does(kit, nonsense, says, finished):
    """Asked by a worker thread or a task, where an error would otherwise meet nobody."""

    def decide(status):
        return nonsense() if status.completed_count >= finished else durable_runtime.continue_batch()

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            return (yield context.step(lambda _step: item, name="s"))

        config = kit.MapConfig(
            max_concurrency=2,
            completion_config=kit.CompletionConfig(should_complete=decide),
        )
        yield ctx.map([1, 2, 3], kit.fn(branch), name="m", config=config)

    assert says in kit.run(flow).message


def test_what_a_loser_raises_once_the_batch_is_decided_does_not_count():
    """It comes while the rule is being asked for the winner, so it may be the next that the batch hears of."""
    asked = threading.Event()

    def decide(status):
        if not status.success_count:
            return durable_runtime.continue_batch()
        asked.set()
        time.sleep(0.005)
        return durable_runtime.complete_batch()

    def flow(kit, event, ctx):
        def winner(context):
            return "won"
            yield

        def loser(context):
            asked.wait(20)
            raise exceptions.ExecutionError("lost")
            yield

        config = kit.ParallelConfig(completion_config=kit.CompletionConfig(should_complete=decide))
        return (yield ctx.parallel([kit.fn(loser), kit.fn(winner)], name="race", config=config)).get_results()

    for _ in range(20):
        asked.clear()
        assert SYNC.run(flow).result == ["won"]


@pytest.mark.parametrize("kind", ["map", "parallel"])
def test_more_successes_than_branches_is_refused_before_any_effect(kit, kind):
    def flow(kit, event, ctx):
        rules = kit.CompletionConfig(min_successful=3)
        try:
            if kind == "map":
                yield ctx.map([1, 2], kit.fn(flow), name="m", config=kit.MapConfig(completion_config=rules))
            else:
                branches = [kit.fn(flow)] * 2
                yield ctx.parallel(branches, name="m", config=kit.ParallelConfig(completion_config=rules))
        except exceptions.ValidationError as error:
            return str(error)

    run = kit.run(flow)
    assert "min_successful is 3" in run.result
    assert run.service.updates() == []


# -- names --------------------------------------------------------------------------------------------------


def branch_names(run):
    return [
        o["Name"] for o in run.service.operations.values() if o.get("SubType") in ("ParallelBranch", "MapIteration")
    ]


def test_branches_have_the_names_they_are_given(kit):
    def flow(kit, event, ctx):
        def one(context):
            return 1
            yield

        branches = [durable_runtime.ParallelBranch(kit.fn(one), "left"), kit.fn(one)]
        yield ctx.parallel(branches, name="p")
        yield ctx.parallel({"north": kit.fn(one), "south": kit.fn(one)}, name="q")

    assert sorted(branch_names(kit.run(flow))) == ["left", "north", "parallel-branch-1", "south"]


def test_an_item_namer_names_the_items(kit):
    def flow(kit, event, ctx):
        def one(context, item, index, items):
            return item
            yield

        config = kit.MapConfig(item_namer=lambda item, index: f"order-{item}-{index}")
        yield ctx.map(["a", "b"], kit.fn(one), name="m", config=config)

    assert sorted(branch_names(kit.run(flow))) == ["order-a-0", "order-b-1"]


def test_an_item_name_that_the_service_would_refuse_is_refused_before_any_effect(kit):
    def flow(kit, event, ctx):
        config = kit.MapConfig(item_namer=lambda item, index: "ü")
        try:
            yield ctx.map(["a"], kit.fn(flow), name="m", config=config)
        except exceptions.ValidationError as error:
            return str(error)

    run = kit.run(flow)
    assert "item_namer" in run.result
    assert run.service.updates() == []


# -- concurrency --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_max_concurrency_limits_branches_in_flight_suspended_ones_included(kit, limit):
    """A branch that waits keeps its place; no further branch starts for it."""

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            yield context.wait(kit.seconds(5 + index), name="w")
            return item

        config = kit.MapConfig(max_concurrency=limit)
        batch = yield ctx.map(range(6), kit.fn(branch), name="m", config=config)
        return batch.get_results()

    run = kit.run(flow, between=note_open_items)
    assert run.result == list(range(6))
    assert max(run.service.open_items) <= limit


def note_open_items(service):
    open_items = [
        o for o in service.operations.values() if o.get("SubType") == "MapIteration" and o["Status"] == "STARTED"
    ]
    service.open_items = [*getattr(service, "open_items", []), len(open_items)]
    service.pass_time()


def test_nested_maps_with_blocking_steps_cannot_starve_each_other():
    """Three levels deep and two threads: the calling thread works, too."""

    def flow(kit, event, ctx):
        def leaf(context, item, index, items):
            return (yield context.step(lambda _c: time.sleep(0.001) or item, name="s"))

        def middle(context, item, index, items):
            batch = yield context.map(range(3), kit.fn(leaf), name="leaves")
            return sum(batch.get_results())

        def top(context, item, index, items):
            batch = yield context.map(range(3), kit.fn(middle), name="middles")
            return sum(batch.get_results())

        batch = yield ctx.map(range(3), kit.fn(top), name="tops")
        return sum(batch.get_results())

    for threads in (1, 2, 8):
        assert SYNC.run(flow, decorator={"max_threads": threads}).result == 27


def test_max_threads_bounds_the_threads():
    peak = 0

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            nonlocal peak
            peak = max(peak, len([t for t in threading.enumerate() if t.name.startswith("durable-branch")]))
            time.sleep(0.002)
            return item
            yield

        return (yield ctx.map(range(60), kit.fn(branch), name="m")).success_count

    assert SYNC.run(flow, decorator={"max_threads": 3}).result == 60
    assert peak <= 3


def test_branches_run_at_the_same_time(kit):
    """Each waits for the other, so both must have started."""
    barrier = threading.Barrier(2, timeout=20)

    def flow(kit, event, ctx):
        def branch(context):
            yield context.step(lambda _c: barrier.wait() >= 0, name="meet")

        return (yield ctx.parallel([kit.fn(branch), kit.fn(branch)], name="p")).success_count

    assert kit.run(flow).result == 2


# -- outcomes -----------------------------------------------------------------------------------------------


def test_a_large_outcome_is_rebuilt_from_the_items(kit):
    """Forty results of 10 KB exceed what one operation may hold; no step runs again."""
    ran = []

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            return (yield context.step(lambda _c: ran.append(item) or "x" * 10_000, name="s"))

        batch = yield ctx.map(range(40), kit.fn(branch), name="m")
        yield ctx.wait(kit.seconds(5), name="w")
        return [len(r) for r in batch.get_results()]

    run = kit.run(flow)
    assert run.result == [10_000] * 40
    assert sorted(ran) == list(range(40))
    assert run.service.named("m")["ContextDetails"]["ReplayChildren"] is True


def test_a_large_outcome_with_failures_and_early_end_is_rebuilt_as_it_was(kit):
    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            value = yield context.step(lambda _c: "x" * 60_000, name="s")
            if item == 1:
                raise LookupError("one")
            return value

        rules = kit.CompletionConfig(min_successful=6, tolerated_failure_count=5)
        config = kit.MapConfig(max_concurrency=1, completion_config=rules)
        batch = yield ctx.map(range(9), kit.fn(branch), name="m", config=config)
        before = [batch.completion_reason.value, [[i.index, i.status.value] for i in batch.all]]
        yield ctx.wait(kit.seconds(5), name="w")
        return before

    seen = []
    run = kit.run(lambda kit, event, ctx: remember(flow(kit, event, ctx), seen))
    assert run.result[0] == "MIN_SUCCESSFUL_REACHED"
    assert run.result[1] == [[0, "SUCCEEDED"], [1, "FAILED"], *[[i, "SUCCEEDED"] for i in range(2, 7)]]


def remember(generator, seen):
    result = yield from generator
    seen.append(result)
    return result


def test_the_error_of_an_item_can_be_thrown(kit):
    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            raise LookupError(f"no {item}")
            yield

        batch = yield ctx.map(["a"], kit.fn(branch), name="m")
        yield ctx.wait(kit.seconds(5), name="w")
        try:
            batch.throw_if_error()
        except exceptions.DurableExecutionsError as error:
            return str(error)

    assert "no a" in kit.run(flow).result


def test_flat_branches_leave_no_operations_of_their_own(kit):
    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            yield context.wait(kit.seconds(5), name=f"w{index}")
            return (yield context.step(lambda _c: item, name=f"s{index}"))

        config = kit.MapConfig(nesting_type=kit.NestingType.FLAT)
        return (yield ctx.map([1, 2], kit.fn(branch), name="m", config=config)).get_results()

    run = kit.run(flow)
    assert run.result == [1, 2]
    assert branch_names(run) == []
    the_map = run.service.named("m")["Id"]
    assert all(run.service.named(name)["ParentId"] == the_map for name in ("w0", "w1", "s0", "s1"))


def test_a_function_takes_as_many_arguments_as_it_likes():
    """Only ours: (context), (context, item), (context, item, index) or all four."""

    def handler(kit, event, ctx):
        results = [
            ctx.map([5], lambda c: 1, name="one").get_results(),
            ctx.map([5], lambda c, item: item, name="two").get_results(),
            ctx.map([5], lambda c, item, index: [item, index], name="three").get_results(),
            ctx.map([5], lambda c, item, index, items: [item, index, len(items)], name="four").get_results(),
        ]
        return results
        yield

    assert SYNC.run(handler).result == [[1], [5], [[5, 0]], [[5, 0, 1]]]


def test_a_set_is_refused_since_its_order_does_not_repeat(kit):
    """Items would get the results of others in the next invocation."""

    def flow(kit, event, ctx):
        with pytest.raises(exceptions.ValidationError, match="inputs is a set, whose order changes"):
            ctx.map({"a", "b"}, kit.fn(lambda *_: iter(())), name="m")
        with pytest.raises(exceptions.ValidationError, match="functions is a frozenset, whose order changes"):
            ctx.parallel(frozenset([kit.fn(lambda *_: iter(()))]))
        return (yield ctx.step(lambda _c: "refused", name="after"))

    run = kit.run(flow)
    assert run.result == "refused"
    assert [name for _, _, name in run.service.updates()] == ["after", "after"]
