# case: time.sleep in the handler
import time


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="start")
    time.sleep(30)  #! sleep-in-orchestration
    await ctx.step(lambda _: 2, name="finish")

# case: asyncio.sleep in the handler
import asyncio


@durable_execution
async def handler(event, ctx):
    await asyncio.sleep(event["delay"])  #! sleep-in-orchestration
    await ctx.step(lambda _: 2, name="finish")

# case: a polling loop in a helper
from time import sleep


async def poll(ctx):
    while True:
        state = await ctx.step(lambda _: "done", name="state")
        if state == "done":
            return state
        sleep(5)  #! sleep-in-orchestration


@durable_execution
async def handler(event, ctx):
    return await poll(ctx)

# case: a durable wait is right
@durable_execution
async def handler(event, ctx):
    await ctx.wait(30)

# case: sleeping inside a step is billed but safe
import time


@durable_execution
async def handler(event, ctx):
    def fetch(step):
        time.sleep(0.2)
        return 1

    await ctx.step(fetch)

# case: giving way to other tasks is not sleeping
import asyncio


@durable_execution
async def handler(event, ctx):
    await asyncio.sleep(0)
    await ctx.wait(5)

# case: a method called sleep on something else
@durable_execution
async def handler(event, ctx):
    event["bear"].sleep(5)
    await ctx.wait(5)
