# case: wait_for around an operation
# only: async
import asyncio


@durable_execution
async def handler(event, ctx):
    try:
        await asyncio.wait_for(ctx.wait_for_callback(lambda token, _: None), timeout=5)  #! unstable-task-order
    except TimeoutError:
        await ctx.step(lambda _: 1, name="late")

# case: asyncio.timeout around operations
# only: async
import asyncio


@durable_execution
async def handler(event, ctx):
    async with asyncio.timeout(30):  #! unstable-task-order
        await ctx.step(lambda _: 1, name="charge")

# case: asyncio.wait with a timeout
# only: async
import asyncio


@durable_execution
async def handler(event, ctx):
    tasks = [ctx.step(lambda _: 1, name="a"), ctx.wait(5)]
    await asyncio.wait(tasks, timeout=1)  #! unstable-task-order

# case: gathering single operations is right
import asyncio


@durable_execution
async def handler(event, ctx):
    await asyncio.gather(ctx.step(lambda _: 1, name="a"), ctx.step(lambda _: 2, name="b"))

# case: tasks and races of our async handlers replay in recorded order
# only: async
import asyncio


async def fulfil(ctx, sku):
    await ctx.step(lambda _: sku, name="reserve")
    await ctx.step(lambda _: sku, name="ship")


@durable_execution
async def handler(event, ctx):
    await asyncio.gather(*[fulfil(ctx, sku) for sku in event["skus"]])
    async with asyncio.TaskGroup() as group:
        group.create_task(fulfil(ctx, "a"))
        group.create_task(fulfil(ctx, "b"))
    done, _ = await asyncio.wait([ctx.wait(5), ctx.wait(6)], return_when=asyncio.FIRST_COMPLETED)
    for next_one in asyncio.as_completed([ctx.wait(5), ctx.wait(6)]):
        await next_one
    return len(done)

# case: as_completed begins coroutines in the order of their addresses
# only: async
import asyncio


async def fulfil(ctx, sku):
    return await ctx.step(lambda _: sku, name="reserve")


@durable_execution
async def handler(event, ctx):
    done = []
    for next_one in asyncio.as_completed([fulfil(ctx, sku) for sku in event["skus"]]):  #! unstable-task-order
        done.append(await next_one)
    for next_one in asyncio.as_completed((fulfil(ctx, "a"), fulfil(ctx, "b"))):  #! unstable-task-order
        done.append(await next_one)
    return done

# case: as_completed over tasks and operations begins nothing
# only: async
import asyncio


async def fulfil(ctx, sku):
    return await ctx.step(lambda _: sku, name="reserve")


@durable_execution
async def handler(event, ctx):
    done = []
    tasks = [asyncio.create_task(fulfil(ctx, sku)) for sku in event["skus"]]
    for next_one in asyncio.as_completed(tasks):
        done.append(await next_one)
    for next_one in asyncio.as_completed([ctx.step(lambda _, sku=sku: sku, name="pack") for sku in event["skus"]]):
        done.append(await next_one)
    async with asyncio.TaskGroup() as group:
        begun = [group.create_task(fulfil(ctx, sku)) for sku in event["skus"]]
        for next_one in asyncio.as_completed(begun):
            done.append(await next_one)
    return done

# case: start now and await later
# only: async
@durable_execution
async def handler(event, ctx):
    first = ctx.step(lambda _: 1, name="a")
    second = ctx.step(lambda _: 2, name="b")
    return [await second, await first]

# case: a timeout inside a step is right
# only: async
import asyncio


@durable_execution
async def handler(event, ctx):
    async def fetch(step):
        async with asyncio.timeout(5):
            await asyncio.sleep(1)
        return 1

    await ctx.step(fetch)

# case: a timeout around other work
# only: async
import asyncio


async def compute():
    return 1


@durable_execution
async def handler(event, ctx):
    value = await asyncio.wait_for(compute(), timeout=5)
    await ctx.step(lambda _: value, name="store")
