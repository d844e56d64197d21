# case: no reason
import time


@durable_execution
async def handler(event, ctx):
    started = time.time()  # durable: ignore[DUR001] #! bad-ignore, clock-in-orchestration
    await ctx.wait(60)

# case: no rule
import time


@durable_execution
async def handler(event, ctx):
    started = time.time()  # durable: ignore because it is only printed #! bad-ignore, clock-in-orchestration
    await ctx.wait(60)

# case: a rule that does not exist
import time


@durable_execution
async def handler(event, ctx):
    started = time.time()  # durable: ignore[DUR777] only printed #! bad-ignore, clock-in-orchestration
    await ctx.wait(60)

# case: an ignore for the file without a reason
import time

# durable: ignore-file[clock-in-orchestration] #! bad-ignore


@durable_execution
async def handler(event, ctx):
    started = time.time()  #! clock-in-orchestration
    await ctx.wait(60)

# case: rule and reason
import time


@durable_execution
async def handler(event, ctx):
    started = time.time()  # durable: ignore[clock-in-orchestration] only printed
    await ctx.wait(60)
    ended = time.time()  # noqa: F841  # durable: ignore[clock-in-orchestration] read by the debugger
    # durable: ignore[DUR001, logger-in-orchestration] shown on the console of the test bench
    print(time.time() - started)

# case: another comment that speaks of ignoring
@durable_execution
async def handler(event, ctx):
    # durable: this workflow may be replayed; ignore the noise
    text = "# durable: ignore[DUR777]"
    await ctx.step(lambda _: text, name="say")  # noqa: ignore[everything]
