# case: lambdas collected for parallel
@durable_execution
async def handler(event, ctx):
    branches = []
    for order in event["orders"]:
        branches.append(lambda inner: inner.step(lambda _: order))  #! late-bound-loop-variable
    await ctx.parallel(branches)

# case: a comprehension of lambdas
@durable_execution
async def handler(event, ctx):
    await ctx.parallel([lambda inner: inner.wait(delay) for delay in event["delays"]])  #! late-bound-loop-variable

# case: nested functions collected
@durable_execution
async def handler(event, ctx):
    branches = []
    for order in event["orders"]:
        total = order["total"]

        async def branch(inner):  #! late-bound-loop-variable
            return await inner.step(lambda _: total)

        branches.append(branch)
    await ctx.parallel(branches)

# case: operations started in a loop and awaited later
# only: async
import asyncio


@durable_execution
async def handler(event, ctx):
    pending = []
    for order in event["orders"]:
        pending.append(ctx.step(lambda _: order))  #! late-bound-loop-variable
    await asyncio.gather(*pending)
    await asyncio.gather(*[ctx.step(lambda _: order) for order in event["orders"]])  #! late-bound-loop-variable

# case: branches in a dict
@durable_execution
async def handler(event, ctx):
    branches = {}
    for order in event["orders"]:
        branches[order] = lambda inner: inner.step(lambda _: order)  #! late-bound-loop-variable
    await ctx.parallel(branches)

# case: bound by a default argument or by partial
from functools import partial


def charge(order, inner):
    return inner.step(lambda _: order)


@durable_execution
async def handler(event, ctx):
    branches = []
    for order in event["orders"]:
        branches.append(lambda inner, order=order: inner.step(lambda _: order))
        branches.append(partial(charge, order))
    await ctx.parallel(branches)
    await ctx.parallel([lambda inner, delay=delay: inner.wait(delay) for delay in event["delays"]])

# case: run inside the loop
async def run(ctx, work):
    return await ctx.step(work)


@durable_execution
async def handler(event, ctx):
    for order in event["orders"]:
        await ctx.step(lambda _: order, name="charge")
        await run(ctx, lambda _: order)
        await ctx.parallel([lambda inner: inner.step(lambda _: order)])

# case: a lambda in a loop that reads nothing of it
@durable_execution
async def handler(event, ctx):
    branches = []
    for _ in range(3):
        branches.append(lambda inner: inner.wait(event["delay"]))
    await ctx.parallel(branches)

# case: map passes the item
@durable_execution
async def handler(event, ctx):
    await ctx.map(event["orders"], lambda inner, order, index, orders: inner.step(lambda _: order))
