"""What goes into a checkpoint comes out the same: with annotations, without, and for readers outside."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime as dt
import functools
import gc
import json
import threading
import types
import typing
import uuid
import weakref
from decimal import Decimal

import pytest

from durable_runtime import _codecs
from durable_runtime._values import (
    decode,
    encode,
    parameter_annotation,
    return_annotation,
    round_trip,
)
from durable_runtime.exceptions import SerDesError
from tests.runtime.leaves import shapes, shapes_future
from tests.runtime.leaves.shapes import (
    Address,
    Checked,
    Color,
    Item,
    Level,
    Odd,
    Order,
    OrderId,
    Page,
    Point,
    Refund,
    Size,
)

NOW = dt.datetime(2026, 11, 20, 10, 30, 0, 123456, tzinfo=dt.UTC)
ID = OrderId(uuid.UUID(int=7))
ORDER = Order(ID, [Item(Decimal("1.20"), 2, NOW)], {"b", "a"}, [Order(ID, [])], Color.BLUE, {"n": [1, None]})

TYPED = {
    "dataclass": (Order, ORDER),
    "list of dataclass": (list[Order], [ORDER, ORDER]),
    "dict of dataclass": (dict[str, Order], {"a": ORDER}),
    "optional, there": (Order | None, ORDER),
    "optional, none": (typing.Optional[Order], None),  # noqa: UP045  the old spelling is in use
    "union of classes": (Order | Refund, Refund(ID, "late")),
    "union in a list": (list[Order | Refund | None], [ORDER, None, Refund(ID, "damaged")]),
    "union of scalars": (int | Decimal | None, Decimal("1.10")),
    "union of text and decimal": (str | Decimal, "1.10"),
    "bool or decimal": (bool | Decimal, True),
    "int or float": (int | float | Decimal, 3),
    "generic dataclass": (Page[Item], Page([Item(Decimal(3))], "next")),
    "generic of union": (Page[Order | None], Page([None])),
    "named tuple": (Point, Point(1, Decimal("2.5"))),
    "typed dict": (Address, {"street": "x", "since": dt.date(2026, 1, 2)}),
    "typed dict with more keys": (Address, {"street": "x", "since": dt.date(2026, 1, 2), "more": (1, 2)}),
    "future typed dict": (shapes_future.Line, {"price": Decimal("1.0")}),
    "recursive typed dict": (
        shapes_future.Branch,
        {"price": Decimal(1), "branches": [{"price": Decimal(2), "branches": []}]},
    ),
    "list of recursive typed dict": (list[shapes_future.Branch], [{"price": Decimal(1), "branches": []}]),
    "recursive plain dict": (shapes_future.Json, {"name": "a", "children": [{"name": "b", "children": []}]}),
    "anything or a class": (typing.Any | Item, Item(Decimal(1))),
    "recursive": (shapes_future.Tree, shapes_future.makes_a_tree()),
    "enum": (Color, Color.RED),
    "int enum": (Level, Level.HIGH),
    "enum of odd values": (Odd, Odd.PAIR),
    "str enum": (Size, Size.SMALL),
    "set": (set[int], {3, 1, 2}),
    "frozenset of enum": (frozenset[Color], frozenset(Color)),
    "fixed tuple": (tuple[int, str, Decimal], (1, "a", Decimal(2))),
    "endless tuple": (tuple[Color, ...], (Color.RED, Color.BLUE)),
    "empty tuple": (tuple[()], ()),
    "bare tuple": (tuple, (1, (2,))),
    "deque": (collections.deque[int], collections.deque([1, 2])),
    "sequence": (collections.abc.Sequence[Item], [Item(Decimal(1))]),
    "mapping": (collections.abc.Mapping[str, Decimal], {"a": Decimal(1)}),
    "int keys": (dict[int, str], {1: "a", -2: "b"}),
    "uuid keys": (dict[uuid.UUID, int], {ID: 1}),
    "enum keys": (dict[Color, Decimal], {Color.RED: Decimal(1)}),
    "date keys": (dict[dt.date, None], {dt.date(2026, 1, 1): None}),
    "keys of two types": (dict[int | str, Decimal], {1: Decimal(1), "1": Decimal(2)}),
    "bool keys": (dict[bool, int], {True: 1, False: 0}),
    "counter": (collections.Counter[str], {"a": 3}),
    "datetime": (dt.datetime, NOW),
    "naive datetime": (dt.datetime, NOW.replace(tzinfo=None)),
    "date": (dt.date, dt.date(2026, 2, 3)),
    "time": (dt.time, dt.time(1, 2, 3, 4)),
    "timedelta": (dt.timedelta, dt.timedelta(days=-3, seconds=5, microseconds=7)),
    "decimal": (Decimal, Decimal("12.30")),
    "uuid": (uuid.UUID, uuid.UUID(int=1)),
    "bytes": (bytes, b"\x00\xff"),
    "new type": (OrderId, ID),
    "annotated": (typing.Annotated[Decimal, ["unhashable"]], Decimal(1)),
    "literal": (typing.Literal["a", 1, True] | None, True),
    "awaitable": (collections.abc.Awaitable[Decimal], Decimal(1)),
    "nested": (dict[str, list[tuple[Item, Color | None]]], {"a": [(Item(Decimal(1)), None)]}),
    "any": (typing.Any, {"a": (1, Decimal(2))}),
    "object": (object, [Decimal(2)]),
}


@pytest.mark.parametrize(("annotation", "value"), TYPED.values(), ids=TYPED)
def test_an_annotated_value_comes_back_equal_and_of_the_same_type(annotation, value):
    text, first = round_trip(value, annotation)
    replayed = decode(text, annotation)
    assert first == replayed == value
    assert type(first) is type(replayed) is type(value)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Item, '{"price":"1.20","quantity":1,"when":null}'),
        (list[Color], '["red","blue"]'),
        (shapes_future.Branch, '{"price":"1","branches":[{"price":"2","branches":[]}]}'),
        (list[shapes_future.Branch], '[{"price":"2","branches":[]}]'),
        (shapes_future.Json, '{"name":"a","children":[]}'),
        (dict[int, Point], '{"1":{"x":1,"y":"2.5"}}'),
        (dt.timedelta, '"P1DT30S"'),
        (set[str], '["a","b"]'),
        (Order | None, "null"),
        (Odd, '"PAIR"'),
        (bytes, '"AP8="'),
    ],
)
def test_annotated_values_are_plain_readable_json(annotation, text):
    assert encode(decode(text, annotation), annotation) == text


UNTYPED = [
    None,
    True,
    0,
    -(10**40),
    1.5,
    "",
    "é \u2028 \U0001f600",
    [],
    {},
    [1, [2, {"a": None}]],
    (1, 2, (3,)),
    {1, 2},
    frozenset({"a"}),
    {"a": {"b": ({1: Decimal("1.0")},)}},
    {1: "a", (2, 3): "b", None: 0},
    {"$decimal": "1"},
    {"$object": {"$x": 1}},
    {"$any": 1},
    {"$stored": {"key": "x"}},
    {"$type": "Order", "value": 1},
    [{"$": 1}],
    {"a": 1, "$b": 2},
    Decimal("1E+2"),
    NOW,
    dt.date(2026, 1, 1),
    dt.time(23, 59),
    dt.timedelta(days=-1, microseconds=1),
    uuid.UUID(int=5),
    b"\x00",
    bytearray(b"x"),
    float("inf"),
    [float("-inf"), Decimal("Infinity")],
]


@pytest.mark.parametrize("value", UNTYPED, ids=repr)
def test_a_value_without_annotation_comes_back_equal_and_of_the_same_type(value):
    text, first = round_trip(value)
    assert json.loads(text) is not NotImplemented
    assert first == decode(text) == value
    assert type(first) is type(decode(text)) is type(value)


def test_nan_is_written_as_valid_json():
    text, first = round_trip({"a": float("nan")})
    assert text == '{"a":{"$float":"nan"}}'
    assert first["a"] != first["a"]
    assert encode([float("nan"), float("-inf")], plain=True) == '["NaN","-Infinity"]'
    assert encode(Decimal("NaN"), Decimal, plain=True) == '"NaN"'


def test_subclasses_of_json_types_come_back_as_the_plain_type_on_the_first_run_too():
    value = {"size": Size.SMALL, "level": Level.LOW, "ordered": collections.OrderedDict(a=1)}
    for each in (value, {**value, "tagged": Decimal(1)}):
        text, first = round_trip(each)
        assert first == decode(text)
        assert [type(first[key]) for key in ("size", "level", "ordered")] == [str, int, dict]


@pytest.mark.parametrize("annotation", [str, int, Order, list[Order], Color, dict[str, Decimal], Address, bytes])
@pytest.mark.parametrize("value", [None, 5, "text", {"x": (1,)}, [Decimal(1)], {"$any": {"a": 1}}], ids=repr)
def test_a_value_that_does_not_fit_its_annotation_is_kept_as_it_is(annotation, value):
    text, first = round_trip(value, annotation)
    assert first == decode(text, annotation) == value
    assert type(first) is type(value)


def test_a_key_that_looks_like_a_tag_survives_under_an_annotation():
    value = {"$any": Decimal(2)}
    text, first = round_trip(value, dict[str, Decimal])
    assert first == decode(text, dict[str, Decimal]) == value


def test_values_written_without_annotation_are_read_after_one_was_added_and_the_other_way_round():
    assert decode(encode(Decimal("1.5")), Decimal) == Decimal("1.5")
    assert decode(encode({"a": (1, 2)}), dict[str, tuple[int, int]]) == {"a": (1, 2)}
    assert decode(encode(5, Decimal)) == 5


PATHS = [
    ({"items": [1, {"price": object()}]}, None, "result.items[1].price: builtins.object cannot be written"),
    ({"a": ["\ud800"]}, None, "result.a[0]: the text holds half a surrogate pair at position 0"),
    ("x\udfff", str, "result: the text holds half a surrogate pair at position 1"),
    ({"a b": {1: Color.RED}}, None, "result['a b'][1]: Color can only be rebuilt on replay when its type is known"),
    ([ORDER], None, "result[0]: Order can only be rebuilt"),
    (shapes.Unset(), shapes.Unset, "result.later: Unset has no value for it"),
    (Point(1), None, "annotate the function (`-> Point`) or pass `returns=Point`"),
    ([Order("no uuid", [])], list[Order], "result[0].id: expected UUID, found 'no uuid' (str)"),
    ([Item(Decimal(1), 1, "x")], list[Item], "result[0].when: expected datetime"),
    ((i for i in ()), None, "generator is not a value"),
    (10**5000, None, "the integer is too long to be written"),
    (open, typing.Any, "cannot be written to a checkpoint"),
]


@pytest.mark.parametrize(("value", "annotation", "message"), PATHS, ids=[path[2][:40] for path in PATHS])
def test_what_cannot_be_written_fails_with_the_path_to_it(value, annotation, message):
    with pytest.raises(SerDesError) as caught:
        encode(value, annotation)
    assert message in str(caught.value)


def test_a_coroutine_is_refused_without_a_warning_that_nobody_awaited_it():
    with pytest.raises(SerDesError, match="coroutine is not a value; await"):
        encode(shapes_future.makes_later())


@pytest.mark.parametrize("plain", [False, True])
def test_cycles_and_bottomless_nesting_are_refused(plain):
    cycle: list = [1]
    cycle.append({"again": cycle})
    with pytest.raises(SerDesError, match=r"result\[1\]\.again\[1\].* … .*contains itself"):
        encode(cycle, plain=plain)
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SerDesError, match="nested"):
        encode(deep, plain=plain)


def test_a_recursive_instance_is_refused():
    tree = shapes_future.Tree(Decimal(1), [])
    tree.children.append(tree)
    with pytest.raises(SerDesError, match="nested too deeply, or contains itself"):
        encode(tree, shapes_future.Tree)


INPUT_ERRORS = [
    (Order, '{"id":"x","items":[]}', "event.id: expected UUID, found 'x' (str)"),
    (Order, '{"items":[]}', "event: Order needs 'id', which is missing"),
    (list[Item], '[{"price":"1"},{"price":"1","quantity":"two"}]', "event[1].quantity: expected int"),
    (list[Item], '[{"price":1.1}]', "event[0].price: expected Decimal, found 1.1 (float)"),
    (Color, '"green"', "event: 'green' (str) is no Color; it has 'red', 'blue'"),
    (Checked, '{"amount":-1}', "event: Checked refused the values: ValueError: amount is negative"),
    (dict[str, int], '{"a":true}', "event.a: expected int, found True (bool)"),
    (tuple[int, int], "[1]", "with 2 items, found 1"),
    (typing.Literal[1], "true", "expected one of 1, found True"),
    (Order | Refund, '{"id":1}', "expected Order | Refund"),
    (int | None, '"1"', "event: expected int, found '1' (str)"),
    (bytes, '"***"', "event: expected bytes"),
    (dt.datetime, '"yesterday"', "event: expected datetime"),
    (dt.timedelta, '"P1Y"', "is no ISO 8601 duration"),
    (Order, "[]", "expected Order, found [] (list)"),
    (dict, "{", "event: not valid JSON"),
    (shapes_future.Unresolvable, '{"share":1}', "name 'Fraction' is not defined; the name must exist at run time"),
    (list[typing.ForwardRef("Nowhere")], "[1]", "the forward reference 'Nowhere' cannot be resolved"),
]


@pytest.mark.parametrize(("annotation", "text", "message"), INPUT_ERRORS, ids=[each[2][:45] for each in INPUT_ERRORS])
def test_input_that_does_not_fit_is_refused_with_the_path_to_it(annotation, text, message):
    with pytest.raises(SerDesError) as caught:
        decode(text, annotation, plain=True, root="event")
    assert message in str(caught.value)


def test_input_from_outside_is_not_searched_for_tags():
    assert decode('{"$date":"2026-01-01"}', plain=True) == {"$date": "2026-01-01"}
    assert decode('{"a":{"$decimal":"x"}}', dict[str, typing.Any], plain=True) == {"a": {"$decimal": "x"}}


def test_input_is_converted_to_its_annotation():
    order = decode(
        json.dumps({"id": str(ID), "items": [{"price": 3, "when": "2026-11-20T10:30:00.123456Z"}], "unknown": 1}),
        Order,
        plain=True,
    )
    assert order == Order(ID, [Item(Decimal(3), 1, NOW)])
    assert decode("3", float, plain=True) == 3.0
    assert isinstance(decode("3", float, plain=True), float)
    assert decode('{"price":"1"}', Item | Refund, plain=True) == Item(Decimal(1))
    assert decode('"PT1H30M"', dt.timedelta, plain=True) == dt.timedelta(hours=1, minutes=30)
    assert decode("90", dt.timedelta, plain=True) == dt.timedelta(seconds=90)
    assert decode("", Order, plain=True) is None


@pytest.mark.parametrize(
    ("value", "annotation", "text"),
    [
        ((1, {2}), None, "[1,[2]]"),
        ({2: "a", None: "b", True: "c", 1.5: {3}}, None, '{"2":"a","null":"b","true":"c","1.5":[3]}'),
        ({ID: Decimal("1.0")}, None, f'{{"{ID}":"1.0"}}'),
        (Item(Decimal("1.0")), None, '{"price":"1.0","quantity":1,"when":null}'),
        ({"color": Color.RED, "at": dt.date(2026, 1, 1)}, None, '{"color":"red","at":"2026-01-01"}'),
        ({"$decimal": "x"}, None, '{"$decimal":"x"}'),
        ({"point": Point(1)}, None, '{"point":[1,"1"]}'),
        ((Point(1, 2),), None, "[[1,2]]"),
        (Refund(ID, "late"), Order | Refund, f'{{"id":"{ID}","reason":"late"}}'),
        ("not an order", Order, '"not an order"'),
        (types.SimpleNamespace, None, None),
    ],
)
def test_output_for_others_has_no_tags(value, annotation, text):
    if text is None:
        with pytest.raises(SerDesError, match="cannot be written"):
            encode(value, annotation, plain=True)
    else:
        assert encode(value, annotation, plain=True) == text


def test_types_can_be_met_for_the_first_time_by_many_threads_at_once():
    def first_use(number):
        kind = dataclasses.make_dataclass(f"Fresh{number}", [("price", Decimal), ("next", list[Item])])
        barrier = threading.Barrier(4)
        results = []

        def work():
            barrier.wait()
            results.append(round_trip([kind(Decimal(1), [])], list[kind])[0])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        return results

    for number in range(20):
        assert first_use(number) == ['[{"price":"1","next":[]}]'] * 4


def test_classes_that_a_handler_defines_anew_each_time_are_not_kept_for_ever(monkeypatch):
    """A warm process runs thousands of invocations."""
    monkeypatch.setattr(_codecs, "_MOST_KEPT", 10)

    def invocation():
        kind = dataclasses.make_dataclass("Fresh", [("price", Decimal)])
        assert round_trip(kind(Decimal(1)), kind)[1] == kind(Decimal(1))
        return weakref.ref(kind)

    references = [invocation() for _ in range(40)]
    gc.collect()
    assert sum(reference() is not None for reference in references) <= 10


def test_annotations_are_found_wherever_the_function_is_wrapped():
    class Callable:
        def __call__(self) -> Order:
            raise NotImplementedError

        def method(self) -> Item:
            raise NotImplementedError

    def local() -> Callable:
        return Callable()

    def plain() -> dict:
        return {}

    def partly(_a) -> Decimal:
        raise NotImplementedError

    @functools.wraps(partly)
    def wrapped(*args):
        return partly(*args)

    assert return_annotation(shapes_future.makes_a_tree) is shapes_future.Tree
    assert return_annotation(shapes_future.makes_later) == list[shapes_future.Tree]
    assert return_annotation(shapes_future.makes_lines) == dict[str, shapes_future.Line | None]
    assert return_annotation(Callable()) is Order
    assert return_annotation(Callable().method) is Item
    assert return_annotation(local) is Callable
    assert return_annotation(functools.partial(partly, 1)) is Decimal
    assert return_annotation(wrapped) is Decimal
    for without in (plain, lambda: 1, print, shapes_future.makes_a_fraction, shapes.Checked):
        assert return_annotation(without) is None
    assert parameter_annotation(shapes_future.takes) is shapes_future.Line
    assert parameter_annotation(shapes_future.takes, 5) is None
    assert parameter_annotation(print) is None
    assert parameter_annotation(lambda event: event) is None


def test_an_annotation_that_exists_for_type_checkers_only_serves_plain_values():
    annotation = return_annotation(shapes_future.makes_a_fraction)
    assert round_trip({"a": 1}, annotation) == ('{"a":1}', {"a": 1})


def test_pydantic_writes_and_reads_its_own_models():
    pydantic = pytest.importorskip("pydantic")

    class Line(pydantic.BaseModel):
        price: Decimal
        at: dt.datetime
        blob: bytes = b"x"

    class Basket(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(strict=True)
        lines: list[Line] = pydantic.Field(alias="Lines")
        owner: uuid.UUID

        @pydantic.computed_field
        def count(self) -> int:
            return len(self.lines)

    basket = Basket(Lines=[Line(price=Decimal("1.10"), at=NOW)], owner=ID)
    for annotation, value in ((Basket, basket), (list[Basket], [basket]), (dict[str, Basket | None], {"a": basket})):
        text, first = round_trip(value, annotation)
        assert first == decode(text, annotation) == value
        assert '"Lines"' in text
    with pytest.raises(SerDesError, match=r"(?s)event\.a: not a valid Basket: .*owner"):
        decode('{"a":{"Lines":[]}}', dict[str, Basket], plain=True, root="event")
    with pytest.raises(SerDesError, match="Basket can only be rebuilt on replay"):
        encode(basket)
    assert json.loads(encode(basket, plain=True))["owner"] == str(ID)
