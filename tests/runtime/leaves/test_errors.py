"""Errors on the wire: bounded going out, of their own class coming back, and no code run on the way."""

from __future__ import annotations

import copy
import json
import pickle
import sys

import pytest

from durable_runtime import _errors, exceptions
from durable_runtime._errors import error_object
from durable_runtime._restored import restore_error
from durable_runtime.exceptions import (
    CallbackExternalError,
    CallbackTimeoutError,
    ChildContextError,
    DurableOperationError,
    PayloadTooLargeError,
    SerDesError,
    StepError,
)

RAN = []


class PaymentDeclined(Exception):  # noqa: N818  named as users name it
    def __init__(self, code, amount):
        RAN.append("init")
        super().__init__(f"declined: {code}")
        self.code = code
        self._amount = amount
        self.handle = object()

    @property
    def amount(self):
        return self._amount


class BrokenText(Exception):  # noqa: N818
    def __str__(self):
        raise RuntimeError("no text")


class Slotted(Exception):  # noqa: N818
    __slots__ = ("code",)


class Sealed(Exception):  # noqa: N818
    def __init_subclass__(cls, **_):
        raise TypeError("cannot be subclassed")


def raised(error):
    try:
        raise error
    except BaseException as caught:
        return caught


def test_the_original_class_comes_back_with_its_attributes_and_no_code_of_its_own_runs():
    record = error_object(raised(PaymentDeclined("no funds", 5)))
    RAN.clear()
    restored = restore_error(json.loads(json.dumps(record)), StepError)
    assert RAN == []
    assert isinstance(restored, PaymentDeclined)
    assert isinstance(restored, StepError)
    assert (restored.code, restored.amount, str(restored)) == ("no funds", 5, "declined: no funds")
    assert restored.error_type == f"{__name__}.PaymentDeclined"
    assert restored.data is None
    assert restored.args == ("declined: no funds",)
    assert type(restored).__name__ == "PaymentDeclined"


def test_a_restored_error_keeps_its_record_through_further_operations():
    record = error_object(raised(PaymentDeclined("x", 1)))
    step = restore_error(record, StepError)
    child = restore_error(error_object(raised(step)), ChildContextError)
    assert isinstance(child, PaymentDeclined)
    assert isinstance(child, ChildContextError)
    assert child.stack_trace == record["StackTrace"]
    assert error_object(child) == record


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        ValueError(),
        KeyError("k"),
        OSError(2, "No such file", "f"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        TimeoutError("late"),
        ZeroDivisionError("x"),
        PayloadTooLargeError("big", operation="step 'x'", size=5, limit=3),
        Slotted("x"),
        SystemError(1, (2, 3)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_builtin_and_other_classes_come_back(error):
    restored = restore_error(json.loads(json.dumps(error_object(raised(error)))), StepError)
    assert isinstance(restored, type(error))
    assert isinstance(restored, StepError)
    assert str(restored) == str(error)
    assert restored.args == error.args


def test_what_an_os_error_knows_comes_back():
    restored = restore_error(error_object(raised(FileNotFoundError(2, "No such file", "/f"))), StepError)
    assert (restored.errno, restored.strerror) == (2, "No such file")


@pytest.mark.parametrize(
    "name",
    [
        "SystemExit",
        "KeyboardInterrupt",
        "GeneratorExit",
        "StopIteration",
        "StopAsyncIteration",
        "durable_runtime.exceptions.InvocationError",
        "durable_runtime.exceptions.ExecutionError",
        "durable_runtime.exceptions.SuspendExecution",
        "durable_runtime.exceptions.NonDeterministicExecutionError",
        "os.system",
        "int",
        "print",
        "no.such.module.Error",
        "antigravity.Error",
        f"{__name__}.<locals>.Local",
        f"{__name__}.PaymentDeclined.amount",
        "...",
        ".",
        "",
        None,
    ],
)
def test_an_error_type_from_outside_neither_imports_nor_steers(name):
    before = set(sys.modules)
    restored = restore_error({"ErrorMessage": "m", "ErrorType": name}, CallbackExternalError)
    assert type(restored) is CallbackExternalError
    assert restored.message == "m"
    assert set(sys.modules) - before == set()


def test_a_class_that_cannot_be_joined_comes_back_as_the_operations_error():
    restored = restore_error(error_object(raised(Sealed("x"))), StepError)
    assert type(restored) is StepError
    assert restored.error_type == f"{__name__}.Sealed"


def test_errors_of_the_runtime_come_back_as_themselves():
    timeout = restore_error(
        {"ErrorMessage": "m", "ErrorType": "durable_runtime.exceptions.CallbackTimeoutError"}, ChildContextError
    )
    assert isinstance(timeout, CallbackTimeoutError)
    assert isinstance(timeout, ChildContextError)
    assert type(restore_error(error_object(raised(StepError("m"))), StepError)) is StepError
    serdes = restore_error(error_object(raised(SerDesError("m"))), StepError)
    assert type(serdes) is SerDesError


def test_types_that_awss_sdk_recorded_are_understood():
    name = "aws_durable_execution_sdk_python.exceptions.CallbackTimeoutError"
    restored = restore_error({"ErrorMessage": "m", "ErrorType": name}, ChildContextError)
    assert isinstance(restored, CallbackTimeoutError)
    assert isinstance(restored.__cause__, CallbackTimeoutError)


def test_the_cause_is_the_recorded_error():
    restored = restore_error({"ErrorMessage": "m", "ErrorType": "ValueError", "ErrorData": "d"}, StepError)
    cause = restored.__cause__
    assert isinstance(cause, DurableOperationError)
    assert (cause.message, cause.error_type, cause.data) == ("m", "ValueError", "d")
    assert restored.data == "d"


def test_data_that_looks_like_ours_but_is_not_does_no_harm():
    for data in ('{"$exception":', '{"$exception":{"args":3}}', '{"$exception":{"args":[],"attributes":[1]}}'):
        restored = restore_error({"ErrorMessage": "m", "ErrorType": "ValueError", "ErrorData": data}, StepError)
        assert str(restored) == "m"


def test_the_stack_trace_shows_the_users_frames_and_the_causes():
    def inner():
        raise KeyError("root")

    def outer():
        try:
            inner()
        except KeyError as error:
            raise PaymentDeclined("x", 1) from error

    with pytest.raises(PaymentDeclined) as caught:
        outer()
    stack = error_object(caught.value)["StackTrace"]
    text = "\n".join(stack)
    assert text.index('raise KeyError("root")') < text.index("KeyError: 'root'") < text.index("raise PaymentDeclined")
    assert "test_errors.py" in text
    assert "durable_runtime/" not in text


@pytest.mark.parametrize(
    "error",
    [
        ValueError("é" * 100_000),
        ValueError('"\\' * 100_000),
        PaymentDeclined("x" * 100_000, 1),
        PaymentDeclined(["\x00"] * 10_000, 1),
        ValueError("\ud800" * 20_000),
        BrokenText(),
        ValueError("\x1b" * 20_000),
        PaymentDeclined("\x00" * 4_000, "\x1b" * 1_000),
        DurableOperationError("\x00" * 9_000, "x.Y" * 5_000, "\x00" * 9_000, ["\x1b" * 900] * 60),
    ],
    ids=[
        "long",
        "escapes",
        "attribute",
        "control characters",
        "surrogates",
        "broken text",
        "long control characters",
        "control characters everywhere",
        "recorded",
    ],
)
def test_everything_is_bounded(error):
    def deep(depth):
        if depth:
            deep(depth - 1)
        raise error

    with pytest.raises(type(error)) as caught:
        deep(300)
    record = error_object(caught.value)
    assert len(json.dumps(record)) <= _errors.ERROR_LIMIT
    assert len(record["StackTrace"]) <= 62
    assert "outer frames left out" in record["StackTrace"][0]
    assert record["ErrorType"].endswith(type(error).__name__) or "[cut from 15000 bytes]" in record["ErrorType"]


def test_a_record_from_outside_is_bounded_when_it_is_recorded_again():
    """An external system may fail a callback with more than the service takes for the context around it."""
    record = {"ErrorMessage": "m" * 50_000, "ErrorType": "Refused", "ErrorData": "d" * 50_000, "StackTrace": ["s"]}
    again = error_object(restore_error(record, CallbackExternalError))
    assert len(json.dumps(again)) <= _errors.ERROR_LIMIT
    assert again["ErrorMessage"].startswith("mmm")
    assert again["ErrorData"].endswith("[cut from 50000 bytes]")
    assert (again["ErrorType"], again["StackTrace"]) == ("Refused", ["s"])


def test_restored_errors_can_be_copied_and_pickled():
    restored = restore_error(error_object(raised(PaymentDeclined("x", 1))), StepError)
    for twin in (copy.copy(restored), pickle.loads(pickle.dumps(restored))):  # noqa: S301  our own bytes
        assert isinstance(twin, PaymentDeclined)
        assert (twin.code, str(twin)) == ("x", str(restored))


def test_control_flow_is_not_caught_by_except_exception():
    uncatchable = {
        exceptions.NonDeterministicExecutionError,
        exceptions.SuspendExecution,
        exceptions.TimedSuspendExecution,
        exceptions.BackgroundThreadError,
        exceptions.OrphanedChildException,
    }
    defined = {each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, BaseException)}
    assert {each for each in defined if not issubclass(each, Exception)} == uncatchable


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    stack, drawn = [], {}
    for line in exceptions.__doc__.splitlines():
        stripped = line.lstrip(" │├└─")
        name = stripped.split(" ")[0]
        if (
            name.isidentifier()
            and name[0].isupper()
            and (line.startswith("    ") and ("─" in line or len(line) - len(stripped) == 4))
        ):
            depth = (len(line) - len(stripped)) // 4
            stack[depth - 1 :] = [name]
            drawn[name] = stack[-2] if len(stack) > 1 else None
    defined = {
        name: each
        for name, each in vars(exceptions).items()
        if isinstance(each, type) and issubclass(each, BaseException) and not name.startswith("_")
    }
    parents = {}
    for name, each in defined.items():
        base = each.__bases__[0]
        parents[name] = (base.__bases__[0] if base.__name__.startswith("_") else base).__name__
    assert {name: parent for name, parent in drawn.items() if name in defined} == parents


def test_suspension_teaches_whoever_sees_it():
    assert "replace `except:`" in str(exceptions.SuspendExecution("wait 'x'"))
