# case: an HTTP response and a client
import boto3
import requests


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: requests.get("https://example.com", timeout=5))  #! unserializable-result
    await ctx.step(lambda _: boto3.client("s3"), name="client")  #! unserializable-result

# case: an open file and a streaming body
import boto3

s3 = boto3.client("s3")


def read(step):
    return open("/tmp/x")  #! unserializable-result


@durable_execution
async def handler(event, ctx):
    await ctx.step(read)
    await ctx.step(lambda _: s3.get_object(Bucket="b", Key="k")["Body"], name="body")  #! unserializable-result

# case: iterators and generators
@durable_execution
async def handler(event, ctx):
    def numbers(step):
        for number in range(3):
            yield number

    await ctx.step(numbers)  #! unserializable-result
    await ctx.step(lambda _: map(str, event["items"]), name="map")  #! unserializable-result
    await ctx.step(lambda _: (item for item in event["items"]), name="generator")  #! unserializable-result

# case: a function and a context
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda step: step, name="context")  #! unserializable-result
    await ctx.step(lambda _: lambda: 1, name="function")  #! unserializable-result

# case: a coroutine with AWS's SDK
# only: aws
async  def fetch(order):
    return 1


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: fetch(event))  #! unserializable-result
    ctx.step(fetch)  #! unserializable-result

# case: our blocking handlers run async steps
# only: ours
async  def fetch(order):
    return 1


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: fetch(event))
    ctx.step(fetch)

# case: plain data is right
import boto3
import requests

s3 = boto3.client("s3")


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: requests.get("https://example.com", timeout=5).json(), name="json")
    await ctx.step(lambda _: requests.get("https://example.com", timeout=5).status_code, name="status")
    await ctx.step(lambda _: s3.get_object(Bucket="b", Key="k")["Body"].read().decode(), name="text")
    await ctx.step(lambda _: list(map(str, event["items"])), name="list")
    await ctx.step(lambda _: [item for item in event["items"]], name="list 2")

# case: a serdes of its own
import requests


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: requests.get("https://e.com", timeout=5), config=StepConfig(serdes=event["serdes"]))

# case: child contexts may return what they like to their caller's step
@durable_execution
async def handler(event, ctx):
    def closed(step):
        with open("/tmp/x") as file:
            return file.read()

    await ctx.step(closed)

# case: a set with AWS's SDK
# only: aws
@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: {1, 2, 3}, name="set")  #! unserializable-result
