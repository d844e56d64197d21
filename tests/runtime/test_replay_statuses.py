"""Every operation type in every status that a history can hold, for both drivers: what the code sees, what is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.runtime.driving import LambdaContext, invoke_once, run_to_end
from tests.runtime.history import op, op_id, past, soon
from tests.runtime.kit import BOTH
from tests.runtime.service import Service

RAN: list[str] = []
CALLBACK_ID = "Y2IvMQ=="


def body(_step=None):
    RAN.append("body")
    return 1


def step(kit, ctx):
    return ctx.step(body, name="it", config=kit.StepConfig(retry_strategy=kit.retry(3)))


def at_most_once(kit, ctx):
    config = kit.StepConfig(step_semantics=kit.StepSemantics.AT_MOST_ONCE_PER_RETRY)
    return ctx.step(body, name="it", config=config)


def at_most_once_with_strategy(kit, ctx):
    semantics = kit.StepSemantics.AT_MOST_ONCE_PER_RETRY
    config = kit.StepConfig(retry_strategy=kit.retry(3), step_semantics=semantics)
    return ctx.step(body, name="it", config=config)


def wait(kit, ctx):
    return ctx.wait(kit.seconds(60), name="it")


def callback(kit, ctx):
    def flow():
        handle = yield ctx.create_callback(name="it")
        assert handle.callback_id == CALLBACK_ID
        result = handle.result()
        return (yield result) if kit.name == "async" else result

    return kit.fn(flow)()


def wait_for_callback(kit, ctx):
    return ctx.wait_for_callback(lambda _id, _ctx: body(), name="it")


def invoke(kit, ctx):
    return ctx.invoke("other:1", {"a": 1}, name="it")


def child(kit, ctx):
    def flow(context):
        RAN.append("child")
        return (yield context.step(body, name="inner"))

    return ctx.run_in_child_context(kit.fn(flow), "it")


def mapped(kit, ctx):
    def flow(context, item, index, items):
        RAN.append(f"item {index}")
        return (yield context.step(body, name="inner"))

    def whole():
        everything = kit.MapConfig(completion_config=kit.CompletionConfig.all_completed())
        batch = yield ctx.map(["a", "b"], kit.fn(flow), name="it", config=everything)
        return [[i.index, i.status.value, i.result] for i in batch.all]

    return kit.fn(whole)()


def condition(kit, ctx):
    def decide(state, attempt):
        stop = state >= 3
        decision = kit.WaitForConditionDecision
        return decision.stop_polling() if stop else decision.continue_waiting(kit.seconds(5))

    def check(state, _context):
        body()
        return state + 1

    return ctx.wait_for_condition(check, kit.WaitForConditionConfig(decide, 0), name="it")


@dataclass(frozen=True)
class Case:
    """One row: an operation, the history it finds, and what must come of it.

    `first` is the status of the first invocation; `ends` is the value, or the name of the error class and a part of
    its message, in the end; `ran` what of the user's code ran; `sent` the updates.
    """

    call: Any
    history: list[dict[str, Any]]
    ends: Any
    ran: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    first: str = "SUCCEEDED"

    def __str__(self) -> str:
        found = self.history[0]
        details = next((v for k, v in found.items() if k.endswith("Details")), {})
        return "-".join(
            [self.call.__name__, found["Status"], *sorted(set(details) - {"Attempt"}), str(len(self.history))]
        )


CHILD, ITEM = op_id(1), op_id(0, op_id(1))
OVER = ("CANCELLED", "TIMED_OUT", "STOPPED")
STATE = {"Result": "2"}

CASES = [
    # step
    Case(step, [op("step", "SUCCEEDED", Result="7")], 7),
    Case(step, [op("step", "SUCCEEDED")], None),
    Case(step, [op("step", "FAILED", error="declined")], ("StepError", "declined")),
    Case(step, [op("step", "FAILED")], ("StepError", "")),
    Case(
        step,
        [op("step", "PENDING", NextAttemptTimestamp=soon(), error="once")],
        1,
        ["body"],
        ["STEP START it", "STEP SUCCEED it"],
        "PENDING",
    ),
    Case(step, [op("step", "READY", error="once")], 1, ["body"], ["STEP START it", "STEP SUCCEED it"]),
    Case(step, [op("step", "STARTED")], 1, ["body"], ["STEP SUCCEED it"]),
    *[Case(step, [op("step", s, error="over")], ("StepError", "over")) for s in OVER],
    *[Case(step, [op("step", s)], ("StepError", "")) for s in OVER],
    # at most once
    Case(at_most_once, [op("step", "SUCCEEDED", Result="7")], 7),
    Case(at_most_once, [op("step", "STARTED")], ("StepError", "interrupted"), [], ["STEP FAIL it"]),
    Case(
        at_most_once_with_strategy,
        [op("step", "STARTED")],
        1,
        ["body"],
        ["STEP RETRY it", "STEP START it", "STEP SUCCEED it"],
        "PENDING",
    ),
    Case(at_most_once, [op("step", "READY")], 1, ["body"], ["STEP START it", "STEP SUCCEED it"]),
    # wait
    Case(wait, [op("wait", "SUCCEEDED")], None),
    Case(wait, [op("wait", "STARTED", ScheduledEndTimestamp=soon())], None, first="PENDING"),
    *[Case(wait, [op("wait", s)], ("DurableOperationError", s)) for s in ("FAILED", "TIMED_OUT", "STOPPED")],
    # callback
    Case(callback, [op("callback", "SUCCEEDED", CallbackId=CALLBACK_ID, Result="yes")], "yes"),
    Case(callback, [op("callback", "SUCCEEDED", CallbackId=CALLBACK_ID)], None),
    Case(
        callback,
        [op("callback", "FAILED", CallbackId=CALLBACK_ID, error="no")],
        ("CallbackExternalError", "no"),
    ),
    Case(
        callback,
        [op("callback", "TIMED_OUT", CallbackId=CALLBACK_ID, error="Callback timed out")],
        ("CallbackTimeoutError", "timed out"),
    ),
    *[Case(callback, [op("callback", s, CallbackId=CALLBACK_ID)], ("CallbackError", "")) for s in OVER],
    # wait for callback
    Case(wait_for_callback, [op("wait_for_callback", "SUCCEEDED", Result='"yes"')], "yes"),
    Case(wait_for_callback, [op("wait_for_callback", "FAILED", error="no")], ("DurableOperationError", "no")),
    *[Case(wait_for_callback, [op("wait_for_callback", s)], ("DurableOperationError", "")) for s in OVER],
    Case(
        wait_for_callback,
        [
            op("wait_for_callback", "STARTED"),
            op("callback", "SUCCEEDED", parent=CHILD, name="it create callback id", CallbackId="x", Result="yes"),
            op("step", "SUCCEEDED", at=2, parent=CHILD, name="it submitter"),
        ],
        "yes",
        [],
        ["CONTEXT SUCCEED it"],
    ),
    Case(
        wait_for_callback,
        [
            op("wait_for_callback", "STARTED"),
            op("callback", "TIMED_OUT", parent=CHILD, name="it create callback id", CallbackId="x", error="late"),
            op("step", "SUCCEEDED", at=2, parent=CHILD, name="it submitter"),
        ],
        ("CallbackTimeoutError", "late"),
        [],
        ["CONTEXT FAIL it"],
    ),
    # invoke
    Case(invoke, [op("invoke", "SUCCEEDED", Result='{"b": 2}')], {"b": 2}),
    Case(invoke, [op("invoke", "SUCCEEDED")], None),
    *[
        Case(invoke, [op("invoke", s, error="gone")], ("InvokeError", "gone"))
        for s in ("FAILED", "TIMED_OUT", "STOPPED", "CANCELLED")
    ],
    # child context
    Case(child, [op("child", "SUCCEEDED", Result='"x"')], "x"),
    Case(child, [op("child", "SUCCEEDED")], None),
    Case(child, [op("child", "FAILED", error="bad")], ("ChildContextError", "bad")),
    Case(
        child,
        [op("child", "STARTED")],
        1,
        ["child", "body"],
        ["STEP START inner", "STEP SUCCEED inner", "CONTEXT SUCCEED it"],
    ),
    Case(
        child,
        [op("child", "STARTED"), op("step", "SUCCEEDED", parent=CHILD, name="inner", Result="5")],
        5,
        ["child"],
        ["CONTEXT SUCCEED it"],
    ),
    Case(
        child,
        [
            op("child", "SUCCEEDED", ReplayChildren=True, Result=""),
            op("step", "SUCCEEDED", parent=CHILD, name="inner", Result="5"),
        ],
        5,
        ["child"],
    ),
    *[Case(child, [op("child", s)], ("ChildContextError", "")) for s in OVER],
    # map
    Case(
        mapped,
        [
            op("map", "STARTED"),
            op("item", "SUCCEEDED", at=0, parent=CHILD, name="map-item-0", Result="9"),
        ],
        [[0, "SUCCEEDED", 9], [1, "SUCCEEDED", 1]],
        ["item 1", "body"],
        [
            "CONTEXT START map-item-1",
            "STEP START inner",
            "STEP SUCCEED inner",
            "CONTEXT SUCCEED map-item-1",
            "CONTEXT SUCCEED it",
        ],
    ),
    Case(
        mapped,
        [
            op("map", "STARTED"),
            op("item", "FAILED", at=0, parent=CHILD, name="map-item-0", error="bad"),
            op("item", "SUCCEEDED", at=1, parent=CHILD, name="map-item-1", Result="9"),
        ],
        [[0, "FAILED", None], [1, "SUCCEEDED", 9]],
        [],
        ["CONTEXT SUCCEED it"],
    ),
    Case(mapped, [op("map", "FAILED", error="bad")], ("ChildContextError", "bad")),
    *[Case(mapped, [op("map", s)], ("ChildContextError", "")) for s in OVER],
    # condition
    Case(condition, [op("condition", "SUCCEEDED", Result="3")], 3),
    Case(condition, [op("condition", "FAILED", error="never")], ("WaitForConditionError", "never")),
    Case(
        condition,
        [op("condition", "PENDING", NextAttemptTimestamp=soon(), **STATE)],
        3,
        ["body"],
        ["STEP START it", "STEP SUCCEED it"],
        "PENDING",
    ),
    Case(
        condition,
        [op("condition", "READY", **STATE)],
        3,
        ["body"],
        ["STEP START it", "STEP SUCCEED it"],
    ),
    Case(condition, [op("condition", "STARTED", Attempt=2, **STATE)], 3, ["body"], ["STEP SUCCEED it"]),
    *[Case(condition, [op("condition", s)], ("WaitForConditionError", "")) for s in OVER],
]


def handler_of(kit, case):
    def flow(kit, event, ctx):
        try:
            return ["value", (yield case.call(kit, ctx))]
        except kit.DurableOperationError as error:
            return ["error", [c.__name__ for c in type(error).__mro__], str(error)]

    return kit.handler(flow)


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operation_found_in_history_continues_from_its_status(kit, case):
    RAN.clear()
    handler = handler_of(kit, case)
    service = Service(operations=case.history, answers={})
    output = invoke_once(handler, service, invoke=kit.invoke)
    assert output["Status"] == case.first, output
    if service.end(output) == "RUNNING":
        service.pass_time()
        outcome = run_to_end(handler, service=service, invoke=kit.invoke)
        result = outcome.result
    else:
        result = json.loads(service.result)
    if isinstance(case.ends, tuple):
        assert result[0] == "error", result
        assert case.ends[0] in result[1]
        assert case.ends[1].lower() in result[2].lower()
        assert case.ends[1] or len(result[2]) > 5, "an error text that says nothing"
    else:
        assert result == ["value", case.ends]
    assert case.ran == RAN
    assert [" ".join(map(str, u)) for u in service.updates()] == case.sent


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_a_retry_that_came_due_before_the_invocation_started_runs_now_or_next_time(kit):
    """PENDING in the event although its time has passed: never lost, never started twice."""
    RAN.clear()
    case = Case(step, [op("step", "PENDING", NextAttemptTimestamp=past(), error="once")], 1)
    service = Service(operations=case.history)
    service._fire_due = lambda: None  # the service is late
    handler = handler_of(kit, case)
    event = service.begin()
    del service._fire_due
    output = kit.invoke(handler, event, service, LambdaContext())
    if service.end(output) == "RUNNING":
        run_to_end(handler, service=service)
    assert service.status == "SUCCEEDED"
    assert RAN == ["body"]
    assert service.updates() == [("STEP", "START", "it"), ("STEP", "SUCCEED", "it")]


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("call", [wait], ids=lambda call: call.__name__)
def test_a_cancelled_wait_is_over(kit, call):
    """CANCELLED must not suspend for ever; nothing is left to wait for."""
    service = Service(operations=[op("wait", "CANCELLED")])
    output = invoke_once(handler_of(kit, Case(call, [], None)), service, invoke=kit.invoke)
    assert output["Status"] == "SUCCEEDED"


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (step, "step"),
        (wait, "wait"),
        (callback, "callback"),
        (invoke, "invoke"),
        (child, "child"),
        (mapped, "map"),
        (condition, "condition"),
    ],
)
def test_an_unknown_status_fails_with_its_name(kit, call, kind):
    """A status from the future neither hangs, nor suspends for ever, nor runs the body again."""
    RAN.clear()
    service = Service(operations=[op(kind, "EXPLODED", CallbackId=CALLBACK_ID)])
    output = invoke_once(handler_of(kit, Case(call, [], None)), service, invoke=kit.invoke)
    assert output["Status"] == "FAILED"
    assert "EXPLODED" in str(output)
    assert RAN == []
    assert service.updates() == []
