"""Every operation from start to end, for both drivers from one table: results, failures, suspensions, exact updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.runtime.kit import BOTH
from tests.runtime.service import fail, succeed

# -- workflows: `yield` stands for `await` -----------------------------------------------------------------


class Declined(Exception):  # noqa: N818  reads as what happened
    """An error of the user's own."""


def raising(_context=None):
    raise Declined("no funds")


def step_returns(kit, event, ctx):
    return (yield ctx.step(lambda _c: {"n": event["n"] + 1}, name="add"))


def step_named_after_its_function(kit, event, ctx):
    def charge(_context):
        return "charged"

    return (yield ctx.step(charge))


def step_fails(kit, event, ctx):
    return (yield ctx.step(raising, name="charge", config=kit.StepConfig(retry_strategy=kit.retry(1))))


def step_failure_is_caught(kit, event, ctx):
    try:
        yield ctx.step(raising, name="charge", config=kit.StepConfig(retry_strategy=kit.retry(1)))
    except kit.StepError as error:
        return f"caught {error.message}"


def step_retries(kit, event, ctx):
    def body(context):
        if context.attempt < 3:
            raise Declined(f"attempt {context.attempt}")
        return context.attempt

    return (yield ctx.step(body, name="flaky", config=kit.StepConfig(retry_strategy=kit.retry(3, 7))))


def at_most_once_step(kit, event, ctx):
    config = kit.StepConfig(step_semantics=kit.StepSemantics.AT_MOST_ONCE_PER_RETRY)
    return (yield ctx.step(lambda _c: 1, name="once", config=config))


def waits(kit, event, ctx):
    yield ctx.wait(kit.seconds(3600), name="an hour")
    return "waited"


def waits_twice(kit, event, ctx):
    yield ctx.wait(kit.seconds(1))
    yield ctx.wait(kit.seconds(86_400 * 365))
    return "waited"


def callback(kit, event, ctx):
    config = kit.CallbackConfig(timeout=kit.seconds(60), heartbeat_timeout=kit.seconds(30))
    handle = yield ctx.create_callback(name="approval", config=config)
    yield ctx.step(lambda _c: handle.callback_id, name="send")
    result = handle.result()
    return (yield result) if kit.name == "async" else result


def callback_caught(kit, event, ctx):
    try:
        return (yield from callback(kit, event, ctx))
    except kit.CallbackError as error:
        return [type(error).__mro__[-5].__name__ and isinstance(error, kit.CallbackError), str(error)]


def waits_for_callback(kit, event, ctx):
    seen = []
    result = yield ctx.wait_for_callback(lambda callback_id, _c: seen.append(callback_id), name="approval")
    return result


def submitter_fails(kit, event, ctx):
    config = kit.WaitForCallbackConfig(retry_strategy=kit.retry(1))
    try:
        yield ctx.wait_for_callback(lambda _id, _c: raising(), name="approval", config=config)
    except kit.DurableOperationError as error:
        return [type(error).__name__, "no funds" in str(error)]


def invokes(kit, event, ctx):
    return (yield ctx.invoke("pay:1", {"amount": 5}, name="pay"))


def invokes_for_a_tenant(kit, event, ctx):
    return (yield ctx.invoke("pay:1", None, name="pay", config=kit.InvokeConfig(tenant_id="acme")))


def invoke_failure_is_caught(kit, event, ctx):
    try:
        yield ctx.invoke("pay:1", {"amount": 5}, name="pay")
    except kit.InvokeError as error:
        return [error.error_type, error.message]


def child(kit, event, ctx):
    def body(context):
        yield context.step(lambda _c: 1, name="inner")
        yield context.wait(kit.seconds(5), name="inner wait")
        return "done"

    return (yield ctx.run_in_child_context(kit.fn(body), "child"))


def virtual_child(kit, event, ctx):
    def body(context):
        return (yield context.step(lambda _c: 1, name="inner"))

    return (yield ctx.run_in_child_context(kit.fn(body), "child", kit.ChildConfig(is_virtual=True)))


def child_fails(kit, event, ctx):
    def body(context):
        yield context.step(lambda _c: 1, name="inner")
        raise Declined("from the child")

    try:
        yield ctx.run_in_child_context(kit.fn(body), "child")
    except kit.ChildContextError as error:
        return error.message


def batch(result):
    items = [[i.index, i.status.value, i.result] for i in result.all]
    return [result.completion_reason.value, result.status.value, items]


def each(kit, wait=False):
    def double(context, item, index, items):
        value = yield context.step(lambda _c: item * 2, name="double")
        if wait:
            yield context.wait(kit.seconds(5))
        return value

    return kit.fn(double)


def maps(kit, event, ctx):
    return batch((yield ctx.map([1, 2, 3], each(kit), name="doubles")))


def maps_any_iterable(kit, event, ctx):
    return batch((yield ctx.map((n for n in (1, 2)), each(kit), name="doubles")))


def maps_nothing(kit, event, ctx):
    return batch((yield ctx.map([], each(kit), name="doubles")))


def maps_flat(kit, event, ctx):
    config = kit.MapConfig(nesting_type=kit.NestingType.FLAT)
    return batch((yield ctx.map([1, 2], each(kit), name="doubles", config=config)))


def maps_and_waits(kit, event, ctx):
    config = kit.MapConfig(max_concurrency=1)
    return batch((yield ctx.map([1, 2], each(kit, wait=True), name="doubles", config=config)))


def map_item_fails(kit, event, ctx):
    def body(context, item, index, items):
        if item == 2:
            raise Declined("two")
        return (yield context.step(lambda _c: item, name="value"))

    config = kit.MapConfig(max_concurrency=1, completion_config=kit.CompletionConfig.all_completed())
    result = yield ctx.map([1, 2, 3], kit.fn(body), name="m", config=config)
    return [*batch(result), [e.message for e in result.get_errors()]]


def parallel(kit, event, ctx):
    def left(context):
        return (yield context.step(lambda _c: "l", name="left step"))

    def right(context):
        yield context.wait(kit.seconds(5), name="right wait")
        return "r"

    return batch((yield ctx.parallel([kit.fn(left), kit.fn(right)], name="both")))


def parallel_first(kit, event, ctx):
    def quick(context):
        return (yield context.step(lambda _c: "quick", name="quick step"))

    def never(context):
        yield context.wait(kit.seconds(1_000_000), name="long")
        return "never"

    config = kit.ParallelConfig(completion_config=kit.CompletionConfig.first_successful(), max_concurrency=1)
    return batch((yield ctx.parallel([kit.fn(quick), kit.fn(never)], name="race", config=config)))


def condition(kit, event, ctx):
    def decide(state, _attempt):
        decision = kit.WaitForConditionDecision
        return decision.stop_polling() if state >= 3 else decision.continue_waiting(kit.seconds(30))

    config = kit.WaitForConditionConfig(wait_strategy=decide, initial_state=0)
    return (yield ctx.wait_for_condition(lambda s, _c: s + 1, config, name="poll"))


def condition_check_fails(kit, event, ctx):
    config = kit.WaitForConditionConfig(wait_strategy=lambda _s, _a: None, initial_state=0)
    try:
        yield ctx.wait_for_condition(lambda _s, _c: raising(), config, name="poll")
    except kit.DurableOperationError as error:
        return error.message


def fails(kit, event, ctx):
    yield ctx.step(lambda _c: 1, name="first")
    raise Declined("by the handler")


def nothing(kit, event, ctx):
    return event
    yield


# -- the table ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """A workflow, its world, how it ends and what it sent; `any_order` where branches race."""

    flow: Any
    ends: Any
    sent: list[str]
    invocations: int = 1
    payload: Any = None
    world: dict[str, Any] = field(default_factory=dict)
    any_order: bool = False

    def __str__(self) -> str:
        status = next((a.status for a in self.world.get("answers", {}).values()), "")
        return f"{self.flow.__name__} {status}".strip()


def items(name: str, *inner: str, count: int = 2) -> list[str]:
    each = [f"CONTEXT START map-item-{i}" for i in range(count)]
    each += [f"CONTEXT SUCCEED map-item-{i}" for i in range(count)]
    return [f"CONTEXT START {name}", *each, *[u for u in inner for _ in range(count)], f"CONTEXT SUCCEED {name}"]


YES, NO = succeed("yes"), fail("said no", "Refusal")
DOUBLE = ("STEP START double", "STEP SUCCEED double")
CALLBACK_SENT = ["CALLBACK START approval", "STEP START send", "STEP SUCCEED send"]
APPROVAL = [
    "CONTEXT START approval",
    "CALLBACK START approval create callback id",
    "STEP START approval submitter",
    "STEP SUCCEED approval submitter",
]
TIMED_OUT = fail("Callback timed out", "Callback.Timeout", "TIMED_OUT")

SCENARIOS = [
    Scenario(nothing, {"a": 1}, [], payload={"a": 1}),
    Scenario(fails, Declined("by the handler"), ["STEP START first", "STEP SUCCEED first"]),
    Scenario(step_returns, {"n": 2}, ["STEP START add", "STEP SUCCEED add"], payload={"n": 1}),
    Scenario(step_named_after_its_function, "charged", ["STEP START charge", "STEP SUCCEED charge"]),
    Scenario(step_fails, Declined("no funds"), ["STEP START charge", "STEP FAIL charge"]),
    Scenario(step_failure_is_caught, "caught no funds", ["STEP START charge", "STEP FAIL charge"]),
    Scenario(
        step_retries,
        3,
        [
            "STEP START flaky",
            "STEP RETRY flaky",
            "STEP START flaky",
            "STEP RETRY flaky",
            "STEP START flaky",
            "STEP SUCCEED flaky",
        ],
        3,
    ),
    Scenario(at_most_once_step, 1, ["STEP START once", "STEP SUCCEED once"]),
    Scenario(waits, "waited", ["WAIT START an hour"], 2),
    Scenario(waits_twice, "waited", ["WAIT START None", "WAIT START None"], 3),
    Scenario(callback, "yes", CALLBACK_SENT, 2, world={"answers": {"approval": YES}}),
    Scenario(callback, "yes", CALLBACK_SENT, 1, world={"answers": {"approval": YES}, "answer_at_once": True}),
    Scenario(callback_caught, [True, "said no"], CALLBACK_SENT, 2, world={"answers": {"approval": NO}}),
    Scenario(
        callback_caught, [True, "Callback timed out"], CALLBACK_SENT, 2, world={"answers": {"approval": TIMED_OUT}}
    ),
    Scenario(callback_caught, [True, "Callback timed out"], CALLBACK_SENT, 2),
    Scenario(
        waits_for_callback,
        "yes",
        [*APPROVAL, "CONTEXT SUCCEED approval"],
        2,
        world={"answers": {"approval create callback id": YES}},
    ),
    Scenario(
        submitter_fails,
        ["CallbackSubmitterError", True],
        [*APPROVAL[:3], "STEP FAIL approval submitter", "CONTEXT FAIL approval"],
    ),
    Scenario(
        invokes, {"paid": 5}, ["CHAINED_INVOKE START pay"], 2, world={"answers": {"pay:1": succeed('{"paid": 5}')}}
    ),
    Scenario(invokes_for_a_tenant, None, ["CHAINED_INVOKE START pay"], 2, world={"answers": {"pay:1": succeed()}}),
    *[
        Scenario(
            invoke_failure_is_caught,
            ["Refusal", "said no"],
            ["CHAINED_INVOKE START pay"],
            2,
            world={"answers": {"pay:1": fail("said no", "Refusal", status)}},
        )
        for status in ("FAILED", "TIMED_OUT", "STOPPED", "CANCELLED")
    ],
    Scenario(
        child,
        "done",
        [
            "CONTEXT START child",
            "STEP START inner",
            "STEP SUCCEED inner",
            "WAIT START inner wait",
            "CONTEXT SUCCEED child",
        ],
        2,
    ),
    Scenario(virtual_child, 1, ["STEP START inner", "STEP SUCCEED inner"]),
    Scenario(
        child_fails,
        "from the child",
        ["CONTEXT START child", "STEP START inner", "STEP SUCCEED inner", "CONTEXT FAIL child"],
    ),
    Scenario(
        maps,
        ["ALL_COMPLETED", "SUCCEEDED", [[0, "SUCCEEDED", 2], [1, "SUCCEEDED", 4], [2, "SUCCEEDED", 6]]],
        items("doubles", *DOUBLE, count=3),
        any_order=True,
    ),
    Scenario(
        maps_any_iterable,
        ["ALL_COMPLETED", "SUCCEEDED", [[0, "SUCCEEDED", 2], [1, "SUCCEEDED", 4]]],
        items("doubles", *DOUBLE),
        any_order=True,
    ),
    Scenario(maps_nothing, ["ALL_COMPLETED", "SUCCEEDED", []], ["CONTEXT START doubles", "CONTEXT SUCCEED doubles"]),
    Scenario(
        maps_flat,
        ["ALL_COMPLETED", "SUCCEEDED", [[0, "SUCCEEDED", 2], [1, "SUCCEEDED", 4]]],
        ["CONTEXT START doubles", *DOUBLE, *DOUBLE, "CONTEXT SUCCEED doubles"],
        any_order=True,
    ),
    Scenario(
        maps_and_waits,
        ["ALL_COMPLETED", "SUCCEEDED", [[0, "SUCCEEDED", 2], [1, "SUCCEEDED", 4]]],
        items("doubles", *DOUBLE, "WAIT START None"),
        3,
        any_order=True,
    ),
    Scenario(
        map_item_fails,
        [
            "ALL_COMPLETED",
            "FAILED",
            [[0, "SUCCEEDED", 1], [1, "FAILED", None], [2, "SUCCEEDED", 3]],
            ["two"],
        ],
        [
            "CONTEXT START m",
            "CONTEXT START map-item-0",
            "STEP START value",
            "STEP SUCCEED value",
            "CONTEXT SUCCEED map-item-0",
            "CONTEXT START map-item-1",
            "CONTEXT FAIL map-item-1",
            "CONTEXT START map-item-2",
            "STEP START value",
            "STEP SUCCEED value",
            "CONTEXT SUCCEED map-item-2",
            "CONTEXT SUCCEED m",
        ],
    ),
    Scenario(
        parallel,
        ["ALL_COMPLETED", "SUCCEEDED", [[0, "SUCCEEDED", "l"], [1, "SUCCEEDED", "r"]]],
        [
            "CONTEXT START both",
            "CONTEXT START parallel-branch-0",
            "CONTEXT START parallel-branch-1",
            "STEP START left step",
            "STEP SUCCEED left step",
            "WAIT START right wait",
            "CONTEXT SUCCEED parallel-branch-0",
            "CONTEXT SUCCEED parallel-branch-1",
            "CONTEXT SUCCEED both",
        ],
        2,
        any_order=True,
    ),
    Scenario(
        parallel_first,
        ["MIN_SUCCESSFUL_REACHED", "SUCCEEDED", [[0, "SUCCEEDED", "quick"]]],
        [
            "CONTEXT START race",
            "CONTEXT START parallel-branch-0",
            "STEP START quick step",
            "STEP SUCCEED quick step",
            "CONTEXT SUCCEED parallel-branch-0",
            "CONTEXT SUCCEED race",
        ],
    ),
    Scenario(condition, 3, ["STEP START poll", "STEP RETRY poll"] * 2 + ["STEP START poll", "STEP SUCCEED poll"], 3),
    Scenario(condition_check_fails, "no funds", ["STEP START poll", "STEP FAIL poll"]),
]


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_an_operation_does_what_the_table_says(kit, scenario):
    run = kit.run(scenario.flow, scenario.payload, **scenario.world)
    if isinstance(scenario.ends, Exception):
        assert run.status == "FAILED"
        assert str(scenario.ends) in run.message
    else:
        assert run.result == scenario.ends
    sent = [" ".join(map(str, u)) for u in run.service.updates()]
    if scenario.any_order:
        assert sorted(sent) == sorted(scenario.sent)
    else:
        assert sent == scenario.sent
    assert run.service.invocations == scenario.invocations
