# case: a module logger and print
import logging

logger = logging.getLogger(__name__)


@durable_execution
async def handler(event, ctx):
    logger.info("start %s", event)  #! logger-in-orchestration
    await ctx.wait(60)
    print("done")  #! logger-in-orchestration

# case: Powertools logger in an except arm and a helper; metrics are counted at the end
from aws_lambda_powertools import Logger, Metrics

logger = Logger(service="shop")
metrics = Metrics(namespace="shop")


def report(text):
    logger.warning(text)  #! logger-in-orchestration


@durable_execution
async def handler(event, ctx):
    try:
        await ctx.step(lambda _: 1, name="charge")
    except Exception:
        logger.exception("failed")  #! logger-in-orchestration
        raise
    metrics.add_metric(name="Charged", unit="Count", value=1)
    report("done")

# case: structlog, loguru, warnings and sys.stdout
import sys
import warnings

import structlog
from loguru import logger

log = structlog.get_logger().bind(service="shop")


@durable_execution
async def handler(event, ctx):
    log.info("start")  #! logger-in-orchestration
    logger.success("ok")  #! logger-in-orchestration
    warnings.warn("old", stacklevel=1)  #! logger-in-orchestration
    sys.stdout.write("x")  #! logger-in-orchestration
    await ctx.wait(60)

# case: a logger on self
import logging


class Shop:
    def __init__(self):
        self.log = logging.getLogger("shop")

    @durable_execution
    async def handler(self, event, ctx):
        self.log.error("bad")  #! logger-in-orchestration
        await ctx.wait(60)

# case: branches of a parallel log on every replay
import logging

logger = logging.getLogger(__name__)


@durable_execution
async def handler(event, ctx):
    async def branch(inner):
        logger.info("branch")  #! logger-in-orchestration
        await inner.wait(5)

    await ctx.parallel([branch])

# case: the context's logger is right
@durable_execution
async def handler(event, ctx):
    ctx.logger.info("start")
    await ctx.wait(60)
    ctx.logger.error("done", extra={"a": 1})

# case: raw loggers inside steps are right
import logging

logger = logging.getLogger(__name__)


def charge(step):
    logger.info("charging")
    print("charging")
    return 1


@durable_execution
async def handler(event, ctx):
    await ctx.step(charge)

# case: guarded by is_replaying
import logging

logger = logging.getLogger(__name__)


@durable_execution
async def handler(event, ctx):
    if not ctx.is_replaying():
        logger.info("first time here")
    await ctx.wait(60)

# case: configuring a logger writes nothing
import logging

logger = logging.getLogger(__name__)


@durable_execution
async def handler(event, ctx):
    logger.setLevel(logging.DEBUG)
    await ctx.wait(60)

# case: replay-aware logging was installed
# only: async, ours
import logging

from durable_runtime.logging import install

logging.basicConfig(level=logging.INFO)
install()
logger = logging.getLogger(__name__)


@durable_execution
async def handler(event, ctx):
    logger.info("start")
    await ctx.wait(60)
    print("done")  #! logger-in-orchestration

# case: a helper that keeps quiet on replay
import logging

logger = logging.getLogger(__name__)


def log_once(ctx, text):
    if ctx.is_replaying():
        return
    logger.info(text)


@durable_execution
async def handler(event, ctx):
    log_once(ctx, "start")
    await ctx.wait(60)

# case: near miss, ordinary logging made replay-aware by a module that is only imported
# only: ours
# file: setup_logging.py
from durable_runtime.logging import install as make_replay_aware


def configure():
    make_replay_aware()


configure()
# file: app.py
import logging

import setup_logging
from durable_runtime import durable_execution

log = logging.getLogger(__name__)


@durable_execution
def handler(event, ctx):
    log.info("started")
    print("a line that install() does not reach")  #! logger-in-orchestration

# case: print to the console by its name, and near miss, into a buffer
import io
import sys


@durable_execution
async def handler(event, ctx):
    print("started", file=sys.stderr)  #! logger-in-orchestration
    table = io.StringIO()
    print("a line", file=table)
    await ctx.step(lambda _: table.getvalue(), name="store")
