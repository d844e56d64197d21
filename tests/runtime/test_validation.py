"""Wrong arguments are refused at the call site, before any effect, with operation, value and rule in the text."""

from __future__ import annotations

import datetime as dt

import pytest

from durable_runtime import exceptions
from tests.runtime.kit import BOTH

YEAR = 31_622_400
RAN = []


def body(*_args):
    RAN.append(1)


def never(kit):
    return lambda _state, _attempt: kit.WaitForConditionDecision.stop_polling()


# (call, what the message must hold)
CASES = {
    "step without a function": (lambda k, c: c.step("charge"), ["step", "'charge'", "function"]),
    "step with None": (lambda k, c: c.step(None), ["step", "None"]),
    "step with a config of another kind": (lambda k, c: c.step(body, config={"retry": 1}), ["step", "config"]),
    "step with a strategy that is none": (lambda k, c: c.step(body, name="s", retry="often"), ["'s'", "'often'"]),
    "step with a misspelt option": (
        lambda k, c: c.step(body, name="s", retires=3),
        ["step 's'", "'retires'", "did you mean 'returns' or 'retry'?", "at_most_once"],
    ),
    "step with a flag that is none": (lambda k, c: c.step(body, at_most_once="no"), ["at_most_once", "'no'", "True"]),
    "step with a serdes that is none": (lambda k, c: c.step(body, serdes="json"), ["serdes", "'json'", "deserialize"]),
    "step with aliases that are none": (lambda k, c: c.step(body, aliases=5), ["aliases", "5", "former names"]),
    "step with a map's config": (lambda k, c: c.step(body, config=k.MapConfig()), ["body", "MapConfig", "StepConfig"]),
    "callback with a misspelt option": (lambda k, c: c.create_callback("cb", timeot=5), ["'cb'", "'timeout'"]),
    "submitter with a misspelt option": (lambda k, c: c.wait_for_callback(body, "cb", retrys=1), ["'cb'", "'retry'"]),
    "invoke with a foreign option": (lambda k, c: c.invoke("f:1", 1, retry=3), ["invoke", "'retry'", "tenant_id"]),
    "child with a misspelt option": (
        lambda k, c: c.run_in_child_context(body, "c", virtuel=True),
        ["'c'", "'virtual'"],
    ),
    "map with a misspelt option": (
        lambda k, c: c.map([1], body, "m", max_concurency=1),
        ["'m'", "'max_concurrency'"],
    ),
    "parallel with a map's option": (lambda k, c: c.parallel([body], "p", item_namer=str), ["'p'", "'item_namer'"]),
    "condition with a misspelt option": (
        lambda k, c: c.wait_for_condition(
            body, k.WaitForConditionConfig(wait_strategy=never(k), initial_state=0), "w", return_type=int
        ),
        ["'w'", "'return_type'"],
    ),
    "wait of nothing": (lambda k, c: c.wait(0), ["wait", "0", "1"]),
    "wait of a negative time": (lambda k, c: c.wait(-5, name="w"), ["wait", "-5"]),
    "wait of more than 366 days": (lambda k, c: c.wait(YEAR + 1), ["wait", "31622400"]),
    "wait of text": (lambda k, c: c.wait("5s"), ["wait", "'5s'"]),
    "wait of nan": (lambda k, c: c.wait(float("nan")), ["wait", "nan"]),
    "wait of infinity": (lambda k, c: c.wait(float("inf")), ["wait", "inf"]),
    "wait of True": (lambda k, c: c.wait(True), ["wait", "True"]),
    "wait of None": (lambda k, c: c.wait(None), ["wait", "None"]),
    "wait of an endless timedelta": (lambda k, c: c.wait(dt.timedelta(days=400)), ["wait"]),
    "callback with a long timeout": (
        lambda k, c: c.create_callback("cb", timeout=100_000_000),
        ["cb", "timeout", "99999999"],
    ),
    "callback with a negative heartbeat": (lambda k, c: c.create_callback("cb", heartbeat_timeout=-1), ["heartbeat"]),
    "callback with a config of another kind": (
        lambda k, c: c.create_callback("cb", config=5),
        ["create_callback", "5"],
    ),
    "callback without a submitter": (lambda k, c: c.wait_for_callback(None, "cb"), ["wait_for_callback", "None"]),
    "invoke of nothing": (lambda k, c: c.invoke("", 1), ["invoke", "function_name"]),
    "invoke of a number": (lambda k, c: c.invoke(5, 1), ["invoke", "5"]),
    "invoke of a long name": (lambda k, c: c.invoke("f" * 257, 1), ["invoke", "256"]),
    "invoke of a strange name": (lambda k, c: c.invoke("f ü", 1), ["invoke", "function_name"]),
    "invoke for a strange tenant": (lambda k, c: c.invoke("f:1", 1, tenant_id="a;b"), ["tenant_id", "'a;b'"]),
    "invoke for an empty tenant": (lambda k, c: c.invoke("f:1", 1, tenant_id=""), ["tenant_id"]),
    "child without a function": (lambda k, c: c.run_in_child_context(5), ["run_in_child_context", "5"]),
    "map of nothing iterable": (lambda k, c: c.map(5, body), ["map", "5"]),
    "map without a function": (lambda k, c: c.map([1], None), ["map", "None"]),
    "map with no concurrency": (lambda k, c: c.map([1], body, max_concurrency=0), ["max_concurrency", "0"]),
    "map with negative concurrency": (lambda k, c: c.map([1], body, max_concurrency=-1), ["max_concurrency", "-1"]),
    "map with fractional concurrency": (lambda k, c: c.map([1], body, max_concurrency=1.5), ["max_concurrency", "1.5"]),
    "parallel of nothing callable": (lambda k, c: c.parallel([body, 5]), ["parallel", "5"]),
    "parallel of nothing iterable": (lambda k, c: c.parallel(5), ["parallel", "5"]),
    "condition without a check": (
        lambda k, c: c.wait_for_condition(5, k.WaitForConditionConfig(never(k), 0)),
        ["wait_for_condition", "5"],
    ),
    "condition without a config": (lambda k, c: c.wait_for_condition(body, None), ["wait_for_condition", "None"]),
}


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("case", CASES)
def test_a_wrong_argument_is_refused_before_any_effect(kit, case):
    call, parts = CASES[case]
    RAN.clear()

    def flow(kit, event, ctx):
        try:
            yield call(kit, ctx)
        except exceptions.ValidationError as error:
            text = str(error)
            # The refused call took no id: the next operation is the first one.
            yield ctx.step(lambda _c: 1, name="next")
            return text

    run = kit.run(flow)
    for part in parts:
        assert part in run.result
    assert RAN == []
    assert run.service.updates() == [("STEP", "START", "next"), ("STEP", "SUCCEED", "next")]


GOOD_DURATIONS = [1, 1.0, 2.2, dt.timedelta(seconds=1), dt.timedelta(days=366), YEAR]


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("duration", GOOD_DURATIONS, ids=str)
def test_a_wait_takes_seconds_and_timedeltas_and_never_waits_less(kit, duration):
    """Fractions are rounded up: the service counts whole seconds."""

    def flow(kit, event, ctx):
        yield ctx.wait(duration)

    run = kit.run(flow)
    seconds = duration.total_seconds() if isinstance(duration, dt.timedelta) else duration
    (update,) = [u for call in run.service.accepted for u in call]
    assert seconds <= update["WaitOptions"]["WaitSeconds"] < seconds + 1


CONSTRUCTORS = {
    "negative duration": (lambda k: k.Duration.from_seconds(-1), "-1"),
    "no attempts": (lambda k: k.RetryStrategyConfig(max_attempts=0), "max_attempts"),
    "negative attempts": (lambda k: k.RetryStrategyConfig(max_attempts=-1), "max_attempts"),
    "shrinking delays": (lambda k: k.RetryStrategyConfig(backoff_rate=0), "backoff_rate"),
    "both thresholds and a predicate": (
        lambda k: k.CompletionConfig(min_successful=1, should_complete=lambda s: None),
        "should_complete",
    ),
    "no success needed": (lambda k: k.CompletionConfig(min_successful=-1), "min_successful"),
    "more than all may fail": (lambda k: k.CompletionConfig(tolerated_failure_percentage=101), "percentage"),
    "a sub type with spaces": (lambda k: k.StepConfig(sub_type="my kind"), "sub_type"),
    "a long sub type": (lambda k: k.StepConfig(sub_type="x" * 33), "sub_type"),
    "concurrency of nothing": (lambda k: k.MapConfig(max_concurrency=0), "max_concurrency"),
    "parallel concurrency of nothing": (lambda k: k.ParallelConfig(max_concurrency=0), "max_concurrency"),
    "a serdes class instead of an instance": (lambda k: k.StepConfig(serdes=int), "serdes"),
}


@pytest.mark.parametrize("case", CONSTRUCTORS)
def test_nonsense_in_a_configuration_is_refused_where_it_is_written(case):
    build, part = CONSTRUCTORS[case]
    with pytest.raises(exceptions.ValidationError, match=part):
        build(BOTH[0])


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("answer", [None, True, "retry", 5], ids=str)
def test_a_strategy_that_answers_nonsense_fails_the_step_with_its_answer(kit, answer):
    def flow(kit, event, ctx):
        def fails(_context):
            raise LookupError("gone")

        yield ctx.step(fails, name="s", config=kit.StepConfig(retry_strategy=lambda _e, _a: answer))

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert repr(answer) in run.message
