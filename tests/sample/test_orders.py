"""The orders workflow, with shipping: what happens when all goes well, and what is undone when it does not."""

from __future__ import annotations

from typing import Any

import pytest

from durable_local.testing import DurableTestRunner, assert_deterministic, crash_everywhere
from durable_runtime import durable_step
from sample_app.functions.orders import handler as orders
from sample_app.functions.shipping import handler as shipping

TEA, POT = {"sku": "tea", "quantity": 2, "price_cents": 500}, {"sku": "pot", "quantity": 1, "price_cents": 2_500}
ORDER = {"order_id": "A-1", "card": "visa", "address": "1 Main Street", "lines": [TEA, POT]}
FUNCTIONS = {"shipping:live": shipping.handler}


class Shop:
    """The outside world with a memory: what is reserved, paid and refunded, once per key."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failures: list[Exception] = []
        self.charges = 0
        self.reset()
        for name in ("reserve", "charge"):
            monkeypatch.setattr(orders, name, durable_step(getattr(self, name)))
        for name in ("release", "refund"):
            monkeypatch.setattr(orders, name, getattr(self, name))

    def reset(self) -> None:
        self.reserved: set[str] = set()
        self.payments: set[str] = set()

    def reserve(self, _: Any, order_id: str, line: orders.Line) -> str:
        if line.sku == "nothing":
            raise orders.OutOfStockError(line.sku)
        self.reserved.add(line.sku)
        return f"{order_id}/{line.sku}"

    def release(self, _order_id: str, sku: str) -> None:
        self.reserved.discard(sku)

    def charge(self, _: Any, card: str, amount_cents: int, idempotency_key: str) -> str:
        self.charges += 1
        if self.failures:
            raise self.failures.pop()
        if card == "declined":
            raise orders.PaymentDeclinedError(f"{amount_cents} cents")
        self.payments.add(idempotency_key)
        return idempotency_key

    def refund(self, idempotency_key: str) -> None:
        self.payments.discard(idempotency_key)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(monkeypatch)


def run(order: dict[str, Any], **options: Any) -> Any:
    with DurableTestRunner(orders.handler, functions=FUNCTIONS) as runner:
        return runner.run(order, **options)


def test_order_is_paid_and_shipped(shop: Shop) -> None:
    result = run(ORDER)
    assert result.status == "SUCCEEDED"
    [payment] = shop.payments
    assert result.result == {
        "order_id": "A-1",
        "payment_id": payment,
        "tracking_number": "courier-A-1",
        "total_cents": 3_500,
    }
    assert shop.reserved == {"tea", "pot"}
    assert result.operation("second thoughts").duration >= orders.SECOND_THOUGHTS


def test_declined_card_gives_the_stock_back_and_is_not_tried_again(shop: Shop) -> None:
    result = run(ORDER | {"card": "declined"})
    assert result.status == "FAILED"
    assert result.error.error_type.endswith("PaymentDeclinedError")
    assert (shop.charges, shop.reserved, shop.payments) == (1, set(), set())


def test_gateway_that_is_away_for_a_moment_is_tried_again_with_the_same_key(shop: Shop) -> None:
    shop.failures = [orders.GatewayUnavailableError("busy"), orders.GatewayUnavailableError("busy")]
    result = run(ORDER)
    assert (result.status, shop.charges, len(shop.payments)) == ("SUCCEEDED", 3, 1)
    assert result.operation("charge").attempts == 3


def test_missing_article_gives_back_what_was_reserved_and_charges_nothing(shop: Shop) -> None:
    result = run(ORDER | {"lines": [TEA, POT | {"sku": "nothing"}]})
    assert result.status == "FAILED"
    assert (shop.charges, shop.reserved) == (0, set())


def test_failed_shipping_undoes_payment_and_stock_in_reverse(shop: Shop) -> None:
    result = run(ORDER | {"address": ""})
    assert result.status == "FAILED"
    assert "NoSuchAddressError" in result.error.error_type
    assert (shop.reserved, shop.payments) == (set(), set())
    undone = [op.name for op in result.operations if op.name.startswith(("undo", "release"))]
    assert undone == ["undo refund", "release pot", "release tea"]


def test_payment_of_unknown_outcome_is_refunded_by_its_key(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway takes the money and does not answer, again and again: the money goes back."""

    def charge(_: Any, _card: str, _amount_cents: int, idempotency_key: str) -> str:
        shop.payments.add(idempotency_key)
        raise orders.GatewayUnavailableError("no answer")

    monkeypatch.setattr(orders, "charge", durable_step(charge))
    result = run(ORDER)
    assert (result.status, result.operation("charge").attempts) == ("FAILED", 4)
    assert (shop.payments, shop.reserved) == (set(), set())


def test_empty_order_is_refused_before_anything_happens(shop: Shop) -> None:
    result = run(ORDER | {"lines": []})
    assert result.error.error_type.endswith("OrderRejectedError")
    assert (shop.charges, shop.reserved) == (0, set())


def test_charge_that_was_cut_off_is_repeated_with_the_key_that_the_gateway_knows(shop: Shop) -> None:
    report = crash_everywhere(
        orders.handler,
        ORDER,
        functions=FUNCTIONS,
        before_each=shop.reset,
        same=lambda result: (result.status, len(shop.payments)),
    )
    assert max(result.operation("charge").attempts for _, result in report.runs) == 2


@pytest.mark.parametrize("change", [{}, {"card": "declined"}, {"address": ""}])
def test_order_ends_the_same_whatever_checkpoint_it_dies_at(shop: Shop, change: dict[str, Any]) -> None:
    def same(result: Any) -> Any:
        return result.status, (result.result or {}).get("tracking_number"), len(shop.payments), shop.reserved

    report = crash_everywhere(orders.handler, ORDER | change, functions=FUNCTIONS, same=same, before_each=shop.reset)
    assert len(report.runs) > 10


def test_replayed_from_any_point_it_makes_the_same_calls(shop: Shop) -> None:
    with DurableTestRunner(orders.handler, functions=FUNCTIONS) as runner:
        result = runner.run(ORDER, replay_always=True)
    assert (result.status, len(shop.payments)) == ("SUCCEEDED", 1)
    assert_deterministic(shipping.handler, {"order_id": "A-1", "address": "1 Main Street"})
