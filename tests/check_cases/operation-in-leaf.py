# case: a wait inside a step body
@durable_execution
async def handler(event, ctx):
    async def charge(step):
        await ctx.wait(5)  #! operation-in-leaf
        return 1

    await ctx.step(charge)

# case: a step inside a lambda step
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: ctx.step(lambda _: 1))  #! operation-in-leaf

# case: an operation in a callback submitter
@durable_execution
async def handler(event, ctx):
    def submit(callback_id, step):
        ctx.invoke("other", {"token": callback_id})  #! operation-in-leaf

    await ctx.wait_for_callback(submit)

# case: an operation in a condition check
@durable_execution
async def handler(event, ctx):
    def check(state, step):
        return ctx.step(lambda _: 1)  #! operation-in-leaf

    await ctx.wait_for_condition(check, event["config"])

# case: a helper in another file that gets the context inside a step
from helpers import pay


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: pay(ctx, event))

# file: helpers.py
def pay(context, order):
    context.wait(5)  #! operation-in-leaf
    return order

# case: the context kept on self and used in a step
class Shop:
    def charge(self):
        self.ctx.wait(5)  #! operation-in-leaf

    @durable_execution
    async def handler(self, event, ctx):
        self.ctx = ctx
        await ctx.step(lambda _: self.charge(), name="charge")

# case: replay-safe values are bound to their context too
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: str(ctx.uuid4()), name="id")  #! operation-in-leaf

# case: operations beside steps are right
@durable_execution
async def handler(event, ctx):
    first = await ctx.step(lambda _: 1, name="first")
    await ctx.wait(5)
    await ctx.step(lambda _: first, name="second")

# case: a child context groups operations
@durable_execution
async def handler(event, ctx):
    async def child(inner):
        await inner.wait(5)
        return await inner.step(lambda _: 1, name="one")

    await ctx.run_in_child_context(child)

# case: reading the context in a step is fine
@durable_execution
async def handler(event, ctx):
    def charge(step):
        ctx.logger.info("x")
        return str(ctx.execution_context.durable_execution_arn)

    await ctx.step(charge)

# case: a step method of another object is not an operation
@durable_execution
async def handler(event, ctx):
    def train(step):
        event["optimizer"].step(lambda: 1)
        return 1

    await ctx.step(train)

# case: waiting for a callback inside a step
@durable_execution
async def handler(event, ctx):
    callback = await ctx.create_callback(name="approve")
    await ctx.step(lambda _: callback.result())  #! operation-in-leaf
