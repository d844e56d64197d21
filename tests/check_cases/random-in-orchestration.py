# case: a random choice in the handler
import random


@durable_execution
async def handler(event, ctx):
    winner = random.choice(event["tickets"])  #! random-in-orchestration
    await ctx.step(lambda _: winner, name="announce")

# case: a name imported from random
from random import randint, shuffle


@durable_execution
async def handler(event, ctx):
    items = list(event["items"])
    shuffle(items)  #! random-in-orchestration
    await ctx.wait(randint(1, 5))  #! random-in-orchestration

# case: an unseeded generator object
import random

generator = random.Random()


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return generator.random()  #! random-in-orchestration

# case: numpy in a helper
import numpy as np


def jitter():
    return np.random.uniform(0, 1)  #! random-in-orchestration


@durable_execution
async def handler(event, ctx):
    await ctx.wait(1 + jitter())

# case: a seeded generator is reproducible
import random


@durable_execution
async def handler(event, ctx):
    generator = random.Random(event["seed"])
    await ctx.wait(60)
    return generator.choice([1, 2, 3])

# case: randomness inside a step is right
import random


@durable_execution
async def handler(event, ctx):
    return await ctx.step(lambda _: random.random(), name="draw")

# case: the context's generator is right
@durable_execution
async def handler(event, ctx):
    winner = ctx.random().choice(event["tickets"])
    await ctx.step(lambda _: winner, name="announce")
    return ctx.random().random()

# case: random values in a retry strategy's jitter are not in the handler
import random


def strategy(error, attempt):
    return random.random()


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: 1, name="pay", retry_strategy=strategy)
