# What each operation takes as keywords, for type checkers and editors. No such module exists when code runs:
# `_checks.OPERATION_OPTIONS` holds the same names, and a test compares the two.

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from durable_runtime._duration import DurationLike
from durable_runtime.config import CompletionConfig, NestingType, RetryStrategy
from durable_runtime.retries import LinearRetryStrategyConfig, RetryStrategyConfig
from durable_runtime.serdes import SerDes

Retry: TypeAlias = RetryStrategy | RetryStrategyConfig | LinearRetryStrategyConfig | int | Literal[False] | None
Aliases: TypeAlias = Sequence[str]

class StepOptions(TypedDict, total=False):
    retry: Retry
    at_most_once: bool | None
    serdes: SerDes[Any] | None
    returns: Any
    aliases: Aliases

class CallbackOptions(TypedDict, total=False):
    timeout: DurationLike | None
    heartbeat_timeout: DurationLike | None
    serdes: SerDes[Any] | None
    returns: Any
    aliases: Aliases

class WaitForCallbackOptions(CallbackOptions, total=False):
    retry: Retry

class InvokeOptions(TypedDict, total=False):
    tenant_id: str | None
    returns: Any
    aliases: Aliases

class ChildOptions(TypedDict, total=False):
    virtual: bool | None
    serdes: SerDes[Any] | None
    returns: Any
    aliases: Aliases

class ConditionOptions(TypedDict, total=False):
    returns: Any
    aliases: Aliases

class ParallelOptions(TypedDict, total=False):
    max_concurrency: int | None
    completion_config: CompletionConfig | None
    nesting_type: NestingType | None
    serdes: SerDes[Any] | None
    item_serdes: SerDes[Any] | None
    returns: Any
    aliases: Aliases

class MapOptions(ParallelOptions, total=False):
    item_namer: Callable[[Any, int], str | None] | None
