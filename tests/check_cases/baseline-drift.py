# case: a renamed step
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="reserve")
    await ctx.step(lambda _: 2, name="charge")

# now:
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="reserve")
    await ctx.step(lambda _: 2, name="bill")  #! baseline-drift

# case: a renamed step function without a name of its own
def charge(step):
    return 1


@durable_execution
async def handler(event, ctx):
    await ctx.step(charge)

# now:
def charge_card(step):
    return 1


@durable_execution
async def handler(event, ctx):
    await ctx.step(charge_card)  #! baseline-drift

# case: an operation put in front of others
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="reserve")
    await ctx.wait(60)

# now:
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="check")  #! baseline-drift
    await ctx.step(lambda _: 1, name="reserve")
    await ctx.wait(60)

# case: an operation of another type
@durable_execution
async def handler(event, ctx):
    await ctx.wait(60, name="pause")
    await ctx.step(lambda _: 1, name="charge")

# now:
@durable_execution
async def handler(event, ctx):
    await ctx.wait_for_callback(lambda token, _: None, name="pause")  #! baseline-drift
    await ctx.step(lambda _: 1, name="charge")

# case: a removed operation inside a child context
@durable_execution
async def handler(event, ctx):
    async def ship(child):
        await child.wait(1, name="pack")
        await child.wait(2, name="send")

    await ctx.run_in_child_context(ship)

# now:
@durable_execution
async def handler(event, ctx):
    async def ship(child):
        await child.wait(2, name="send")  #! baseline-drift

    await ctx.run_in_child_context(ship)

# case: new operations at the end
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="reserve")

# now:
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="reserve")
    await ctx.step(lambda _: 2, name="charge")
    await ctx.wait(60)

# case: a patched operation in front
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="reserve")

# now:
@durable_execution
async def handler(event, ctx):
    if ctx.patched("check"):
        await ctx.step(lambda _: 1, name="check")
    await ctx.step(lambda _: 1, name="reserve")

# case: other code around the same operations
@durable_execution
async def handler(event, ctx):
    total = await ctx.step(lambda _: 1, name="price")
    if total > 5:
        await ctx.wait(60)

# now:
async def approve(ctx):
    await ctx.wait(120)


@durable_execution
async def handler(event, ctx):
    price = await ctx.step(lambda _: 3, name="price")
    if price > event["limit"]:
        await approve(ctx)

# case: computed names are not compared
@durable_execution
async def handler(event, ctx):
    for index, item in enumerate(event["items"]):
        await ctx.step(lambda _, item=item: item, name=f"item-{index}")

# now:
@durable_execution
async def handler(event, ctx):
    for index, item in enumerate(event["items"]):
        await ctx.step(lambda _, item=item: item, name=f"item {index}")
