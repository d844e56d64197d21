"""What a workflow logs appears once, however often it is replayed, with the fields that find it again."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter

import pytest

from durable_runtime import durable_execution
from tests.runtime.driving import run_to_end
from tests.runtime.kit import BOTH
from tests.runtime.service import Service


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def flow(kit, event, ctx):
    ctx.set_logger(logging.getLogger("orders"))
    ctx.logger.info("start")
    yield ctx.step(lambda c: c.logger.info("in charge"), name="charge")
    ctx.logger.info("charged")
    yield ctx.wait(kit.seconds(60), name="pause")
    ctx.logger.info("resumed")

    def branch(context, item, index, items):
        context.logger.info("branch %s starts", item)
        yield context.wait(kit.seconds(5 + index), name="w")
        context.logger.info("branch %s goes on", item)
        yield context.step(lambda c: c.logger.info("step of %s", item), name="s")

    yield ctx.map(["a", "b"], kit.fn(branch), name="m")
    ctx.logger.info("end")


EVERY = ["start", "in charge", "charged", "resumed", "end"] + [
    f"{text} {item}{more}"
    for item in "ab"
    for text, more in (("branch", " starts"), ("branch", " goes on"), ("step of", ""))
]


def test_each_line_is_logged_once_over_all_invocations(logs, kit):
    run = kit.run(flow)
    assert run.service.invocations >= 3
    assert Counter(r.getMessage() for r in logs.records if r.name == "orders") == Counter(EVERY)


def test_lines_carry_the_fields_that_identify_their_place(logs, kit):
    run = kit.run(flow)
    records = {r.getMessage(): r for r in logs.records if r.name == "orders"}
    assert {r.executionArn for r in records.values()} == {run.service.arn}
    step = records["in charge"]
    assert step.operationName == "charge"
    assert step.operationId == run.service.named("charge")["Id"]
    assert step.attempt == 1
    assert records["branch a starts"].parentId == run.service.named("map-item-0")["Id"]


@dataclasses.dataclass
class Order:
    """What the handlers below are given."""

    number: int
    items: list[str]


def test_the_handler_gets_and_returns_what_its_annotations_say():
    @durable_execution
    def handler(order: Order, ctx) -> Order:
        assert isinstance(order, Order)
        ctx.wait(5)
        return dataclasses.replace(order, items=[*order.items, "more"])

    @durable_execution
    async def async_handler(order: Order, ctx) -> Order:
        assert isinstance(order, Order)
        await ctx.wait(5)
        return dataclasses.replace(order, items=[*order.items, "more"])

    for one in (handler, async_handler):
        run = run_to_end(one, service=Service({"number": 7, "items": ["a"]}))
        assert run.result == {"number": 7, "items": ["a", "more"]}


def test_input_that_does_not_fit_the_annotation_is_refused_with_the_path():
    @durable_execution
    def handler(order: Order, ctx) -> None:
        raise AssertionError("the handler must not run")

    run = run_to_end(handler, service=Service({"number": "seven", "items": ["a"]}))
    assert run.status == "FAILED"
    assert "number" in run.message


def rebuilt(kit, event, ctx):
    """Contexts whose code runs again although they are over: too large for a checkpoint, or virtual."""
    ctx.set_logger(logging.getLogger("orders"))

    def large(context, *item):
        yield context.step(lambda _c: 1, name="part")
        context.logger.info("end of large %s", item[:1])
        return "x" * 150_000

    def virtual(context):
        yield context.step(lambda _c: 1, name="part")
        context.logger.info("end of virtual")

    yield ctx.run_in_child_context(kit.fn(lambda c: large(c, *["child"])), name="child")
    yield ctx.map([1, 2], kit.fn(large), name="map", config=kit.MapConfig(nesting_type=kit.NestingType.FLAT))
    if kit.name == "sync":
        yield ctx.run_in_child_context(kit.fn(virtual), name="virtual", config=kit.ChildConfig(is_virtual=True))
    for number in range(3):
        yield ctx.wait(kit.seconds(5), name=f"pause {number}")


def test_a_context_that_runs_again_only_to_be_rebuilt_logs_nothing(logs, kit):
    run = kit.run(rebuilt)
    assert run.service.invocations == 4
    lines = Counter(record.getMessage() for record in logs.records if record.name == "orders")
    assert set(lines.values()) == {1}, lines
