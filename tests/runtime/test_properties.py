"""Generated workflows: whatever breaks, the execution ends as if nothing had; both drivers, and AWS's SDK, agree."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.runtime.kit import ASYNC, BOTH, RIVAL, SYNC, Kit
from tests.runtime.service import Fault, Service
from tests.runtime.workflows import (
    ANSWERS,
    COMMON,
    WITH_SAGAS,
    Callback,
    Child,
    Condition,
    Invoke,
    Map,
    Parallel,
    Saga,
    Step,
    Wait,
    workflow,
)

EVERYTHING = (
    Step(1),
    Map(3, (Step(), Wait(3), Callback()), 2),
    Parallel(((Step(), Child((Wait(9),))), (Invoke(ok=False),))),
    Condition(2),
    Child((Step(3), Map(2, (Step(),), None, flat=True)), virtual=True),
    Saga((Step(), Wait(2)), 2, fails=True),
)


def run(kit: Kit, nodes: tuple[Any, ...], faults: list[Fault] = (), **options: Any) -> Any:
    return kit.run(workflow(nodes), answers=ANSWERS, faults=faults, **options)


def ending(outcome: Any) -> Any:
    error = outcome.error and {k: outcome.error.get(k) for k in ("ErrorType", "ErrorMessage")}
    return outcome.status, outcome.text, error


def final_operations(service: Service) -> dict[str, Any]:
    """What the history says in the end; times and delays aside."""
    keys = ("Type", "SubType", "Name", "ParentId", "Status")
    return {key: tuple(o.get(k) for k in keys) for key, o in service.operations.items()}


def same(left: Any, right: Any) -> None:
    assert ending(left) == ending(right)
    assert final_operations(left.service) == final_operations(right.service)
    assert left.service.updates_by_id() == right.service.updates_by_id()


def without_at_most_once(nodes: Any) -> Any:
    """The same tree with at-least-once steps: an interrupted at-most-once step rightly ends another way."""
    if isinstance(nodes, tuple):
        return tuple(without_at_most_once(node) for node in nodes)
    if isinstance(nodes, Step):
        return Step(nodes.failures)
    changes = {k: without_at_most_once(v) for k, v in vars(nodes).items() if isinstance(v, tuple)}
    return type(nodes)(**{**vars(nodes), **changes})


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@example(EVERYTHING)
@given(WITH_SAGAS.map(without_at_most_once))
def test_a_crash_before_or_after_any_checkpoint_changes_nothing(kit, nodes):
    """Crashing around any one call, then replaying, gives the ids, updates and result of a calm run."""
    calm = run(kit, nodes)
    calls = len(calm.service.calls)
    for call in spread(calls, 6):
        for when in ("before", "after"):
            same(run(kit, nodes, [Fault(call, when=when)]), calm)


def spread(calls: int, most: int) -> list[int]:
    """Up to `most` call numbers, first and last among them."""
    if calls <= most:
        return list(range(1, calls + 1))
    return sorted({1 + round(i * (calls - 1) / (most - 1)) for i in range(most)})


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_each_call_of_the_workflow_with_everything_changes_nothing(kit, when):
    """Every single call in turn, no sample."""
    calm = run(kit, EVERYTHING)
    for call in range(1, len(calm.service.calls) + 1):
        same(run(kit, EVERYTHING, [Fault(call, when=when)]), calm)


@pytest.fixture
def _hasty_threads():
    """Threads take turns every few bytecodes, so that races between them show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hasty_threads")
@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("latency", [0.0, 0.001])
def test_threads_that_interleave_at_every_turn_change_nothing(kit, latency):
    """Group commit, branches and the flusher share one queue; calls that take time let updates pile up."""
    calm = run(kit, EVERYTHING)
    same(run(kit, EVERYTHING, latency=latency), calm)
    for call in (2, 5, 9):
        same(run(kit, EVERYTHING, [Fault(call, when="after")], latency=latency), calm)


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@example(EVERYTHING)
@given(WITH_SAGAS.map(without_at_most_once))
def test_dying_at_every_single_checkpoint_still_ends_the_same(kit, nodes):
    """No invocation survives its first checkpoint; one call of progress each time is enough."""
    calm = run(kit, nodes)
    same(run(kit, nodes, [Fault(n, when="after") for n in range(1, 1000)], limit=1000), calm)


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@example(EVERYTHING, 1, "after", "lost")
@given(
    WITH_SAGAS.map(without_at_most_once),
    st.integers(1, 12),
    st.sampled_from(["before", "after"]),
    st.sampled_from(["lost", "refused", "revoked", "die"]),
)
def test_lost_replies_refusals_and_withheld_tokens_change_nothing(kit, nodes, call, when, kind):
    same(run(kit, nodes, [Fault(call, kind, when)]), run(kit, nodes))


@example(EVERYTHING)
@given(WITH_SAGAS)
def test_sync_and_async_write_the_same_history(nodes):
    same(run(SYNC, nodes), run(ASYNC, nodes))


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@given(WITH_SAGAS)
def test_small_pages_and_immediate_answers_change_nothing(kit, nodes):
    calm = run(kit, nodes)
    same(run(kit, nodes, page_size=2), calm)
    same(run(kit, nodes, answer_at_once=True), calm)


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@example((Step(0, at_most_once=True), Child((Step(1, at_most_once=True),))), 1)
@given(COMMON, st.integers(1, 12))
def test_an_at_most_once_body_never_runs_twice_for_one_attempt(kit, nodes, call):
    """Wherever the invocation crashes, no attempt of an at-most-once step starts twice."""
    attempts: list[tuple[str, int]] = []
    flow = workflow(only_at_most_once(nodes))
    counted = counting(kit, attempts)
    for when in ("before", "after"):
        attempts.clear()
        counted.run(flow, answers=ANSWERS, faults=[Fault(call, when=when)])
        assert len(attempts) == len(set(attempts)), attempts


def only_at_most_once(nodes: Any) -> Any:
    if isinstance(nodes, tuple):
        return tuple(only_at_most_once(node) for node in nodes)
    if isinstance(nodes, Step):
        return Step(nodes.failures, at_most_once=True)
    changes = {k: only_at_most_once(v) for k, v in vars(nodes).items() if isinstance(v, tuple)}
    return type(nodes)(**{**vars(nodes), **changes})


def counting(kit: Kit, attempts: list[tuple[str, int]]) -> Any:
    """The kit, with contexts that note (step, attempt) whenever a step body starts."""

    class Counting(Kit):
        def seen(self, name: str, attempt: int) -> None:
            attempts.append((name, attempt))

    return Counting(kit.name, kit.package, kit.fn, kit.invoke)


def wire(service: Service) -> dict[str, list[tuple[Any, ...]]]:
    keys = ("Type", "Action", "SubType", "Name", "ParentId")
    return {key: [tuple(u.get(k) for k in keys) for u in updates] for key, updates in service.updates_by_id().items()}


@settings(max_examples=6)
@example(EVERYTHING[:5])
@given(COMMON)
def test_the_history_reads_as_the_one_of_awss_sdk(nodes):
    """Same ids, types, sub types, names, parents and actions, so tools made for one read the other."""
    theirs = run(RIVAL, nodes)
    mine = run(SYNC, nodes)
    assert mine.result == theirs.result
    assert wire(mine.service) == wire(theirs.service)
