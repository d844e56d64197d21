"""Calls as users write them, read by mypy only: ``assert_type`` holds the right ones, ``# wrong`` marks the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, assert_type

from durable_runtime import (
    AsyncDurableContext,
    BatchResult,
    DurableContext,
    RetryDecision,
    RetryPresets,
    StepContext,
    durable_execution,
    durable_step,
)


def price(step: StepContext) -> int:
    return 1


async def fetch(step: StepContext) -> float:
    return 1.0


@durable_step
def bound(step: StepContext, key: str) -> str:
    return key


def item(ctx: DurableContext, number: int) -> str:
    return str(number)


async def async_item(ctx: AsyncDurableContext, number: int) -> str:
    return str(number)


def child(ctx: DurableContext) -> bytes:
    return b""


async def async_child(ctx: AsyncDurableContext) -> bytes:
    return b""


def block(ctx: DurableContext, attempt: int) -> int:
    return attempt


def poll(event: str, check: Any) -> str:
    return event


@durable_execution
def handler(event: dict[str, int], ctx: DurableContext) -> None:
    assert_type(ctx.step(price), int)
    assert_type(ctx.step(fetch), float)
    assert_type(ctx.step(bound("a"), "name", retry=3, at_most_once=True, aliases=("old",)), str)
    assert_type(ctx.step(price, retry=lambda error, attempt: RetryDecision.no_retry()), int)
    assert_type(ctx.step(price, retry=False), int)
    assert_type(ctx.step(price, retry=RetryPresets.transient()), int)
    assert_type(ctx.map([1], item, max_concurrency=2), BatchResult[str])
    assert_type(ctx.map([1], item).get_results(), list[str])
    assert_type(ctx.parallel({"a": child, "b": child}), BatchResult[bytes])
    assert_type(ctx.parallel([child]), BatchResult[bytes])
    assert_type(ctx.run_in_child_context(child, virtual=True), bytes)
    assert_type(ctx.with_retry(block, retry=2), int)
    ctx.create_callback(timeout=timedelta(days=1), heartbeat_timeout=60)
    ctx.step(price, retires=3)  # wrong
    ctx.step(price, retry="often")  # wrong
    ctx.step(price, at_most_once="yes")  # wrong
    ctx.map([1], item, max_concurrency="2")  # wrong
    ctx.parallel([child], item_namer=str)  # wrong
    ctx.invoke("f", tenant=1)  # wrong
    ctx.run_in_child_context(child, virtuel=True)  # wrong
    ctx.create_callback(timeout="3 days")  # wrong
    ctx.wait("3 days")  # wrong


@durable_execution
async def async_handler(event: dict[str, int], ctx: AsyncDurableContext) -> None:
    assert_type(await ctx.step(price), int)
    assert_type(await ctx.step(fetch, "name", retry=3), float)
    assert_type(await ctx.map([1], async_item), BatchResult[str])
    assert_type(await ctx.parallel({"a": async_child}), BatchResult[bytes])
    assert_type(await ctx.run_in_child_context(async_child), bytes)
    assert_type(await asyncio.gather(ctx.step(price), ctx.step(fetch)), tuple[int, float])
    async with asyncio.TaskGroup() as group:
        assert_type(group.create_task(ctx.step(price)), asyncio.Task[int])
    await ctx.wait(timedelta(days=1))
    assert_type(ctx.step(price), int)  # wrong
    ctx.step(price, retires=3)  # wrong
    await ctx.map([1], async_item, max_concurency=2)  # wrong
