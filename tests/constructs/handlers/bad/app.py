"""A handler that reads the clock between its steps."""

import time

from durable_runtime import DurableContext, durable_execution


@durable_execution
def handler(event: dict[str, int], ctx: DurableContext) -> float:
    started = time.time()
    ctx.step(lambda _: started, name=f"charge-{started}")
    return started
