"""Orders: reserve stock, charge once, leave time for second thoughts, ship; undo everything when a part fails."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

from durable_runtime import (
    CompletionConfig,
    DurableContext,
    StepContext,
    StepInterruptedError,
    create_retry_strategy,
    durable_execution,
    durable_step,
)

SHIPPING_ARN = os.environ.get("SHIPPING_ARN", "shipping:live")  # the stack sets it: orders.calls(shipping)
SECOND_THOUGHTS = timedelta(minutes=30)


@dataclass
class Line:
    """So many of one article."""

    sku: str
    quantity: int
    price_cents: int


@dataclass
class Order:
    """What the shop sends."""

    order_id: str
    card: str
    address: str
    lines: list[Line]

    @property
    def total_cents(self) -> int:
        """What the customer pays."""
        return sum(line.quantity * line.price_cents for line in self.lines)


@dataclass
class Shipment:
    """What the shipping workflow returns."""

    tracking_number: str


@dataclass
class Receipt:
    """What the customer gets."""

    order_id: str
    payment_id: str
    tracking_number: str
    total_cents: int


class OrderRejectedError(Exception):
    """The order makes no sense."""


class OutOfStockError(Exception):
    """The warehouse has too few."""


class PaymentDeclinedError(Exception):
    """The bank said no: trying again will not help."""


class GatewayUnavailableError(Exception):
    """The payment gateway did not answer: trying again may help."""


# An attempt that was cut off counts as failed, and may be repeated: the gateway knows the idempotency key.
payment_retries = create_retry_strategy(
    max_attempts=4,
    initial_delay=timedelta(seconds=2),
    retryable_error_types=[GatewayUnavailableError, StepInterruptedError],
)


@durable_execution
def handler(order: Order, ctx: DurableContext) -> Receipt:
    """Bring one order from the shop to the customer's door."""
    ctx.step(validate(order))
    with ctx.saga() as saga:  # what undoes a part is named before the part: its outcome may stay unknown
        for line in order.lines:
            saga.add(release, order.order_id, line.sku, name=f"release {line.sku}")
        ctx.map(
            order.lines,
            lambda c, line: c.step(reserve(order.order_id, line)),
            name="reserve stock",
            completion_config=CompletionConfig.all_completed(),  # nothing is under way when the undoing starts
        ).throw_if_error()

        payment_key = str(ctx.uuid4())  # the same on every replay, so the gateway sees one payment
        saga.add(refund, payment_key)
        payment_id = ctx.step(
            charge(order.card, order.total_cents, payment_key), at_most_once=True, retry=payment_retries
        )

        ctx.wait(SECOND_THOUGHTS, name="second thoughts")
        parcel = {"order_id": order.order_id, "address": order.address}
        shipment = ctx.invoke(SHIPPING_ARN, parcel, name="ship", returns=Shipment)
    return Receipt(order.order_id, payment_id, shipment.tracking_number, order.total_cents)


# --- The outside world: replace these with calls to your systems. Every one can be called twice with one effect. -----


@durable_step
def validate(_: StepContext, order: Order) -> None:
    """Refuse an order that nobody could fulfil."""
    if not order.lines or any(line.quantity < 1 for line in order.lines):
        raise OrderRejectedError(f"order {order.order_id} has no lines, or a line without a quantity")


@durable_step
def reserve(_: StepContext, order_id: str, line: Line) -> str:
    """Put stock aside; the order and the article name the reservation."""
    if line.quantity > 100:
        raise OutOfStockError(f"{line.quantity} of {line.sku}")
    return f"{order_id}/{line.sku}"


def release(order_id: str, sku: str) -> None:
    """Give stock back, if any is reserved under this name."""
    print(f"released {order_id}/{sku}")  # noqa: T201  stands for a call to the warehouse


@durable_step
def charge(_: StepContext, card: str, amount_cents: int, idempotency_key: str) -> str:
    """Take the money; the gateway takes it once per key."""
    if card == "declined":
        raise PaymentDeclinedError(f"the bank declined {amount_cents} cents")
    return f"payment-{idempotency_key}"


def refund(idempotency_key: str) -> None:
    """Give the money back, if any was taken under this key."""
    print(f"refunded {idempotency_key}")  # noqa: T201  stands for a call to the gateway
