"""Ten handlers as users of AWS's SDK write them, with nothing of ours in them.

Run as a script it prints what each did, as JSON; with the argument ``ours``, on this runtime through
`durable_runtime.compat`, else on AWS's SDK.
"""

from __future__ import annotations

import sys

if "ours" in sys.argv:
    import durable_runtime.compat  # noqa: F401  it redirects the imports below

import json
import logging
import re
import tempfile
from datetime import UTC, datetime
from decimal import Decimal

from aws_durable_execution_sdk_python import (
    BatchResult,
    CallbackTimeoutError,
    ChildContextError,
    CompletionDecision,
    CompletionOutcome,
    CompletionStatus,
    DurableContext,
    ExecutionError,
    InvokeError,
    ParallelBranch,
    StepContext,
    StepError,
    WaitForConditionError,
    WithRetryConfig,
    complete_batch,
    continue_batch,
    durable_execution,
    durable_parallel_branch,
    durable_step,
    durable_wait_for_callback,
    durable_with_child_context,
    with_retry,
)
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    ChildConfig,
    CompletionConfig,
    Duration,
    InvokeConfig,
    JitterStrategy,
    MapConfig,
    NestingType,
    ParallelConfig,
    StepConfig,
    StepSemantics,
    WaitForCallbackConfig,
)
from aws_durable_execution_sdk_python.filesystem_serdes import (
    FileSystemSerDes,
    FileSystemSerDesConfig,
    FileSystemSerDesMode,
)
from aws_durable_execution_sdk_python.plugin import DurableInstrumentationPlugin
from aws_durable_execution_sdk_python.preview import (
    FieldMatchMode,
    PreviewConfig,
    PreviewField,
    PreviewMode,
    build_preview,
)
from aws_durable_execution_sdk_python.retries import (
    LinearRetryStrategyConfig,
    RetryDecision,
    RetryPresets,
    RetryStrategyConfig,
    create_linear_retry_strategy,
    create_retry_strategy,
)
from aws_durable_execution_sdk_python.serdes import JsonSerDes, SerDes, SerDesContext
from aws_durable_execution_sdk_python.types import (  # noqa: TC002  their place is tested as well
    WaitForCallbackContext,
    WaitForConditionCheckContext,
)
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitStrategyConfig, create_wait_strategy

from tests.runtime.driving import Boto3Client, run_to_end
from tests.runtime.service import Service, fail, succeed

client = Boto3Client(Service())
folder = tempfile.TemporaryDirectory()
QUICK = create_retry_strategy(RetryStrategyConfig(max_attempts=3, jitter_strategy=JitterStrategy.NONE))
NEVER = StepConfig(retry_strategy=RetryPresets.none())


# -- 1: an order, step by step ------------------------------------------------------------------------------


@durable_step
def validate(step: StepContext, order: dict) -> dict:
    step.logger.info("validating", extra={"order": order["id"]})
    return {**order, "valid": True, "attempt": step.attempt}


@durable_step
def charge(_step: StepContext, amount: int, *, currency: str = "EUR") -> str:
    return f"{amount} {currency}"


@durable_execution(boto3_client=client)
def order(event: dict, context: DurableContext) -> dict:
    checked = context.step(validate(event))
    paid = context.step(
        charge(checked["amount"], currency="USD"),
        name="charge card",
        config=StepConfig(step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY, retry_strategy=RetryPresets.none()),
    )
    context.wait(Duration.from_hours(2), name="cool down")
    context.wait(duration=Duration.from_seconds(3))
    shipped = context.step(lambda _: [paid, None, 1.5], name="ship")
    context.logger.info("shipped %s", shipped)
    return {"checked": checked, "shipped": shipped, "arn": context.execution_context.durable_execution_arn}


# -- 2: failures, filters and their types -------------------------------------------------------------------


class Declined(Exception):  # noqa: N818  as users name them
    pass


@durable_execution(boto3_client=client)
def failures(event: dict, context: DurableContext) -> list:
    seen = []

    def flaky(step: StepContext) -> int:
        if step.attempt < 3:
            raise ConnectionError(f"attempt {step.attempt}")
        return step.attempt

    seen.append(context.step(flaky, name="flaky", config=StepConfig(retry_strategy=QUICK)))
    only = RetryStrategyConfig(retryable_error_types=[Declined], retryable_errors=["again", re.compile("^soon")])
    for message in ("no", "try again", "soon: yes"):

        def body(_step: StepContext, message: str = message) -> None:
            raise ValueError(message)

        strategy = create_retry_strategy(RetryStrategyConfig(**vars_of(only), max_attempts=2))
        try:
            context.step(body, name=message, config=StepConfig(retry_strategy=strategy))
        except StepError as error:
            seen.append([error.error_type, str(error), error.message])
    linear = create_linear_retry_strategy(
        LinearRetryStrategyConfig(max_attempts=3, jitter_strategy=JitterStrategy.NONE)
    )
    try:
        context.step(lambda _: {}["missing"], name="linear", config=StepConfig(retry_strategy=linear))
    except StepError as error:
        seen.append([error.error_type, str(error)])

    def custom(error: Exception, attempt: int) -> RetryDecision:
        return RetryDecision.retry(Duration.from_seconds(4)) if attempt == 1 else RetryDecision.no_retry()

    try:
        context.step(lambda _: 1 / 0, name="custom", config=StepConfig(retry_strategy=custom))
    except StepError as error:
        seen.append([type(error).__mro__[-1].__name__, error.error_type])
    raise RuntimeError(json.dumps(seen))


def vars_of(config: RetryStrategyConfig) -> dict:
    return {name: getattr(config, name) for name in ("retryable_errors", "retryable_error_types")}


# -- 3: people ----------------------------------------------------------------------------------------------


@durable_wait_for_callback
def ask(callback_id: str, context: WaitForCallbackContext, manager: str) -> None:
    context.logger.info("asking %s", manager)
    assert callback_id


@durable_execution(boto3_client=client)
def approval(event: dict, context: DurableContext) -> list:
    first = context.wait_for_callback(ask("ann"), config=WaitForCallbackConfig(timeout=Duration.from_days(7)))
    second = context.wait_for_callback(
        lambda _id, _ctx: None,
        name="typed",
        config=WaitForCallbackConfig(serdes=Answer(), heartbeat_timeout=Duration.from_minutes(5), retry_strategy=QUICK),
    )
    callback = context.create_callback(name="late", config=CallbackConfig(timeout=Duration.from_seconds(30)))
    context.step(lambda _: None, name="hand out")
    try:
        callback.result()
    except CallbackTimeoutError as error:
        late = [type(error).__name__, str(error)]
    rejected = context.create_callback("rejected", CallbackConfig(sub_type="Vote"))
    try:
        rejected.result()
    except Exception as error:
        late += [type(error).__name__, str(error)]
    return [first, second, late]


class Answer(SerDes):
    def serialize(self, value: object, serdes_context: SerDesContext) -> str:
        return f"{value}|{serdes_context.operation_id[:4]}"

    def deserialize(self, data: str, serdes_context: SerDesContext) -> object:
        assert serdes_context.durable_execution_arn
        return data.split("|")


# -- 4: other functions -------------------------------------------------------------------------------------


@durable_execution(boto3_client=client)
def invokes(event: dict, context: DurableContext) -> list:
    price = context.invoke("prices:live", {"item": 7}, name="price")
    stored = context.invoke(
        function_name="store",
        payload="é",
        config=InvokeConfig(serdes_payload=JsonSerDes(), serdes_result=JsonSerDes(), tenant_id="t-1"),
    )
    result = [price, stored]
    for name in ("broken", "slow", "stopped"):
        try:
            context.invoke(name, None, name=name)
        except InvokeError as error:
            result.append([str(error), error.error_type])
    return result


# -- 5: a map with failures ---------------------------------------------------------------------------------


def square(context: DurableContext, item: int, index: int, items: list) -> int:
    def body(_step: StepContext) -> int:
        if item == 3:
            raise Declined(f"{item} of {len(items)}")
        return item * item

    value = context.step(body, name="square", config=NEVER)
    context.wait(Duration.from_minutes(index + 1), name="rest")
    return value


@durable_execution(boto3_client=client)
def maps(event: dict, context: DurableContext) -> list:
    tolerant = MapConfig(
        max_concurrency=2,
        completion_config=CompletionConfig(tolerated_failure_count=1),
        item_namer=lambda item, index: f"number {item} at {index}",
    )
    result: BatchResult[int] = context.map([1, 2, 3, 4], square, name="squares", config=tolerant)
    told = [result.status.value, result.completion_reason.value, result.get_results(), result.success_count]
    told += [[item.index, item.status.value] for item in result.all]
    told += [error.message for error in result.get_errors()]
    try:
        result.throw_if_error()
    except ChildContextError as error:
        told.append(str(error))
    empty = context.map([], square, name="empty")
    return [*told, empty.total_count, empty.status.value, empty.completion_reason.value, empty.get_results()]


# -- 6: branches --------------------------------------------------------------------------------------------


@durable_parallel_branch(name="stock")
def stock(context: DurableContext, item: str, *, shelf: int = 1) -> str:
    return context.step(lambda _: f"{item} on {shelf}", name="look up")


@durable_execution(boto3_client=client)
def branches(event: dict, context: DurableContext) -> list:
    def fraud(child: DurableContext) -> str:
        child.wait(Duration.from_minutes(1), name="score")
        return "clean"

    def tea(child: DurableContext) -> int:
        return child.run_in_child_context(lambda c: c.step(lambda _: 3, name="leaves"), name="brew")

    both = context.parallel(
        [stock("pen", shelf=2), ParallelBranch(fraud, name="fraud"), ParallelBranch(tea)], name="checks"
    )
    flat = context.parallel(
        [lambda c: c.step(lambda _: 1, name="one"), lambda c: c.step(lambda _: 2, name="two")],
        name="flat",
        config=ParallelConfig(nesting_type=NestingType.FLAT, completion_config=CompletionConfig.all_completed()),
    )
    first = context.parallel(
        [lambda c: c.step(lambda _: "a", name="a"), lambda c: c.step(lambda _: "b", name="b")],
        name="first",
        config=ParallelConfig(max_concurrency=1, completion_config=CompletionConfig.first_successful()),
    )
    first_told = [first.completion_reason.value, first.get_results(), first.total_count]
    return [both.get_results(), flat.get_results(), first_told]


# -- 7: groups ----------------------------------------------------------------------------------------------


@durable_with_child_context
def pack(context: DurableContext, boxes: int) -> list:
    inner = context.run_in_child_context(lambda c: c.step(lambda _: boxes, name="count"), name="inner")
    virtual = context.run_in_child_context(
        lambda c: c.step(lambda _: "v", name="in virtual"), name="virtual", config=ChildConfig(is_virtual=True)
    )
    return [inner, virtual, context.is_virtual, context.is_replaying()]


@durable_execution(boto3_client=client)
def groups(event: dict, context: DurableContext) -> list:
    packed = context.run_in_child_context(pack(3))
    large = context.run_in_child_context(
        lambda c: c.step(lambda _: "x" * 150_000, name="half") * 2,
        name="large",
        config=ChildConfig(summary_generator=lambda text: f"{len(text)} characters", sub_type="Report"),
    )
    context.wait(Duration.from_days(1.5))
    try:
        context.run_in_child_context(lambda c: c.step(lambda _: 1 / 0, name="bad", config=NEVER), name="fails")
    except ChildContextError as error:
        return [packed, len(large), str(error)]
    return []


# -- 8: polling ---------------------------------------------------------------------------------------------


@durable_execution(boto3_client=client)
def polling(event: dict, context: DurableContext) -> list:
    def check(state: dict, check_context: WaitForConditionCheckContext) -> dict:
        return {"n": state["n"] + 1, "attempt": check_context.attempt}

    def strategy(limit: int, attempts: int = 60) -> WaitForConditionConfig:
        config = WaitStrategyConfig(
            should_continue_polling=lambda state: state["n"] < limit,
            max_attempts=attempts,
            initial_delay=Duration.from_seconds(2),
            jitter_strategy=JitterStrategy.NONE,
        )
        return WaitForConditionConfig(wait_strategy=create_wait_strategy(config), initial_state={"n": 0})

    ready = context.wait_for_condition(check, strategy(3), name="ready")
    try:
        context.wait_for_condition(check=check, config=strategy(9, 2), name="never")
    except WaitForConditionError as error:
        return [ready, type(error).__name__]
    return []


# -- 9: a block with retries, and a rule of one's own ---------------------------------------------------------


@durable_execution(boto3_client=client)
def blocks(event: dict, context: DurableContext) -> list:
    def block(child: DurableContext, attempt: int) -> int:
        token = child.step(lambda _: f"token {attempt}", name="token")
        child.step(lambda _: check(token), name="use", config=NEVER)
        return attempt

    def check(token: str) -> None:
        if token == "token 1":
            raise Declined("expired")

    attempts = with_retry(context, block, WithRetryConfig(retry_strategy=QUICK), name="block")
    plain = with_retry(context, block, WithRetryConfig(QUICK, wrap_with_run_in_child_context=False), "plain")

    def majority(status: CompletionStatus) -> CompletionDecision:
        if status.failure_count:
            return complete_batch(CompletionOutcome.FAILED)
        return complete_batch() if status.success_count * 2 > status.total_count else continue_batch()

    def vote(child: DurableContext, item: str, index: int, _items: list) -> str:
        return child.step(lambda _: item, name=f"vote {index}")

    votes = context.map(
        ["yes"] * 5,
        vote,
        name="votes",
        config=MapConfig(max_concurrency=1, completion_config=CompletionConfig(should_complete=majority)),
    )
    return [attempts, plain, votes.completion_reason.value, votes.get_results(), votes.status.value]


# -- 10: values, files, plugins -----------------------------------------------------------------------------


HEARD: list[str] = []


class Listener(DurableInstrumentationPlugin):
    def on_operation_end(self, info: object) -> None:
        HEARD.append(f"{info.name} {info.status.value} {info.sub_type}")

    def on_user_function_start(self, info: object) -> None:
        HEARD.append(f"{info.name} attempt {info.attempt}")


PREVIEW = PreviewConfig(
    mode=PreviewMode.INCLUDE_ALL,
    exclude=[PreviewField("secret")],
    mask=[PreviewField("card.number", FieldMatchMode.PATH)],
)


class Listeners:
    def create_plugin(self, info: object) -> Listener:
        assert info.execution_arn
        return Listener()


@durable_execution(boto3_client=client, plugins=[Listeners()])
def values(event: dict, context: DurableContext) -> list:
    files = FileSystemSerDes(
        folder.name,
        FileSystemSerDesConfig(
            storage_mode=FileSystemSerDesMode.ALWAYS,
            generate_preview=lambda value: build_preview(value, PREVIEW),
        ),
    )
    when = context.step(lambda _: datetime(2026, 11, 20, 8, tzinfo=UTC), name="when")
    price = context.step(lambda _: Decimal("1.10"), name="price")
    pair = context.step(lambda _: (1, b"\x00"), name="pair")
    document = context.step(
        lambda _: {"secret": 1, "card": {"number": "4111", "name": "ann"}},
        name="document",
        config=StepConfig(serdes=files),
    )
    context.wait(Duration.from_minutes(1), name="pause")
    if event.get("fail"):
        raise ExecutionError("for good")
    kinds = [type(value).__name__ for value in (when, price, pair, document)]
    return [when.isoformat(), str(price), pair[0], document, kinds, sorted(HEARD)]


# -- how they are run ---------------------------------------------------------------------------------------

ANSWERS = {
    "ask create callback id": succeed("fine"),
    "typed create callback id": succeed("left|right"),
    "rejected": fail("not today", "Rejected"),
    "prices:live": succeed('{"price": 3}'),
    "store": succeed("true"),
    "broken": fail("it broke", "Broken"),
    "slow": fail("too slow", "Timeout", "TIMED_OUT"),
    "stopped": fail("by hand", "Stopped", "STOPPED"),
}
HANDLERS = [order, failures, approval, invokes, maps, branches, groups, polling, blocks, values]
PAYLOAD = {"id": "o-1", "amount": 7}


def told(handler: object) -> dict:
    """What a handler did: its outcome, and every update by operation, without payloads and errors."""
    HEARD.clear()
    client.service = Service(PAYLOAD, answers=ANSWERS)
    run = run_to_end(handler, service=client.service, invoke=lambda handler, event, _service, ctx: handler(event, ctx))
    error = run.error and {key: run.error.get(key) for key in ("ErrorMessage", "ErrorType")}
    return {
        "status": run.status,
        "result": json.loads(run.text) if run.text else None,
        "error": error,
        "invocations": run.service.invocations,
        "updates": {
            key: [
                {part: value for part, value in update.items() if part not in ("Payload", "Error")}
                for update in updates
            ]
            for key, updates in run.service.updates_by_id().items()
        },
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with folder:
        json.dump({handler.__name__: told(handler) for handler in HANDLERS}, sys.stdout)
