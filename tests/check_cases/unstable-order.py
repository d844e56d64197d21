# case: a loop over a set
@durable_execution
async def handler(event, ctx):
    for sku in set(event["skus"]):  #! unstable-order
        await ctx.step(lambda _, sku=sku: sku, name="reserve")

# case: a map over a list made from a set
@durable_execution
async def handler(event, ctx):
    skus = {item["sku"] for item in event["items"]}
    unique = list(skus)
    await ctx.map(unique, lambda inner, sku, index, all_: inner.wait(1))  #! unstable-order

# case: branches made from a set
@durable_execution
async def handler(event, ctx):
    names = frozenset(event["names"])
    await ctx.parallel([lambda inner, name=name: inner.wait(1) for name in names])  #! unstable-order

# case: set operations stay unordered
@durable_execution
async def handler(event, ctx):
    missing = set(event["wanted"]) - set(event["had"])
    for name in missing:  #! unstable-order
        await ctx.invoke(name, {})

# case: a directory listing
import os


@durable_execution
async def handler(event, ctx):
    for name in os.listdir("/mnt/in"):  #! io-in-orchestration, unstable-order
        await ctx.step(lambda _, name=name: name, name="import")

# case: a helper that loops with operations
async def reserve(ctx, skus):
    for sku in skus:  #! unstable-order
        await ctx.step(lambda _, sku=sku: sku, name="reserve")


@durable_execution
async def handler(event, ctx):
    await reserve(ctx, set(event["skus"]))

# case: sorted sets are right
@durable_execution
async def handler(event, ctx):
    skus = sorted(set(event["skus"]))
    for sku in skus:
        await ctx.step(lambda _, sku=sku: sku, name="reserve")
    await ctx.map(skus, lambda inner, sku, index, all_: inner.wait(1))

# case: sets that feed no operation
@durable_execution
async def handler(event, ctx):
    seen = set()
    for item in event["items"]:
        seen.add(item)
        await ctx.step(lambda _, item=item: item, name="handle")
    total = 0
    for item in seen:
        total += item
    return total + len(seen) + max(seen)

# case: dictionaries and lists have an order
@durable_execution
async def handler(event, ctx):
    for key, value in event["orders"].items():
        await ctx.step(lambda _, value=value: value, name=key)
    for key in {"b": 1, "a": 2}:
        await ctx.wait(1, name=key)

# case: a set inside a step body
@durable_execution
async def handler(event, ctx):
    def unique(step):
        return sorted({item for item in event["items"]})

    await ctx.step(unique)

# case: what is gathered from a set does not depend on its order
@durable_execution
async def handler(event, ctx):
    total = 0
    for amount in set(event["amounts"]):
        total += amount
    if total > 100:
        await ctx.step(lambda _: total, name="approve")

# case: one finding for a loop whose items name the operations
@durable_execution
async def handler(event, ctx):
    for sku in set(event["skus"]):  #! unstable-order
        await ctx.step(lambda _, sku=sku: sku, name=f"reserve-{sku}")

# case: near miss, a list made of a set is sorted in place
@durable_execution
async def handler(event, ctx):
    names = [name for name in set(event["names"]) if name]
    names.sort(key=str.lower)
    for name in names:
        await ctx.step(lambda _, name=name: name, name=name)
