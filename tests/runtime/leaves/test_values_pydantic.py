"""Models of pydantic in the history: they come back as they were, or are refused with the path to what would not."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic
import pytest

from durable_runtime._values import decode, encode, round_trip
from durable_runtime.exceptions import SerDesError

T = TypeVar("T")


class Line(pydantic.BaseModel):
    price: Decimal
    at: dt.datetime | None = None


class Discounted(Line):
    percent: int = 0


class WrittenUnderAnotherName(pydantic.BaseModel):
    order_id: int = pydantic.Field(serialization_alias="orderId")


class ReadUnderOtherNames(pydantic.BaseModel):
    order_id: int = pydantic.Field(validation_alias=pydantic.AliasChoices("id", "orderId"))


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Root(pydantic.RootModel[list[int]]):
    pass


class Secret(pydantic.BaseModel):
    keys: list[pydantic.SecretStr]


class Shouting(pydantic.BaseModel):
    text: str

    @pydantic.field_validator("text")
    @classmethod
    def shout(cls, text):
        return text + "!"


class Loose(pydantic.BaseModel):
    anything: Any


class Fleet(pydantic.BaseModel):
    lines: dict[str, Line]


class Text(pydantic.BaseModel):
    number: int

    @pydantic.model_serializer
    def write(self):
        return str(self.number)

    @pydantic.model_validator(mode="before")
    @classmethod
    def read(cls, value):
        return {"number": int(value)} if isinstance(value, str) else value


class Working(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_inf_nan="constants", arbitrary_types_allowed=True)
    ratio: float
    client: Any = pydantic.Field(default=None, exclude=True)
    _cache: dict[str, int] = pydantic.PrivateAttr(default_factory=dict)


class Breaking(pydantic.BaseModel):
    key: str

    @pydantic.field_validator("key")
    @classmethod
    def look_up(cls, key):
        return {"a": "a"}[key]


class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(pydantic.BaseModel):
    kind: Literal["dog"] = "dog"


@pydantic.dataclasses.dataclass
class Point:
    x: Decimal


@dataclasses.dataclass
class Order:
    lines: list[Line]
    page: Page[Decimal]


COME_BACK = [
    (WrittenUnderAnotherName, WrittenUnderAnotherName(order_id=1)),
    (ReadUnderOtherNames, ReadUnderOtherNames(orderId=1)),
    (list[ReadUnderOtherNames], [ReadUnderOtherNames(id=1)]),
    (Page[Decimal], Page[Decimal](items=[Decimal("1.0")])),
    (Page[int], Page(items=[1])),
    (Root, Root([1])),
    (Root | list[int], Root([1])),
    (Root | list[int], [1]),
    (list[int] | Root | None, Root([1])),
    (Text | str, Text(number=1)),
    (Text | str, "1"),
    (Annotated[Cat | Dog, pydantic.Field(discriminator="kind")], Dog()),
    (Point, Point(Decimal(1))),
    (Order, Order([Line(price=Decimal(1))], Page[Decimal](items=[Decimal(2)]))),
    (Line, Line(price=Decimal(1), at=dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=-5))))),
]


@pytest.mark.parametrize(("annotation", "value"), COME_BACK, ids=[f"{each[0]}: {each[1]!r}" for each in COME_BACK])
def test_a_model_comes_back_equal_and_of_its_class(annotation, value):
    text, first = round_trip(value, annotation)
    assert first == value
    assert isinstance(first, type(value))
    assert decode(text, annotation) == first


REFUSED = [
    (Secret, Secret(keys=["x"]), r"^result\.keys\[0\]: SecretStr\(.*would be read back as"),
    (Shouting, Shouting(text="x"), r"^result\.text: 'x!' \(str\) would be read back as 'x!!'"),
    (Loose, Loose(anything=dt.date(2026, 1, 2)), r"^result\.anything: .*\(date\) would be read back as '2026-01-02'"),
    (list[Loose], [Loose(anything=1), Loose(anything={1})], r"^result\[1\]\.anything: \{1\}"),
    (Fleet, Fleet(lines={"a": Discounted(price=Decimal(1), percent=5)}), r"^result\.lines\.a: Discounted"),
    (Line, Discounted(price=Decimal(1), percent=5), "expected Line, found its subclass Discounted; annotate"),
    (Page, Page[Decimal](items=[Decimal(1)]), r"^result\.items\[0\]: Decimal\('1'\)"),
    (Line, Line.model_construct(price="much"), "not a valid Line"),
]


@pytest.mark.parametrize(("annotation", "value", "message"), REFUSED, ids=[each[2][:40] for each in REFUSED])
def test_a_model_that_would_come_back_as_another_is_refused_with_the_path(annotation, value, message):
    """A secret that comes back as stars would be charged, sent, or compared as stars, on the first run already."""
    with pytest.raises(SerDesError, match=message):
        encode(value, annotation)


def test_what_is_no_data_of_a_model_is_not_compared():
    model = Working(ratio=float("nan"), client=object())
    model._cache["a"] = 1
    text, first = round_trip(model, Working)
    assert text == '{"ratio":NaN}'
    assert first.ratio != first.ratio
    assert first.client is None


def test_output_for_others_is_what_pydantic_makes_of_it():
    assert encode(Secret(keys=["x"]), Secret, plain=True) == '{"keys":["**********"]}'
    assert encode(WrittenUnderAnotherName(order_id=1), WrittenUnderAnotherName, plain=True) == '{"orderId":1}'


@pytest.mark.parametrize(("annotation", "text"), [(Breaking, '{"key":"b"}'), (pydantic.BaseModel, "{}")])
def test_a_validator_that_breaks_is_an_error_of_the_value(annotation, text):
    """A KeyError out of the user's validator would otherwise leave the handler, and Lambda would repeat it for ever."""
    with pytest.raises(SerDesError, match="event: not a valid"):
        decode(text, annotation, plain=True, root="event")


class Incomparable:
    """As an array: a comparison has no single answer."""

    def __eq__(self, other):
        raise ValueError("the truth value is ambiguous")

    __hash__ = None


class Measured(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    values: Annotated[
        Incomparable,
        pydantic.PlainSerializer(lambda _: 1),
        pydantic.BeforeValidator(lambda value: Incomparable() if value == 1 else value),
    ]
    key: pydantic.SecretStr | None = None


def test_a_field_that_cannot_be_compared_hides_no_other():
    first = round_trip(Measured.model_construct(values=Incomparable(), key=None), Measured)[1]
    assert isinstance(first.values, Incomparable)
    with pytest.raises(SerDesError, match=r"^result\.key: SecretStr"):
        encode(Measured.model_construct(values=Incomparable(), key=pydantic.SecretStr("x")), Measured)
