"""What is no Exception: a step that ends with one is not recorded, and none of them makes an invocation hang."""

from __future__ import annotations

import asyncio

import pytest

from durable_runtime import durable_execution
from tests.runtime.driving import ContractClient, LambdaContext, invoke_once, run_to_end
from tests.runtime.kit import BOTH
from tests.runtime.service import Service


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def raiser(error):
    def body(_step):
        raise error

    return body


def alone(kit, error):
    return lambda kit, event, ctx: (yield ctx.step(raiser(error), name="it", retry=False))


def in_a_map(kit, error):
    def item(child, value, *_):
        return (yield child.step(raiser(error) if value else (lambda _: 0), name="it", retry=False))

    def flow(kit, event, ctx):
        batch = yield ctx.map([0, 0, 1], kit.fn(item), name="map")
        return [each.error and each.error.message for each in batch.all]

    return flow


@pytest.mark.parametrize("shape", [alone, in_a_map])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()], ids=repr)
def test_what_ends_the_process_leaves_the_handler_and_records_no_outcome(kit, shape, error):
    """Lambda sees the process go, and invokes again; the step is open, as after any crash."""
    service = Service({})
    with pytest.raises(type(error)):
        invoke_once(kit.handler(shape(kit, error)), service)
    outcomes = {"SUCCEED", "FAIL", "RETRY"}
    failed = [o for o in service.operations.values() if o["Type"] == "STEP" and o["Status"] == "FAILED"]
    assert failed == []
    assert outcomes.isdisjoint(action for kind, action, name in service.updates() if name == "map")


MADE_UP = "it ended with asyncio.CancelledError, although nobody cancelled it"


def test_a_cancellation_that_nobody_asked_for_is_a_failure_of_the_step(kit):
    """Raised by a body whose own task was cancelled: in a branch it used to be waited for until the Lambda timeout."""
    output = invoke_once(kit.handler(alone(kit, asyncio.CancelledError())), Service({}))
    assert output["Status"] == "FAILED"
    assert (output["Error"]["ErrorType"], output["Error"]["ErrorMessage"]) == ("RuntimeError", MADE_UP)
    run = run_to_end(kit.handler(in_a_map(kit, asyncio.CancelledError())), service=Service({}))
    assert run.result == [None, None, MADE_UP]


async def cancelled_inside(_step=None):
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


def test_an_async_body_that_awaits_a_task_it_cancelled_fails(kit):
    def flow(kit, event, ctx):
        return (yield ctx.step(cancelled_inside, name="it", retry=False))

    assert MADE_UP in run_to_end(kit.handler(flow), service=Service({})).message


def test_a_branch_of_an_async_map_that_cancels_itself_fails_alone():
    async def item(child, value, *_):
        if value:
            await cancelled_inside()
        return await child.step(lambda _: value)

    @durable_execution
    async def handler(event, ctx):
        batch = await ctx.map([0, 1], item)
        return [each.error and each.error.message for each in batch.all]

    assert run_to_end(handler, {}).result == [None, MADE_UP]


def test_a_body_that_is_cancelled_as_a_loser_is_no_failure():
    """A real cancellation stays one: the timeout is the user's, the step is given up, nothing is recorded of it."""

    async def slow(_step):
        await asyncio.sleep(60)

    @durable_execution
    async def handler(event, ctx):
        try:
            async with asyncio.timeout(0.05):
                await ctx.step(slow, name="slow")
        except TimeoutError:
            return "given up"

    service = Service({})
    assert invoke_once(handler, service) == {"Status": "SUCCEEDED", "Result": '"given up"'}
    assert ("STEP", "FAIL", "slow") not in service.updates()


@pytest.mark.parametrize("where", ["handler", "task"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_next_invocation_in_the_same_process_is_unharmed(where, error):
    """The loop of the main thread is kept for it, but not with the tasks of one that was torn out of it."""

    async def die():
        raise error

    @durable_execution
    async def handler(event, ctx):
        if event["dies"] and where == "handler":
            await die()
        if event["dies"]:
            task = asyncio.create_task(die())
            await asyncio.sleep(60)
            await task
        return await asyncio.gather(*(ctx.step(lambda _: 1, name=f"s{n}") for n in range(3)))

    def invoke(dies):
        service = Service({"dies": dies})
        return handler.invoke_with(service.begin(), LambdaContext(), ContractClient(service))

    with pytest.raises(error):
        invoke(dies=True)
    assert [invoke(dies=False)["Result"] for _ in range(2)] == ["[1,1,1]"] * 2
