"""Logging: the context's logger is a real adapter, ordinary logging becomes replay-aware, JSON is valid."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

import durable_runtime.logging as durable_logging
from durable_runtime import _scope
from durable_runtime.logger import DurableLogger
from tests.runtime.kit import BOTH

pytestmark = pytest.mark.usefixtures("logs")


class Scope:
    def __init__(self, *, replaying=False, **fields):
        self.replaying = replaying
        self.fields = fields

    def is_replaying(self):
        return self.replaying

    def log_fields(self):
        return self.fields


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def target(stream):
    logger = logging.getLogger("tests.leaves.target")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(filename)s:%(funcName)s:%(lineno)d %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)


@pytest.fixture
def scope():
    """Sets the running scope for the time of a test."""
    tokens = []

    def enter(made):
        tokens.append(_scope.current.set(made))
        return made

    yield enter
    for token in reversed(tokens):
        _scope.current.reset(token)


def here():
    return sys._getframe(1).f_lineno


@pytest.mark.parametrize("method", ["info", "warning", "error", "critical"])
def test_the_caller_in_the_record_is_the_line_that_logs(target, stream, method):
    logger = DurableLogger(target)
    getattr(logger, method)("hi %s", "there"); line = here()  # fmt: skip  # noqa: E702  one line on purpose
    assert stream.getvalue() == (
        f"{method.upper()} test_logging.py:test_the_caller_in_the_record_is_the_line_that_logs:{line} hi there\n"
    )


def test_stacklevel_exc_info_and_lazy_arguments_work(target, stream):
    logger = DurableLogger(target)

    def helper():
        logger.warning("from the caller of the helper", stacklevel=2)

    helper(); line = here()  # fmt: skip  # noqa: E702
    try:
        raise ValueError("lost")
    except ValueError:
        logger.exception("failed")
        logger.info("quietly", exc_info=True)
    logger.log(logging.ERROR, "level")
    text = stream.getvalue()
    assert f":{line} from the caller of the helper" in text
    assert text.count("ValueError: lost") == 2
    assert "ERROR test_logging.py" in text


def test_it_is_silent_while_history_replays_and_asks_each_time(target, stream):
    scope = Scope(replaying=True)
    logger = DurableLogger(target, {}, scope.is_replaying)

    class Loud:
        def __str__(self):
            raise AssertionError("formatted although nothing is written")

    logger.error("%s", Loud())
    assert not logger.isEnabledFor(logging.CRITICAL)
    scope.replaying = False
    logger.error("now")
    assert logger.isEnabledFor(logging.INFO)
    assert not logger.isEnabledFor(logging.DEBUG)
    assert stream.getvalue().endswith("now\n")
    assert len(stream.getvalue().splitlines()) == 1


def test_fields_are_added_and_the_callers_win(target, logs):
    logger = DurableLogger(target, {"executionArn": "arn", "attempt": 1}).with_fields(operationName="charge")
    logger.info("x", extra={"attempt": 2, "order": 7})
    (record,) = [record for record in logs.records if record.message == "x"]
    assert (record.executionArn, record.attempt, record.order, record.operationName) == ("arn", 2, 7, "charge")


def test_it_is_an_adapter_of_the_standard_library(target):
    logger = DurableLogger(target)
    assert isinstance(logger, logging.LoggerAdapter)
    assert logger.name == target.name
    assert logger.getEffectiveLevel() == logging.INFO
    assert logger.hasHandlers()
    assert logger.get_logger() is target
    assert DurableLogger().get_logger() is logging.getLogger()


def test_powertools_keeps_its_caller_its_fields_and_its_keywords():
    powertools = pytest.importorskip("aws_lambda_powertools")
    stream = io.StringIO()
    inner = powertools.Logger(service="orders", stream=stream, level="INFO")
    logger = DurableLogger(inner, {"executionArn": "arn"})
    logger.info("charged %s", 5, order_id=7, extra={"more": 1}); line = here()  # fmt: skip  # noqa: E702
    written = json.loads(stream.getvalue())
    assert written["message"] == "charged 5"
    assert (written["service"], written["executionArn"], written["order_id"], written["more"]) == (
        "orders",
        "arn",
        7,
        1,
    )
    assert written["location"] == f"test_powertools_keeps_its_caller_its_fields_and_its_keywords:{line}"
    assert not logger.isEnabledFor(logging.DEBUG)


def test_an_object_with_the_five_methods_is_enough():
    calls = []

    class Minimal:
        def __getattr__(self, name):
            if name not in ("debug", "info", "warning", "error", "exception"):
                raise AttributeError(name)
            return lambda msg, *args, extra=None: calls.append((name, msg % args, extra))

    minimal = Minimal()
    logger = DurableLogger(minimal, {"a": 1})
    for method in ("debug", "info", "warning", "error", "critical", "exception"):
        getattr(logger, method)("%s!", method)
    assert [call[0] for call in calls] == ["debug", "info", "warning", "error", "error", "exception"]
    assert calls[0] == ("debug", "debug!", {"a": 1})
    assert logger.get_logger() is minimal


def test_ordinary_logging_becomes_replay_aware(target, stream, scope):
    durable_logging.install(target, as_json=True)
    durable_logging.install(target, as_json=True)
    handler = target.handlers[0]
    assert sum(isinstance(each, durable_logging.ReplayFilter) for each in handler.filters) == 1
    target.info("outside")
    running = scope(Scope(replaying=True, executionArn="arn", attempt=1))
    target.info("replayed")
    running.replaying = False
    target.info("new", extra={"attempt": 5})
    durable_logging.uninstall(target)
    running.replaying = True
    target.info("after uninstall")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["outside", "new", "after uninstall"]
    assert lines[1]["executionArn"] == "arn"
    assert lines[1]["attempt"] == 5
    assert "executionArn" not in lines[0]


def test_json_lines_hold_what_lambda_holds(target, stream):
    durable_logging.install(target, as_json=True)
    try:
        raise KeyError("lost")
    except KeyError:
        target.exception('bad \u00e9\n"%s"', "quote", extra={"thing": object(), "order": {"id": 1}}, stack_info=True)
    (line,) = stream.getvalue().splitlines()
    written = json.loads(line)
    assert written["level"] == "ERROR"
    assert written["message"] == 'bad \u00e9\n"quote"'
    assert (written["errorType"], written["errorMessage"]) == ("KeyError", "'lost'")
    assert written["stackTrace"][-1] == "KeyError: 'lost'"
    assert written["order"] == {"id": 1}
    assert written["thing"].startswith("<object")
    assert written["timestamp"].endswith("Z")
    assert len(written["timestamp"]) == len("2026-11-20T10:30:00.123Z")
    assert written["stackInfo"]
    assert "exc_info" not in written


@pytest.mark.parametrize(
    ("function", "own_format", "is_json"), [("f", "Text", True), ("f", "JSON", False), ("", "", False)]
)
def test_json_is_the_default_only_where_lambda_does_not_write_it(monkeypatch, target, function, own_format, is_json):
    for name, value in (("AWS_LAMBDA_FUNCTION_NAME", function), ("AWS_LAMBDA_LOG_FORMAT", own_format)):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    durable_logging.install(target)
    assert isinstance(target.handlers[0].formatter, durable_logging.JsonFormatter) == is_json


def test_the_root_logger_is_the_default_and_gets_a_handler_if_it_has_none(monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    durable_logging.install()
    (handler,) = root.handlers
    assert any(isinstance(each, durable_logging.ReplayFilter) for each in handler.filters)


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_a_line_of_a_handler_is_written_once_however_often_it_replays(kit, target, stream):
    durable_logging.install(target, as_json=True)

    def flow(kit, _event, ctx):
        target.info("start")
        ctx.logger.info("context start")

        def body(step):
            target.info("in the step")
            step.logger.info("by the step's logger")

        def branch(context):
            target.info("in the child")
            yield context.wait(kit.seconds(5), name="inner")
            target.info("child goes on")

        ctx.set_logger(target)
        yield ctx.step(body, name="work")
        target.info("before the wait")
        yield ctx.wait(kit.seconds(60), name="pause")
        yield ctx.run_in_child_context(kit.fn(branch), "child")
        target.info("end")

    kit.run(flow)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines] == [
        "start",
        "in the step",
        "by the step's logger",
        "before the wait",
        "in the child",
        "child goes on",
        "end",
    ]
    by_message = {line["message"]: line for line in lines}
    for message in ("in the step", "by the step's logger"):
        assert by_message[message]["operationName"] == "work"
        assert by_message[message]["attempt"] == 1
    assert all(line["executionArn"].startswith("arn:") for line in lines)
    assert "parentId" in by_message["in the child"]
