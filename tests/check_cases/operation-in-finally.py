# case: a step in finally
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="lock")
    try:
        await ctx.wait(3600)
    finally:
        await ctx.step(lambda _: 1, name="unlock")  #! operation-in-finally

# case: through a helper
async def unlock(ctx):
    await ctx.step(lambda _: 1, name="unlock")  #! operation-in-finally


@durable_execution
async def handler(event, ctx):
    try:
        await ctx.step(lambda _: 1, name="work")
    except ValueError:
        ctx.logger.error("bad")
    finally:
        await unlock(ctx)

# case: in a child context
@durable_execution
async def handler(event, ctx):
    async def child(inner):
        try:
            await inner.wait(5)
        finally:
            await inner.invoke("release", {})  #! operation-in-finally

    await ctx.run_in_child_context(child)

# case: after the try is right
@durable_execution
async def handler(event, ctx):
    try:
        await ctx.wait(3600)
    except Exception:
        await ctx.step(lambda _: 1, name="unlock after failure")
        raise
    await ctx.step(lambda _: 1, name="unlock")

# case: a finally around nothing durable
@durable_execution
async def handler(event, ctx):
    try:
        value = int(event["x"])
    finally:
        await ctx.step(lambda _: 1, name="audit")
    return value

# case: local clean-up in finally, and finally inside a step
@durable_execution
async def handler(event, ctx):
    items = [1]
    try:
        await ctx.wait(5)
    finally:
        items.clear()

    def work(step):
        try:
            return 1
        finally:
            print("left")

    await ctx.step(work)

# case: a saga is right
def refund(order):
    return order


@durable_execution
async def handler(event, ctx):
    async with ctx.saga() as saga:
        await ctx.step(lambda _: 1, name="charge")
        saga.add(refund, event)
        await ctx.step(lambda _: 1, name="ship")
