# case: a nonlocal total written in a step
@durable_execution
async def handler(event, ctx):
    total = 0

    def charge(step):
        nonlocal total
        total += event["amount"]  #! closure-write

    await ctx.step(charge)
    return {"total": total}

# case: a list that a step appends to
@durable_execution
async def handler(event, ctx):
    done = []

    def charge(step):
        done.append("charged")  #! closure-write
        return 1

    await ctx.step(charge)
    await ctx.wait(60)
    for entry in done:
        await ctx.step(lambda _: entry, name="undo")

# case: a dict filled by map items
@durable_execution
async def handler(event, ctx):
    prices = {}

    async def price(inner, item, index, items):
        prices[item] = await inner.step(lambda _: 1, name="price")  #! closure-write

    await ctx.map(event["items"], price)
    return prices

# case: an attribute of the object that the handler reads
class Shop:
    def charge(self, amount):
        self.charged = amount  #! closure-write
        return amount

    @durable_execution
    async def handler(self, event, ctx):
        await ctx.step(lambda _: self.charge(event["amount"]), name="charge")
        await ctx.wait(60)
        return self.charged

# case: a module variable written in a step and read in the handler
state = {}


def charge(step):
    state["charged"] = True  #! closure-write
    return 1


@durable_execution
async def handler(event, ctx):
    await ctx.step(charge)
    if "charged" in state:
        await ctx.step(lambda _: 1, name="ship")

# case: a submitter that keeps the token
@durable_execution
async def handler(event, ctx):
    tokens = {}

    def submit(callback_id, step):
        tokens["id"] = callback_id  #! closure-write

    await ctx.wait_for_callback(submit)
    await ctx.step(lambda _: tokens["id"], name="audit")

# case: returning the value is right
@durable_execution
async def handler(event, ctx):
    def charge(step):
        total = 0
        for amount in event["amounts"]:
            total += amount
        return total

    total = await ctx.step(charge)
    return total

# case: a write that only the body itself reads
@durable_execution
async def handler(event, ctx):
    attempts = []

    def charge(step):
        attempts.append(1)
        return 1

    await ctx.step(charge)

# case: local containers inside the body
@durable_execution
async def handler(event, ctx):
    results = []

    def charge(step):
        rows = []
        rows.append(1)
        return rows

    results.append(await ctx.step(charge))
    return results

# case: a lambda assigned in the handler that is no operation
@durable_execution
async def handler(event, ctx):
    names = []

    def remember(name):
        names.append(name)

    for item in event["items"]:
        remember(item)
        await ctx.step(lambda _, item=item: item, name="handle")
    return names

# case: a test that watches from outside the handler
def test_runs_once(runner):
    runs = []

    @durable_execution
    async def handler(event, ctx):
        def charge(step):
            runs.append(1)
            return 1

        return await ctx.step(charge)

    runner(handler)
    assert runs == [1]
