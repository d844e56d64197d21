# case: a variable decides which operations run
import os


@durable_execution
async def handler(event, ctx):
    if os.environ["FRAUD_CHECK"] == "on":  #! environment-in-orchestration
        await ctx.step(lambda _: 1, name="check")
    await ctx.step(lambda _: 2, name="charge")

# case: a flag read by a helper
import os


def enabled(name):
    return os.getenv(name, "") == "1"


@durable_execution
async def handler(event, ctx):
    if enabled("NEW_FLOW"):  #! environment-in-orchestration
        await ctx.step(lambda _: 1, name="new")

# case: things of this sandbox
import os
import platform
import socket


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return [
        os.getpid(),  #! environment-in-orchestration
        socket.gethostname(),  #! environment-in-orchestration
        platform.node(),  #! environment-in-orchestration
    ]

# case: things of this invocation
import os


@durable_execution
async def handler(event, ctx):
    request = ctx.lambda_context.aws_request_id  #! environment-in-orchestration
    stream = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]  #! environment-in-orchestration
    await ctx.step(lambda _: [request, stream], name="audit")

# case: changing the environment
import os


@durable_execution
async def handler(event, ctx):
    os.environ["TENANT"] = event["tenant"]  #! environment-in-orchestration
    await ctx.step(lambda _: 1, name="charge")

# case: configuration that decides nothing is fixed by the version
import os

TABLE = os.environ["TABLE"]


@durable_execution
async def handler(event, ctx):
    await ctx.invoke(os.environ["SHIP_FUNCTION"], {"table": TABLE})
    bucket = os.getenv("BUCKET", "default")
    return await ctx.step(lambda _: bucket, name="store")

# case: a setting read in a step may decide
import os


@durable_execution
async def handler(event, ctx):
    flow = await ctx.step(lambda _: os.environ["FLOW"], name="settings")
    if flow == "new":
        await ctx.step(lambda _: 1, name="new")

# case: properties of the function version are stable
@durable_execution
async def handler(event, ctx):
    name = ctx.lambda_context.function_name
    left = ctx.lambda_context.get_remaining_time_in_millis()
    ctx.logger.info("left %s", left)
    await ctx.step(lambda _: name, name="name")

# case: a variable that only changes a value
import os


@durable_execution
async def handler(event, ctx):
    currency = "EUR" if os.environ.get("REGION") == "eu" else "USD"
    await ctx.step(lambda _: currency, name="charge")

# case: defaults put into the environment
import os


@durable_execution
async def handler(event, ctx):
    os.environ.setdefault("TENANT", event["tenant"])  #! environment-in-orchestration
    await ctx.step(lambda _: os.environ.setdefault("STEP", "1"), name="charge")

# case: whether a variable is set decides
import os


@durable_execution
async def handler(event, ctx):
    if "SLOW" in os.environ:  #! environment-in-orchestration
        await ctx.wait(60)
    debug = "DEBUG" not in os.environ
    await ctx.step(lambda _: debug, name="note")
