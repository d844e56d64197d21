"""The store: what a restart finds, what a fault undoes, and who may open the file."""

from __future__ import annotations

import json
import sqlite3

import pytest

from durable_local import _rules as rules
from durable_local._clock import ManualClock, RealClock, SkippingClock, make_clock
from durable_local._errors import ApiError
from durable_local._invocation import InvocationResult
from durable_local._rules import Settings
from durable_local._store import MIGRATIONS, Store, StoreError


def test_a_restart_finds_everything_that_was_acknowledged(make_hand, u) -> None:
    hand = make_hand(file=True)
    hand.start(execution_name="order-1")
    hand.checkpoint(u.make("STEP", "SUCCEED", "s", Payload='"kept"'), u.wait(seconds=60), u.callback(timeout=600))
    hand.pend()
    arn = hand.arn
    before = hand.engine.get_execution(arn), hand.engine.operations(arn), hand.events(), hand.engine.meter(arn)
    hand = hand.reopen()
    hand.arn = arn
    assert (
        hand.engine.get_execution(arn),
        hand.engine.operations(arn),
        hand.events(),
        hand.engine.meter(arn),
    ) == before
    hand.advance(60)
    hand.take()
    assert hand.event["UpdatedOperationIds"] == ["w"]
    hand.engine.close()


@pytest.mark.parametrize(
    ("seconds", "operation", "status"),
    [(5, "r", "READY"), (60, "w", "SUCCEEDED"), (600, "c", "TIMED_OUT"), (300, "h", "TIMED_OUT")],
)
def test_every_kind_of_timer_fires_after_a_restart(make_hand, u, seconds: int, operation: str, status: str) -> None:
    hand = make_hand(file=True)
    hand.start()
    retry = {"StepOptions": {"NextAttemptDelaySeconds": 5}}
    hand.checkpoint(
        u.make("STEP", "RETRY", "r", **retry), u.wait(), u.callback("c", timeout=600), u.callback("h", heartbeat=300)
    )
    hand.pend()
    arn = hand.arn
    hand = hand.reopen()
    hand.arn = arn
    hand.advance(seconds)
    assert hand.operation(operation)["Status"] == status
    assert hand.take().execution_arn == arn
    hand.engine.close()


def test_an_invocation_that_died_with_the_service_is_started_again(make_hand, u) -> None:
    hand = make_hand(file=True)
    hand.start()
    hand.checkpoint(u.make("STEP", "SUCCEED", "s"))
    stale = hand.token
    hand = hand.reopen()
    hand.take()
    assert [o["Id"] for o in hand.event["InitialExecutionState"]["Operations"]][1:] == ["s"]
    assert hand.token != stale
    error = hand.events()[-1]["InvocationCompletedDetails"]["Error"]["Payload"]
    assert error["ErrorType"] == "Service.Restarted"
    hand.succeed()
    assert hand.status() == "SUCCEEDED"
    hand.engine.close()


def test_a_retry_a_queued_start_and_a_queued_event_survive(make_hand) -> None:
    hand = make_hand(file=True)
    hand.start()
    hand.crash()
    hand.engine.invoke("work:$LATEST", b"{}", invocation_type="Event", execution_name="second")
    hand.engine.invoke("plain", b'"event"', invocation_type="Event")
    hand = hand.reopen()
    hand.engine.fire_due()
    ready = hand.engine.take_ready()
    assert sorted(request.event[:7] for request in ready) == [b'"event"', b'{"Durab']
    hand.advance(1)
    hand.take()
    hand.engine.close()


def test_a_paused_execution_and_its_interruption_survive(make_hand) -> None:
    hand = make_hand(file=True)
    hand.start()
    hand.engine.pause(hand.arn, client_token="p-1", reason="r")
    arn = hand.arn
    hand = hand.reopen()
    hand.arn = arn
    assert hand.status() == "PAUSED"
    assert hand.idle()
    assert hand.engine.pause(arn, client_token="p-1", reason="r") == {}, "the reply may have been lost with the service"
    hand.engine.resume(arn)
    hand.take()
    hand.engine.close()


def test_a_chained_plain_call_is_made_again_and_a_child_is_not_doubled(make_hand, u) -> None:
    hand = make_hand(file=True)
    hand.engine.functions.define("child", execution_timeout=60)
    hand.start()
    hand.checkpoint(u.invoke("p", "plain"), u.invoke("c", "child:$LATEST"))
    hand.pend()
    hand.engine.take_ready()
    parent = hand.arn
    hand = hand.reopen()
    ready = {request.function.name: request for request in hand.engine.take_ready()}
    assert sorted(ready) == ["child", "plain"]
    hand.engine.complete_invocation(ready["plain"].request_id, InvocationResult.ok(b"1"))
    hand.engine.complete_invocation(ready["child"].request_id, InvocationResult.ok(b'{"Status":"SUCCEEDED"}'))
    assert hand.take().execution_arn == parent
    assert set(hand.event["UpdatedOperationIds"]) == {"p", "c"}
    hand.engine.close()


def test_functions_versions_and_aliases_survive(make_hand) -> None:
    from durable_local._functions import FunctionApi

    hand = make_hand(file=True)
    api = FunctionApi(hand.engine.functions)
    hand.engine.functions.define("named", execution_timeout=60, Handler="app.handler")
    api.publish_version({"FunctionName": "named"})
    api.create_alias({"FunctionName": "named", "Name": "live", "FunctionVersion": "1"})
    hand = hand.reopen()
    target = hand.engine.functions.resolve("named:live", None)
    assert (target.function.version, target.function.handler) == ("1", "app.handler")
    hand.engine.close()


def test_retention_is_over_after_a_restart_too(make_hand) -> None:
    hand = make_hand(file=True)
    arn = hand.start()
    hand.succeed()
    hand = hand.reopen()
    hand.advance(14 * rules.DAY)
    with pytest.raises(ApiError, match="not found"):
        hand.engine.get_execution(arn)
    rows = sqlite3.connect(":memory:")
    rows.close()
    assert list(hand.engine.store.journal(1)) == []
    hand.engine.close()


def test_closed_executions_leave_memory_and_are_read_back(make_hand) -> None:
    hand = make_hand(Settings(closed_in_memory=2))
    arns = []
    for n in range(5):
        arns.append(hand.start(str(n)))
        hand.succeed(str(n))
    assert len(hand.engine._core.closed) <= 2
    assert [hand.engine.get_execution(arn)["Result"] for arn in arns] == ["0", "1", "2", "3", "4"]


def test_what_the_store_refuses_did_not_happen(hand, u, monkeypatch) -> None:
    hand.start()
    hand.checkpoint(u.make("STEP", "SUCCEED", "kept"))
    before = hand.engine.operations(hand.arn), hand.events()

    def full(_batch) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(hand.engine.store, "write", full)
        with pytest.raises(ApiError, match="disk is full") as caught:
            hand.engine.checkpoint(hand.arn, hand.token, [u.make("STEP", "SUCCEED", "lost")])
    assert (caught.value.status, caught.value.code) == (500, "ServiceException")
    assert (hand.engine.operations(hand.arn), hand.events()) == before
    hand.checkpoint(u.make("STEP", "SUCCEED", "lost"))
    hand.succeed()
    assert hand.call.reply.payload == b'"done"'


def test_work_the_store_refused_is_done_when_it_takes_it_again(hand, u, monkeypatch) -> None:
    def full(_batch) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def refused(call) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(hand.engine.store, "write", full)
            with pytest.raises(ApiError, match="disk is full"):
                call()

    plain = hand.engine.invoke("plain", b"1")
    hand.call = hand.engine.invoke("work:$LATEST", b"{}")
    refused(hand.engine.take_ready)
    for request in hand.engine.take_ready():
        if request.execution_arn is None:
            hand.engine.complete_invocation(request.request_id, InvocationResult.ok(b"2"))
        else:
            hand.hold(request)
    assert plain.reply.payload == b"2"
    hand.checkpoint(u.wait(seconds=5))
    refused(hand.pend)
    hand.pend()
    refused(lambda: hand.advance(5))
    assert hand.operation("w")["Status"] == "STARTED"
    hand.engine.fire_due()
    hand.take()
    refused(hand.succeed)
    assert hand.call.reply is None
    hand.succeed()
    assert hand.call.reply.payload == b'"done"'
    assert hand.event_types().count("WaitSucceeded") == 1


def test_a_checkpoint_writes_one_row_however_long_the_history(make_hand, u) -> None:
    hand = make_hand(file=True)
    hand.start()
    sizes = []
    for n in range(300):
        hand.checkpoint(u.make("STEP", "SUCCEED", f"s{n}", Payload='"x"'))
        row = hand.engine.store._db.execute("SELECT body FROM journal ORDER BY seq DESC LIMIT 1").fetchone()[0]
        sizes.append(len(row))
    assert max(sizes) - min(sizes) < 40
    count = hand.engine.store._db.execute("SELECT COUNT(*) FROM journal").fetchone()[0]
    assert count == 302


def test_a_file_of_a_newer_release_is_refused_and_left_alone(tmp_path) -> None:
    path = tmp_path / "newer.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StoreError, match="newer release"):
        Store(path)


def test_a_file_that_is_no_database_is_refused(tmp_path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear service, " * 100)
    with pytest.raises(StoreError, match=r"letter\.txt"):
        Store(path)
    assert path.read_text().startswith("Dear")


def test_a_file_belongs_to_one_service_at_a_time(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("durable_local._store.LOCK_SECONDS", 0.01)
    first = Store(tmp_path / "mine.sqlite")
    with pytest.raises(StoreError, match="another service is using it"):
        Store(tmp_path / "mine.sqlite")
    first.close()
    Store(tmp_path / "mine.sqlite").close()


def test_an_empty_file_is_brought_to_the_newest_schema(tmp_path) -> None:
    path = tmp_path / "new.sqlite"
    path.touch()
    store = Store(path, durability="full")
    assert store._db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_durability_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="normal, full"):
        Store(durability="some")


# --- the clock ---


def test_each_clock_moves_in_its_way() -> None:
    real, skipping, manual = RealClock(), SkippingClock(), ManualClock(5)
    with pytest.raises(ValueError, match="real time"):
        real.advance_to(0)
    ahead = skipping.now() + 10_000_000
    skipping.advance_to(ahead)
    assert skipping.now() >= ahead
    manual.advance_to(9)
    manual.advance_to(7)
    assert manual.now() == 9


@pytest.mark.parametrize("name", ["skip", "manual"])
def test_a_movable_clock_does_not_fall_back_after_a_restart(make_hand, u, name: str) -> None:
    hand = make_hand(file=True)
    hand.start()
    hand.checkpoint(u.wait(seconds=500))
    hand.pend()
    hand.advance(500)
    assert make_clock(name, start=hand.engine.store.present()).now() >= hand.clock.now()


def test_a_clock_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="real, skip, manual"):
        make_clock("cuckoo")


def test_a_skipping_clock_is_told_what_comes_next(hand, u) -> None:
    assert hand.engine.next_due() is None
    hand.start()
    hand.checkpoint(u.wait(seconds=60))
    due = hand.engine.next_due()
    assert (due.at, due.outside) == (hand.clock.now() + 60_000, False)


def test_a_skipping_clock_does_not_run_into_the_timeout_while_somebody_could_answer(hand, u) -> None:
    hand.start()
    hand.checkpoint(u.callback())
    hand.pend()
    assert hand.engine.next_due() is None
    hand.engine.callback_fail(hand.operation("c")["CallbackDetails"]["CallbackId"])
    hand.take()
    hand.checkpoint(u.callback("timed", timeout=7))
    hand.pend()
    due = hand.engine.next_due()
    assert (due.at, due.outside) == (hand.clock.now() + 7000, True)


# --- quotas and the meter ---


def test_the_meter_counts_as_the_guide_says(hand, u) -> None:
    hand.start('"in"')
    retry = {"StepOptions": {"NextAttemptDelaySeconds": 1}}
    hand.checkpoint(
        u.make("STEP", "SUCCEED", "step", Payload="12345"),
        u.make("STEP", "RETRY", "poll", Payload="123", **retry),
        u.wait("wait"),
        u.callback("callback"),
        u.make("CONTEXT", "START", "context"),
    )
    hand.checkpoint(u.make("CONTEXT", "SUCCEED", "context", Payload="1234567"))
    hand.engine.callback_succeed(hand.operation("callback")["CallbackDetails"]["CallbackId"], b"12")
    report = hand.engine.meter(hand.arn)
    assert report["Operations"] == 1 + 1 + 2 + 1 + 1 + 1
    assert report["StorageWrittenBytes"] == 4 + 5 + 3 + 7 + 2
    assert report["EstimatedCostUSD"]["Operations"] == pytest.approx(7 * 8e-6)
    assert report["Warnings"] == []


def test_a_quota_warns_from_80_percent_and_then_refuses(make_hand, u) -> None:
    hand = make_hand(Settings(max_operations=10))
    hand.start()
    for n in range(9):
        hand.checkpoint(u.make("STEP", "SUCCEED", f"s{n}"))
    (warning,) = [record["warnings"] for record in hand.records if record["kind"] == "quota"]
    assert "8 of 10 operations used (80%)" in warning[0]
    assert "limit of 10 operations" in hand.refused(u.make("STEP", "SUCCEED", "one-more"))
    hand.end({"Status": "FAILED", "Error": {"ErrorMessage": "out of operations"}})
    assert hand.status() == "FAILED"


def test_what_a_batch_adds_is_counted_once_per_operation_and_once_per_retry(make_hand, u) -> None:
    hand = make_hand(Settings(max_operations=4))
    hand.start()
    retry = {"StepOptions": {"NextAttemptDelaySeconds": 1}}
    hand.checkpoint(u.make("STEP", "START", "a"), u.make("STEP", "SUCCEED", "a"))
    assert hand.engine.meter(hand.arn)["Operations"] == 2
    assert "limit of 4" in hand.refused(
        u.make("STEP", "START", "b"), u.make("STEP", "RETRY", "b", **retry), u.make("STEP", "START", "c")
    )
    hand.checkpoint(u.make("STEP", "START", "b"), u.make("STEP", "RETRY", "b", **retry))
    hand.advance(1)
    assert "limit of 4" in hand.refused(u.make("STEP", "RETRY", "b", **retry))
    hand.checkpoint(u.make("STEP", "SUCCEED", "b"))
    assert hand.engine.meter(hand.arn)["Operations"] == 4


def test_storage_has_its_quota(make_hand, u) -> None:
    hand = make_hand(Settings(max_storage=100))
    hand.start("{}")
    hand.checkpoint(u.make("STEP", "SUCCEED", "big", Payload="x" * 99))
    assert "limit of 100 bytes" in hand.refused(u.make("STEP", "SUCCEED", "one-more"))
    assert json.dumps(hand.engine.meter(hand.arn)["Warnings"]).count("bytes of storage") == 1


def test_3000_operations_are_enough_and_one_more_is_not(hand, u) -> None:
    hand.start()
    for first in range(0, 2999, 200):
        hand.checkpoint(*[u.make("STEP", "SUCCEED", f"s{n}") for n in range(first, min(first + 200, 2999))])
    assert "3000 operations" in hand.refused(u.make("STEP", "SUCCEED", "one-more"))
