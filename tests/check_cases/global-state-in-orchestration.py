# case: a counter of the module
attempts = 0


@durable_execution
async def handler(event, ctx):
    global attempts
    attempts += 1  #! global-state-in-orchestration
    await ctx.step(lambda _: 1, name="charge")

# case: a cache that the handler fills
CACHE = {}


@durable_execution
async def handler(event, ctx):
    CACHE[event["id"]] = event  #! global-state-in-orchestration
    await ctx.step(lambda _: 1, name="charge")

# case: a list of the module that a helper appends to
seen = []


def remember(order_id):
    seen.append(order_id)  #! global-state-in-orchestration


@durable_execution
async def handler(event, ctx):
    remember(event["id"])
    await ctx.wait(60)

# case: a value made at import from a clock or an identity
import time
import uuid

STARTED = time.time()
RUN_ID = str(uuid.uuid4())


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return {"run": RUN_ID, "started": STARTED}  #! global-state-in-orchestration

# case: a client made once is not state
import boto3

_client = None


def client():
    global _client
    if _client is None:
        _client = boto3.client("s3")
    return _client


@durable_execution
async def handler(event, ctx):
    s3 = client()
    await ctx.step(lambda _: s3.head_object(Bucket="b", Key="k")["ETag"], name="head")

# case: constants of the module
LIMITS = {"small": 1, "large": 100}
RETRIES = 3


@durable_execution
async def handler(event, ctx):
    for attempt in range(RETRIES):
        await ctx.step(lambda _: LIMITS["small"], name=f"try-{attempt}")

# case: a cache that only steps use
CACHE = {}


def load(key):
    if key not in CACHE:
        CACHE[key] = len(key)
    return CACHE[key]


@durable_execution
async def handler(event, ctx):
    return await ctx.step(lambda _: load(event["key"]), name="load")

# case: local state of one run
@durable_execution
async def handler(event, ctx):
    seen = []
    totals = {}
    for item in event["items"]:
        seen.append(item)
        totals[item] = await ctx.step(lambda _, item=item: 1, name="price")
    return [seen, totals]
