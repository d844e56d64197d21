"""What others send, as the answer to a callback or an invoke's result, is JSON from outside and nothing more."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

import pytest

from durable_runtime import FileSystemStore, exceptions
from durable_runtime._offload import offload
from tests.runtime.driving import run_to_end
from tests.runtime.kit import BOTH
from tests.runtime.service import ARN, Service, succeed


@dataclass
class Order:
    price: Decimal
    quantity: int = 1


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def callback(kit, ctx, returns):
    handle = yield ctx.create_callback(name="ask", returns=returns)
    answer = handle.result()
    return (yield answer) if kit.name == "async" else answer


def submitted(kit, ctx, returns):
    return (yield ctx.wait_for_callback(lambda _id, _ctx: None, name="ask", returns=returns))


def invoked(kit, ctx, returns):
    return (yield ctx.invoke("other:1", {}, name="ask", returns=returns))


def answered(kit, operation, text, returns, seen, **options):
    """Ask, look at the answer, and look at it again after a wait."""

    def flow(kit, event, ctx):
        value = yield from operation(kit, ctx, returns)
        seen.append(value)
        yield ctx.wait(kit.seconds(1))
        return "over"

    service = Service({}, answers={"ask": succeed(text), "*": succeed(text)})
    return run_to_end(kit.handler(flow, **options), service=service)


@pytest.mark.parametrize("operation", [callback, submitted, invoked])
@pytest.mark.parametrize(
    ("returns", "text", "value"),
    [
        (Order, '{"price":"1.10"}', Order(Decimal("1.10"))),
        (dict, '{"$decimal":"1"}', {"$decimal": "1"}),
        (dict, '{"t":"m","v":{}}', {"t": "m", "v": {}}),
        (dict, '{"$any":{"a":1}}', {"$any": {"a": 1}}),
        (list[Decimal], '[1,"2"]', [Decimal(1), Decimal(2)]),
    ],
    ids=range(5),
)
def test_an_answer_is_read_by_its_annotation_and_never_searched_for_tags(kit, operation, returns, text, value):
    seen = []
    assert answered(kit, operation, text, returns, seen).result == "over"
    assert seen == [value, value]


@pytest.mark.parametrize("operation", [callback, submitted, invoked])
@pytest.mark.parametrize(
    ("returns", "text"), [(int, '"one"'), (Order, '{"price":1.5}'), (Order, "[]"), (Order, "approved"), (bool, "1")]
)
def test_an_answer_that_does_not_fit_is_an_error_that_can_be_caught(kit, operation, returns, text):
    def flow(kit, event, ctx):
        try:
            yield from operation(kit, ctx, returns)
        except exceptions.SerDesError as error:
            return str(error)

    service = Service({}, answers={"ask": succeed(text), "*": succeed(text)})
    message = run_to_end(kit.handler(flow), service=service).result
    assert ("not valid JSON" if text == "approved" else "expected") in message


@pytest.mark.parametrize("operation", [callback, submitted, invoked])
def test_an_answer_cannot_reach_into_the_store(kit, operation, tmp_path):
    """Whoever answers a callback may know, or guess, the pointer of a value that is none of its business."""
    store = FileSystemStore(tmp_path)
    pointer = offload(store, '{"secret":1}', ARN, "other-operation")
    seen = []
    assert answered(kit, operation, pointer, dict, seen, store=store).result == "over"
    assert seen[0] == json.loads(pointer)
