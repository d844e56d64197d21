# case: a bare except
@durable_execution
async def handler(event, ctx):
    try:
        await ctx.wait(60)
    except:  #! swallowed-suspension
        await ctx.step(lambda _: 1, name="refund")

# case: except BaseException, alone and in a tuple
@durable_execution
async def handler(event, ctx):
    try:
        await ctx.wait(60)
    except BaseException as error:  #! swallowed-suspension
        ctx.logger.error("failed", exc_info=error)
    try:
        await ctx.wait(60)
    except (ValueError, BaseException):  #! swallowed-suspension
        pass

# case: operations in a helper
async def pay(ctx):
    await ctx.step(lambda _: 1, name="pay")


@durable_execution
async def handler(event, ctx):
    try:
        await pay(ctx)
    except BaseException:  #! swallowed-suspension
        return "failed"

# case: return in finally
@durable_execution
async def handler(event, ctx):
    try:
        await ctx.wait(60)
    finally:
        return "done"  #! swallowed-suspension

# case: suppress everything
from contextlib import suppress


@durable_execution
async def handler(event, ctx):
    with suppress(BaseException):  #! swallowed-suspension
        await ctx.wait(60)

# case: except Exception is right
@durable_execution
async def handler(event, ctx):
    try:
        await ctx.step(lambda _: 1, name="charge")
    except Exception:
        await ctx.step(lambda _: 1, name="refund")

# case: re-raising is right
@durable_execution
async def handler(event, ctx):
    try:
        await ctx.wait(60)
    except BaseException:
        ctx.logger.error("leaving")
        raise

# case: catch-alls around nothing durable, and inside steps
from contextlib import suppress


@durable_execution
async def handler(event, ctx):
    try:
        value = int(event["x"])
    except:
        value = 0

    def charge(step):
        try:
            return 1 / value
        except BaseException:
            return 0

    with suppress(ValueError):
        await ctx.step(charge)

# case: letting the signal through first is right
from durable_runtime.exceptions import SuspendExecution


@durable_execution
async def handler(event, ctx):
    try:
        await ctx.wait(60)
    except SuspendExecution:
        raise
    except BaseException:
        await ctx.step(lambda _: 1, name="refund")
