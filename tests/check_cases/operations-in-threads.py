# case: a pool that maps operations
from concurrent.futures import ThreadPoolExecutor


@durable_execution
def handler(event, ctx):
    def reserve(sku):
        return ctx.step(lambda _: sku, name="reserve")

    with ThreadPoolExecutor() as pool:
        return list(pool.map(reserve, event["skus"]))  #! operations-in-threads

# case: a thread that gets the context
import threading


def work(context):
    context.step(lambda _: 1, name="work")


@durable_execution
def handler(event, ctx):
    thread = threading.Thread(target=work, args=(ctx,))  #! operations-in-threads
    thread.start()

# case: an operation handed to a pool
import concurrent.futures


@durable_execution
def handler(event, ctx):
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
    future = pool.submit(ctx.step, lambda _: 1)  #! operations-in-threads
    return future.result()

# case: asyncio.to_thread around operations
import asyncio


@durable_execution
async def handler(event, ctx):
    def work():
        return ctx.step(lambda _: 1, name="work")

    return await asyncio.to_thread(work)  #! operations-in-threads

# case: parallel and map are right
@durable_execution
async def handler(event, ctx):
    await ctx.parallel([lambda inner: inner.wait(1), lambda inner: inner.wait(2)])
    await ctx.map(event["items"], lambda inner, item, index, items: inner.wait(1))

# case: threads inside a step are right
from concurrent.futures import ThreadPoolExecutor


@durable_execution
async def handler(event, ctx):
    def resize(step):
        with ThreadPoolExecutor() as pool:
            return list(pool.map(len, event["images"]))

    await ctx.step(resize)

# case: a thread that computes
from concurrent.futures import ThreadPoolExecutor


@durable_execution
async def handler(event, ctx):
    with ThreadPoolExecutor() as pool:
        sizes = list(pool.map(len, event["images"]))
    await ctx.step(lambda _: sizes, name="store")
