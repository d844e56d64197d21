"""Retry and wait strategies: the rival's numbers, its filters, and no nonsense."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_runtime import retries, waits
from durable_runtime.config import Duration, JitterStrategy
from durable_runtime.exceptions import ValidationError, WaitForConditionError
from durable_runtime.retries import (
    LinearRetryStrategyConfig,
    RetryDecision,
    RetryPresets,
    RetryStrategyConfig,
    as_retry_strategy,
    create_linear_retry_strategy,
    create_retry_strategy,
    decide,
)

NAMES = ["none", "default", "transient", "resource_availability", "critical", "linear", "fixed"]


def delays(strategy, attempts=12, error=ValueError("x")):  # noqa: B008  an immutable default
    decisions = [strategy(error, attempt) for attempt in range(1, attempts + 1)]
    return [decision.delay_seconds if decision.should_retry else None for decision in decisions]


@pytest.fixture(params=[0.0, 0.37, 0.999999])
def luck(request, monkeypatch):
    """The same luck for both sides."""
    monkeypatch.setattr("random.random", lambda: request.param)


@pytest.mark.usefixtures("luck")
@pytest.mark.parametrize("name", NAMES)
def test_presets_have_the_numbers_of_awss_sdk(name):
    rival = pytest.importorskip("aws_durable_execution_sdk_python.retries")
    assert delays(getattr(RetryPresets, name)()) == delays(getattr(rival.RetryPresets, name)())


@pytest.mark.usefixtures("luck")
@pytest.mark.parametrize("jitter", ["NONE", "HALF", "FULL"])
@pytest.mark.parametrize(
    ("attempts", "initial", "most", "rate"), [(3, 5, 300, 2.0), (9, 0, 7, 3), (5, 1, 60, 1), (6, 9, 9, 0.5)]
)
def test_exponential_delays_are_awss(attempts, initial, most, rate, jitter):
    rival = pytest.importorskip("aws_durable_execution_sdk_python.retries")
    rival_config = pytest.importorskip("aws_durable_execution_sdk_python.config")
    theirs = rival.RetryStrategyConfig(
        attempts,
        rival_config.Duration(initial),
        rival_config.Duration(most),
        rate,
        rival_config.JitterStrategy[jitter],
    )
    ours = RetryStrategyConfig(attempts, Duration(initial), Duration(most), rate, JitterStrategy[jitter])
    assert delays(create_retry_strategy(ours)) == delays(rival.create_retry_strategy(theirs))


def test_linear_and_fixed_delays():
    assert delays(RetryPresets.linear()) == [1, 2, 3, 4, 5] + [None] * 7
    assert delays(RetryPresets.fixed(dt.timedelta(seconds=90)), 5) == [90, 90, 90, 90, None]
    linear = create_linear_retry_strategy(
        max_attempts=5, initial_delay=2, increment=3, max_delay=7, jitter_strategy=JitterStrategy.NONE
    )  # fmt: skip
    assert delays(linear, 5) == [2, 5, 7, 7, None]


def test_large_attempt_numbers_stay_at_the_maximum():
    strategy = create_retry_strategy(max_attempts=10**9, jitter_strategy=JitterStrategy.NONE)
    assert strategy(ValueError(), 10**6).delay_seconds == 300


@given(st.integers(1, 20), st.floats(0.1, 10), st.integers(0, 1000), st.integers(0, 100_000))
def test_delays_are_whole_seconds_from_one_to_the_maximum(attempt, rate, initial, most):
    config = RetryStrategyConfig(max_attempts=30, backoff_rate=rate)
    config.initial_delay, config.max_delay = Duration(min(initial, most)), Duration(most)
    delay = decide(create_retry_strategy(config), ValueError(), attempt, "step")
    assert 1 <= delay <= max(1, most)


@pytest.mark.parametrize(
    ("messages", "types", "error", "retried"),
    [
        (None, None, ValueError("x"), True),
        (["time"], None, ValueError("a timeout"), True),
        (["time"], None, ValueError("x"), False),
        ([re.compile("^a.*t$")], None, ValueError("a timeout"), True),
        (None, [OSError], TimeoutError(), True),
        (None, [OSError], ValueError(), False),
        (["x"], [OSError], ValueError("x"), True),
        (["y"], [OSError], OSError("z"), True),
        (["y"], [OSError], ValueError("z"), False),
        ([], None, ValueError("x"), False),
        (None, [], ValueError("x"), False),
    ],
)
@pytest.mark.parametrize("create", [create_retry_strategy, create_linear_retry_strategy])
def test_filters_choose_by_message_or_class(create, messages, types, error, retried):
    strategy = create(retryable_errors=messages, retryable_error_types=types)
    assert strategy(error, 1).should_retry == retried


NONSENSE = [
    (RetryStrategyConfig, {"max_attempts": 0}, "max_attempts is 0; it must be an integer of at least 1"),
    (RetryStrategyConfig, {"max_attempts": True}, "max_attempts is True"),
    (RetryStrategyConfig, {"max_attempts": None}, "max_attempts is None"),
    (RetryStrategyConfig, {"max_attempts": 2.5}, "max_attempts is 2.5"),
    (RetryStrategyConfig, {"backoff_rate": 0}, "backoff_rate is 0; it must be a number above 0"),
    (RetryStrategyConfig, {"backoff_rate": float("nan")}, "backoff_rate is nan"),
    (RetryStrategyConfig, {"backoff_rate": float("inf")}, "backoff_rate is inf"),
    (RetryStrategyConfig, {"backoff_rate": "2"}, "backoff_rate is '2'"),
    (RetryStrategyConfig, {"initial_delay": -1}, "initial_delay is -1; it must be 0 to 31622400 s"),
    (RetryStrategyConfig, {"initial_delay": "5"}, "initial_delay is '5' (str); give a timedelta"),
    (RetryStrategyConfig, {"max_delay": 31_622_401}, "max_delay is 31622401"),
    (RetryStrategyConfig, {"initial_delay": 9, "max_delay": 5}, "initial_delay (9 s) is longer than max_delay (5 s)"),
    (RetryStrategyConfig, {"jitter_strategy": "FULL-ISH"}, "jitter_strategy is 'FULL-ISH'; it must be one of"),
    (RetryStrategyConfig, {"retryable_errors": "timeout"}, "retryable_errors is 'timeout'; it must be a list"),
    (RetryStrategyConfig, {"retryable_errors": [5]}, "retryable_errors is [5]"),
    (RetryStrategyConfig, {"retryable_error_types": ValueError}, "it must be a list of exception classes"),
    (RetryStrategyConfig, {"retryable_error_types": [int]}, "it must be a list of exception classes"),
    (LinearRetryStrategyConfig, {"increment": -1}, "increment is -1"),
    (LinearRetryStrategyConfig, {"max_attempts": -3}, "max_attempts is -3"),
    (waits.WaitStrategyConfig, {"should_continue_polling": bool, "max_attempts": None}, "max_attempts is None"),
    (retries.WithRetryConfig, {"retry_strategy": 3}, "retry_strategy is 3; it must be callable"),
    (retries.WithRetryConfig, {"child_context_config": 3}, "it must be a ChildConfig"),
    (waits.WaitStrategyConfig, {"should_continue_polling": None}, "should_continue_polling is None"),
    (waits.WaitStrategyConfig, {"should_continue_polling": len, "max_attempts": 0}, "max_attempts is 0"),
    (waits.WaitStrategyConfig, {"should_continue_polling": len, "backoff_rate": -1}, "backoff_rate is -1"),
    (waits.WaitForConditionConfig, {"wait_strategy": None, "initial_state": 1}, "wait_strategy is None"),
    (
        waits.WaitForConditionConfig,
        {"wait_strategy": len, "initial_state": 1, "serdes": int},
        "serdes is <class 'int'>",
    ),
]


@pytest.mark.parametrize(("kind", "options", "message"), NONSENSE, ids=[each[2][:45] for each in NONSENSE])
def test_nonsense_is_refused_with_option_value_and_rule(kind, options, message):
    with pytest.raises(ValidationError) as caught:
        kind(**options)
    assert message in str(caught.value)
    assert kind.__name__ in str(caught.value)


def test_a_config_changed_after_it_was_checked_is_checked_again():
    config = RetryStrategyConfig()
    config.max_attempts = 0
    with pytest.raises(ValidationError):
        create_retry_strategy(config)


def test_the_retry_keyword_takes_many_forms():
    assert as_retry_strategy(None, "step") is None
    assert delays(as_retry_strategy(False, "step"), 1) == [None]
    assert len([d for d in delays(as_retry_strategy(4, "step")) if d]) == 3
    assert delays(as_retry_strategy(LinearRetryStrategyConfig(jitter_strategy=JitterStrategy.NONE), "step"), 2) == [
        1,
        2,
    ]
    assert delays(as_retry_strategy(RetryStrategyConfig(1), "step"), 1) == [None]
    own = lambda error, attempt: RetryDecision.no_retry()
    assert as_retry_strategy(own, "step") is own
    for wrong in (0, -1, True, "3", ValueError):
        with pytest.raises(ValidationError, match="step 'x': retry is"):
            as_retry_strategy(wrong, "step 'x'")


def test_what_a_strategy_answers_is_checked_and_bounded():
    error = ValueError()
    assert decide(lambda e, n: RetryDecision.retry(Duration(0)), error, 1, "step") == 1
    assert decide(lambda e, n: RetryDecision.retry(dt.timedelta(days=999)), error, 1, "step") == 31_622_400
    assert decide(lambda e, n: RetryDecision.no_retry(), error, 1, "step") is None
    with pytest.raises(ValidationError, match=r"step 'x': the retry strategy answered True"):
        decide(lambda e, n: True, error, 1, "step 'x'")
    with pytest.raises(ValidationError, match=r"delay of the retry strategy is 'soon'"):
        decide(lambda e, n: RetryDecision.retry("soon"), error, 1, "step 'x'")
    with pytest.raises(ValidationError, match=r"the wait strategy answered None"):
        waits.decide(lambda s, n: None, 1, 1, "condition")


def test_a_wait_strategy_polls_until_met_or_out_of_attempts():
    strategy = waits.create_wait_strategy(
        waits.WaitStrategyConfig(lambda state: state < 3, max_attempts=3, jitter_strategy=JitterStrategy.NONE),
    )
    assert waits.decide(strategy, 0, 1, "condition") == 5
    assert waits.decide(strategy, 0, 2, "condition") == 8
    assert waits.decide(strategy, 3, 3, "condition") is None
    with pytest.raises(WaitForConditionError, match="exhausted 3 attempts"):
        waits.decide(strategy, 0, 3, "condition")
