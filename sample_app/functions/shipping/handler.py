"""Shipping: book a courier, then look every hour whether the parcel is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from durable_runtime import (
    DurableContext,
    StepContext,
    WaitForConditionConfig,
    WaitStrategyConfig,
    create_retry_strategy,
    create_wait_strategy,
    durable_execution,
    durable_step,
)


@dataclass
class Parcel:
    """What the orders workflow sends."""

    order_id: str
    address: str


@dataclass
class Shipment:
    """What it gets back."""

    tracking_number: str


@dataclass
class Progress:
    """Where the parcel is; what `wait_for_condition` carries from look to look."""

    looks: int = 0
    collected: bool = False


class NoSuchAddressError(Exception):
    """The courier does not go there."""


class CourierUnavailableError(Exception):
    """The courier did not answer: trying again may help."""


courier_retries = create_retry_strategy(max_attempts=5, retryable_error_types=[CourierUnavailableError])
until_collected = create_wait_strategy(
    WaitStrategyConfig(
        should_continue_polling=lambda progress: not progress.collected,
        initial_delay=timedelta(hours=1),
        max_delay=timedelta(hours=1),
        max_attempts=72,
    )
)


@durable_execution
def handler(parcel: Parcel, ctx: DurableContext) -> Shipment:
    """Hand one parcel to a courier, and return when it was collected."""
    tracking_number = ctx.step(book_courier(parcel), retry=courier_retries)
    ctx.wait_for_condition(
        lambda progress, _: look(tracking_number, progress),
        WaitForConditionConfig(until_collected, initial_state=Progress()),
        name="collected",
        returns=Progress,
    )
    return Shipment(tracking_number)


# --- The outside world: replace these with calls to your courier. ----------------------------------------------------


@durable_step
def book_courier(_: StepContext, parcel: Parcel) -> str:
    """Book a collection; the order names it, so that booking twice books once."""
    if not parcel.address:
        raise NoSuchAddressError(f"order {parcel.order_id} has no address")
    return f"courier-{parcel.order_id}"


def look(tracking_number: str, progress: Progress) -> Progress:
    """Ask the courier."""
    collected = progress.looks >= 2 and tracking_number.startswith("courier-")
    return Progress(progress.looks + 1, collected)
