"""One description of a workflow, runnable by both drivers of this runtime and by AWS's SDK."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from typing import TYPE_CHECKING, Any

from tests.runtime.driving import Boto3Client, Run, as_async, as_sync, ours, run_to_end
from tests.runtime.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = {
    "": ("durable_execution",),
    "config": (
        "Duration",
        "StepConfig",
        "StepSemantics",
        "ChildConfig",
        "MapConfig",
        "ParallelConfig",
        "NestingType",
        "CompletionConfig",
        "InvokeConfig",
        "CallbackConfig",
        "WaitForCallbackConfig",
        "JitterStrategy",
    ),
    "retries": ("RetryDecision", "RetryPresets", "RetryStrategyConfig", "create_retry_strategy"),
    "waits": ("WaitForConditionConfig", "WaitForConditionDecision"),
    "exceptions": ("DurableOperationError", "StepError", "InvokeError", "CallbackError", "ChildContextError"),
}


@dataclasses.dataclass(frozen=True)
class Kit:
    """What a workflow of the tests needs besides its context: `kit.fn` makes a function of a flow."""

    name: str
    package: str
    fn: Callable[[Callable[..., Any]], Callable[..., Any]]
    invoke: Callable[..., Any]

    def __getattr__(self, name: str) -> Any:
        return load(self.package, name)

    def seen(self, name: str, attempt: int) -> None:
        """Called when a step body of a generated workflow starts."""

    def handler(self, flow: Callable[..., Any], **options: Any) -> Any:
        """The decorated handler of a flow `(kit, event, ctx)`."""
        bound = self.fn(functools.update_wrapper(functools.partial(flow, self), flow))
        if self.package != "durable_runtime":
            return bound
        return load(self.package, "durable_execution")(bound, **options)

    def run(self, flow: Callable[..., Any], payload: Any = None, **options: Any) -> Run:
        decorator = options.pop("decorator", {})
        service = options.pop("service", None) or Service(payload, **pick(options))
        return run_to_end(self.handler(flow, **decorator), service=service, invoke=self.invoke, **options)

    def seconds(self, number: float) -> Any:
        return self.Duration.from_seconds(number)

    def retry(self, attempts: int, delay: int = 1) -> Any:
        """A strategy that retries until the given number of attempts is used up, after a fixed delay."""

        def strategy(_error: Exception, attempt: int) -> Any:
            if attempt < attempts:
                return self.RetryDecision.retry(self.seconds(delay))
            return self.RetryDecision.no_retry()

        return strategy


def pick(options: dict[str, Any]) -> dict[str, Any]:
    keys = {"answers", "answer_at_once", "faults", "payload_limit", "page_size", "latency", "operations", "arn"}
    return {key: options.pop(key) for key in list(options) if key in keys}


@functools.cache
def load(package: str, name: str) -> Any:
    for module, names in NAMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{package}.{module}" if module else package), name)
    raise AttributeError(name)


def rival(handler: Any, event: dict[str, Any], service: Service, context: Any) -> Any:
    """Invoke a plain function as a handler of AWS's SDK."""
    from aws_durable_execution_sdk_python import durable_execution

    return durable_execution(boto3_client=Boto3Client(service))(handler)(event, context)


SYNC = Kit("sync", "durable_runtime", as_sync, ours)
ASYNC = Kit("async", "durable_runtime", as_async, ours)
RIVAL = Kit("aws", "aws_durable_execution_sdk_python", as_sync, rival)
BOTH = [SYNC, ASYNC]
