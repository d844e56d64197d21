"""The same test through a boto3 client: answers, clock, operators, logs and meter of a running local service."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from durable_local import LocalService
from durable_local.testing import DurableTestRunner, crash_after, fail, succeed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOURCE = """
from durable_runtime import durable_execution

@durable_execution
def order(event, ctx):
    ctx.logger.warning("an order")
    price = ctx.step(lambda _: event["n"] * 2, name="price")
    answer = ctx.wait_for_callback(lambda _id, _c: None, name="approval")
    ctx.wait(3600, name="pause")
    return [price, answer]
"""


def client_of(service: LocalService) -> Any:
    return boto3.client(
        "lambda", endpoint_url=service.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


def deploy(client: Any, folder: Path) -> None:
    (folder / "app.py").write_text(SOURCE)
    client.create_function(
        FunctionName="order",
        Runtime="python3.13",
        Role="arn:aws:iam::123456789012:role/r",
        Handler="app.order",
        Timeout=30,
        Code={"S3Bucket": "local-folder", "S3Key": str(folder)},
        DurableConfig={"ExecutionTimeout": 86_400},
    )


SKIP = pytest.mark.parametrize("runner", ["skip"], indirect=True)
MANUAL = pytest.mark.parametrize("runner", ["manual"], indirect=True)
BOTH = pytest.mark.parametrize("runner", ["skip", "manual"], indirect=True)


@pytest.fixture(scope="module")
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    with LocalService(clock=request.param) as service:
        client = client_of(service)
        deploy(client, tmp_path_factory.mktemp("code"))
        yield lambda **options: (request.param, DurableTestRunner("order:$LATEST", client=client, **options))


@SKIP
def test_a_run_has_result_operations_logs_and_meter(runner: Any) -> None:
    _, made = runner(responders={"approval": succeed("yes")})
    result = made.run({"n": 21}, name="whole").assert_succeeded()
    assert result.result == [42, "yes"]
    assert result.operation("pause").duration >= timedelta(hours=1)
    assert any("an order" in line for line in result.logs)
    assert result.meter["Operations"] == 6


@BOTH
def test_a_test_answers_by_hand_and_moves_the_clock(runner: Any) -> None:
    clock, made = runner()
    execution = made.start({"n": 1})
    callback = execution.callback("approval")
    made.heartbeat(callback.callback_id)
    made.complete_callback(callback.callback_id, {"ok": True})
    if clock == "manual":
        while execution.now.operation("approval").open:
            pass
        made.advance(minutes=59)
        assert execution.status == "RUNNING"
        made.advance(minutes=1, seconds=1)
    assert execution.wait().assert_succeeded().result == [2, '{"ok": true}']


@SKIP
def test_failures_and_stops_go_through(runner: Any) -> None:
    _, made = runner(responders={"approval": fail("rejected", error_type="Rejected")})
    assert made.run({"n": 1}).error.message == "rejected"
    _, made = runner()
    execution = made.start({"n": 1})
    assert execution.stop("enough").status == "STOPPED"


@SKIP
def test_what_only_works_in_process_is_refused(runner: Any) -> None:
    _, made = runner()
    with pytest.raises(TypeError, match="Faults can only be injected in process"):
        made.run({}, faults=[crash_after(1)])
    with pytest.raises(TypeError, match="Invoke takes no trace_id"):
        made.run({}, trace_id="Root=1")
    with pytest.raises(TypeError, match="deploy it to the service"):
        made.register("sibling", lambda event, context: None)
    with pytest.raises(TypeError, match="With a client, pass the name of the deployed function"):
        DurableTestRunner(lambda event, context: None, client=object())


@MANUAL
def test_an_execution_that_does_not_end_fails_the_test_with_its_timeline(runner: Any) -> None:
    _, made = runner(wait_at_most=0.5, responders={"other": True})
    with pytest.raises(AssertionError, match=r"did not come to rest within 0\.5 seconds(.|\n)*step price"):
        made.run({"n": 1})
