# case: a fresh uuid in the name
import uuid


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name=f"send-{uuid.uuid4()}")  #! identity-in-orchestration, unstable-operation-name

# case: a clock in the positional name
import time


@durable_execution
async def handler(event, ctx):
    label = "at " + str(time.time())  #! clock-in-orchestration
    await ctx.step(lambda _: 1, label)  #! unstable-operation-name

# case: a name through a helper in another file
from helpers import label


@durable_execution
async def handler(event, ctx):
    await ctx.run_in_child_context(lambda inner: inner.wait(1), name=label("pay"))  #! unstable-operation-name

# file: helpers.py
import random


def label(prefix):
    return "{}-{}".format(prefix, random.randint(1, 9))  #! random-in-orchestration

# case: a name joined from a set
@durable_execution
async def handler(event, ctx):
    tags = set(event["tags"])
    await ctx.step(lambda _: 1, name="-".join(tags))  #! unstable-operation-name

# case: a name built from the request id
@durable_execution
async def handler(event, ctx):
    request = ctx.lambda_context.aws_request_id  #! environment-in-orchestration
    await ctx.wait(5, name=f"wait {request}")  #! unstable-operation-name

# case: constant names and names from durable values are right
@durable_execution
async def handler(event, ctx):
    order = await ctx.step(lambda _: {"id": 1}, name="load")
    for index, item in enumerate(event["items"]):
        await ctx.step(lambda _, item=item: item, name=f"{order['id']}-{index}-{item}")

# case: names from the context's uuid are right
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name=f"send-{ctx.uuid4()}")

# case: a name joined from a sorted set is right
@durable_execution
async def handler(event, ctx):
    tags = set(event["tags"])
    await ctx.step(lambda _: 1, name="-".join(sorted(tags)))
