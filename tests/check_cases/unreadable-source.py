# case: a missing colon
@durable_execution
async def handler(event, ctx)  #! unreadable-source
    await ctx.wait(60)

# case: a wrong indentation
@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
      return 1  #! unreadable-source

# case: a helper that a handler imports and that is broken
from helpers import pay


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: pay(event), name="pay")

# file: helpers.py
def pay(order):
    return order[  #! unreadable-source

# case: print as in Python 2
@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    print "done"  #! unreadable-source

# case: a broken file that no workflow reaches is not the workflow's problem
@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)

# file: fixture.py
def broken(:

# case: valid Python of every kind is read
@durable_execution
async def handler(event, ctx):
    items = [*event["items"], *(extra := event.get("extra", []))]
    match event:
        case {"kind": str() as kind, **rest} if rest:
            await ctx.wait(60, name=kind)
        case [first, *others]:
            await ctx.wait(len(others))
    try:
        await ctx.wait(1)
    except* ValueError:
        pass
    größe = f"{len(items)!r:>{len(extra) + 5}}"
    return lambda a, /, b, *, c=1, **d: (yield)

# case: an empty file and a file of comments beside a workflow
@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)

# file: empty.py

# file: comments.py
# nothing here
