"""One test for each defect K to Z that was measured in release 3.0.0 of AWS's SDK: here it is right."""

from __future__ import annotations

import datetime as dt
import json
import logging
from decimal import Decimal

import pytest

import durable_runtime
from durable_runtime import exceptions
from tests.runtime.driving import run_to_end
from tests.runtime.history import op
from tests.runtime.kit import ASYNC, BOTH, SYNC
from tests.runtime.service import Service, succeed


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def sent(run):
    return [" ".join(map(str, u)) for u in run.service.updates()]


# -- K, L, M, N: sizes --------------------------------------------------------------------------------------


def test_k_the_response_limit_counts_the_envelope(kit):
    """4.2 MB of escaped quotes make 8.4 MB of envelope, which the service would refuse; it is checkpointed."""

    def flow(kit, event, ctx):
        return '"' * 2_100_000
        yield

    run = kit.run(flow)
    assert run.result == '"' * 2_100_000
    assert ("EXECUTION", "SUCCEED") in [u[:2] for u in run.service.updates()]


def test_k_a_result_beyond_every_limit_fails_clearly(kit):
    def flow(kit, event, ctx):
        return "x" * 7_000_000
        yield

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert "less than or equal to 6291456 bytes" in run.message


def test_l_the_limit_of_a_child_result_counts_bytes(kit):
    """150,000 umlauts are 300,002 bytes: too big to store, so the children are replayed."""
    value = "ü" * 150_000

    def flow(kit, event, ctx):
        def body(context):
            part = yield context.step(lambda _c: "ü", name="part")
            return part * 150_000

        found = yield ctx.run_in_child_context(kit.fn(body), "child")
        yield ctx.wait(kit.seconds(5))
        return found == value

    run = kit.run(flow)
    assert run.result is True
    assert run.service.named("child")["ContextDetails"]["ReplayChildren"] is True


def test_m_a_step_result_over_the_limit_can_be_caught_and_runs_once(kit):
    ran = []

    def flow(kit, event, ctx):
        def body(_context):
            ran.append(1)
            return "x" * 300_000

        caught = None
        try:
            yield ctx.step(body, name="render")
        except exceptions.PayloadTooLargeError as error:
            caught = [error.operation, error.size, error.limit]
        yield ctx.wait(kit.seconds(5))
        return caught

    operation, size, limit = kit.run(flow).result
    assert "render" in operation
    assert size == 300_002
    assert limit == 262_144
    assert ran == [1]


def test_n_error_messages_are_bounded(kit):
    """The service refuses error objects over 32 KB."""

    def flow(kit, event, ctx):
        def body(_context):
            raise ValueError("ü" * 100_000)

        yield ctx.step(body, name="loud", config=kit.StepConfig(retry_strategy=kit.retry(2)))

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert len(json.dumps(run.error).encode()) <= 32_768
    assert "üüü" in run.error["ErrorMessage"]


# -- O, P: errors -------------------------------------------------------------------------------------------


class PaymentDeclined(Exception):  # noqa: N818  reads as what happened
    """An error of the user's own, with attributes."""

    def __init__(self, message, code=0):
        super().__init__(message, code)
        self.code = code


def declines(_context=None):
    raise PaymentDeclined("no funds", 51)


def test_o_stack_traces_are_recorded(kit):
    def flow(kit, event, ctx):
        yield ctx.step(declines, name="charge", config=kit.StepConfig(retry_strategy=kit.retry(1)))

    run = kit.run(flow)
    recorded = run.service.named("charge")["StepDetails"]["Error"]["StackTrace"]
    assert any("declines" in line for line in recorded)
    assert any("test_rival_defects_k_to_z.py" in line for line in recorded)
    assert run.error["StackTrace"]


def test_p_the_original_class_is_caught_on_the_first_run_and_on_replay(kit):
    seen = []

    def flow(kit, event, ctx):
        try:
            yield ctx.step(declines, name="charge", config=kit.StepConfig(retry_strategy=kit.retry(1)))
        except PaymentDeclined as error:
            seen.append((isinstance(error, kit.StepError), type(error).__name__, str(error)))
        yield ctx.wait(kit.seconds(5))
        return "sorry"

    assert kit.run(flow).result == "sorry"
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert seen[0][0], "not a StepError as well"


def test_p_the_original_class_is_caught_across_a_child_context(kit):
    seen = []

    def flow(kit, event, ctx):
        def body(context):
            yield context.step(declines, name="charge", config=kit.StepConfig(retry_strategy=kit.retry(1)))

        try:
            yield ctx.run_in_child_context(kit.fn(body), "child")
        except PaymentDeclined as error:
            seen.append(isinstance(error, kit.DurableOperationError))
        yield ctx.wait(kit.seconds(5))

    kit.run(flow)
    assert seen == [True, True]


# -- Q, R, S, W, Z: values ----------------------------------------------------------------------------------


class Upper(durable_runtime.SerDes if hasattr(durable_runtime, "SerDes") else object):
    """A serdes that only takes text."""

    def serialize(self, value, _context=None):
        return value.upper()

    def deserialize(self, data, _context=None):
        return data.lower()


def test_q_the_serdes_of_wait_for_callback_is_for_its_result_only(kit):
    """Not for what the submitter returns, which is None."""

    def flow(kit, event, ctx):
        config = kit.WaitForCallbackConfig(serdes=Upper())
        return (yield ctx.wait_for_callback(lambda _id, _ctx: None, name="cb", config=config))

    assert kit.run(flow, answers={"*": succeed("YES")}).result == "yes"


def test_r_a_map_with_only_an_item_serdes_works(kit):
    """The collected result is written with the items' own serdes."""
    seen = []

    def flow(kit, event, ctx):
        def body(context, item, index, items):
            return item
            yield

        config = kit.MapConfig(item_serdes=Points())
        batch = yield ctx.map([1, 2], kit.fn(with_points(body)), name="map", config=config)
        seen.append(batch.get_results())
        yield ctx.wait(kit.seconds(5))
        return len(seen)

    kit.run(flow)
    assert seen == [[Point(1), Point(2)], [Point(1), Point(2)]]


class Point:
    """A class that no default serdes knows."""

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return isinstance(other, Point) and self.x == other.x

    def __hash__(self):
        return hash(self.x)


class Points(Upper.__base__):
    """Writes points."""

    def serialize(self, value, _context=None):
        return str(value.x)

    def deserialize(self, data, _context=None):
        return Point(int(data))


def with_points(body):
    def wrapped(context, item, index, items):
        return Point((yield from body(context, item, index, items)))

    return wrapped


def test_s_failed_items_are_not_silently_dropped(kit):
    """The result says so, and raises on demand with what failed."""

    def flow(kit, event, ctx):
        def body(context, item, index, items):
            raise PaymentDeclined(f"item {item}")
            yield

        batch = yield ctx.map([1], kit.fn(body), name="map")
        assert batch.has_failure
        assert batch.status.value == "FAILED"
        batch.throw_if_error()

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert "item 1" in run.message


def test_w_a_handler_may_return_what_a_step_may(kit):
    moment = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)

    def flow(kit, event, ctx):
        amount = yield ctx.step(lambda _c: Decimal("1.20"), name="amount")
        assert amount == Decimal("1.20")
        return {"at": moment, "amount": amount}

    run = kit.run(flow)
    assert "2026-11-20T12:00:00" in run.text
    assert "1.20" in run.text


def test_w_an_async_step_runs_in_an_async_handler():
    async def body(_context):
        return 7

    def flow(kit, event, ctx):
        return (yield ctx.step(body, name="native"))

    assert ASYNC.run(flow).result == 7


def test_w_an_async_step_runs_in_a_def_handler_too():
    async def body(_context):
        return 7

    def flow(kit, event, ctx):
        return (yield ctx.step(body, name="native"))

    assert SYNC.run(flow).result == 7


class Broken(Upper.__base__):
    """A serdes that returns bytes, which the API cannot take."""

    def serialize(self, value, _context=None):
        return b"bytes"

    def deserialize(self, data, _context=None):
        return data


def test_z_a_serdes_that_returns_bytes_fails_the_step_instead_of_retrying_for_ever(kit):
    def flow(kit, event, ctx):
        try:
            yield ctx.step(lambda _c: 1, name="broken", config=kit.StepConfig(serdes=Broken()))
        except exceptions.SerDesError as error:
            return str(error)

    run = kit.run(flow)
    assert "bytes" in run.result
    assert run.service.invocations == 1


# -- T: the logger ------------------------------------------------------------------------------------------


def test_t_the_logger_is_a_real_one(logs, kit):
    logger = logging.getLogger("orders")

    def flow(kit, event, ctx):
        ctx.set_logger(logger)
        assert ctx.logger.isEnabledFor(logging.CRITICAL) is not ctx.is_replaying()
        try:
            raise ValueError("inner")
        except ValueError:
            ctx.logger.critical("all is %s", "lost", exc_info=True, stacklevel=1, extra={"order": 7})
        yield ctx.wait(kit.seconds(5))
        ctx.logger.warning("after")

    kit.run(flow)
    record, after = [r for r in logs.records if r.name == "orders"]
    assert record.getMessage() == "all is lost"
    assert record.exc_info
    assert record.order == 7
    assert record.funcName == "flow"
    assert record.filename == "test_rival_defects_k_to_z.py"
    assert record.executionArn == Service().arn
    assert after.getMessage() == "after"


def test_a_retried_attempt_logs_a_warning_and_no_error(logs, kit):
    """Errors trip alarms; an attempt that will be retried is not one."""

    def flow(kit, event, ctx):
        def body(context):
            if context.attempt == 1:
                raise ValueError("once")
            return 1

        return (yield ctx.step(body, name="flaky", config=kit.StepConfig(retry_strategy=kit.retry(2))))

    assert kit.run(flow).result == 1
    about = [r for r in logs.records if "flaky" in r.getMessage()]
    assert about
    assert all(r.levelno == logging.WARNING for r in about if r.levelno > logging.INFO)


# -- V: names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["café", "x" * 257, "a\nb", 5])
def test_v_bad_names_are_refused_before_any_effect(kit, name):
    ran = []

    def flow(kit, event, ctx):
        calls = [
            lambda: ctx.step(lambda _c: ran.append(1), name=name),
            lambda: ctx.wait(kit.seconds(1), name=name),
            lambda: ctx.create_callback(name=name),
            lambda: ctx.wait_for_callback(lambda _i, _c: ran.append(1), name=name),
            lambda: ctx.invoke("f:1", None, name=name),
            lambda: ctx.run_in_child_context(kit.fn(flow), name),
            lambda: ctx.map([1], kit.fn(flow), name=name),
            lambda: ctx.parallel([kit.fn(flow)], name=name),
        ]
        texts = []
        for call in calls:
            try:
                yield call()
            except exceptions.ValidationError as error:
                texts.append(str(error))
        return texts

    run = kit.run(flow)
    assert len(run.result) == 8
    assert all("name" in text for text in run.result)
    assert sent(run) == []
    assert ran == []


def test_v_operations_are_named_after_their_functions(kit):
    def charge(_context):
        return 1

    def ship(context):
        return (yield context.step(charge))

    def flow(kit, event, ctx):
        yield ctx.step(charge)
        yield ctx.step(lambda _c: 1)
        yield ctx.run_in_child_context(kit.fn(ship))

    assert sent(kit.run(flow)) == [
        "STEP START charge",
        "STEP SUCCEED charge",
        "STEP START None",
        "STEP SUCCEED None",
        "CONTEXT START ship",
        "STEP START charge",
        "STEP SUCCEED charge",
        "CONTEXT SUCCEED ship",
    ]


# -- Y: statuses (the whole table is in test_replay_statuses.py) --------------------------------------------


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("step", lambda kit, ctx, ran: ctx.step(lambda _c: ran.append(1), name="it")),
        ("wait", lambda kit, ctx, ran: ctx.wait(kit.seconds(5), name="it")),
        ("invoke", lambda kit, ctx, ran: ctx.invoke("f:1", None, name="it")),
    ],
)
def test_y_a_cancelled_operation_is_over(kit, kind, call):
    """It neither suspends for ever nor runs its body."""
    ran = []

    def flow(kit, event, ctx):
        try:
            yield call(kit, ctx, ran)
        except exceptions.DurableOperationError as error:
            return str(error)

    service = Service(operations=[op(kind, "CANCELLED")])
    run = run_to_end(kit.handler(flow), service=service)
    assert run.status == "SUCCEEDED"
    assert run.service.invocations == 1
    assert ran == []
