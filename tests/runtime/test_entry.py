"""The entry point: envelopes in, envelopes out, and what becomes of errors that leave the handler."""

from __future__ import annotations

import contextvars
import json

import pytest

import durable_runtime
from durable_runtime import durable_execution, exceptions
from durable_runtime._service import ServiceError
from tests.runtime.driving import (
    Boto3Client,
    ContractClient,
    LambdaContext,
    invoke_once,
    outcome_of,
    run_to_end,
    watched,
)
from tests.runtime.history import op
from tests.runtime.kit import ASYNC, BOTH, SYNC
from tests.runtime.service import Service


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def echo(kit, event, ctx):
    return event
    yield


@pytest.mark.parametrize("event", [{}, {"orderId": 7}, None, [], "text", 5, {"DurableExecutionArn": "x"}], ids=str)
def test_a_plain_invocation_says_what_is_not_configured(kit, event):
    """A function that was invoked without durability gets a Lambda error that names the setting."""
    with pytest.raises(exceptions.ExecutionError, match=r"DurableConfig|durable"):
        watched(lambda: kit.handler(echo)(event, LambdaContext()))


@pytest.mark.parametrize(
    "change",
    [
        {"CheckpointToken": None},
        {"CheckpointToken": 5},
        {"InitialExecutionState": None},
        {"InitialExecutionState": {"Operations": "x"}},
        {"InitialExecutionState": {"Operations": [5]}},
        {"InitialExecutionState": {"Operations": [{"Id": "a"}]}},
        {"DurableExecutionArn": ""},
        {"DurableExecutionArn": None},
    ],
    ids=str,
)
def test_a_broken_envelope_is_refused(kit, change):
    """A clear error before the handler runs; whether raised or returned as FAILED."""
    ran = []

    def flow(kit, event, ctx):
        ran.append(1)
        return 1
        yield

    service = Service()
    event = service.begin() | change
    output = outcome_of(lambda: kit.invoke(kit.handler(flow), event, service, LambdaContext()))
    if isinstance(output, Exception):
        assert isinstance(output, exceptions.DurableExecutionsError)
        assert len(str(output)) > 20
    else:
        assert output["Status"] == "FAILED"
    assert ran == []


@pytest.mark.parametrize(
    ("payload", "seen"),
    [('{"a": [1, "ü"]}', {"a": [1, "ü"]}), ("", {}), ("  ", {}), ("null", None), ('"text"', "text"), ("5", 5)],
)
def test_the_input_is_the_callers_json(kit, payload, seen):
    service = Service(payload)
    output = invoke_once(kit.handler(echo), service)
    assert output["Status"] == "SUCCEEDED"
    assert json.loads(output["Result"]) == seen


def test_input_that_is_no_json_fails_the_execution(kit):
    """Not the invocation: Lambda would try the same again and again."""
    output = invoke_once(kit.handler(echo), Service("{nonsense"))
    assert output["Status"] == "FAILED"
    assert "JSON" in output["Error"]["ErrorMessage"]


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [
        (403, "AccessDeniedException", False),
        (502, "KMSDisabledException", False),
        (429, "Throttled", True),
        (0, "Timeout", True),
    ],
)
def test_a_history_that_cannot_be_read_fails_for_good_or_is_tried_again(kit, status, code, passes):
    class Client(ContractClient):
        def get_state(self, arn, token, marker, max_items):
            raise ServiceError(status, code, "injected")

    service = Service(page_size=1, operations=[op("step", "SUCCEEDED", Result="1")])
    handler, event = kit.handler(echo), service.begin()
    output = outcome_of(lambda: handler.invoke_with(event, LambdaContext(), Client(service)))
    if passes:
        assert isinstance(output, exceptions.InvocationError)
    else:
        assert output["Status"] == "FAILED"
        assert "injected" in output["Error"]["ErrorMessage"]


def test_history_comes_in_pages_and_the_input_may_be_on_a_later_one(kit):
    def flow(kit, event, ctx):
        values = []
        for n in range(7):
            values.append((yield ctx.step(lambda _c, n=n: n, name=f"s{n}")))
        yield ctx.wait(kit.seconds(5))
        return [values, event]

    service = Service({"big": "input"}, page_size=3)
    handler = kit.handler(flow)
    service.end(invoke_once(handler, service))
    service.pass_time()
    event = service.begin()
    first = event["InitialExecutionState"]["Operations"].pop(0)
    service._pages[event["InitialExecutionState"]["NextMarker"]].append(
        {**first, "StartTimestamp": first["StartTimestamp"] / 1000},
    )
    output = watched(lambda: kit.invoke(handler, event, service, LambdaContext()))
    assert json.loads(output["Result"]) == [list(range(7)), {"big": "input"}]
    assert len(service.state_calls) >= 2


def test_a_result_that_json_cannot_hold_fails_with_the_path(kit):
    def flow(kit, event, ctx):
        return {"items": [1, {"price": object()}]}
        yield

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert "items[1].price" in run.message


def test_an_uncaught_error_fails_the_execution_with_type_message_and_trace(kit):
    def flow(kit, event, ctx):
        raise LookupError("no such order")
        yield

    run = kit.run(flow)
    assert run.error["ErrorType"] == "LookupError"
    assert run.error["ErrorMessage"] == "no such order"
    assert any("flow" in line for line in run.error["StackTrace"])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_is_raised_and_not_taken_for_a_failure(kind):
    """The environment is going down; the execution goes on elsewhere."""

    def flow(kit, event, ctx):
        raise kind
        yield

    with pytest.raises(kind):
        invoke_once(SYNC.handler(flow), Service())


def test_a_retryable_error_of_user_code_is_raised_for_lambda_to_invoke_again(kit):
    def flow(kit, event, ctx):
        raise exceptions.InvocationError("the store is down")
        yield

    with pytest.raises(exceptions.InvocationError, match="the store is down"):
        invoke_once(kit.handler(flow), Service())


def test_an_execution_error_of_user_code_fails_the_execution(kit):
    def flow(kit, event, ctx):
        def body(_context):
            raise exceptions.ExecutionError("give up")

        yield ctx.step(body, name="s")

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert "give up" in run.message


def test_the_decorator_works_bare_and_with_arguments():
    @durable_execution
    def bare(event, ctx):
        """Docs."""
        return 1

    @durable_execution()
    def called(event, ctx):
        return 2

    for handler, value in ((bare, "1"), (called, "2")):
        assert invoke_once(handler, Service())["Result"] == value
        assert handler.__durable_execution__ is True
        assert handler.__wrapped__("e", "c") == int(value)
    assert bare.__name__ == "bare"
    assert bare.__doc__ == "Docs."


def test_the_contract_holds_for_both_kinds_of_function():
    """What a decorated handler carries, so that tools can recognise and drive it."""
    for kit in BOTH:
        handler = kit.handler(echo)
        assert callable(handler)
        assert callable(handler.invoke_with)
        assert handler.__durable_execution__ is True
        assert handler.__wrapped__ is not None
        output = invoke_once(handler, Service({"a": 1}))
        assert isinstance(output, dict)


def test_a_boto3_client_is_accepted(kit):
    """The other way to reach the service; replies then carry datetimes."""

    def flow(kit, event, ctx):
        yield ctx.step(lambda _c: 1, name="s")
        yield ctx.wait(kit.seconds(5))
        return "done"

    service = Service()
    handler = kit.handler(flow, boto3_client=Boto3Client(service))
    for _ in range(2):
        event = service.begin()
        status = service.end(watched(lambda event=event: handler(event, LambdaContext())))
        if status == "RUNNING":
            service.pass_time()
    assert service.status == "SUCCEEDED"


@pytest.mark.parametrize("wrong", [5, "handler", object()])
def test_decorating_what_is_no_handler_is_refused(wrong):
    with pytest.raises((TypeError, exceptions.ValidationError)):
        durable_execution(wrong)


VARIABLE = contextvars.ContextVar("request", default="unset")


def test_context_variables_reach_the_handler_its_steps_and_its_branches(kit):
    seen = []

    def flow(kit, event, ctx):
        seen.append(VARIABLE.get())
        yield ctx.step(lambda _c: seen.append(VARIABLE.get()), name="s")

        def branch(context, item, index, items):
            seen.append(VARIABLE.get())
            yield context.step(lambda _c: seen.append(VARIABLE.get()), name="s")

        yield ctx.map(range(3), kit.fn(branch), name="m")

    token = VARIABLE.set("traced")
    try:
        kit.run(flow)
    finally:
        VARIABLE.reset(token)
    assert seen == ["traced"] * 8


def test_a_context_variable_set_in_a_branch_stays_in_it(kit):
    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            before = VARIABLE.get()
            VARIABLE.set(f"branch {index}")
            return before
            yield

        batch = yield ctx.map(range(5), kit.fn(branch), name="m")
        return [*batch.get_results(), VARIABLE.get()]

    assert kit.run(flow).result == ["unset"] * 6


def test_the_context_knows_its_execution(kit):
    def flow(kit, event, ctx):
        return [ctx.execution_context.durable_execution_arn, ctx.lambda_context.aws_request_id, ctx.is_replaying()]
        yield

    assert kit.run(flow).result == [Service().arn, "request-1", False]


def test_an_unused_async_handler_leaves_no_event_loop_behind():
    """The driver closes what it opens; warnings are errors here."""
    assert ASYNC.run(echo, {"a": 1}).result == {"a": 1}
    assert durable_runtime.__version__


def test_one_handler_serves_several_executions_at_once(kit):
    """Nothing of an invocation is kept on the handler: environments may run many at a time."""
    import concurrent.futures

    def flow(kit, event, ctx):
        def item(context, value, index, items):
            return (yield context.step(lambda _c: value + event["n"], name="add"))

        yield ctx.wait(kit.seconds(5), name="w")
        batch = yield ctx.map(range(5), kit.fn(item), name="m")
        return sum(batch.get_results())

    handler = kit.handler(flow)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda n: run_to_end(handler, {"n": n}), range(24)))
    assert [run.result for run in runs] == [10 + 5 * n for n in range(24)]


def test_a_handler_can_be_invoked_where_an_event_loop_runs(kit):
    """A test or a notebook may already be inside `asyncio.run`."""
    import asyncio

    def flow(kit, event, ctx):
        return (yield ctx.step(lambda _c: 7, name="s"))

    handler = kit.handler(flow)

    async def main():
        service = Service()
        return handler.invoke_with(service.begin(), LambdaContext(), ContractClient(service))

    assert asyncio.run(main()) == {"Status": "SUCCEEDED", "Result": "7"}
