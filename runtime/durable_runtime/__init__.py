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

    from durable_runtime._decorators import durable_parallel_branch as durable_parallel_branch
    from durable_runtime._decorators import durable_step as durable_step
    from durable_runtime._decorators import durable_wait_for_callback as durable_wait_for_callback
    from durable_runtime._decorators import durable_with_child_context as durable_with_child_context
    from durable_runtime._offload import FileSystemStore as FileSystemStore
    from durable_runtime._offload import S3Store as S3Store
    from durable_runtime.concurrency.models import BatchItem as BatchItem
    from durable_runtime.concurrency.models import BatchResult as BatchResult
    from durable_runtime.config import BatchItemStatus as BatchItemStatus
    from durable_runtime.config import CallbackConfig as CallbackConfig
    from durable_runtime.config import ChildConfig as ChildConfig
    from durable_runtime.config import CompletionConfig as CompletionConfig
    from durable_runtime.config import CompletionDecision as CompletionDecision
    from durable_runtime.config import CompletionItemStatus as CompletionItemStatus
    from durable_runtime.config import CompletionOutcome as CompletionOutcome
    from durable_runtime.config import CompletionReason as CompletionReason
    from durable_runtime.config import CompletionStatus as CompletionStatus
    from durable_runtime.config import Duration as Duration
    from durable_runtime.config import InvokeConfig as InvokeConfig
    from durable_runtime.config import JitterStrategy as JitterStrategy
    from durable_runtime.config import MapConfig as MapConfig
    from durable_runtime.config import NestingType as NestingType
    from durable_runtime.config import ParallelBranch as ParallelBranch
    from durable_runtime.config import ParallelConfig as ParallelConfig
    from durable_runtime.config import StepConfig as StepConfig
    from durable_runtime.config import StepSemantics as StepSemantics
    from durable_runtime.config import WaitForCallbackConfig as WaitForCallbackConfig
    from durable_runtime.config import complete_batch as complete_batch
    from durable_runtime.config import continue_batch as continue_batch
    from durable_runtime.context import Callback as Callback
    from durable_runtime.context import DurableContext as DurableContext
    from durable_runtime.exceptions import BatchCompletionError as BatchCompletionError
    from durable_runtime.exceptions import CallbackError as CallbackError
    from durable_runtime.exceptions import CallbackExternalError as CallbackExternalError
    from durable_runtime.exceptions import CallbackSubmitterError as CallbackSubmitterError
    from durable_runtime.exceptions import CallbackTimeoutError as CallbackTimeoutError
    from durable_runtime.exceptions import ChildContextError as ChildContextError
    from durable_runtime.exceptions import DurableExecutionsError as DurableExecutionsError
    from durable_runtime.exceptions import DurableOperationError as DurableOperationError
    from durable_runtime.exceptions import DurableUsageError as DurableUsageError
    from durable_runtime.exceptions import ExecutionError as ExecutionError
    from durable_runtime.exceptions import InvocationError as InvocationError
    from durable_runtime.exceptions import InvokeError as InvokeError
    from durable_runtime.exceptions import NonDeterministicExecutionError as NonDeterministicExecutionError
    from durable_runtime.exceptions import PayloadTooLargeError as PayloadTooLargeError
    from durable_runtime.exceptions import PluginLoadError as PluginLoadError
    from durable_runtime.exceptions import RetryableSerDesError as RetryableSerDesError
    from durable_runtime.exceptions import SerDesError as SerDesError
    from durable_runtime.exceptions import StepError as StepError
    from durable_runtime.exceptions import StepInterruptedError as StepInterruptedError
    from durable_runtime.exceptions import SuspendExecution as SuspendExecution
    from durable_runtime.exceptions import ValidationError as ValidationError
    from durable_runtime.exceptions import WaitForConditionError as WaitForConditionError
    from durable_runtime.retries import LinearRetryStrategyConfig as LinearRetryStrategyConfig
    from durable_runtime.retries import RetryDecision as RetryDecision
    from durable_runtime.retries import RetryPresets as RetryPresets
    from durable_runtime.retries import RetryStrategyConfig as RetryStrategyConfig
    from durable_runtime.retries import WithRetryConfig as WithRetryConfig
    from durable_runtime.retries import create_linear_retry_strategy as create_linear_retry_strategy
    from durable_runtime.retries import create_retry_strategy as create_retry_strategy
    from durable_runtime.retries import with_retry as with_retry
    from durable_runtime.saga import Saga as Saga
    from durable_runtime.serdes import SerDes as SerDes
    from durable_runtime.serdes import SerDesContext as SerDesContext
    from durable_runtime.serdes import TypedSerDes as TypedSerDes
    from durable_runtime.types import StepContext as StepContext
    from durable_runtime.types import WaitForCallbackContext as WaitForCallbackContext
    from durable_runtime.types import WaitForConditionCheckContext as WaitForConditionCheckContext
    from durable_runtime.waits import WaitForConditionConfig as WaitForConditionConfig
    from durable_runtime.waits import WaitForConditionDecision as WaitForConditionDecision
    from durable_runtime.waits import WaitStrategyConfig as WaitStrategyConfig
    from durable_runtime.waits import create_wait_strategy as create_wait_strategy

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
