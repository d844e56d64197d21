# case: a plain function called instead of handed over
def charge(order):
    return {"charged": order}


@durable_execution
async def handler(event, ctx):
    await ctx.step(charge(event))  #! step-called-early

# case: a function without a return
def notify(order):
    order["x"] = 1


@durable_execution
async def handler(event, ctx):
    await ctx.step(notify(event), name="notify")  #! step-called-early

# case: an async function called early
# only: async
async def charge(order):
    return order


@durable_execution
async def handler(event, ctx):
    await ctx.step(charge(event), name="charge")  #! step-called-early

# case: a child and a condition check called early
def ship(order):
    return f"shipped {order}"


@durable_execution
async def handler(event, ctx):
    await ctx.run_in_child_context(ship(event))  #! step-called-early
    await ctx.wait_for_condition(ship(event), event["config"])  #! step-called-early

# case: a lambda around it is right
def charge(order):
    return {"charged": order}


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: charge(event), name="charge")

# case: a factory that returns a function is right
def charging(order):
    def charge(step):
        return order

    return charge


@durable_execution
async def handler(event, ctx):
    await ctx.step(charging(event))

# case: partial, methods and bound steps are right
from functools import partial


def charge(order, step):
    return order


class Shop:
    def charge(self, step):
        return 1


@durable_step
def bound(step, order):
    return order


@durable_execution
async def handler(event, ctx):
    await ctx.step(partial(charge, event), name="charge")
    await ctx.step(Shop().charge)
    await ctx.step(bound(event))
