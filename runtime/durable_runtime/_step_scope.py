"""The scope of a step body, a submitter or a condition check: user code that may not call operations."""

from __future__ import annotations

from durable_runtime.types import StepContext, WaitForCallbackContext, WaitForConditionCheckContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from durable_runtime._operations.base import Operation


class StepScope:
    """What runs inside an operation: its logger, its fields, its place in the rails."""

    __slots__ = ("attempt", "operation")

    def __init__(self, operation: Operation, attempt: int) -> None:
        self.operation = operation
        self.attempt = attempt

    def is_replaying(self) -> bool:
        """A body that runs is never a replay."""
        return False

    def log_fields(self) -> dict[str, Any]:
        """Return the fields that identify this attempt in a log record."""
        operation = self.operation
        fields: dict[str, Any] = {"executionArn": operation.context.invocation.arn, "operationId": operation.id}
        if operation.parent_id is not None:
            fields["parentId"] = operation.parent_id
        if operation.name is not None:
            fields["operationName"] = operation.name
        fields["attempt"] = self.attempt
        return fields

    def logger(self) -> Any:
        """Return a logger with this attempt's fields."""
        return self.operation.context.make_logger(self)


class LazyStepContext(StepContext):
    """A StepContext that makes its logger when it is first used."""

    __slots__ = ("scope",)

    def __init__(self, scope: StepScope) -> None:
        self.scope = scope
        self.attempt = scope.attempt

    def __getattr__(self, name: str) -> Any:
        if name != "logger":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.logger = self.scope.logger()
        return self.logger


class LazyCheckContext(WaitForConditionCheckContext):
    """A WaitForConditionCheckContext that makes its logger when it is first used."""

    __slots__ = ("scope",)
    __init__ = LazyStepContext.__init__
    __getattr__ = LazyStepContext.__getattr__


class LazySubmitterContext(WaitForCallbackContext):
    """A WaitForCallbackContext that makes its logger when it is first used."""

    __slots__ = ("attempt", "scope")
    __init__ = LazyStepContext.__init__
    __getattr__ = LazyStepContext.__getattr__
