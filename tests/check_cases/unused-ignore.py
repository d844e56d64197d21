# case: nothing to ignore on the line
@durable_execution
async def handler(event, ctx):
    started = ctx.now()  # durable: ignore[DUR001] was time.time() once #! unused-ignore
    await ctx.wait(60)

# case: one rule of two is not needed
import time


@durable_execution
async def handler(event, ctx):
    started = time.time()  # durable: ignore[DUR001, DUR002] only printed #! unused-ignore
    await ctx.wait(60)

# case: on the wrong line
import time


@durable_execution
async def handler(event, ctx):
    # durable: ignore[DUR001] only printed #! unused-ignore

    started = time.time()  #! clock-in-orchestration
    await ctx.wait(60)

# case: a clock in a step needs no ignore
import time


@durable_execution
async def handler(event, ctx):
    def charge(step):
        return time.time()  # durable: ignore[clock-in-orchestration] inside a step #! unused-ignore

    await ctx.step(charge)

# case: an ignore for the file that is not needed
# durable: ignore-file[random-in-orchestration] generated #! unused-ignore


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)

# case: used at the end of the line, alone above it, and for the file
import random
import time

# durable: ignore-file[random-in-orchestration] dice are loaded in this demo


@durable_execution
async def handler(event, ctx):
    started = time.time()  # durable: ignore[DUR001] only printed
    # durable: ignore[DUR001] only printed
    ended = time.time()
    await ctx.wait(random.randint(1, 6))

# case: an ignore that a helper needs only because a handler calls it
from helpers import stamp


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return stamp()

# file: helpers.py
import time


def stamp():
    return time.time()  # durable: ignore[DUR001] the caller only prints it
