"""Annotated classes that the tests of values write and read. No `from __future__` here: both spellings matter."""

import datetime as dt
import enum
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar

T = TypeVar("T")
OrderId = NewType("OrderId", uuid.UUID)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Odd(enum.Enum):
    PAIR = (1, 2)
    NONE = None


class Size(enum.StrEnum):
    SMALL = "s"


class Point(NamedTuple):
    x: int
    y: Decimal = Decimal(1)


class Address(TypedDict):
    street: str
    since: dt.date
    note: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Item:
    price: Decimal
    quantity: int = 1
    when: dt.datetime | None = None


@dataclass
class Order:
    id: OrderId
    items: list[Item]
    tags: set[str] = field(default_factory=set)
    children: "list[Order]" = field(default_factory=list)
    color: Color = Color.RED
    extra: dict[str, Any] = field(default_factory=dict)
    total: Decimal = field(init=False, default=Decimal(0))

    def __post_init__(self) -> None:
        self.total = sum((item.price * item.quantity for item in self.items), Decimal(0))


@dataclass
class Refund:
    id: OrderId
    reason: Literal["damaged", "late"]


@dataclass
class Page(Generic[T]):
    items: list[T]
    next: str | None = None


@dataclass
class Checked:
    amount: Annotated[int, "cents"]

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError("amount is negative")


@dataclass
class Unset:
    later: int = field(init=False)
