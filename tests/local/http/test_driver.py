"""The driver: what a skipping, a manual and a real clock do to a running service."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from durable_local import LocalService
from durable_local._errors import ApiError
from durable_local._invocation import InvocationResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._invocation import InvocationRequest

DAYS_3 = 3 * 86_400
PENDING = {"Status": "PENDING"}


class Player:
    """Plays functions on the loop: a script gets the operations so far and returns updates and the output."""

    def __init__(self, script: Callable[[dict[str, Any]], tuple[list[dict[str, Any]], dict[str, Any] | None]]) -> None:
        self.script = script
        self.service: LocalService | None = None
        self.invocations = 0

    def start(self, request: InvocationRequest, done: Callable[[InvocationResult], None]) -> None:
        import asyncio

        asyncio.get_running_loop().call_soon(self.play, request, done)

    def play(self, request: InvocationRequest, done: Callable[[InvocationResult], None]) -> None:
        self.invocations += 1
        event = json.loads(request.event)
        operations = {o["Id"]: o for o in event["InitialExecutionState"]["Operations"][1:]}
        updates, output = self.script(operations)
        assert self.service is not None
        try:
            if updates:
                self.service.engine.checkpoint(event["DurableExecutionArn"], event["CheckpointToken"], updates)
        except ApiError:
            output = None
        if output is None:
            done(InvocationResult.crashed("gone"))
        else:
            done(InvocationResult.ok(json.dumps(output).encode()))

    def retire(self, function_arn: str, revision: str) -> None:
        """Nothing to retire."""

    async def close(self) -> None:
        """Nothing to close."""


def served(player: Player, *, timeout: int = 31_622_400, **options: Any) -> LocalService:
    service = player.service = LocalService(invoker=lambda _url: player, **options)
    service.engine.functions.define("work", execution_timeout=timeout)
    return service


def start(make_client, service: LocalService) -> Callable[[], dict[str, Any]]:
    lambda_ = make_client(service.url)
    arn = lambda_.invoke(FunctionName="work:$LATEST", InvocationType="Event")["DurableExecutionArn"]

    def describe() -> dict[str, Any]:
        found: dict[str, Any] = lambda_.get_durable_execution(DurableExecutionArn=arn)
        return found

    return describe


def settled(describe: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
    for _ in range(400):
        found = describe()
        if found["Status"] == status:
            return found
        time.sleep(0.02)
    raise AssertionError(f"still {describe()['Status']}")


def on_callback(operations: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    if not operations:
        options = {"CallbackOptions": {"TimeoutSeconds": DAYS_3}}
        return [{"Id": "c", "Type": "CALLBACK", "Action": "START", **options}], PENDING
    return [], {"Status": "SUCCEEDED", "Result": operations["c"]["Status"]}


def test_a_callback_that_times_out_after_three_days_takes_no_time(make_client) -> None:
    with (service := served(Player(on_callback), clock="skip", grace=0.05)):
        found = settled(start(make_client, service), "SUCCEEDED")
    assert found["Result"] == "TIMED_OUT"
    assert (found["EndTimestamp"] - found["StartTimestamp"]).total_seconds() >= DAYS_3


def test_somebody_outside_has_time_to_answer_before_a_skip(make_client) -> None:
    with (service := served(Player(on_callback), clock="skip", grace=30)):
        describe = start(make_client, service)
        (callback,) = [
            o for o in service.engine.operations(describe()["DurableExecutionArn"]) if o["Type"] == "CALLBACK"
        ]
        callback_id = callback["CallbackDetails"]["CallbackId"]
        make_client(service.url).send_durable_execution_callback_success(CallbackId=callback_id, Result=b"1")
        assert settled(describe, "SUCCEEDED")["Result"] == "SUCCEEDED"


def test_900_days_of_waits_run_into_a_timeout_of_a_minute(make_client) -> None:
    def script(operations: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        wait = {"Id": f"w{len(operations)}", "Type": "WAIT", "Action": "START"}
        return [{**wait, "WaitOptions": {"WaitSeconds": 30 * 86_400}}], PENDING

    with (service := served(Player(script), clock="skip", timeout=60)):
        settled(start(make_client, service), "TIMED_OUT")


def test_a_function_that_always_dies_is_given_up_at_the_execution_s_timeout(make_client) -> None:
    player = Player(lambda _operations: ([], None))
    with (service := served(player, clock="skip", timeout=300)):
        settled(start(make_client, service), "TIMED_OUT")
    assert player.invocations == 10  # after 0, 1, 3, 7, 15, 31, 63, 123, 183, 243 seconds, and 303 is too late


def one_wait(operations: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    if not operations:
        return [{"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}}], PENDING
    return [], {"Status": "SUCCEEDED"}


def test_real_time_passes_by_itself(make_client) -> None:
    with (service := served(Player(one_wait), clock="real")):
        found = settled(start(make_client, service), "SUCCEEDED")
    assert (found["EndTimestamp"] - found["StartTimestamp"]).total_seconds() >= 1


def test_real_time_cannot_be_advanced(make_stage, make_client) -> None:
    import http.client

    with (service := served(Player(one_wait), clock="real")):
        connection = http.client.HTTPConnection("127.0.0.1", service.port)
        connection.request("POST", "/_durable/clock/advance", b'{"seconds": 1}')
        assert connection.getresponse().status == 409
        connection.close()


def test_advancing_lets_everything_on_the_way_happen_in_its_time(make_client) -> None:
    def script(operations: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        if len(operations) == 3:
            return [], {"Status": "SUCCEEDED"}
        wait = {"Id": f"w{len(operations)}", "Type": "WAIT", "Action": "START"}
        return [{**wait, "WaitOptions": {"WaitSeconds": 3600}}], PENDING

    import http.client

    with (service := served(Player(script), clock="manual")):
        describe = start(make_client, service)
        connection = http.client.HTTPConnection("127.0.0.1", service.port)
        connection.request("POST", "/_durable/clock/advance", b'{"seconds": 86400}')
        assert connection.getresponse().status == 200
        connection.close()
        found = describe()
    assert found["Status"] == "SUCCEEDED"
    assert round((found["EndTimestamp"] - found["StartTimestamp"]).total_seconds()) == 3 * 3600


def test_a_full_disk_holds_things_up_only_while_it_is_full(make_client, monkeypatch, caplog) -> None:
    monkeypatch.setattr("durable_local._http._driver.STORE_SECONDS", 0.01)
    with (service := served(Player(one_wait), clock="skip")):
        write, refusals = service.engine.store.write, iter(range(8))

        def sometimes_full(batch: Any) -> None:
            if next(refusals, None) is not None and not batch.inserted:
                raise sqlite3.OperationalError("database or disk is full")
            write(batch)

        monkeypatch.setattr(service.engine.store, "write", sometimes_full)
        describe = start(make_client, service)
        settled(describe, "SUCCEEDED")
    assert next(refusals, None) is None
    assert "trying again" in caplog.text


def test_an_end_that_cannot_be_taken_in_counts_as_a_crash(make_client, monkeypatch, caplog) -> None:
    with (service := served(Player(one_wait), clock="skip")):
        complete, faults = service.engine.complete_invocation, iter([RuntimeError("a bug of ours")])

        def faulty(request_id: str, result: InvocationResult) -> bool:
            fault = next(faults, None)
            if fault is not None:
                raise fault
            return complete(request_id, result)

        monkeypatch.setattr(service.engine, "complete_invocation", faulty)
        describe = start(make_client, service)
        arn = settled(describe, "SUCCEEDED")["DurableExecutionArn"]
        (crash, *_) = [
            event["InvocationCompletedDetails"]
            for event in service.engine.get_history(arn)["Events"]
            if event["EventType"] == "InvocationCompleted"
        ]
    assert "could not take in how the invocation ended" in crash["Error"]["Payload"]["ErrorMessage"]
    assert "a bug of ours" in caplog.text


def test_the_sink_gets_what_happens(make_client) -> None:
    records: list[dict[str, Any]] = []
    with (service := served(Player(one_wait), clock="skip", sink=records.append)):
        settled(start(make_client, service), "SUCCEEDED")
    assert [r["status"] for r in records if r["kind"] == "status"] == ["RUNNING", "SUCCEEDED"]
    assert [r["outcome"] for r in records if r["kind"] == "invocation"] == ["ok", "ok"]


def test_what_cannot_start_says_why_and_leaves_nothing_open(tmp_path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match="file"):
        LocalService(log_dir=tmp_path / "file" / "logs")
    with pytest.raises(ValueError, match="cuckoo"):
        LocalService(clock="cuckoo")
