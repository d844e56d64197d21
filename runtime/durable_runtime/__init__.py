"""Durable workflows in plain Python on AWS Lambda.

    from durable_runtime import DurableContext, durable_execution

    @durable_execution
    def handler(order: Order, ctx: DurableContext) -> Receipt:
        payment = ctx.step(lambda step: charge(order), name="charge")
        ctx.wait(timedelta(days=3), name="cool down")
        return ctx.step(lambda step: ship(order, payment), name="ship")

Everything a user needs is importable from here. A name is loaded when it is first used, so that a cold start
pays for what the handler needs and nothing else.
"""

from __future__ import annotations

from durable_runtime.execution import durable_execution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "_offload": "FileSystemStore S3Store",
    "_decorators": "durable_parallel_branch durable_step durable_wait_for_callback durable_with_child_context",
    "async_context": "AsyncCallback AsyncDurableContext",
    "concurrency.models": "BatchItem BatchResult",
    "config": (
        "BatchItemStatus CallbackConfig ChildConfig CompletionConfig CompletionDecision CompletionItemStatus "
        "CompletionOutcome CompletionReason CompletionStatus Duration InvokeConfig JitterStrategy MapConfig "
        "NestingType ParallelBranch ParallelConfig StepConfig StepSemantics WaitForCallbackConfig "
        "complete_batch continue_batch"
    ),
    "context": "Callback DurableContext",
    "exceptions": (
        "BatchCompletionError CallbackError CallbackExternalError CallbackSubmitterError CallbackTimeoutError "
        "ChildContextError DurableExecutionsError DurableOperationError DurableUsageError ExecutionError "
        "InvocationError InvokeError NonDeterministicExecutionError PayloadTooLargeError PluginLoadError "
        "RetryableSerDesError SerDesError StepError StepInterruptedError SuspendExecution ValidationError "
        "WaitForConditionError"
    ),
    "retries": (
        "LinearRetryStrategyConfig RetryDecision RetryPresets RetryStrategyConfig WithRetryConfig "
        "create_linear_retry_strategy create_retry_strategy with_retry"
    ),
    "saga": "Saga",
    "serdes": "SerDes SerDesContext TypedSerDes",
    "types": "StepContext WaitForCallbackContext WaitForConditionCheckContext",
    "waits": "WaitForConditionConfig WaitForConditionDecision WaitStrategyConfig create_wait_strategy",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", "durable_execution", *_HOME_OF]  # noqa: PLE0604  names, read from the table above


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
