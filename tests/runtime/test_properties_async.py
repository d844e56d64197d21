"""Generated `async def` workflows whose tasks share one context: gathers, interleavings and races survive any crash."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.runtime.kit import ASYNC
from tests.runtime.service import Fault, Service
from tests.runtime.workflows import (
    ANSWERS,
    LEAVES,
    PLAY,
    Callback,
    Child,
    Condition,
    Invoke,
    Map,
    Step,
    Wait,
    bodies,
    inner,
    play,
    workflow,
)


@dataclass(frozen=True)
class Gather:
    """Bodies that run as tasks on one context; their operations interleave as results arrive."""

    bodies: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Race:
    """Bodies of which the first to end decides how the workflow goes on; the others are abandoned."""

    bodies: tuple[tuple[Any, ...], ...]


def play_gather(kit, ctx, node, name):
    async def together():
        tasks = [kit.fn(play)(kit, ctx, body, f"{name}&{i}") for i, body in enumerate(node.bodies)]
        return await asyncio.gather(*tasks)

    return (yield together())


def play_race(kit, ctx, node, name):
    async def race():
        tasks = [
            asyncio.ensure_future(kit.fn(play)(kit, ctx, body, f"{name}?{i}")) for i, body in enumerate(node.bodies)
        ]
        done, open_ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        winner = min(tasks.index(task) for task in done)
        for task in open_:
            task.cancel()
        await ctx.step(lambda _c: winner, name=f"{name} won by {winner}")
        return "raced"

    return (yield race())


PLAY[Gather] = play_gather
PLAY[Race] = play_race


def gathers(children):
    return st.builds(Gather, bodies=st.lists(bodies(children, 1), min_size=1, max_size=3).map(tuple))


def races(children):
    return st.builds(Race, bodies=st.lists(bodies(children, 1), min_size=2, max_size=3).map(tuple))


GATHERING = bodies(st.recursive(LEAVES, lambda c: st.one_of(inner(c), gathers(c)), max_leaves=6), 1)
RACING = bodies(st.one_of(races(LEAVES), st.builds(Child, body=bodies(races(LEAVES), 1)), LEAVES), 1)

INTERLEAVED = (
    Gather(
        (
            (Step(), Wait(5), Step()),
            (Wait(3), Step(1), Wait(9)),
            (Callback(), Invoke(), Step()),
            (Condition(3), Map(2, (Step(), Wait(4)))),
        ),
    ),
    Step(),
)
RACES = (Race(((Wait(1000), Step()), (Callback(), Step()), (Step(), Wait(2000)))), Race(((Step(),), (Step(),))), Step())


def plain(nodes):
    """At-least-once steps only: an interrupted at-most-once step rightly ends another way."""
    if isinstance(nodes, tuple):
        return tuple(plain(node) for node in nodes)
    if isinstance(nodes, Step):
        return Step(nodes.failures)
    return type(nodes)(**{**vars(nodes), **{k: plain(v) for k, v in vars(nodes).items() if isinstance(v, tuple)}})


def run(nodes, faults=(), **options):
    return ASYNC.run(workflow(nodes), answers=ANSWERS, faults=faults, limit=1000, **options)


def operations(service: Service) -> Counter:
    """What the history holds in the end, ids aside: they follow the order in which results arrived."""
    return Counter((o["Type"], o.get("SubType"), o.get("Name"), o["Status"]) for o in service.operations.values())


@example(INTERLEAVED)
@given(GATHERING.map(plain))
def test_interleaved_tasks_end_the_same_when_the_invocation_dies_at_every_checkpoint(nodes):
    calm = run(nodes)
    crashed = run(nodes, [Fault(n, when="after") for n in range(1, 1000)])
    assert (crashed.status, crashed.text) == (calm.status, calm.text)
    assert operations(crashed.service) == operations(calm.service)


@example(INTERLEAVED, 3, "before")
@given(GATHERING.map(plain), st.integers(1, 12), st.sampled_from(["before", "after"]))
def test_interleaved_tasks_end_the_same_after_one_crash(nodes, call, when):
    calm, crashed = run(nodes), run(nodes, [Fault(call, when=when)])
    assert (crashed.status, crashed.text) == (calm.status, calm.text)
    assert operations(crashed.service) == operations(calm.service)


@example(RACES, 2, "after")
@given(RACING.map(plain), st.integers(1, 12), st.sampled_from(["before", "after"]))
def test_a_race_keeps_its_winner_on_every_replay(nodes, call, when):
    """Who wins is open; that the recorded winner stays the winner is not."""
    assert run(nodes, [Fault(call, when=when)]).status == "SUCCEEDED"


@example(RACES)
@given(RACING.map(plain))
def test_races_survive_dying_at_every_checkpoint(nodes):
    assert run(nodes, [Fault(n, when="after") for n in range(1, 1000)]).status == "SUCCEEDED"


@example(RACES)
@given(RACING.map(plain))
def test_races_survive_answers_that_come_at_once(nodes):
    assert run(nodes, answer_at_once=True).status == "SUCCEEDED"
