"""Annotations in depth: generics through their bases, recursive aliases, mappings, and code of the user that breaks."""

# No `from __future__`: these annotations are looked at as they are.

import collections
import dataclasses
import datetime as dt
import enum
import functools
import sys
import typing
from decimal import Decimal

import pytest
from typing_extensions import TypeAliasType

from durable_runtime._values import decode, encode, parameter_annotation, return_annotation, round_trip
from durable_runtime.exceptions import SerDesError
from tests.runtime.leaves import shapes_future
from tests.runtime.leaves.shapes import Color

T = typing.TypeVar("T")

Tree = TypeAliasType("Tree", dict[str, list[T]], type_params=(T,))
Maybe = TypeAliasType("Maybe", T | None, type_params=(T,))


class NotANumber(enum.Enum):
    NAN = float("nan")
    ONE = 1.0


class Looking(enum.Enum):
    A = "a"

    @classmethod
    def _missing_(cls, value):
        return {}[value].name  # a bug of the user's


class NoRepr:
    def __repr__(self):
        raise RuntimeError("no repr")


@dataclasses.dataclass
class Priced(typing.Generic[T]):
    items: list[T]
    last: T | None = None


@dataclasses.dataclass
class PricedInMoney(Priced[Decimal]):
    note: str = ""


@dataclasses.dataclass
class PricedMore(PricedInMoney):
    more: int = 0


@dataclasses.dataclass
class Lists(Priced[list[T]], typing.Generic[T]):
    own: T | None = None


class Pair(typing.NamedTuple, typing.Generic[T]):
    left: T
    right: int = 0


class Tagged(typing.TypedDict, typing.Generic[T]):
    value: T


GENERIC = [
    (PricedInMoney, PricedInMoney([Decimal(1)], Decimal(2))),
    (PricedMore, PricedMore([Decimal(1)], Decimal(2), "x", 3)),
    (Lists[Decimal], Lists([[Decimal(1)]], [Decimal(2)], Decimal(3))),
    (Pair[Decimal], Pair(Decimal(1))),
    (Tagged[Decimal], {"value": Decimal(1)}),
    (Priced[Priced[dt.date]], Priced([Priced([dt.date(2026, 1, 2)])])),
    (Tree[Decimal], {"a": [Decimal(1)]}),
    (Maybe[Decimal], Decimal(1)),
    (Priced[Maybe[Decimal]], Priced([Decimal(1), None])),
]


@pytest.mark.parametrize(("annotation", "value"), GENERIC, ids=str)
@pytest.mark.parametrize("plain", [False, True])
def test_generic_classes_know_what_their_variables_stand_for(annotation, value, plain):
    """Through bases too; read from outside as well, where no tag helps."""
    text = encode(value, annotation, plain=plain)
    assert decode(text, annotation, plain=plain) == value
    assert "$" not in text


if sys.version_info >= (3, 12):  # older Pythons have no `type X = ...`

    @pytest.mark.parametrize("plain", [False, True])
    def test_an_alias_that_contains_itself_knows_its_values_at_every_depth(plain):
        scope = {"Decimal": Decimal}
        exec("type Nested = dict[str, Nested] | list[Nested] | Decimal", scope)  # noqa: S102  older Pythons cannot read it
        for value in (Decimal(1), [[Decimal(1)]], {"a": [{"b": Decimal(1)}, Decimal(2)]}):
            text = encode(value, scope["Nested"], plain=plain)
            assert "$decimal" not in text
            assert decode(text, scope["Nested"], plain=plain) == value


def test_a_union_tells_one_generic_class_from_another_by_what_is_inside():
    annotation = Priced[Decimal] | Priced[dt.date]
    for value in (Priced([Decimal(1)]), Priced([dt.date(2026, 1, 2)])):
        assert round_trip(value, annotation)[1] == value


def test_mappings_come_back_as_their_class():
    for annotation, value in (
        (collections.Counter[str], collections.Counter("aab")),
        (collections.Counter, collections.Counter("aab")),
        (collections.OrderedDict[str, int], collections.OrderedDict(b=1, a=2)),
        (collections.OrderedDict, collections.OrderedDict(b=1)),
    ):
        text, first = round_trip(value, annotation)
        for each in (first, decode(text, annotation)):
            assert (type(each), list(each.items())) == (type(value), list(value.items()))


def test_an_enum_whose_values_json_lacks_is_written_by_name():
    assert encode(NotANumber.NAN, NotANumber) == '"NAN"'
    assert decode('"NAN"', NotANumber) is NotANumber.NAN


@pytest.mark.parametrize(
    ("annotation", "text", "message"),
    [
        (Looking, '"b"', "event: 'b' (str) is no Looking"),
        (shapes_future.Misspelt, '{"at":1}', "the annotations of Misspelt cannot be resolved"),
    ],
)
def test_what_fails_in_code_of_the_users_is_an_error_of_the_value(annotation, text, message):
    with pytest.raises(SerDesError) as caught:
        decode(text, annotation, plain=True, root="event")
    assert message in str(caught.value)


def test_a_value_without_repr_is_refused_all_the_same():
    with pytest.raises(SerDesError, match="no repr: RuntimeError"):
        encode([NoRepr()], list[Color])


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        ({"a": [1, 10**5000]}, None, r"^result\.a\[1\]: the integer is too long"),
        ([[10**5000]], list[list[int]], r"^result\[0\]\[0\]: the integer is too long"),
        ({"a": {"\udc00": 1}}, None, r"^result\.a: the key '\\udc00': the text holds half a surrogate pair"),
        ((1, {"a": "\ud800"}), None, r"^result\[1\]\.a: the text holds half a surrogate pair at position 0"),
        (PricedInMoney([], None, "x\ud800"), PricedInMoney, r"^result\.note: the text holds half a surrogate pair"),
        (PricedMore([]), PricedInMoney, "expected PricedInMoney, found its subclass PricedMore; annotate"),
    ],
    ids=range(6),
)
def test_the_path_leads_to_what_json_cannot_express(value, annotation, message):
    for plain in (False, True) if "subclass" not in message else (False,):
        with pytest.raises(SerDesError, match=message):
            encode(value, annotation, plain=plain)


class Service:
    orders: int = 0  # an annotation of the class is none of the call

    def handle(self, event: Decimal, _context: object) -> dt.date:
        raise NotImplementedError

    def __call__(self, event: Decimal, _context: object) -> dt.date:
        raise NotImplementedError


def configured(table: str, event: Decimal, _context: object) -> dt.date:
    raise NotImplementedError


@pytest.mark.parametrize(
    "function",
    [Service().handle, Service(), functools.partial(configured, "orders"), functools.partial(Service().handle)],
    ids=["method", "callable object", "partial", "partial method"],
)
def test_the_annotations_of_methods_and_partials_are_those_of_their_function(function):
    assert parameter_annotation(function) is Decimal
    assert return_annotation(function) is dt.date
