# case: a fresh uuid as a fallback
import uuid


@durable_execution
async def handler(event, ctx):
    order_id = event.get("id") or str(uuid.uuid4())  #! identity-in-orchestration
    await ctx.step(lambda _: order_id, name="reserve")

# case: an alias of uuid4 through another file
from helpers import new_id


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return new_id("order")

# file: helpers.py
from uuid import uuid4 as make


def new_id(kind):
    return f"{kind}-{make().hex}"  #! identity-in-orchestration

# case: secrets, urandom, id and hash
import os
import secrets


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return [
        secrets.token_hex(8),  #! identity-in-orchestration
        os.urandom(4).hex(),  #! identity-in-orchestration
        id(event),  #! identity-in-orchestration
        hash(event["name"]),  #! identity-in-orchestration
    ]

# case: third-party identities
import shortuuid
import ulid


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return [str(ulid.new()), shortuuid.uuid()]  #! identity-in-orchestration

# case: a fresh uuid as the default of a pydantic field
from uuid import uuid4

from pydantic import BaseModel, Field


class Order(BaseModel):
    id: str = Field(default_factory=lambda: str(uuid4()))  #! identity-in-orchestration
    total: int


@durable_execution
async def handler(event, ctx):
    order = Order(total=event["total"])
    await ctx.wait(60)
    return order.id

# case: a uuid made in a step is right
import uuid


@durable_step
def new_order(step):
    return {"id": str(uuid.uuid4())}


@durable_execution
async def handler(event, ctx):
    order = await ctx.step(new_order())
    return order["id"]

# case: a uuid computed from a name is stable
import hashlib
import uuid


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    digest = hashlib.sha256(event["name"].encode()).hexdigest()
    return [str(uuid.uuid5(uuid.NAMESPACE_URL, event["name"])), digest, str(uuid.UUID(event["id"]))]

# case: the context's uuid is right
@durable_execution
async def handler(event, ctx):
    order_id = str(ctx.uuid4())
    await ctx.wait(60)
    return order_id

# case: a dictionary's own id key is not the builtin
@durable_execution
async def handler(event, ctx):
    id = event["id"]
    await ctx.wait(60)
    return id
