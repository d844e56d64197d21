"""A handler as it was written for AWS's SDK, unchanged."""

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution, durable_step
from aws_durable_execution_sdk_python.config import StepConfig
from aws_durable_execution_sdk_python.retries import RetryPresets


@durable_step
def charge(step_context: StepContext, amount: int) -> dict[str, int]:
    return {"charged": amount}


@durable_execution
def handler(event: dict[str, int], context: DurableContext) -> dict[str, int]:
    return context.step(charge(event["amount"]), config=StepConfig(retry_strategy=RetryPresets.default()))
