# case: a clock in the handler's return value
import time


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return {"at": time.time()}  #! clock-in-orchestration

# case: aliases of the module and of the class
import datetime as dt
from time import time as current


@durable_execution
async def handler(event, ctx):
    started = dt.datetime.now()  #! clock-in-orchestration
    await ctx.wait(60)
    return [started.isoformat(), current()]  #! clock-in-orchestration

# case: a helper in another file inherits the region
from helpers import stamp


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)
    return stamp()

# file: helpers.py
from datetime import datetime, timezone


def stamp():
    return datetime.now(timezone.utc).isoformat()  #! clock-in-orchestration

# case: child contexts, map items and branches are orchestration
import time


@durable_execution
async def handler(event, ctx):
    def child(inner):
        return time.monotonic()  #! clock-in-orchestration

    await ctx.run_in_child_context(child)
    await ctx.map(event["items"], lambda inner, item, index, items: time.time())  #! clock-in-orchestration
    await ctx.parallel([lambda inner: time.time_ns()])  #! clock-in-orchestration

# case: a clock in a method of a class that the handler uses
from datetime import date


class Report:
    def __init__(self, name):
        self.name = name

    def title(self):
        return f"{self.name} {date.today()}"  #! clock-in-orchestration


@durable_execution
async def handler(event, ctx):
    report = Report(event["name"])
    await ctx.wait(60)
    return report.title()

# case: a clock as the default of a field
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Order:
    id: str
    created: datetime = field(default_factory=datetime.utcnow)


@durable_execution
async def handler(event, ctx):
    order = Order(event["id"])  #! clock-in-orchestration
    await ctx.wait(60)
    return {"id": order.id}

# case: a clock kept in a variable and called later
import time


@durable_execution
async def handler(event, ctx):
    clock = time.time
    await ctx.wait(60)
    return clock()  #! clock-in-orchestration

# case: a clock inside a step body is right
import time


def charge(step):
    return {"charged_at": time.time()}


@durable_execution
async def handler(event, ctx):
    receipt = await ctx.step(charge)
    stamp = await ctx.step(lambda _: time.time(), name="stamp")
    return [receipt, stamp]

# case: computing with given times is not reading a clock
import time
from datetime import datetime, timedelta


@durable_execution
async def handler(event, ctx):
    due = datetime.fromisoformat(event["due"]) + timedelta(days=1)
    later = datetime.fromtimestamp(event["at"])
    await ctx.wait(60)
    return [due.isoformat(), later.isoformat(), time.gmtime(0).tm_year, time.strftime("%Y", time.gmtime(5))]

# case: code that no durable function reaches is not looked at
import time


def script():
    return time.time()


class Timer:
    def now(self):
        return time.time()


@durable_execution
async def handler(event, ctx):
    await ctx.wait(60)

# case: a local function named like a clock is not one
def time():
    return 5


@durable_execution
async def handler(event, ctx):
    await ctx.wait(time())

# case: replay-safe time is right
@durable_execution
async def handler(event, ctx):
    started = ctx.now()
    await ctx.wait(60)
    if (ctx.now() - started).total_seconds() > 30:
        await ctx.step(lambda _: 1, name="late")
    return started.isoformat()

# case: a decorator of the project that makes handlers durable
import time
from functools import partial


def workflow(function):
    return durable_execution(function)


configured = partial(durable_execution, plugins=[])


@workflow
async def first(event, ctx):
    await ctx.wait(60)
    return time.time()  #! clock-in-orchestration


@configured
async def second(event, ctx):
    await ctx.wait(60)
    return time.time()  #! clock-in-orchestration

# case: a formatted clock, and near miss, a formatted time
import time


@durable_execution
async def handler(event, ctx):
    day = time.strftime("%Y-%m-%d")  #! clock-in-orchestration
    started = time.strftime("%Y-%m-%d", time.gmtime(event["started"]))
    await ctx.step(lambda _: day + started, name="store")

# case: durable wrappers made by decorators of the project, one handler for each use
# file: decorators.py
import functools

from durable_runtime import durable_execution


def workflow(function):
    @durable_execution
    @functools.wraps(function)
    async def run(event, ctx):
        ctx.logger.info("started")
        return await function(event, ctx)

    return run


def named(name):
    def decorate(function):
        @durable_execution
        async def run(event, ctx):
            return {name: await function(event, ctx)}

        return run

    return decorate
# file: app.py
import time

from decorators import named, workflow


@workflow
async def first(event, ctx):
    await ctx.wait(5)
    return time.time()  #! clock-in-orchestration


@workflow
async def second(event, ctx):
    await ctx.wait(5)
    return ctx.logger and time.monotonic()  #! clock-in-orchestration


@named("third")
async def third(event, ctx):
    await ctx.wait(5)
    return time.time_ns()  #! clock-in-orchestration

# case: a decorator of the project reads the clock around a helper, and near miss, around what steps call
import functools
import time


def timed(function):
    @functools.wraps(function)
    def timing(*args, **kwargs):
        started = time.monotonic()  #! clock-in-orchestration
        result = function(*args, **kwargs)
        return {"result": result, "took": time.monotonic() - started}  #! clock-in-orchestration

    return timing


def quiet(limit):
    def decorate(function):
        def measured(*args):
            started = time.monotonic()
            return function(*args), time.monotonic() - started < limit

        return measured

    return decorate


@timed
def total(lines):
    return doubled(len(lines))


@timed
def doubled(count):
    return 2 * count * time.time()  #! clock-in-orchestration


@quiet(5)
def load(order_id):
    return {"id": order_id, "at": time.time()}


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: load(event["id"]), name="load")
    return total(event["lines"])
