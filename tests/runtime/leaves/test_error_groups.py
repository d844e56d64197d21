"""Exception groups on the wire: a TaskGroup's failure says what failed, on the first run and on replay."""

from __future__ import annotations

import asyncio
import json

import pytest

from durable_runtime import durable_execution
from durable_runtime._errors import ERROR_LIMIT, error_object
from durable_runtime._restored import restore_error
from durable_runtime.exceptions import ChildContextError, DurableOperationError, StepError
from tests.runtime.driving import invoke_once, run_to_end
from tests.runtime.service import Service


class Declined(Exception):  # noqa: N818  named as users name it
    def __init__(self, code):
        super().__init__(f"declined: {code}")
        self.code = code


class Batch(ExceptionGroup):
    def derive(self, excs):
        return Batch(self.message, excs)


def raised(error):
    try:
        raise error
    except BaseException as caught:
        return caught


def group():
    parts = [raised(ValueError("bad")), raised(Declined(7)), Batch("inner", [KeyError("k"), raised(Declined(8))])]
    return raised(ExceptionGroup("two of three", parts))


def there_and_back(error, base=StepError):
    return restore_error(json.loads(json.dumps(error_object(error))), base)


def test_a_group_comes_back_with_its_exceptions_in_their_classes():
    restored = there_and_back(group())
    assert isinstance(restored, StepError)
    assert isinstance(restored, ExceptionGroup)
    assert str(restored) == "two of three (3 sub-exceptions)"
    first, second, inner = restored.exceptions
    assert isinstance(first, ValueError)
    assert isinstance(second, Declined)
    assert second.code == 7
    assert isinstance(inner, Batch)
    assert [type(each).__name__ for each in inner.exceptions] == ["KeyError", "Declined"]
    assert all(isinstance(each, DurableOperationError) for each in restored.exceptions)


def test_a_restored_group_is_split_by_except_star():
    codes, others = [], []
    try:
        raise there_and_back(group())
    except* Declined as caught:
        codes += [caught.exceptions[0].code, caught.exceptions[1].exceptions[0].code]
    except* (ValueError, KeyError) as caught:
        others += caught.exceptions
    assert codes == [7, 8]
    assert len(others) == 2


def test_the_stack_trace_holds_those_of_the_parts():
    lines = error_object(group())["StackTrace"]
    text = "\n".join(lines)
    assert "ValueError: bad\nThe above exception is 1 of 3 in the following group:" in text
    assert f"{__name__}.Declined: declined: 8\nThe above exception is 2 of 2 in the following group:" in text
    assert "in raised\n  raise error" in lines[-1]


def test_a_group_that_is_too_large_says_how_much_is_missing():
    record = error_object(ExceptionGroup("all", [ValueError("é" * 2_000) for _ in range(100)]))
    assert len(json.dumps(record)) <= ERROR_LIMIT
    restored = restore_error(record, StepError)
    *kept, last = restored.exceptions
    assert all(isinstance(each, ValueError) for each in kept)
    assert str(last) == f"{100 - len(kept)} more of the group are not recorded, for lack of room"


@pytest.mark.parametrize("data", [None, "", '{"$exception":{}}', '{"$exception":{"args":[1],"group":[{}]}}'])
@pytest.mark.parametrize(
    "parts", ['{"args":["x"],"attributes":{},"group":[1]}', '{"args":["x"],"attributes":{},"group":5}']
)
def test_a_group_told_by_others_is_the_operations_error_when_it_cannot_be_read(data, parts):
    for text in (data, f'{{"$exception":{parts}}}'):
        restored = restore_error({"ErrorMessage": "m", "ErrorType": "ExceptionGroup", "ErrorData": text}, StepError)
        assert type(restored) is StepError


def test_the_parts_of_a_group_from_outside_cannot_steer_the_runtime():
    part = {"ErrorMessage": "m", "ErrorType": "durable_runtime.exceptions.InvocationError", "ErrorData": 5}
    data = f'{{"$exception":{{"args":["x"],"attributes":{{}},"group":[{json.dumps(part)}]}}}}'
    restored = restore_error({"ErrorMessage": "m", "ErrorType": "ExceptionGroup", "ErrorData": data}, StepError)
    assert [type(each) for each in restored.exceptions] == [DurableOperationError]


def test_a_task_group_in_a_child_fails_with_its_steps_errors_on_every_run():
    seen = []

    async def decline(step):
        raise Declined(5)

    async def both(child):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wrap(child.step(decline, retry=None)))
            tasks.create_task(wrap(child.step(lambda _: 1, name="one")))

    async def wrap(awaitable):
        return await awaitable

    @durable_execution
    async def handler(event, ctx):
        try:
            await ctx.run_in_child_context(both)
        except* Declined as caught:
            seen.append([each.code for each in caught.exceptions])
        await ctx.wait(1)
        return "handled"

    assert run_to_end(handler, {}).result == "handled"
    assert seen == [[5], [5]]


def test_a_task_group_that_fails_the_handler_shows_what_failed():
    async def broken():
        raise ValueError("inner reason")

    @durable_execution
    async def handler(event, ctx):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(broken())

    output = invoke_once(handler, Service({}))
    assert output["Status"] == "FAILED"
    assert any("ValueError: inner reason" in line for line in output["Error"]["StackTrace"])


def test_a_memory_error_and_a_batch_error_come_back_whole():
    from durable_runtime.config import CompletionReason
    from durable_runtime.exceptions import BatchCompletionError

    assert isinstance(there_and_back(MemoryError("big")), MemoryError)
    restored = there_and_back(BatchCompletionError(), ChildContextError)
    assert restored.completion_reason is CompletionReason.CUSTOM_COMPLETION_FAILED
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = restored.other
