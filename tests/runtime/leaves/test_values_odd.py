"""Every annotation with every value: what cannot be done is a SerDesError, and what is done loses nothing."""

# No `from __future__`: some of these annotations do not survive as text.

import collections
import dataclasses
import datetime as dt
import enum
import re
import typing
from collections import abc
from decimal import Decimal

import pytest

from durable_runtime._values import decode, encode, round_trip
from durable_runtime.exceptions import SerDesError

T = typing.TypeVar("T", bound=Decimal)


class Shape(typing.Protocol):
    x: int


class Flag(enum.Flag):
    A = 1
    B = 2


class Dict(dict):
    pass


class List(list):
    pass


@dataclasses.dataclass
class Keyword:
    a: int
    _: dataclasses.KW_ONLY
    b: Decimal = Decimal(1)
    c: typing.ClassVar[int] = 3


@dataclasses.dataclass
class Defaulted:
    a: int
    b: dataclasses.InitVar[int] = 0


@dataclasses.dataclass
class Needing:
    a: int
    b: dataclasses.InitVar[int]


ANNOTATIONS = [
    typing.List,  # noqa: UP006  the old spellings are in use
    typing.Dict,  # noqa: UP006
    typing.Tuple,  # noqa: UP006
    typing.List[int],  # noqa: UP006
    typing.Tuple[int, ...],  # noqa: UP006
    typing.Dict[str, Decimal],  # noqa: UP006
    type[int],
    typing.Callable,
    abc.Callable[[int], int],
    Shape,
    Keyword,
    Defaulted,
    Needing,
    Flag,
    Dict,
    List,
    T,
    typing.ClassVar[int],
    typing.Final[Decimal],
    abc.Iterator[int],
    abc.AsyncIterator[int],
    abc.Mapping[int, Decimal],
    collections.defaultdict[str, Decimal],
    collections.OrderedDict[str, Decimal],
    typing.Self,
    typing.LiteralString,
    typing.Never,
    typing.Literal[Flag.A],
    typing.Literal[b"x"],
    abc.Hashable,
    bytes | str | None,
    dict[typing.Any, Decimal],
    dict[int | str, Decimal],
    dict[tuple[int, int], Decimal],
    dict[typing.Literal["a", "b"], Decimal],
    abc.MutableSet[int],
    frozenset,
    range,
    complex,
    Exception,
    3,
    "text",
    ...,
    (int, str),
    object(),
]
VALUES = [
    None,
    1,
    "x",
    [1],
    {"a": Decimal(1)},
    {1: Decimal(2), "1": Decimal(3)},
    {(1, 2): Decimal(1)},
    (1, 2),
    {1},
    Keyword(1),
    Defaulted(3),
    Needing(1, 2),
    Flag.A | Flag.B,
    Dict(a=1),
    List([1]),
    b"x",
    range(3),
    1 + 2j,
    ValueError("x"),
    int,
    len,
    dt.UTC,
]
TEXTS = ["null", "1", '"x"', "[1]", '{"a":1}', "[]", "{}", "true", "1.5", "[[1,2]]", '{"$type":"x","value":1}', "{"]


def name_of(annotation: object) -> str:
    """Name an annotation without its address: two workers must collect the same tests."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(annotation))


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=name_of)
def test_no_pair_of_annotation_and_value_crashes_or_loses_anything(annotation):
    kept = 0
    for value in VALUES:
        try:
            text, first = round_trip(value, annotation)
        except SerDesError:
            continue
        assert first == decode(text, annotation) == value, (value, text)
        kept += 1
    assert kept >= 10 or annotation == "text"  # a name that means nothing here is always refused


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=name_of)
def test_no_pair_of_annotation_and_text_from_outside_crashes(annotation):
    for text in TEXTS:
        for plain in (False, True):
            try:
                value = decode(text, annotation, plain=plain)
            except SerDesError:
                continue
            encode(value, annotation, plain=plain)


class Level(enum.IntEnum):
    HIGH = 3


class Berlin(dt.tzinfo):
    """A named zone, as `zoneinfo` has them where the machine has their data: a time of day alone has no offset."""

    def __repr__(self):
        return "Berlin"  # in the names of tests, which must be the same in every process

    def utcoffset(self, moment):
        return moment and dt.timedelta(hours=1)


BERLIN = Berlin()
TWICE = dt.datetime(2025, 10, 26, 2, 30, fold=1)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (TWICE, TWICE.replace(fold=0)),
        (TWICE.replace(tzinfo=BERLIN), TWICE.replace(fold=0, tzinfo=dt.timezone(dt.timedelta(hours=1)))),
        (dt.datetime.max.replace(tzinfo=BERLIN), dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))),
        (dt.time(1, 2, tzinfo=BERLIN), dt.time(1, 2)),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (Level.HIGH, 3),
    ],
    ids=repr,
)
def test_what_is_lost_is_lost_on_the_first_run_already(value, kept):
    """So code that looks at it does the same on every replay."""
    text, first = round_trip(value)
    assert [repr(first), repr(decode(text))] == [repr(kept)] * 2
