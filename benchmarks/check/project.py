"""Makes a project to measure on: durable workflows with helpers, and code that has nothing to do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = '''\
"""Workflow {n}: loads an order, prices its lines, asks for approval, ships."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import boto3

from durable_runtime import DurableContext, durable_execution, durable_step, durable_with_child_context
from shop.pricing_{h} import price_lines, total_of
from shop.store_{h} import OrderStore

logger = logging.getLogger(__name__)
table = boto3.resource("dynamodb", region_name="eu-west-1").Table("orders")
LIMIT = 1_000


@dataclass
class Approval:
    order_id: str
    total: int
    approved: bool = False

    def describe(self) -> str:
        state = "approved" if self.approved else "open"
        return f"{{self.order_id}}: {{state}} over {{self.total}}"


@durable_step
def load_order(step, order_id: str) -> dict:
    logger.info("loading %s", order_id)
    row = table.get_item(Key={{"id": order_id}}).get("Item", {{}})
    lines = [dict(line, index=index) for index, line in enumerate(row.get("lines", []))]
    return {{"id": order_id, "lines": lines, "customer": row.get("customer")}}


@durable_with_child_context
def ship(child: DurableContext, order: dict, attempt: int = 1) -> dict:
    parcel = child.step(lambda _: {{"order": order["id"], "attempt": attempt}}, name="pack")
    child.wait(3600, name="pick-up")
    state = child.step(lambda _: table.get_item(Key={{"id": parcel["order"]}})["Item"], name="state")
    if state.get("lost") and attempt < 3:
        return ship_again(child, order, attempt)
    return {{"parcel": parcel, "state": state}}


def ship_again(child: DurableContext, order: dict, attempt: int) -> dict:
    child.wait(60 * attempt, name="again")
    return {{"order": order["id"], "attempt": attempt + 1}}


def submit(order: dict):
    def ask(callback_id: str, step) -> None:
        step.logger.info("asking for %s", order["id"])
        table.put_item(Item={{"id": order["id"], "token": callback_id}})

    return ask


@durable_execution
def handler(event: dict, ctx: DurableContext) -> dict:
    store = OrderStore("orders-{n}")
    order = ctx.step(load_order(event["order_id"]))
    prices = ctx.map(order["lines"], lambda inner, line, index, lines: price_lines(inner, [line]), name="price")
    total = total_of([price for prices_of_line in prices.get_results() for price in prices_of_line])
    approval = Approval(order["id"], total)
    if total > LIMIT:
        answer = ctx.wait_for_callback(submit(order), name="approve")
        approval.approved = answer == "yes"
        if not approval.approved:
            ctx.logger.warning("declined %s", approval.describe())
            return {{"status": "declined", "order": order["id"]}}
    try:
        shipped = ctx.run_in_child_context(ship(order))
    except ValueError as error:
        ctx.step(lambda _: store.refund(order["id"], str(error)), name="refund")
        raise
    ctx.step(lambda _: store.save(order["id"], shipped, total), name="save")
    return {{"status": "shipped", "order": order["id"], "at": ctx.now().isoformat(), "id": str(ctx.uuid4())}}
'''
HELPERS = {
    "pricing": '''\
"""Prices of lines."""

from __future__ import annotations


def price_lines(context, lines: list[dict]) -> list[int]:
    prices = []
    for line in lines:
        rate = context.step(lambda _, line=line: lookup(line["sku"]), name="rate")
        prices.append(rounded(rate * line.get("count", 1), discount(line)))
    return prices


def lookup(sku: str) -> int:
    table = {{"a": 5, "b": 7}}
    return table.get(sku, 10) + {n}


def discount(line: dict) -> float:
    if line.get("sale"):
        return 0.5
    for limit, share in ((100, 0.2), (50, 0.1)):
        if line.get("count", 0) > limit:
            return share
    return 0.0


def rounded(value: float, share: float) -> int:
    return round(value * (1 - share))


def total_of(prices: list[int]) -> int:
    total = 0
    for price in prices:
        total += price
    return total
''',
    "store": '''\
"""Rows of orders."""

from __future__ import annotations

import time

import boto3


class OrderStore:
    def __init__(self, name: str) -> None:
        self.name = name
        self.table = boto3.resource("dynamodb", region_name="eu-west-1").Table(name)
        self.version = {n}

    def save(self, order_id: str, shipped: dict, total: int) -> bool:
        row = self.row(order_id) | {{"shipped": shipped, "total": total, "saved_at": int(time.time())}}
        self.table.put_item(Item=row)
        return True

    def refund(self, order_id: str, reason: str) -> bool:
        self.table.update_item(Key={{"id": order_id}}, UpdateExpression="SET refunded = :r", Values={{":r": reason}})
        return True

    def row(self, order_id: str) -> dict:
        return {{"id": order_id, "version": self.version, "store": self.name}}
''',
}
OTHER = '''\
"""Module {n}: ordinary code around the workflows."""

import json
import os
import time
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Record:
    name: str
    created: datetime = field(default_factory=datetime.now)
    tags: list = field(default_factory=list)

    def age(self):
        return (datetime.now() - self.created).total_seconds()

    def dump(self):
        return json.dumps({{"name": self.name, "tags": sorted(self.tags), "host": os.environ.get("HOST", "")}})


def collect(rows):
    seen, result = set(), []
    for row in rows:
        key = (row.get("name"), row.get("kind"))
        if key in seen:
            continue
        seen.add(key)
        record = Record(row["name"], tags=[part.strip() for part in row.get("tags", "").split(",") if part])
        result.append(record)
    return result


def wait_until(check, timeout=30.0):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            if check():
                return True
        except OSError as error:
            print("not yet", error)
        time.sleep(0.1)
    return False


def summary(records):
    by_tag = {{}}
    for record in records:
        for tag in record.tags or ["none"]:
            by_tag.setdefault(tag, []).append(record)
    return {{tag: [record.dump() for record in group] for tag, group in sorted(by_tag.items())}}
'''


def write(folder: Path, lines: int, durable_share: float) -> int:
    """Write a project of about so many lines; a share of them are workflows and what they call. Returns the lines."""
    package = folder / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    written = number = 0
    while written < lines * durable_share:
        texts = {f"workflow_{number}.py": WORKFLOW.format(n=number, h=number)}
        texts |= {f"{name}_{number}.py": text.format(n=number) for name, text in HELPERS.items()}
        for name, text in texts.items():
            (package / name).write_text(text)
            written += text.count("\n")
        number += 1
    number = 0
    while written < lines:
        text = OTHER.format(n=number)
        (package / f"other_{number}.py").write_text(text)
        written += text.count("\n")
        number += 1
    return written
