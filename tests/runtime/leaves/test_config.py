"""Options: durations in many spellings, records that behave like frozen dataclasses, checks at once."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import inspect

import pytest

from durable_runtime import config, types
from durable_runtime._duration import whole_seconds
from durable_runtime.config import (
    CallbackConfig,
    ChildConfig,
    CompletionConfig,
    CompletionOutcome,
    Duration,
    InvokeConfig,
    MapConfig,
    NestingType,
    ParallelBranch,
    ParallelConfig,
    StepConfig,
    StepSemantics,
    WaitForCallbackConfig,
    complete_batch,
    continue_batch,
)
from durable_runtime.exceptions import ValidationError


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1, 1),
        (1.0, 1),
        (1.2, 2),
        (0.001, 1),
        (dt.timedelta(milliseconds=1500), 2),
        (dt.timedelta(days=366), 31_622_400),
        (Duration(7), 7),
        (Duration.from_minutes(1.5), 90),
        (Duration.from_hours(2), 7200),
        (Duration.from_days(1), 86_400),
        (Duration.from_seconds(0.2), 1),
    ],
)
def test_durations_are_whole_seconds_rounded_up(value, seconds):
    assert whole_seconds(value, "wait") == seconds


@pytest.mark.parametrize(
    "value",
    [0, -1, 0.0, Duration(), 31_622_401, dt.timedelta(days=367), float("nan"), float("inf"), True, "5", None, [], 1j],
)
def test_other_durations_are_refused_with_place_value_and_rule(value):
    with pytest.raises(ValidationError, match="wait 'cool down': duration is"):
        whole_seconds(value, "wait 'cool down': duration")


@pytest.mark.parametrize("value", [-1, True, "x", float("nan"), None])
def test_a_duration_cannot_be_nonsense(value):
    with pytest.raises(ValidationError):
        Duration(value)
    with pytest.raises(ValidationError):
        Duration.from_minutes(value)


NONSENSE = [
    (StepConfig, {"retry_strategy": 5}, "StepConfig: retry_strategy is 5; it must be callable"),
    (StepConfig, {"step_semantics": "AT_MOST_ONCE"}, "it must be one of StepSemantics.AT_MOST_ONCE_PER_RETRY"),
    (StepConfig, {"serdes": object()}, "it must be an object with serialize and deserialize"),
    (StepConfig, {"sub_type": "a b"}, "sub_type is 'a b'; it must be 1 to 32 characters of A-Z"),
    (ChildConfig, {"sub_type": "x" * 33}, "must be 1 to 32 characters"),
    (CallbackConfig, {"sub_type": "é"}, "must be 1 to 32 characters"),
    (CallbackConfig, {"timeout": 100_000_000}, "timeout is 100000000; it must be 0 to 99999999 s"),
    (CallbackConfig, {"heartbeat_timeout": -5}, "heartbeat_timeout is -5"),
    (WaitForCallbackConfig, {"retry_strategy": "x"}, "retry_strategy is 'x'"),
    (MapConfig, {"max_concurrency": 0}, "max_concurrency is 0; it must be an integer of at least 1"),
    (MapConfig, {"completion_config": None}, "completion_config is None; it must be a CompletionConfig"),
    (MapConfig, {"item_namer": "x"}, "item_namer is 'x'; it must be callable"),
    (ParallelConfig, {"nesting_type": "FLAT"}, "nesting_type is 'FLAT'; it must be one of NestingType.NESTED"),
    (ParallelConfig, {"max_concurrency": 1.5}, "max_concurrency is 1.5"),
    (InvokeConfig, {"serdes_result": str}, "not the class itself"),
    (CompletionConfig, {"min_successful": 0}, "min_successful is 0"),
    (CompletionConfig, {"tolerated_failure_count": -1}, "tolerated_failure_count is -1"),
    (
        CompletionConfig,
        {"tolerated_failure_percentage": 101},
        "tolerated_failure_percentage is 101; it must be from 0 to 100",
    ),
    (CompletionConfig, {"tolerated_failure_percentage": float("nan")}, "tolerated_failure_percentage is nan"),
    (CompletionConfig, {"should_complete": 3}, "should_complete is 3; it must be callable"),
    (CompletionConfig, {"should_complete": len, "min_successful": 1}, "should_complete decides alone"),
    (config.CompletionDecision, {"complete": True}, "outcome is required when complete is True"),
    (config.CompletionDecision, {"complete": False, "outcome": CompletionOutcome.FAILED}, "outcome must be None"),
]


@pytest.mark.parametrize(("kind", "options", "message"), NONSENSE, ids=[each[2][:45] for each in NONSENSE])
def test_nonsense_is_refused_with_option_value_and_rule(kind, options, message):
    with pytest.raises(ValidationError) as caught:
        kind(**options)
    assert message in str(caught.value)


def test_records_behave_like_frozen_dataclasses():
    first, second = (
        StepConfig(None, StepSemantics.AT_MOST_ONCE_PER_RETRY),
        StepConfig(step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY),
    )
    assert first == second != StepConfig()
    assert hash(first) == hash(second)
    assert first != "something else"
    assert repr(Duration(5)) == "Duration(seconds=5)"
    assert copy.copy(first) == copy.deepcopy(first) == first
    assert first.__replace__(sub_type="Mine").sub_type == "Mine"
    with pytest.raises(AttributeError, match="StepConfig is frozen: cannot set 'serdes'"):
        first.serdes = None
    with pytest.raises(AttributeError, match="frozen"):
        del first.serdes
    with pytest.raises(
        TypeError, match=r"StepConfig\(\) has no option 'retries'; it has: retry_strategy, step_semantics"
    ):
        StepConfig(retries=3)
    with pytest.raises(TypeError, match="takes at most 3 positional arguments, got 4"):
        StepConfig(None, StepSemantics.AT_MOST_ONCE_PER_RETRY, None, "sub")
    with pytest.raises(TypeError, match="got two values for 'seconds'"):
        Duration(1, seconds=1)
    with pytest.raises(TypeError, match="needs 'func'"):
        ParallelBranch()


def test_configs_take_type_parameters_at_run_time():
    assert MapConfig[int](max_concurrency=2).max_concurrency == 2
    assert ChildConfig[dict] is ChildConfig


@pytest.mark.parametrize(
    "module_name", ["config", "retries", "waits", "filesystem_serdes", "preview", "serdes", "types"]
)
def test_options_have_the_names_order_and_defaults_of_awss_sdk(module_name):
    rival = pytest.importorskip(f"aws_durable_execution_sdk_python.{module_name}")
    ours = __import__(f"durable_runtime.{module_name}", fromlist=["x"])
    public = {
        name: each
        for name, each in vars(rival).items()
        if isinstance(each, type) and each.__module__ == rival.__name__ and dataclasses.is_dataclass(each)
    }
    assert public
    for name, theirs in public.items():
        mine = getattr(ours, name)
        parameters = inspect.signature(theirs).parameters.values()
        if hasattr(mine, "_fields"):
            assert list(mine._fields) == [
                each.name for each in sorted(parameters, key=lambda p: p.kind == p.KEYWORD_ONLY)
            ], name
            assert mine._positional == sum(each.kind != each.KEYWORD_ONLY for each in parameters), name
        else:
            assert list(inspect.signature(mine).parameters) == [each.name for each in parameters], name


@pytest.mark.parametrize(
    "module_name", ["config", "lambda_service", "filesystem_serdes", "preview", "serdes", "exceptions"]
)
def test_enums_have_the_members_of_awss_sdk(module_name):
    import enum

    rival = pytest.importorskip(f"aws_durable_execution_sdk_python.{module_name}")
    ours = __import__(f"durable_runtime.{module_name}", fromlist=["x"])
    found = [
        each for each in vars(rival).values() if isinstance(each, enum.EnumMeta) and each.__module__ == rival.__name__
    ]
    assert found
    for theirs in found:
        mine = getattr(ours, theirs.__name__)
        assert {name: each.value for name, each in mine.__members__.items()} == {
            name: each.value for name, each in theirs.__members__.items()
        }
        assert issubclass(mine, str) == issubclass(theirs, str)


def test_factories_of_completion():
    assert continue_batch().complete is False
    assert complete_batch().outcome is CompletionOutcome.SUCCEEDED
    assert CompletionConfig.first_successful().min_successful == 1
    assert CompletionConfig.all_completed().tolerated_failure_percentage == 100
    assert CompletionConfig.all_successful().tolerated_failure_count == 0
    assert ParallelConfig().completion_config == CompletionConfig.all_successful()
    assert MapConfig().completion_config == CompletionConfig()
    assert MapConfig().nesting_type is NestingType.NESTED
    with pytest.raises(ValidationError, match="min_successful is 3, but there are only 2 branches"):
        CompletionConfig(min_successful=3)._validate_for_total(2)


def test_callback_timeouts_in_seconds():
    made = WaitForCallbackConfig(dt.timedelta(minutes=2), 0.5)
    assert (made.timeout_seconds, made.heartbeat_timeout_seconds) == (120, 1)


def test_a_parallel_branch_is_callable():
    assert ParallelBranch(lambda a, *, b: (a, b), "x")(1, b=2) == (1, 2)


@pytest.mark.parametrize(
    ("arn", "parts"),
    [
        ("arn:aws:lambda:r:1:function:f:1/durable-execution/n/i", ("f", "n", "i")),
        ("arn:aws-cn:lambda:r:1:function:f:$LATEST/durable-execution/n/i", ("f", "n", "i")),
        ("arn:aws:lambda:r:1:function:f:1", None),
        ("arn:aws:lambda:r:1:function:f/durable-execution/n/i", None),
        ("arn:aws:lambda:r:1:function:f:1/durable-execution/n/", None),
        ("arn:aws:lambda:r:1:function:f:1/durable-execution/n/i/j", None),
        ("", None),
    ],
)
def test_execution_arns_are_taken_apart(arn, parts):
    found = types.DurableExecutionArn.from_arn(arn)
    assert (found and (found.function_name, found.execution_name, found.invocation_id)) == parts
