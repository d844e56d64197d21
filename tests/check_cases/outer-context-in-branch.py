# case: the handler's context inside a child context
@durable_execution
async def handler(event, ctx):
    async def ship(child):
        return await ctx.step(lambda _: 1, name="ship")  #! outer-context-in-branch

    await ctx.run_in_child_context(ship)

# case: the handler's context inside a map item
@durable_execution
async def handler(event, ctx):
    await ctx.map(event["items"], lambda inner, item, index, items: ctx.wait(5))  #! outer-context-in-branch

# case: the handler's context inside a parallel branch of a list
@durable_execution
async def handler(event, ctx):
    async def one(inner):
        await inner.wait(1)

    async def two(inner):
        await ctx.wait(1)  #! outer-context-in-branch

    branches = [one]
    branches.append(two)
    await ctx.parallel(branches)

# case: the child's context inside a grandchild
@durable_execution
async def handler(event, ctx):
    async def child(first):
        async def grandchild(second):
            await first.wait(1)  #! outer-context-in-branch

        await first.run_in_child_context(grandchild)

    await ctx.run_in_child_context(child)

# case: a helper that got the outer context
async def pay(context):
    await context.step(lambda _: 1, name="pay")  #! outer-context-in-branch


@durable_execution
async def handler(event, ctx):
    async def child(inner):
        await pay(ctx)

    await ctx.run_in_child_context(child)

# case: the block of with_retry
@durable_execution
async def handler(event, ctx):
    async def block(inner, attempt):
        await ctx.step(lambda _: 1, name="pay")  #! outer-context-in-branch

    await with_retry(ctx, block)

# case: each context used where it belongs
async def pay(context):
    await context.step(lambda _: 1, name="pay")


@durable_execution
async def handler(event, ctx):
    async def child(inner):
        await pay(inner)

        async def grandchild(ctx):
            await pay(ctx)

        await inner.run_in_child_context(grandchild)

    await ctx.run_in_child_context(child)
    await pay(ctx)
    await ctx.map(event["items"], lambda ctx, item, index, items: ctx.wait(5))

# case: the logger of the outer context
@durable_execution
async def handler(event, ctx):
    async def child(inner):
        ctx.logger.info("in child")
        await inner.wait(1)

    await ctx.run_in_child_context(child)

# case: named branches, decorated branches and branches of a dict
@durable_execution
async def handler(event, ctx):
    @durable_parallel_branch("one")
    async def one(inner):
        await inner.wait(1)

    async def two(inner):
        await ctx.wait(1)  #! outer-context-in-branch

    await ctx.parallel([one, ParallelBranch(two, "two")])
    await ctx.parallel({"a": lambda inner: inner.wait(1), "b": lambda inner: ctx.wait(1)})  #! outer-context-in-branch

# case: one attribute for the contexts of two handlers
class Shop:
    async def charge(self):
        await self.ctx.step(lambda _: 1, name="charge")

    @durable_execution
    async def first(self, event, ctx):
        self.ctx = ctx
        await self.charge()

    @durable_execution
    async def second(self, event, ctx):
        self.ctx = ctx
        await self.charge()

# case: a context carried in a dataclass
from dataclasses import dataclass


@dataclass
class Tools:
    ctx: DurableContext
    name: str


@durable_execution
async def handler(event, ctx):
    tools = Tools(ctx, name="shop")
    await tools.ctx.wait(5)

    async def child(inner):
        await tools.ctx.wait(5)  #! outer-context-in-branch

    await ctx.run_in_child_context(child)
