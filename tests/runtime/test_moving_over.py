"""Executions that AWS's SDK 3.0.0 began are continued by this runtime: it reads what the other recorded."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict

import pydantic
import pytest
from aws_durable_execution_sdk_python.serdes import ExtendedTypeSerDes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from durable_runtime._values import decode, encode, round_trip
from durable_runtime.exceptions import SerDesError
from tests.runtime.driving import run_to_end
from tests.runtime.kit import BOTH, RIVAL
from tests.runtime.service import Service
from tests.runtime.workflows import (
    ANSWERS,
    COMMON,
    Callback,
    Child,
    Condition,
    Invoke,
    Map,
    Parallel,
    Step,
    Wait,
    workflow,
)

AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
RICH = {
    "price": Decimal("12.30"),
    "at": AT,
    "day": AT.date(),
    "id": uuid.UUID(int=7),
    "raw": b"\x00\xff",
    "pair": (1, ("a", None)),
    "list": [1.5, {"t": "m", "v": {}}, [True]],
    "text": "é\u2028",
}

EVERYTHING = (
    Step(1),
    Map(3, (Step(), Wait(3), Callback()), 2),
    Wait(4),
    Parallel(((Step(), Child((Wait(9),))), (Invoke(ok=False),))),
    Condition(3),
    Child((Step(3), Map(2, (Step(), Wait(1)), None, flat=True)), virtual=True),
    Callback(ok=False),
    Wait(1),
)


def moved(flow, kit, after, **options):
    """Run the first invocations with AWS's SDK, and the others with ours."""
    service = Service({}, **options)
    handlers = {RIVAL: RIVAL.handler(flow), kit: kit.handler(flow)}

    def invoke(_handler, event, service, context):
        at_work = RIVAL if service.invocations <= after else kit
        return at_work.invoke(handlers[at_work], event, service, context)

    return run_to_end(None, service=service, invoke=invoke)


def results(run):
    keys = ("Type", "SubType", "Name", "ParentId", "Status")
    return json.loads(run.text), {key: [o.get(k) for k in keys] for key, o in run.service.operations.items()}


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@example(EVERYTHING, 1)
@example(EVERYTHING, 6)
@settings(max_examples=settings().max_examples // 8)  # AWS's SDK idles for a tenth of a second per invocation
@given(COMMON, st.integers(1, 6))
def test_a_workflow_moved_over_between_any_two_invocations_ends_as_if_it_had_stayed(kit, nodes, after):
    stayed = RIVAL.run(workflow(nodes), answers=ANSWERS)
    assert results(moved(workflow(nodes), kit, after, answers=ANSWERS)) == results(stayed)


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_results_of_every_kind_are_read_as_they_were_returned(kit):
    """Steps, children, batches and states of conditions, rich values and plain ones that look like envelopes."""
    seen = []

    def flow(kit, event, ctx):
        def item(child, value, *_):
            return (yield child.step(lambda _: {**RICH, "item": value}, name="inner"))

        def poll(state, _context):
            return {**state, "polls": (state["polls"][0] + 1,)}

        def decide(state, _attempt):
            if state["polls"][0] > 1:
                return kit.WaitForConditionDecision.stop_polling()
            return kit.WaitForConditionDecision.continue_waiting(kit.seconds(1))

        def child(context):
            return (yield context.step(lambda _: RICH, name="in child"))

        condition = kit.WaitForConditionConfig(wait_strategy=decide, initial_state={**RICH, "polls": (0,)})
        rich = yield ctx.step(lambda _: RICH, name="rich")
        likely = yield ctx.step(lambda _: {"t": "m", "v": {"a": 1}}, name="likely")
        plain = yield ctx.step(lambda _: ["é", 1, None], name="plain")
        nested = yield ctx.run_in_child_context(kit.fn(child), name="child")
        batch = yield ctx.map([1, 2], kit.fn(item), name="map")
        last = yield ctx.wait_for_condition(poll, condition, name="poll")
        yield ctx.wait(kit.seconds(5), name="pause")
        again = yield ctx.step(lambda _: {"t": "m", "v": {"a": 1}}, name="again")
        seen[:] = [rich, likely, plain, nested, batch.get_results(), last, again]

    expected = [
        RICH,
        {"t": "m", "v": {"a": 1}},
        ["é", 1, None],
        RICH,
        [{**RICH, "item": 1}, {**RICH, "item": 2}],
        {**RICH, "polls": (2,)},
        {"t": "m", "v": {"a": 1}},
    ]
    for after in (1, 2, 3):
        seen.clear()
        moved(flow, kit, after)
        assert seen == expected
        assert [list(map(type, each.values())) for each in seen[4]] == [[*map(type, RICH.values()), int]] * 2


def charge(_step):
    return {"paid": Decimal(1)}


def test_operations_without_a_name_are_found_again():
    """There they have none; here plain functions name them, which a recorded one without name does not mind."""

    def flow(kit, event, ctx):
        def inside(child, *_):
            return (yield child.step(charge))

        values = [(yield ctx.step(charge)), (yield ctx.step(lambda _: 1))]
        values.append((yield ctx.run_in_child_context(kit.fn(inside))))
        values.append((yield ctx.map([1, 2], kit.fn(inside))).get_results())
        values.append((yield ctx.parallel([kit.fn(inside), kit.fn(inside)])).get_results())
        yield ctx.wait(kit.seconds(1))
        values.append((yield ctx.invoke("good", {})))
        yield ctx.wait(kit.seconds(1))
        return str(values)

    paid = {"paid": Decimal(1)}
    for kit in BOTH:
        for after in (1, 2):
            expected = str([paid, 1, paid, [paid] * 2, [paid] * 2, {"answer": 42}])
            assert moved(flow, kit, after, answers=ANSWERS).result == expected


def test_errors_of_the_others_are_caught_by_our_names():
    def flow(kit, event, ctx):
        def decline(_):
            raise ValueError("declined")

        caught = []
        try:
            yield ctx.step(decline, name="decline", config=kit.StepConfig(retry_strategy=kit.retry(1)))
        except kit.DurableOperationError as error:
            caught = [str(error), type(error).__mro__]
        yield ctx.wait(kit.seconds(1), name="pause")
        return [caught[0], any(each.__name__ == "StepError" for each in caught[1])]

    for kit in BOTH:
        run = moved(flow, kit, 1)
        assert run.result == ["declined", True]


# -- our own values are never taken for theirs ---------------------------------------------------------------------


@dataclass
class Envelope:
    t: str
    v: dict[str, Decimal]


class Shape(TypedDict):
    t: str
    v: Decimal


class Model(pydantic.BaseModel):
    t: str
    v: Decimal


TAGS = ["n", "s", "i", "f", "b", "B", "u", "d", "dt", "D", "t", "l", "m", "br", "", "new"]
ALIKE = [
    ({"t": "m", "v": {"a": {"t": "i", "v": 1}}}, None),
    ({"t": "m", "v": {"price": Decimal(1)}}, None),
    ({"t": "x"}, None),
    ({"t": "d", "v": "1"}, dict[str, str]),
    ({"t": "d", "v": Decimal(1)}, dict[str, str | Decimal]),
    ({"t": "m", "v": Decimal(1)}, Shape),
    (Envelope("m", {"a": Decimal(1)}), Envelope),
    (Envelope("m", {"a": Decimal(1)}), Envelope | Model),
    (Model(t="d", v=Decimal(1)), Model),
    (Model(t="d", v=Decimal(1)), Model | None),
    ([{"t": "d", "v": "1"}], None),
    ({"v": "1", "t": "d"}, None),
]


@pytest.mark.parametrize(("value", "annotation"), ALIKE, ids=range(len(ALIKE)))
def test_a_value_of_ours_that_looks_like_an_envelope_comes_back_as_itself(value, annotation):
    text, first = round_trip(value, annotation)
    assert first == value
    assert type(first) is type(value)
    assert decode(text, annotation) == value
    assert not text.startswith('{"t":"')


@given(st.dictionaries(st.sampled_from(["t", "v", "x"]), st.sampled_from([*TAGS, 1, None, [], {}])), st.booleans())
def test_no_dict_of_ours_is_mistaken(value, annotated):
    annotation = dict[str, object] if annotated else None
    assert decode(encode(value, annotation), annotation) == value


def test_a_typed_value_that_looks_like_an_envelope_is_read_without_its_annotation_too():
    assert decode(encode({"t": "m", "v": Decimal(1)}, Shape)) == {"t": "m", "v": "1"}


@given(
    st.recursive(
        st.one_of(st.text(), st.integers(), st.decimals(allow_nan=False), st.binary(), st.dates(), st.uuids()),
        lambda inner: st.one_of(
            st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(st.sampled_from(["t", "v", "a"]), inner)
        ),
        max_leaves=8,
    )
)
def test_whatever_the_others_write_is_read(value):
    assert decode(ExtendedTypeSerDes().serialize(value, None)) == value


@pytest.mark.parametrize(
    "text",
    ['{"t":"zz","v":1}', '{"t":"d","v":"x"}', '{"t":"m","v":[]}', '{"t":"m"}', '{"t":"', '{"t":"m","v":{"a":1}}'],
)
def test_an_envelope_that_cannot_be_read_is_an_error_and_not_a_dict(text):
    if text == '{"t":"m","v":{"a":1}}':
        assert decode(text) == {"a": 1}  # as AWS's own reader takes it
        return
    with pytest.raises(SerDesError, match="AWS's SDK recorded it, but it cannot be read"):
        decode(text)


def test_input_from_outside_is_never_an_envelope():
    assert decode('{"t":"m","v":{}}', plain=True) == {"t": "m", "v": {}}
