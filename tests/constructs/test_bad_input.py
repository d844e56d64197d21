"""What cannot work is refused at synth, with the construct's path, the value, the rule and the fix."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_durable import DurableFunction, DurableInputError, DurableMetrics, VersionPruning
from constructs_durable._checks import Place, check_limits
from tests.constructs.support import HANDLERS, a_function, a_stack, messages, of_type, only, resources

if TYPE_CHECKING:
    from pathlib import Path

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"entry": "no/such/folder"}, r"entry is .*no/such/folder, and there is no such folder.*Path\(__file__\)"),
    ({"entry": HANDLERS / "good" / "app.py"}, r"entry is the file .*app\.py; pass its folder"),
    ({"handler": "handler"}, r"handler is 'handler'; it is written `module\.function`"),
    ({"handler": "app."}, r"handler is 'app\.'; it is written"),
    ({"handler": "/app.handler"}, r"handler is '/app\.handler'; it is written"),
    ({"handler": "..app.handler"}, r"handler is '\.\.app\.handler'; it is written"),
    ({"handler": "ap.handler"}, r"has no module `ap`\. Modules there: app\."),
    ({"handler": "app.handlr"}, r"defines no `handlr`\. Did you mean `app\.handler`\?"),
    ({"handler": "app.zzz"}, r"defines no `zzz`\. It defines: _charge, handler\."),
    ({"execution_timeout": dt.timedelta(0)}, r"execution_timeout is 0 s; the service accepts 1 s to 31,622,400 s"),
    ({"execution_timeout": dt.timedelta(days=367)}, r"execution_timeout is 31,708,800 s \(367 days\); .* \(366 days\)"),
    ({"execution_timeout": cdk.Duration.days(400)}, r"execution_timeout is 34,560,000 s \(400 days\); .*366 days"),
    (
        {"execution_timeout": dt.timedelta(seconds=1.5)},
        r"execution_timeout is 1\.5 s; .* whole seconds",
    ),
    ({"timeout": cdk.Duration.millis(1500)}, r"timeout is 1\.5 s; the service counts whole seconds"),
    ({"execution_timeout": 60}, r"execution_timeout is 60; pass a Duration or a timedelta"),
    ({"retention_period": cdk.Duration.hours(36)}, r"retention_period is 1\.5 days; .* whole days from 1 to 90"),
    ({"retention_period": dt.timedelta(days=91)}, r"retention_period is 91 days"),
    ({"retention_period": dt.timedelta(0)}, r"retention_period is 0 days"),
    ({"timeout": dt.timedelta(minutes=16)}, r"timeout is 960 s; one invocation may run for 1 s to 900 s"),
    ({"timeout": dt.timedelta(milliseconds=10)}, r"timeout is 0\.01 s"),
    ({"timeout": dt.timedelta(minutes=11)}, r"timeout is 660 s but execution_timeout is 600 s"),
    (
        {"timeout": dt.timedelta(seconds=60), "longest_phase": dt.timedelta(seconds=90)},
        r"timeout is 60 s but longest_phase is 90 s: .* Raise timeout to 90 s",
    ),
    ({"longest_phase": dt.timedelta(hours=1)}, r"longest_phase is 3,600 s; .* callback"),
    ({"longest_phase": dt.timedelta(seconds=700)}, r"longest_phase is 700 s but execution_timeout is 600 s"),
    ({"function_name": "orders"}, r"function_name is 'orders'\..* allow_function_name=True"),
    ({"runtime": "python3.12"}, r"runtime is python3\.12; .* python3\.13"),
    ({"runtime": "nodejs22.x"}, r"runtime is nodejs22\.x"),
    (
        {"runtime": 3.13},
        r"runtime is 3\.13; pass a lambda_\.Runtime, or leave it out; for example lambda_\.Runtime\.PYTHON_3_13",
    ),
    ({"retry_attempts": 5}, r"retry_attempts is 5; Lambda tries 0 to 2 times"),
    ({"max_event_age": dt.timedelta(days=1)}, r"max_event_age is 86,400 s \(1 day\); .* 60 s to 21,600 s \(6 hours\)"),
    ({"sdk": "aws"}, r"sdk is 'aws'; pass one of DurableSdk\.RUNTIME_LAYER, "),
    ({"execution_policy": "managed"}, r"execution_policy is 'managed'; pass one of ExecutionPolicy\.LEAST_PRIVILEGE, "),
    ({"replay_check": "warn"}, r"replay_check is 'warn'; pass one of ReplayCheck\.ERROR, ReplayCheck\.WARN, "),
    (
        {"prune_versions": True},
        r"prune_versions is True; pass a VersionPruning, or leave it out; for example VersionPruning\(keep=3\)",
    ),
    ({"prune_versions": VersionPruning(every=6)}, r"prune_versions has 6 as every; pass a timedelta"),
    ({"entry": None}, r"pass entry= or packaged_code=; neither is given"),
    ({"packaged_code": "inline"}, r"pass entry= or packaged_code=; both are given"),
    ({"alias_name": "$LATEST"}, r"alias_name is '\$LATEST'; .* default, `live`"),
    ({"alias_name": "17"}, r"alias_name is '17'; .* not a number"),
    ({"memory_size": "256"}, r"memory_size is '256'; pass a whole number; it counts MiB"),
    ({"memory_size": 64}, r"memory_size is 64 MiB; a function has 128 to 10240 MiB"),
    ({"environment": {"AWS_REGION": "mars"}}, r"environment has 'AWS_REGION', which Lambda sets itself"),
    ({"environment": {"LIMIT": 3}}, r"environment has 3 as 'LIMIT'; pass a text; str\(3\) for a number"),
    ({"environment": {"TEXT": "x" * 5000}}, r"environment takes 5,004 bytes; names and values have 4,096 together"),
    ({"description": "x" * 257}, r"description has 257 characters; 256 fit"),
    ({"layers": 5}, r"layers would be 6, the runtime's included; a function has 5 at most"),
    ({"environment": {"1ST": "x"}}, r"environment has '1ST'; a variable starts with a letter"),
    ({"code": "inline"}, r"`code` has no place on a DurableFunction: pass entry="),
    ({"durable_config": None}, r"`durable_config` has no place .* execution_timeout"),
    ({"on_failure": None}, r"`on_failure` has no place .* dead_letter_queue"),
    ({"memory": 128}, r"`memory` is not a property of lambda\.Function"),
]


@pytest.mark.parametrize(("options", "expected"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_work_is_refused_with_path_value_rule_and_fix(options, expected) -> None:
    stack = a_stack()
    if isinstance(options.get("runtime"), str):
        options = {"runtime": lambda_.Runtime(options["runtime"], lambda_.RuntimeFamily.OTHER)}
    if isinstance(options.get("layers"), int):
        arn = "arn:aws:lambda:us-east-1:123456789012:layer:more:1"
        layer = lambda_.LayerVersion.from_layer_version_arn(stack, "Layer", arn)
        options = {"layers": [layer] * options["layers"]}
    if options.get("packaged_code") == "inline":
        options = {"packaged_code": lambda_.Code.from_inline("def handler(event, context): ...")}
    with pytest.raises(DurableInputError, match=rf"(?s)^Demo/Orders: .*{expected}"):
        a_function(stack, **options)
    assert stack.node.try_find_child("Orders") is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def handler(:\n    pass\n", r"app\.py:1:"),
        ("def other(:\n    pass\n", r"app\.py:1 is not valid Python"),
        ("def handler(event, context):\n    return (\n", r"app\.py:2:"),
    ],
)
def test_a_handler_that_is_not_python_names_the_line(tmp_path: Path, source: str, expected: str) -> None:
    (tmp_path / "app.py").write_text(source)
    stack = a_stack()
    with pytest.raises(DurableInputError, match=rf"Demo/Orders: .*{expected}"):
        a_function(stack, entry=tmp_path)
    assert stack.node.try_find_child("Orders") is None


@pytest.mark.parametrize(
    "source",
    [
        "handler = make()",
        "handler = None\nhandler = make()",
        "handler, other = make(), 2",
        "handler: object = make()",
        "from other import handler",
        "from other import *",
        "async def handler(event, context): ...",
        "class handler: ...",
        "try:\n    from a import handler\nexcept ImportError:\n    handler = None",
        "if True:\n    def handler(event, context): ...",
        "with suppress():\n    first, (handler, second) = 1, (2, 3)",
        "match 1:\n    case _:\n        def handler(event, context): ...",
    ],
)
def test_a_handler_may_be_bound_in_any_way_python_binds_a_name(tmp_path: Path, source: str) -> None:
    (tmp_path / "app.py").write_text(source)
    a_function(a_stack(), entry=tmp_path, replay_check=_off())


@pytest.mark.parametrize("handler", ["orders.app.handler", "orders/app.handler", "orders.handler"])
def test_a_handler_may_live_in_a_package(tmp_path: Path, handler: str) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "app.py").write_text("def handler(event, context): ...")
    (tmp_path / "orders" / "__init__.py").write_text("from orders.app import handler")
    a_function(a_stack(), entry=tmp_path, handler=handler, replay_check=_off())


@pytest.mark.parametrize(
    "source",
    [
        "handler = 3",
        "handler: int = 3",
        "handler = -1",
        "handler = f'{1}'",
        "handler = {'a': 1}",
        "handler = [each for each in 'ab']",
        "import other as handler",
        "import handler",
    ],
)
def test_a_handler_that_cannot_be_called_is_refused_with_the_line(tmp_path: Path, source: str) -> None:
    (tmp_path / "app.py").write_text(f"\n{source}\n")
    with pytest.raises(DurableInputError, match=r"handler is 'app\.handler', but .*app\.py:2 binds `handler` to some"):
        a_function(a_stack(), entry=tmp_path, replay_check=_off())


def _off() -> object:
    from constructs_durable import ReplayCheck

    return ReplayCheck.OFF


def test_the_handler_is_never_imported(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise SystemExit('imported')\ndef handler(event, context): ...")
    a_function(a_stack(), entry=tmp_path, replay_check=_off())


def test_packaged_code_is_taken_as_it_is() -> None:
    stack = a_stack()
    code = lambda_.Code.from_inline("def handler(event, context): ...")
    a_function(stack, entry=None, packaged_code=code, handler="index.handler")
    assert "ZipFile" in only(resources(stack), "AWS::Lambda::Function")["Properties"]["Code"]


def test_an_accepted_function_name_is_used() -> None:
    stack = a_stack()
    a_function(stack, function_name="orders", allow_function_name=True)
    assert only(resources(stack), "AWS::Lambda::Function")["Properties"]["FunctionName"] == "orders"


def test_a_short_timeout_warns_unless_it_is_acknowledged_or_the_longest_phase_is_named() -> None:
    stack = a_stack()
    a_function(stack, "Loud", timeout=dt.timedelta(seconds=59))
    quiet = a_function(stack, "Quiet", timeout=dt.timedelta(seconds=5))
    cdk.Annotations.of(quiet.root).acknowledge_warning("constructs-durable:short-timeout")
    a_function(stack, "Known", timeout=dt.timedelta(seconds=5), longest_phase=dt.timedelta(seconds=2))
    a_function(stack, "Long", timeout=dt.timedelta(seconds=60))
    (warning,) = messages(stack, "warning")
    assert "timeout is 59 s" in warning


def test_durations_known_at_deploy_only_are_left_to_the_deploy() -> None:
    stack = a_stack()
    parameter = cdk.CfnParameter(stack, "Limit", type="Number")
    a_function(stack, execution_timeout=cdk.Duration.seconds(parameter.value_as_number))
    config = only(resources(stack), "AWS::Lambda::Function")["Properties"]["DurableConfig"]
    assert config == {"ExecutionTimeout": {"Ref": "Limit"}}


def test_a_destination_is_refused_because_durable_functions_have_none() -> None:
    stack = a_stack()
    with pytest.raises(DurableInputError, match="destinations do not work"):
        a_function(stack, on_success=destinations.SqsDestination(sqs.Queue(stack, "Queue")))
    assert of_type(resources(stack), "AWS::Lambda::Function") == {}


def test_a_destination_is_refused_afterwards_too() -> None:
    stack = a_stack()
    function = a_function(stack)
    with pytest.raises(DurableInputError, match=r"Demo/Orders: on_failure is a destination"):
        function.configure_async_invoke(on_failure=destinations.SqsDestination(sqs.Queue(stack, "Queue")))


SECONDS = st.integers(min_value=-10, max_value=40_000_000)


@settings(max_examples=300, deadline=None)
@given(execution=SECONDS, timeout=st.none() | SECONDS, phase=st.none() | st.integers(-10, 2_000))
def test_durations_are_either_refused_or_accepted_by_the_service(execution, timeout, phase) -> None:
    def seconds(value: int | None) -> dt.timedelta | None:
        return None if value is None else dt.timedelta(seconds=value)

    try:
        limits = check_limits(
            Place(ROOT, "Orders"),
            execution_timeout=dt.timedelta(seconds=execution),
            timeout=seconds(timeout),
            retention_period=None,
            longest_phase=seconds(phase),
        )
        chosen = limits.timeout.to_seconds()
    except DurableInputError as error:
        assert re.match(r"Orders: (execution_timeout|timeout|longest_phase) is ", str(error))  # noqa: PT017
        return
    assert 1 <= limits.execution_timeout <= 31_622_400
    assert 1 <= chosen <= min(900, limits.execution_timeout)
    assert phase is None or phase <= chosen


ROOT = cdk.App()


def test_the_public_names_are_these() -> None:
    assert issubclass(DurableInputError, ValueError)
    assert issubclass(DurableFunction, lambda_.Alias)


def test_what_is_added_later_is_checked_too() -> None:
    stack = a_stack()
    function = a_function(stack)
    arn = "arn:aws:lambda:us-east-1:123456789012:layer:more:1"
    layer = lambda_.LayerVersion.from_layer_version_arn(stack, "Layer", arn)
    function.add_layers(layer, layer)
    with pytest.raises(DurableInputError, match=r"^Demo/Orders: layers would be 6"):
        function.add_layers(layer, layer, layer)
    with pytest.raises(DurableInputError, match=r"^Demo/Orders: key is 'AWS_REGION', which Lambda sets itself"):
        function.add_environment("AWS_REGION", "mars")


def test_a_period_that_cannot_be_converted_at_deploy_says_how_to_write_it() -> None:
    stack = a_stack()
    number = cdk.CfnParameter(stack, "Limit", type="Number").value_as_number
    with pytest.raises(DurableInputError, match=r"execution_timeout is known at deploy only.*cdk\.Duration\.seconds\("):
        a_function(stack, execution_timeout=cdk.Duration.minutes(number))
    a_function(stack, retention_period=cdk.Duration.days(number))
    config = only(resources(stack), "AWS::Lambda::Function")["Properties"]["DurableConfig"]
    assert config["RetentionPeriodInDays"] == {"Ref": "Limit"}


@pytest.mark.parametrize("name", ["", "arn:aws:lambda:us-east-1:123456789012:function:orders", "orders:live"])
def test_metrics_need_the_plain_name_of_a_function(name: str) -> None:
    with pytest.raises(DurableInputError, match=r"^DurableMetrics: function_name is '.*'; pass the function's name"):
        DurableMetrics(name)
