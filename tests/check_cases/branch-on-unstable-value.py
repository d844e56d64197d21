# case: a deadline by the clock
import time


@durable_execution
async def handler(event, ctx):
    started = time.time()  #! clock-in-orchestration
    await ctx.step(lambda _: 1, name="price")
    if started > event["deadline"]:  #! branch-on-unstable-value
        await ctx.step(lambda _: 2, name="escalate")

# case: an operation only on the first run
@durable_execution
async def handler(event, ctx):
    if not ctx.is_replaying():  #! branch-on-unstable-value
        await ctx.step(lambda _: 1, name="notify")
    await ctx.wait(60)

# case: a loop until a time
import time


@durable_execution
async def handler(event, ctx):
    end = time.monotonic() + 60  #! clock-in-orchestration
    while end > event["x"]:  #! branch-on-unstable-value
        await ctx.wait(5)

# case: leaving early when little time is left
@durable_execution
async def handler(event, ctx):
    for item in event["items"]:
        if ctx.lambda_context.get_remaining_time_in_millis() < 5000:  #! branch-on-unstable-value
            break
        await ctx.step(lambda _, item=item: item, name="handle")

# case: a decision made in a helper
import random


def lucky():
    if random.random() > 0.5:  #! random-in-orchestration
        return True
    return False


@durable_execution
async def handler(event, ctx):
    if lucky():  #! branch-on-unstable-value
        await ctx.step(lambda _: 1, name="prize")

# case: a flag of the module that functions change
warm = False


def warm_up():
    global warm
    warm = True


@durable_execution
async def handler(event, ctx):
    if not warm:  #! branch-on-unstable-value
        await ctx.step(lambda _: 1, name="first")

# case: conditional expressions, and, match and comprehensions
import random


@durable_execution
async def handler(event, ctx):
    dice = random.randint(1, 6)  #! random-in-orchestration
    other = random.randint(1, 6)  #! random-in-orchestration
    third = random.randint(1, 6)  #! random-in-orchestration
    a = await ctx.step(lambda _: 1, name="a") if dice > 3 else None  #! branch-on-unstable-value
    b = other and await ctx.step(lambda _: 1, name="b")  #! branch-on-unstable-value
    match third:  #! branch-on-unstable-value
        case 1:
            await ctx.wait(1)
        case _:
            await ctx.wait(2)
    return [a, b]

# case: decisions on durable values are right
@durable_execution
async def handler(event, ctx):
    started = ctx.now()
    price = await ctx.step(lambda _: 5, name="price")
    if price > event["limit"] or ctx.random().random() > 0.5:
        await ctx.step(lambda _: 1, name="approve")
    while (ctx.now() - started).seconds < 5:
        await ctx.wait(1)
    if ctx.patched("new-flow"):
        await ctx.step(lambda _: 1, name="new")

# case: a random decision taken in a step is recorded
import random


@durable_execution
async def handler(event, ctx):
    def choose(step):
        if random.random() > 0.5:
            return "a"
        return "b"

    if await ctx.step(choose) == "a":
        await ctx.step(lambda _: 1, name="a")

# case: logging by is_replaying decides nothing
@durable_execution
async def handler(event, ctx):
    if ctx.is_replaying():
        ctx.logger.debug("replay")
    await ctx.wait(60)

# case: leaving the handler when it is replayed
@durable_execution
async def handler(event, ctx):
    if ctx.is_replaying():  #! branch-on-unstable-value
        return None
    await ctx.step(lambda _: 1, name="first")

# case: only the field that holds the clock is unstable
import time
from dataclasses import dataclass


@dataclass
class Order:
    total: int
    created: float


@durable_execution
async def handler(event, ctx):
    order = Order(event["total"], created=time.time())  #! clock-in-orchestration
    if order.total > 5:
        await ctx.step(lambda _: 1, name="approve")
    if order.created > 5:  #! branch-on-unstable-value
        await ctx.step(lambda _: 2, name="late")
