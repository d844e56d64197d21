"""`now`, `uuid4` and `random`: the same on every replay, without an operation."""

from __future__ import annotations

import datetime as dt
import random
import uuid

import pytest

from tests.runtime.kit import BOTH
from tests.runtime.service import Fault, succeed


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def take(ctx):
    numbers = ctx.random()
    return [
        ctx.now().isoformat(),
        str(ctx.uuid4()),
        numbers.random(),
        numbers.randint(1, 10**9),
        numbers.choice("abcdef"),
        str(ctx.uuid4()),
    ]


def flow(kit, event, ctx):
    seen = [take(ctx)]
    yield ctx.step(lambda _c: 1, name="s")
    seen.append(take(ctx))
    yield ctx.wait(kit.seconds(60), name="w")
    seen.append(take(ctx))

    def branch(context, item, index, items):
        first = take(context)
        yield context.wait(kit.seconds(5 + index), name="bw")
        return [first, take(context)]

    batch = yield ctx.map(range(3), kit.fn(branch), name="m")
    return [seen, batch.get_results()]


def test_values_repeat_on_every_replay(kit):
    """Five or more invocations agree with one another, or the recorded results would differ."""
    seen = []

    def noted(kit, event, ctx):
        values = yield from flow(kit, event, ctx)
        seen.append(values)
        return values

    def prefix(kit, event, ctx):
        first = take(ctx)
        seen.append(first)
        yield ctx.wait(kit.seconds(60), name="w")
        seen.append(first)
        return first

    run = kit.run(prefix)
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2] == run.result
    calm = kit.run(noted)
    assert calm.status == "SUCCEEDED"


def test_values_do_not_change_with_crashes(kit):
    """What a step recorded before the crash is what the code computes after it."""

    def shape(kit, event, ctx):
        first = take(ctx)
        second = yield ctx.step(lambda _c: first, name="record")
        third = take(ctx)
        again = yield ctx.step(lambda _c: third, name="record again")
        return [first == second, third == again]

    for call in (1, 2):
        for when in ("before", "after"):
            assert kit.run(shape, faults=[Fault(call, when=when)]).result == [True, True]


def test_values_differ_within_an_execution_and_between_branches(kit):
    seen, branches = kit.run(flow).result
    ids = [value for values in seen for value in (values[1], values[5])]
    ids += [value for branch in branches for values in branch for value in (values[1], values[5])]
    assert len(set(ids)) == len(ids)
    draws = [values[2] for values in seen] + [values[2] for branch in branches for values in branch]
    assert len(set(draws)) == len(draws)


def test_values_cost_no_operation(kit):
    def only(kit, event, ctx):
        return take(ctx)
        yield

    assert kit.run(only).service.updates() == []


def test_values_have_the_ordinary_types(kit):
    def types(kit, event, ctx):
        assert isinstance(ctx.now(), dt.datetime)
        assert ctx.now().tzinfo is not None
        found = ctx.uuid4()
        assert isinstance(found, uuid.UUID)
        assert found.version == 4
        assert isinstance(ctx.random(), random.Random)
        return "ordinary"
        yield

    assert kit.run(types).result == "ordinary"


def test_time_does_not_run_backwards(kit):
    def times(kit, event, ctx):
        before = ctx.now()
        yield ctx.wait(kit.seconds(3600), name="w")
        after = ctx.now()
        return [before <= after, (after - before).total_seconds()]

    ordered, seconds = kit.run(times).result
    assert ordered
    assert seconds >= 0


def test_the_time_after_a_callback_was_created_stays_when_it_has_ended(kit):
    seen = []

    def creating(kit, event, ctx):
        yield ctx.step(lambda _c: 1, name="s")
        callback = yield ctx.create_callback("cb")
        seen.append(ctx.now())
        yield callback.result()
        yield ctx.wait(kit.seconds(60), name="w")

    kit.run(creating, answers={"cb": succeed('"yes"')})
    assert len(seen) == 3
    assert len(set(seen)) == 1
