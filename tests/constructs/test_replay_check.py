"""The handler is checked for replay bugs at synth; findings are annotations of its construct."""

from __future__ import annotations

import re
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from constructs_durable import DurableInputError, ReplayCheck, _replay
from tests.constructs.support import HANDLERS, a_function, a_stack, messages

BAD = HANDLERS / "bad"
ALL = ("error", "warning", "info")


def test_a_finding_is_an_error_with_construct_path_file_line_and_rule() -> None:
    stack = a_stack()
    a_function(stack, entry=BAD)
    found = assertions.Annotations.from_stack(stack).find_error("/Demo/Orders", assertions.Match.any_value())
    texts = [each.entry.data for each in found]
    path = Path("tests/constructs/handlers/bad/app.py")
    assert any(f"{path}:10:15: DUR001: `time.time()` reads the clock" in text for text in texts)
    assert any(re.search(r"another value\. Use `ctx\.now\(\)`.*\. \[ack: ", text) for text in texts)
    assert {text.split(": ")[1] for text in texts} == {"DUR001", "DUR014"}


@pytest.mark.parametrize(
    ("source", "warned"),
    [
        ("def handler(event, context):\n    return 1\n", True),
        ("async def handler(event, context):\n    return 1\n", True),
        (
            "from durable_runtime import durable_execution\n@durable_execution\ndef handler(event, ctx):\n    return 1",
            False,
        ),
        ("import other\n@other.wrap(\n    1,\n)\ndef handler(event, ctx):\n    return 1\n", False),
        ("import other\ndef handler(event, ctx):\n    return 1\nhandler = other.wrap(handler)\n", False),
        ("from other import handler\n", False),
        (
            "import other\n@other.wrap\ndef helper(event):\n    return 1\n\ndef handler(event, ctx):\n    return 1\n",
            True,
        ),
    ],
)
def test_a_handler_without_a_decorator_is_warned_of(tmp_path: Path, source: str, warned: bool) -> None:
    (tmp_path / "app.py").write_text(source)
    stack = a_stack()
    a_function(stack, entry=tmp_path)
    warnings = [text for text in messages(stack, "warning") if "has no decorator" in text]
    assert len(warnings) == warned
    assert all(re.match(rf"{tmp_path}/app\.py:\d+: the handler `app\.handler`", text) for text in warnings)


def test_a_good_handler_is_silent() -> None:
    stack = a_stack()
    a_function(stack)
    assert [messages(stack, level) for level in ALL] == [[], [], []]


def test_errors_may_be_lowered_to_warnings_that_cdk_can_acknowledge() -> None:
    stack = a_stack()
    function = a_function(stack, entry=BAD, replay_check=ReplayCheck.WARN)
    cdk.Annotations.of(function.root).acknowledge_warning("constructs-durable:DUR014")
    (warning,) = messages(stack, "warning")
    assert "DUR001" in warning
    assert messages(stack, "error") == []


@pytest.mark.parametrize("rule", ["DUR001", "clock-in-orchestration"])
def test_a_rule_may_be_acknowledged_for_one_function(rule: str) -> None:
    stack = a_stack()
    a_function(stack, entry=BAD, replay_acknowledged=(rule,))
    (error,) = messages(stack, "error")
    assert "DUR014" in error
    assert "replay_acknowledged=('DUR014',)" in error


def test_an_acknowledged_rule_has_to_exist() -> None:
    with pytest.raises(DurableInputError, match=r"Demo/Orders: replay_acknowledged has 'DUR999'"):
        a_function(a_stack(), replay_acknowledged=("DUR999",))


def test_a_comment_in_the_source_acknowledges_too(tmp_path: Path) -> None:
    source = (BAD / "app.py").read_text().replace("time.time()", "time.time()  # durable: ignore[DUR001] a demo")
    source = source.replace('name=f"charge-{started}"', 'name="charge"')
    (tmp_path / "app.py").write_text(source)
    stack = a_stack()
    a_function(stack, entry=tmp_path)
    assert messages(stack, "error") == []


def test_the_check_can_be_switched_off() -> None:
    stack = a_stack()
    a_function(stack, entry=BAD, replay_check=ReplayCheck.OFF)
    assert [messages(stack, level) for level in ALL] == [[], [], []]


def test_a_changed_handler_is_checked_anew(tmp_path: Path) -> None:
    handler = tmp_path / "app.py"
    for source, expected in ((HANDLERS / "good", 0), (BAD, 2)):
        handler.write_bytes((source / "app.py").read_bytes())
        stack = a_stack()
        a_function(stack, entry=tmp_path)
        assert len(messages(stack, "error")) == expected


def test_functions_that_share_a_handler_check_it_once(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes((HANDLERS / "good" / "app.py").read_bytes())
    stack = a_stack()
    before = _replay._findings.cache_info().misses
    for number in range(3):
        a_function(stack, f"F{number}", entry=tmp_path)
    assert _replay._findings.cache_info().misses == before + 1
