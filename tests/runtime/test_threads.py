"""Threads of branches and of steps: as many as it takes, bounded, and none of them indispensable."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_runtime import _thread_budget
from durable_runtime._thread_budget import LAMBDA_THREADS, REFUSAL_PAUSE, RESERVE, SPARE, ThreadBudget
from tests.runtime.kit import ASYNC, BOTH, SYNC
from tests.runtime.service import Service

MEMORY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
MOST = LAMBDA_THREADS - RESERVE


@pytest.fixture
def environment(monkeypatch):
    """An environment that refuses threads: `environment.refuses` is asked with the number of the start, from 1."""

    class Environment:
        refuses = staticmethod(lambda _number: False)
        asked = 0
        refused = 0

    found = Environment()
    start, lock = threading.Thread.start, threading.Lock()

    def guarded(thread):
        if thread.name != "invocation":
            with lock:
                found.asked += 1
                refuse = found.refuses(found.asked)
                found.refused += refuse
            if refuse:
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", guarded)
    return found


def mapping(count, body, **options):
    """A workflow that maps a step over so many items and returns how many succeeded."""

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            return (yield context.step(lambda _step: body(index), name="s"))

        batch = yield ctx.map(range(count), kit.fn(branch), name="m", **options)
        batch.throw_if_error()
        return batch.success_count

    return flow


# -- growth -------------------------------------------------------------------------------------------------


def test_branches_that_are_blocked_all_run_at_once():
    """Each of 300 waits until all are there."""
    barrier = threading.Barrier(300, timeout=60)
    assert SYNC.run(mapping(300, lambda _index: barrier.wait() >= 0)).result == 300


def test_nested_branches_that_are_blocked_all_run_at_once():
    """Five maps of eight items in a map, and every item waits for all forty."""
    barrier = threading.Barrier(40, timeout=60)

    def flow(kit, event, ctx):
        def leaf(context, item, index, items):
            return (yield context.step(lambda _step: barrier.wait() >= 0, name="s"))

        def outer(context, item, index, items):
            return (yield context.map(range(8), kit.fn(leaf), name="inner")).success_count

        return sum((yield ctx.map(range(5), kit.fn(outer), name="outer")).get_results())

    assert SYNC.run(flow).result == 40


def test_blocked_branches_stay_within_the_functions_memory(monkeypatch):
    """A function of 128 MB has threads for 256 branches; it finishes 300 all the same."""
    monkeypatch.setenv(MEMORY, "128")
    running, most, lock = 0, 0, threading.Lock()

    def body(_index):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1

    assert SYNC.run(mapping(300, body)).result == 300
    assert most <= 256


def test_threads_end_with_the_map():
    before = set(threading.enumerate())
    barrier = threading.Barrier(50, timeout=60)
    assert SYNC.run(mapping(50, lambda _index: barrier.wait() >= 0)).result == 50
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before


# -- an environment without threads -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refuses", "milliseconds", "asked_at_most"),
    [
        (lambda number: number >= 1, 2, 20),
        (lambda number: number <= 5, 2, 100),
        (lambda number: number % 2 == 0, 2, 100),
        (lambda number: number >= 40, 20, 80),
        (lambda number: 40 <= number < 60, 20, 150),
    ],
    ids=["from the first", "the first five", "every other", "from the fortieth", "twenty after forty"],
)
def test_a_map_finishes_when_threads_are_refused(environment, refuses, milliseconds, asked_at_most):
    """And the refusal is remembered: without that, each of the 200 branches would ask again."""
    environment.refuses = refuses
    patience = time.monotonic() + 20

    def body(_index):
        time.sleep(milliseconds / 1000)
        while not environment.refused and time.monotonic() < patience:
            time.sleep(milliseconds / 1000)  # on a slow machine all branches would be done before the limit

    assert SYNC.run(mapping(200, body)).result == 200
    assert environment.refused
    assert environment.asked <= asked_at_most


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    refused=st.sets(st.integers(1, 40)),
    threads=st.integers(1, 12),
    shape=st.lists(st.lists(st.sampled_from(["step", "slow step", "wait"]), max_size=3), min_size=1, max_size=12),
)
def test_whatever_threads_are_refused_a_map_ends_the_same(environment, refused, threads, shape):
    """With nested maps, blocked branches, and branches that suspend and are resumed."""
    environment.asked = 0
    environment.refuses = refused.__contains__

    def flow(kit, event, ctx):
        def leaf(context, item, index, items):
            if item == "wait":
                return (yield context.wait(kit.seconds(1), name="w"))
            return (yield context.step(lambda _step: time.sleep(0.003 * (item == "slow step")), name="s"))

        def branch(context, item, index, items):
            return (yield context.map(item, kit.fn(leaf), name="inner")).success_count

        return (yield ctx.map(shape, kit.fn(branch), name="outer")).get_results()

    run = SYNC.run(flow, decorator={"max_threads": threads})
    assert run.result == [len(item) for item in shape]


def test_after_a_refusal_user_code_can_start_threads(environment, monkeypatch):
    """The environment has room for 64 threads; the map takes it all, and then leaves some."""
    monkeypatch.setattr(_thread_budget, "REFUSAL_PAUSE", 60.0)
    alive, full = threading.active_count(), threading.Event()

    def refuses(_number):
        if threading.active_count() - alive >= 64:
            full.set()
            return True
        return False

    environment.refuses = refuses

    def body(index):
        full.wait(20)
        time.sleep(0.02)
        if index == 199:
            own = [threading.Thread(target=time.sleep, args=(0.02,)) for _ in range(8)]
            for thread in own:
                thread.start()
            for thread in own:
                thread.join()

    assert SYNC.run(mapping(200, body)).result == 200
    assert environment.refused


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_steps_finish_and_are_recorded_without_a_single_thread(kit, environment):
    """The calling thread runs them, and sends what a flusher would have sent."""
    environment.refuses = lambda _number: True

    def flow(kit, event, ctx):
        first = yield ctx.step(lambda _step: 1, name="one")
        return first + (yield ctx.step(lambda _step: 2, name="two"))

    run = kit.run(flow)
    assert run.result == 3
    assert [run.service.named(name)["Status"] for name in ("one", "two")] == ["SUCCEEDED"] * 2
    assert environment.refused


def test_an_outcome_is_sent_at_once_when_there_can_be_no_flusher(environment):
    environment.refuses = lambda _number: True
    service, seen = Service(), []

    def flow(kit, event, ctx):
        yield ctx.step(lambda _step: 1, name="one")
        seen.append(service.named("one")["Status"])

    SYNC.run(flow, service=service)
    assert seen == ["SUCCEEDED"]


def test_plain_steps_of_an_async_map_share_the_threads_that_there_are(environment):
    environment.refuses = lambda number: number > 1
    assert ASYNC.run(mapping(20, lambda _index: time.sleep(0.001))).result == 20
    assert environment.refused


# -- the budget ---------------------------------------------------------------------------------------------


def taken(budget, wanted=2_000):
    return sum(budget.take() for _ in range(wanted))


@pytest.mark.parametrize(
    ("megabytes", "most"),
    [(None, MOST), ("", MOST), ("much", MOST), ("128", 256), ("256", 512), ("512", MOST), ("10240", MOST)],
)
def test_memory_bounds_the_threads(monkeypatch, megabytes, most):
    monkeypatch.delenv(MEMORY, raising=False)
    if megabytes is not None:
        monkeypatch.setenv(MEMORY, megabytes)
    assert taken(ThreadBudget()) == most


def test_a_bound_of_the_users_own_holds_whatever_the_memory(monkeypatch):
    monkeypatch.setenv(MEMORY, "128")
    assert taken(ThreadBudget(700)) == 700


def test_threads_of_user_code_leave_fewer_to_branches(monkeypatch):
    """Where each branch starts one thread of its own, branches get half of all."""
    budget = ThreadBudget()
    monkeypatch.setattr(threading, "active_count", lambda: 2 * budget.used + 1)
    assert MOST // 2 - 2 <= taken(budget) <= MOST // 2


def test_threads_that_user_code_starts_later_send_branches_home(monkeypatch):
    """A thousand branches run when each starts a thread of its own: as they finish, half of them go."""
    budget, own = ThreadBudget(), 0
    monkeypatch.setattr(threading, "active_count", lambda: budget.used + own)
    assert taken(budget) == MOST
    assert not budget.overdrawn
    while own < budget.used:
        own += 1
        if budget.overdrawn:
            budget.give()
    assert MOST // 2 - RESERVE <= budget.used <= MOST // 2 + RESERVE


def test_the_first_thread_is_to_be_had_among_any_number_of_others(monkeypatch):
    """Whether it can start, only trying tells."""
    monkeypatch.setattr(threading, "active_count", lambda: 900)
    assert ThreadBudget().take()


def test_a_refusal_gives_some_threads_back_and_is_forgotten_after_a_while(monkeypatch):
    now = 100.0
    monkeypatch.setattr(_thread_budget, "monotonic", lambda: now)
    budget = ThreadBudget()
    assert taken(budget, 501) == 501
    budget.refused()
    assert budget.overdrawn
    while budget.overdrawn:
        budget.give()
    assert budget.used == 500 - SPARE
    assert not budget.take()
    now += REFUSAL_PAUSE + 0.1
    assert taken(budget) == MOST - (500 - SPARE)


@given(st.lists(st.sampled_from(["take", "give", "refused"]), max_size=60), st.integers(1, 12))
def test_a_budget_never_runs_over_and_never_below_zero(turns, most):
    budget = ThreadBudget(most)
    for turn in turns:
        if turn == "take":
            expected = budget.used + budget.take()
            assert budget.used == expected
        elif budget.used:
            getattr(budget, turn)()
        assert 0 <= budget.used <= most
