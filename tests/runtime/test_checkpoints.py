"""How updates reach the service: group commit, what waits for what, limits, tokens, refusals and nonsense."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from durable_runtime.exceptions import ExecutionError, PayloadTooLargeError
from tests.runtime.driving import ContractClient, LambdaContext, invoke_once, outcome_of, run_to_end, watched
from tests.runtime.kit import ASYNC, BOTH, SYNC
from tests.runtime.service import Fault, Service, succeed


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def eventually(condition, seconds=10.0):
    """Wait for something that another thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.001)
    return True


def blocking(kit, wait):
    """A step body that blocks: in an async handler one that leaves the loop free meanwhile."""
    if kit is not ASYNC:
        return lambda _context: wait()

    async def body(_context):
        return await asyncio.to_thread(wait)

    return body


def once(kit, **options):
    return kit.StepConfig(step_semantics=kit.StepSemantics.AT_MOST_ONCE_PER_RETRY, **options)


# -- what is acknowledged when an effect starts -------------------------------------------------------------


def acknowledged(service):
    """(action, name) of everything the service has applied."""
    return [(action, name) for _, action, name in service.updates()]


def test_a_step_starts_after_all_that_came_before_it_is_recorded(kit):
    """The causal past of an effect is acknowledged before the effect."""
    service = Service()
    seen = {}

    def note(name):
        return lambda _context: seen.setdefault(name, acknowledged(service))

    def flow(kit, event, ctx):
        yield ctx.step(note("first"), name="first")
        yield ctx.step(note("second"), name="second")

        def body(context):
            yield context.step(note("inner"), name="inner")

        yield ctx.run_in_child_context(kit.fn(body), "child")
        yield ctx.wait_for_callback(lambda _id, c: note("submitter")(c), name="cb")

    output = invoke_once(kit.handler(flow), service)
    assert output["Status"] == "PENDING"
    assert seen["first"] == []
    assert ("SUCCEED", "first") in seen["second"]
    assert ("SUCCEED", "second") in seen["inner"]
    assert ("SUCCEED", "inner") in seen["submitter"]
    assert ("START", "cb create callback id") in seen["submitter"]


def test_an_at_most_once_step_is_started_on_record_before_its_body_in_one_call_per_step(kit):
    service = Service()
    seen = []

    def flow(kit, event, ctx):
        for n in range(5):
            yield ctx.step(lambda _c, n=n: seen.append(acknowledged(service)), name=f"s{n}", config=once(kit))

    run_to_end(kit.handler(flow), service=service)
    for n, found in enumerate(seen):
        assert ("START", f"s{n}") in found
        assert n == 0 or ("SUCCEED", f"s{n - 1}") in found
    assert len(service.calls) <= 6


def test_the_start_of_a_long_step_becomes_visible_while_it_runs(kit):
    service = Service()

    def flow(kit, event, ctx):
        return (yield ctx.step(lambda _c: eventually(lambda: ("START", "long") in acknowledged(service)), name="long"))

    assert run_to_end(kit.handler(flow), service=service).result is True


def test_the_result_of_a_step_is_recorded_while_the_handler_computes():
    """Nothing asks for the result to be stored, and yet it is, so that a crash costs little."""
    service = Service()

    def flow(kit, event, ctx):
        yield ctx.step(lambda _c: 1, name="done")
        return eventually(lambda: ("SUCCEED", "done") in acknowledged(service))

    assert run_to_end(SYNC.handler(flow), service=service).result is True


def test_a_start_that_may_wait_long_does_not_keep_its_outcome_waiting(kit):
    """The start of a step and its result differ in how long they may wait; the result's patience counts."""
    service = Service()

    def recorded():
        return eventually(lambda: ("SUCCEED", "done") in acknowledged(service))

    def flow(kit, event, ctx):
        yield ctx.step(lambda _c: time.sleep(0.001), name="done")
        return (yield asyncio.to_thread(recorded)) if kit is ASYNC else recorded()

    assert kit.run(flow, service=service, decorator={"start_linger": 60}).result is True


def test_a_branch_does_not_wait_for_its_siblings(kit):
    """While one branch's step runs, another branch starts and ends two."""
    service = Service()

    def flow(kit, event, ctx):
        def slow(context):
            body = blocking(kit, lambda: eventually(lambda: ("SUCCEED", "quick 2") in acknowledged(service)))
            return (yield context.step(body, name="slow"))

        def quick(context):
            yield context.step(lambda _c: 1, name="quick 1")
            yield context.step(lambda _c: 2, name="quick 2")

        batch = yield ctx.parallel([kit.fn(slow), kit.fn(quick)], name="both")
        return batch.success_count

    assert run_to_end(kit.handler(flow), service=service).result == 2


# -- batches ------------------------------------------------------------------------------------------------


def test_a_map_of_a_thousand_quick_items_needs_few_calls(kit):
    def flow(kit, event, ctx):
        def item(context, value, index, items):
            return (yield context.step(lambda _c: value, name="s"))

        batch = yield ctx.map(range(1000), kit.fn(item), name="map")
        return batch.success_count

    run = kit.run(flow)
    assert run.result == 1000
    assert len(run.service.updates()) == 4002
    assert len(run.service.calls) <= 40  # 21 hold the updates; a slow machine may send some half full


def test_batches_of_large_results_keep_the_byte_limit(kit):
    """Forty results of 60 KB are 2.4 MB: the service would refuse them in one call."""

    def flow(kit, event, ctx):
        def item(context, value, index, items):
            return len((yield context.step(lambda _c: "ü" * 30_000, name="s")))

        batch = yield ctx.map(range(40), kit.fn(item), name="map")
        return sum(batch.get_results())

    assert kit.run(flow).result == 1_200_000


def test_every_call_has_its_own_client_token(kit):
    tokens = []

    class Client(ContractClient):
        def checkpoint(self, arn, token, updates, client_token):
            tokens.append(client_token)
            return super().checkpoint(arn, token, updates, client_token)

    def flow(kit, event, ctx):
        for n in range(4):
            yield ctx.step(lambda _c: n, name=f"s{n}", config=once(kit))

    service = Service()
    handler = kit.handler(flow)
    event = service.begin()
    watched(lambda: handler.invoke_with(event, LambdaContext(), Client(service)))
    assert len(tokens) >= 4
    assert len(set(tokens)) == len(tokens)
    assert all(isinstance(t, str) and 1 <= len(t) <= 64 for t in tokens)


# -- refusals -----------------------------------------------------------------------------------------------


def steps(kit, event, ctx):
    for n in range(3):
        yield ctx.step(lambda _c, n=n: n, name=f"s{n}")
    return "done"


RETRYABLE = [
    (429, "TooManyRequestsException", "slow down"),
    (500, "ServiceException", "oops"),
    (503, "ServiceUnavailable", "later"),
    (0, "ConnectTimeout", "no answer"),
    (400, "InvalidParameterValueException", "Invalid checkpoint token"),
]
PERMANENT = [
    (400, "InvalidParameterValueException", "STEP output payload size must be less"),
    (403, "AccessDeniedException", "not authorized to perform lambda:CheckpointDurableExecution"),
    (404, "ResourceNotFoundException", "no such function"),
    (502, "KMSAccessDeniedException", "the key is gone"),
    (502, "KMSDisabledException", "the key is disabled"),
]


@pytest.mark.parametrize("error", RETRYABLE, ids=lambda e: e[1] + " " + e[2][:12])
@pytest.mark.parametrize("call", [1, 2])
def test_a_passing_failure_of_the_service_is_raised_so_that_lambda_invokes_again(kit, error, call):
    service = Service(faults=[Fault(call, "refused", error=error), Fault(call + 1, "refused", error=error)])
    run = run_to_end(kit.handler(steps), service=service)
    assert run.result == "done"
    assert run.raised
    assert error[2] in str(run.raised[0])


@pytest.mark.parametrize("error", PERMANENT, ids=lambda e: e[1])
def test_a_lasting_refusal_fails_the_execution_with_the_services_words(kit, error):
    run = run_to_end(kit.handler(steps), service=Service(faults=[Fault(2, "refused", error=error)]))
    assert run.status == "FAILED"
    assert error[2] in run.message
    assert run.service.invocations == 1


@pytest.mark.parametrize("call", [1, 2, 3])
def test_user_code_cannot_swallow_a_failed_checkpoint(kit, call):
    """`except Exception` around operations must not carry on without a record."""

    def flow(kit, event, ctx):
        for n in range(3):
            try:
                yield ctx.step(lambda _c, n=n: n, name=f"s{n}")
            except Exception:
                return "carried on"
        return "done"

    run = run_to_end(kit.handler(flow), service=Service(faults=[Fault(call, "crash")]))
    assert run.result == "done"
    assert run.raised


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_withheld_token_ends_the_invocation_as_pending(kit, call):
    service = Service(faults=[Fault(call, "revoked")])
    output = invoke_once(kit.handler(steps), service)
    assert output == {"Status": "PENDING"}
    service.end(output)
    assert run_to_end(kit.handler(steps), service=service).result == "done"


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        [],
        {"CheckpointToken": "t"},
        {"CheckpointToken": 5, "NewExecutionState": {"Operations": []}},
        {"CheckpointToken": "t", "NewExecutionState": {"Operations": [{"Id": "x"}]}},
        {"CheckpointToken": "t", "NewExecutionState": {"Operations": "nonsense"}},
        {"CheckpointToken": "t", "NewExecutionState": None},
    ],
    ids=str,
)
def test_a_service_that_answers_nonsense_cannot_hang_the_invocation(kit, reply):
    """It ends: with a clear error, or as an invocation that Lambda repeats; never as a success without a record."""

    def flow(kit, event, ctx):
        yield ctx.step(lambda _c: 1, name="s", config=once(kit))
        yield ctx.wait(kit.seconds(5), name="w")
        return "done"

    service = Service(faults=[Fault(n, "nonsense", reply=reply) for n in range(1, 50)])
    output = outcome_of(lambda: invoke_once(kit.handler(flow), service))
    if isinstance(output, Exception):
        assert str(output)
    else:
        assert output["Status"] in ("FAILED", "PENDING")
        assert output["Status"] == "PENDING" or output["Error"]["ErrorMessage"]


# -- the end of the Lambda's time ---------------------------------------------------------------------------


def test_near_the_deadline_no_new_work_starts_and_nothing_is_lost(kit):
    """Most of the time is gone after the second step: the others run in the next invocation, none runs twice."""
    ran = []

    def flow(kit, event, ctx):
        for n in range(5):

            def body(_context, n=n):
                ran.append(n)
                if n == 1 and len(ran) == 2:
                    time.sleep(1.9)

            yield ctx.step(body, name=f"s{n}")
        return "done"

    service = Service()
    handler = kit.handler(flow)
    output = outcome_of(lambda: invoke_once(handler, service, context=LambdaContext(remaining_ms=2000)))
    assert ran == [0, 1]
    assert ("SUCCEED", "s1") in acknowledged(service)
    if isinstance(output, Exception):
        service.abandon()
    else:
        assert service.end(output) == "RUNNING"
        service.pass_time()
    assert run_to_end(handler, service=service).result == "done"
    assert ran == [0, 1, 2, 3, 4]


# -- orphans ------------------------------------------------------------------------------------------------


def test_a_branch_that_lost_the_race_records_nothing_after_the_end(kit):
    """The batch is over when the first branch succeeds; what the other still does leaves no update."""
    released = threading.Event()

    def flow(kit, event, ctx):
        def quick(context):
            return (yield context.step(lambda _c: "quick", name="quick"))

        def slow(context):
            yield context.step(blocking(kit, lambda: released.wait(20)), name="slow")
            yield context.step(lambda _c: 1, name="too late")

        config = kit.ParallelConfig(completion_config=kit.CompletionConfig.first_successful())
        batch = yield ctx.parallel([kit.fn(slow), kit.fn(quick)], name="race", config=config)
        released.set()
        return batch.get_results()

    run = kit.run(flow)
    assert run.result == ["quick"]
    assert "too late" not in [name for _, _, name in run.service.updates()]


def test_branches_do_nothing_more_once_another_has_ended_the_execution():
    """In a warm environment they would go on beside the next invocation, with steps of an execution that has failed."""
    released, over, bodies = threading.Event(), threading.Event(), []

    def flow(kit, event, ctx):
        def slow(context):
            try:
                yield context.step(lambda _c: released.wait(20), name="slow")
                yield context.step(lambda _c: bodies.append("ran"), name="too late")
            finally:
                over.set()

        def ends(context):
            eventually(lambda: ("START", "slow") in acknowledged(service))
            raise ExecutionError("no more")
            yield

        yield ctx.parallel([kit.fn(slow), kit.fn(ends)], name="both")

    service = Service()
    assert SYNC.run(flow, service=service).message.endswith("no more")
    calls = len(service.calls)
    released.set()
    assert over.wait(20)
    assert (bodies, len(service.calls)) == ([], calls)


# -- exact limits -------------------------------------------------------------------------------------------

LIMIT = 262_144


@pytest.mark.parametrize(
    "letter", ["x", "ü", "\U0001f600", '"', "\n"], ids=["ascii", "two", "four", "quote", "newline"]
)
@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_of_a_step_result_is_exact_in_bytes(kit, letter, over):
    """262,144 bytes of JSON text pass, one more does not, whatever the characters."""
    import json

    width = len(json.dumps(letter, ensure_ascii=False).encode()) - 2
    count, rest = divmod(LIMIT - 2, width)
    value = letter * count + "x" * (rest + over)

    def flow(kit, event, ctx):
        try:
            return len((yield ctx.step(lambda _c: value, name="big")))
        except PayloadTooLargeError as error:
            return [error.size, error.limit]

    run = kit.run(flow)
    text = run.service.named("big")["StepDetails"].get("Result")
    if text is None:
        assert run.result[1] == LIMIT
        assert run.result[0] > LIMIT
    else:
        assert len(text.encode()) <= LIMIT
    if letter == "x":
        assert (text is None) == bool(over)


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_of_a_child_result_is_exact_in_bytes(kit, over):
    def flow(kit, event, ctx):
        def body(_context):
            return "x" * (LIMIT - 2 + over)
            yield

        yield ctx.run_in_child_context(kit.fn(body), "child")

    service = kit.run(flow).service
    assert bool(service.named("child")["ContextDetails"].get("ReplayChildren")) == bool(over)


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_of_an_invoke_payload_is_exact_in_bytes(kit, over):
    def flow(kit, event, ctx):
        try:
            return (yield ctx.invoke("f:1", "x" * (1_048_576 - 2 + over), name="i"))
        except PayloadTooLargeError as error:
            return error.size

    assert kit.run(flow, answers={"f:1": succeed("7")}).result == (1_048_577 if over else 7)


@pytest.mark.parametrize("count", [249, 250, 251, 500, 501])
def test_full_batches_hold_as_many_updates_as_allowed(kit, count):
    """A call never holds more than 250 updates, the most of AWS's SDKs; a flood is cut into full ones."""

    def flow(kit, event, ctx):
        def branch(context, item, index, items):
            return item
            yield

        return (yield ctx.map(range(count), kit.fn(branch), name="m")).success_count

    run = kit.run(flow)
    assert run.result == count
    assert len(run.service.updates()) == 2 * count + 2
