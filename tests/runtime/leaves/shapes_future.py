"""The same spelled with `from __future__ import annotations`, where annotations are text at run time."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from fractions import Fraction


@dataclass
class Tree:
    value: Decimal
    children: list[Tree]


class Line(TypedDict):
    price: Decimal
    note: NotRequired[str]


class Branch(TypedDict):
    price: Decimal
    branches: list[Branch]


class Json(TypedDict):
    name: str
    children: list[Json]


@dataclass
class Unresolvable:
    share: Fraction


@dataclass
class Misspelt:
    at: Decimal.no_such_attribute


def makes_a_tree() -> Tree:
    return Tree(Decimal(1), [Tree(Decimal(2), [])])


def makes_lines() -> dict[str, Line | None]:
    return {"a": {"price": Decimal("1.50")}, "b": None}


def makes_the_unresolvable() -> Unresolvable:
    raise NotImplementedError


def makes_a_fraction() -> Fraction:
    raise NotImplementedError


async def makes_later() -> list[Tree]:
    return []


def takes(line: Line, _context: object) -> None:
    raise NotImplementedError
