# case: a decorated step called as a statement
@durable_step
def charge(step, order):
    return order


@durable_execution
async def handler(event, ctx):
    charge(event)  #! step-not-called
    await ctx.wait(5)

# case: the bound step used as the result
@durable_step
def load(step, order_id):
    return {"id": order_id}


@durable_execution
async def handler(event, ctx):
    order = load(event["id"])
    await ctx.wait(order["delay"])  #! step-not-called

# case: stored and never used
@durable_step
def charge(step, order):
    return order


@durable_execution
async def handler(event, ctx):
    receipt = charge(event)  #! step-not-called
    return await ctx.step(lambda _: 1, name="other")

# case: a decorated child and submitter
@durable_with_child_context
async def ship(child, order):
    await child.wait(1)


@durable_wait_for_callback
def ask(callback_id, step, who):
    return None


@durable_execution
async def handler(event, ctx):
    ship(event)  #! step-not-called
    ask("boss")  #! step-not-called
    await ctx.wait(5)

# case: the decorated function handed over without calling it
@durable_step
def charge(step):
    return 1


@durable_execution
async def handler(event, ctx):
    await ctx.step(charge)  #! step-not-called

# case: a step from another file
from helpers import charge


@durable_execution
async def handler(event, ctx):
    charge(event)  #! step-not-called
    await ctx.step(charge(event))

# file: helpers.py
from durable_runtime import durable_step as task


@task
def charge(step, order):
    return order

# case: handed to their operations
@durable_step
def charge(step, order):
    return order


@durable_with_child_context
async def ship(child, order):
    await child.wait(1)


@durable_wait_for_callback
def ask(callback_id, step, who):
    return None


@durable_execution
async def handler(event, ctx):
    bound = charge(event)
    await ctx.step(bound)
    await ctx.step(charge(event), name="again")
    await ctx.run_in_child_context(ship(event))
    await ctx.wait_for_callback(ask("boss"), name="ask")

# case: plain functions called plainly
def total(order):
    return order["a"] + order["b"]


@durable_execution
async def handler(event, ctx):
    total(event)
    await ctx.step(lambda _: total(event), name="total")
