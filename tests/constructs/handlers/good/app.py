"""A handler without faults."""

from durable_runtime import DurableContext, durable_execution


def _charge(step_context: object, amount: int) -> dict[str, int]:
    return {"charged": amount}


@durable_execution
def handler(event: dict[str, int], ctx: DurableContext) -> dict[str, int]:
    return ctx.step(lambda step_context: _charge(step_context, event["amount"]), name="charge")
