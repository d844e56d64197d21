# case: a forgotten await
@durable_execution
async def handler(event, ctx):
    ctx.step(lambda _: 1, name="charge")  #!async operation-not-awaited
    return "done"

# case: stored and never read
@durable_execution
async def handler(event, ctx):
    receipt = ctx.step(lambda _: 1, name="charge")  #!async operation-not-awaited
    return "done"

# case: a helper with operations that nobody awaits
async def charge(ctx):
    await ctx.step(lambda _: 1, name="charge")


@durable_execution
async def handler(event, ctx):
    charge(ctx)  #!async operation-not-awaited
    await ctx.wait(5)

# case: used as if it were the result
@durable_execution
async def handler(event, ctx):
    order = ctx.step(lambda _: {"id": 1}, name="load")
    await ctx.wait(5, name=order["id"])  #!async operation-not-awaited

# case: a wait in a loop
@durable_execution
async def handler(event, ctx):
    for _ in range(3):
        ctx.wait(5)  #!async operation-not-awaited

# case: awaited, gathered, returned
import asyncio


@durable_execution
async def handler(event, ctx):
    first = ctx.step(lambda _: 1, name="a")
    await asyncio.gather(first, ctx.step(lambda _: 2, name="b"))
    order = await ctx.step(lambda _: {"id": 1}, name="load")
    total = order["id"] + 1
    return total

# case: a task that nobody keeps
# only: async
import asyncio


async def charge(ctx):
    await ctx.step(lambda _: 1, name="charge")


async def log():
    return 1


@durable_execution
async def handler(event, ctx):
    asyncio.create_task(ctx.step(lambda _: 1, name="a"))  #! operation-not-awaited
    asyncio.ensure_future(charge(ctx))  #! operation-not-awaited
    asyncio.create_task(log())
    async with asyncio.TaskGroup() as group:
        group.create_task(charge(ctx))
    kept = asyncio.create_task(charge(ctx))
    await kept

# case: tasks keep their operations
# only: async
import asyncio


@durable_execution
async def handler(event, ctx):
    task = asyncio.create_task(ctx.step(lambda _: 1, name="a"))
    pending = [ctx.wait(5) for _ in range(3)]
    await task
    for operation in pending:
        await operation

# case: branches return their operation
@durable_execution
async def handler(event, ctx):
    await ctx.map(event["items"], lambda inner, item, index, items: inner.wait(1))
    await ctx.run_in_child_context(lambda inner: inner.step(lambda _: 1))

# case: an operation returned from the handler and from a child
@durable_execution
async def handler(event, ctx):
    async def child(inner):
        return inner.step(lambda _: 1)  #!async operation-not-awaited

    await ctx.run_in_child_context(child)
    return ctx.step(lambda _: 2, name="two")  #!async operation-not-awaited
