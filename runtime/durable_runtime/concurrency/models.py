"""The outcome of a map or parallel."""

from __future__ import annotations

from durable_runtime._record import Generic, R, Record
from durable_runtime.config import BatchItemStatus, CompletionReason
from durable_runtime.exceptions import BatchCompletionError, ChildContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from durable_runtime.config import CompletionConfig
    from durable_runtime.lambda_service import ErrorObject

__all__ = ["BatchCompletionError", "BatchItem", "BatchItemStatus", "BatchResult", "CompletionReason"]


class BatchItem(Record, Generic[R]):
    """One branch of a map or parallel.

    Attributes:
        index: Position of the branch, from 0.
        status: Where the branch stood when the batch completed.
        result: What the branch returned, if it succeeded.
        error: What the branch failed with, if it did and the failure has a record.
    """

    index: int
    status: BatchItemStatus
    result: Any = None
    error: ErrorObject | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the item as plain values."""
        return {
            "index": self.index,
            "status": self.status.value,
            "result": self.result,
            "error": self.error.to_dict() if self.error else None,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BatchItem[R]:
        """Rebuild an item from what `to_dict` returned."""
        return cls(data["index"], BatchItemStatus(data["status"]), data.get("result"), _error(data.get("error")))


def item_of(index: int, status: BatchItemStatus, result: Any) -> BatchItem[Any]:
    """Make an item without the checks of its constructor: maps make thousands."""
    item: BatchItem[Any] = object.__new__(BatchItem)
    item.__dict__.update(index=index, status=status, result=result)
    return item


class BatchResult(Record, Generic[R]):
    """The outcome of a map or parallel.

    Attributes:
        all: The branches that were started, in order.
        completion_reason: Why the batch completed.
    """

    all: list[BatchItem[Any]]
    completion_reason: CompletionReason

    @classmethod
    def from_dict(
        cls,
        data: dict[str, Any],
        completion_config: CompletionConfig | None = None,
    ) -> BatchResult[R]:
        """Rebuild a result from what `to_dict` returned."""
        items: list[BatchItem[Any]] = [BatchItem.from_dict(item) for item in data["all"]]
        reason = data.get("completionReason")
        return cls.from_items(items, completion_config) if reason is None else cls(items, CompletionReason(reason))

    @classmethod
    def from_items(
        cls,
        items: list[BatchItem[Any]],
        completion_config: CompletionConfig | None = None,
    ) -> BatchResult[R]:
        """Make a result of all branches of a batch, and find out why it completed."""
        from durable_runtime._operations.completion import Completion

        completion = Completion(len(items), completion_config)
        for item in items:
            completion.note(item.index, item.status)
        completion.decide()
        return cls(items, completion.reason or CompletionReason.ALL_COMPLETED)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "all": [item.to_dict() for item in self.all],
            "completionReason": self.completion_reason.value,
        }

    def succeeded(self) -> list[BatchItem[Any]]:
        """Return the branches that succeeded."""
        return [item for item in self.all if item.status is BatchItemStatus.SUCCEEDED]

    def failed(self) -> list[BatchItem[Any]]:
        """Return the branches that failed."""
        return [item for item in self.all if item.status is BatchItemStatus.FAILED]

    def started(self) -> list[BatchItem[Any]]:
        """Return the branches that had not finished when the batch completed."""
        return [item for item in self.all if item.status is BatchItemStatus.STARTED]

    @property
    def status(self) -> BatchItemStatus:
        """FAILED if a branch failed or ``should_complete`` said so, else SUCCEEDED."""
        if self.completion_reason is CompletionReason.CUSTOM_COMPLETION_FAILED:
            return BatchItemStatus.FAILED
        if self.completion_reason is CompletionReason.CUSTOM_COMPLETION_SUCCEEDED:
            return BatchItemStatus.SUCCEEDED
        return BatchItemStatus.FAILED if self.has_failure else BatchItemStatus.SUCCEEDED

    @property
    def has_failure(self) -> bool:
        """Whether any branch failed."""
        return any(item.status is BatchItemStatus.FAILED for item in self.all)

    def throw_if_error(self) -> None:
        """Raise the first failure, if there is one."""
        from durable_runtime._restored import restore_error

        for item in self.all:
            if item.status is not BatchItemStatus.FAILED:
                continue
            if item.error is None:
                raise ChildContextError(f"Batch item {item.index} failed without an ErrorObject.")
            raise restore_error(item.error.to_dict(), ChildContextError)
        if self.completion_reason is CompletionReason.CUSTOM_COMPLETION_FAILED:
            raise BatchCompletionError(self.completion_reason)

    def get_results(self) -> list[R]:
        """Return the results of the branches that succeeded, in order of their index."""
        return [item.result for item in self.all if item.status is BatchItemStatus.SUCCEEDED]

    def get_errors(self) -> list[ErrorObject | None]:
        """Return the errors of the branches that failed, in order of their index."""
        return [item.error for item in self.all if item.status is BatchItemStatus.FAILED]

    @property
    def success_count(self) -> int:
        """How many branches succeeded."""
        return _count(self.all, BatchItemStatus.SUCCEEDED)

    @property
    def failure_count(self) -> int:
        """How many branches failed."""
        return _count(self.all, BatchItemStatus.FAILED)

    @property
    def started_count(self) -> int:
        """How many branches had not finished when the batch completed."""
        return _count(self.all, BatchItemStatus.STARTED)

    @property
    def total_count(self) -> int:
        """How many branches were started."""
        return len(self.all)


def _count(items: Iterable[BatchItem[Any]], status: BatchItemStatus) -> int:
    return sum(item.status is status for item in items)


def _error(data: dict[str, Any] | None) -> ErrorObject | None:
    if not data:
        return None
    from durable_runtime.lambda_service import ErrorObject

    return ErrorObject.from_dict(data)


def _register() -> None:
    """Let a BatchResult that is part of another value come back as one."""
    from durable_runtime._tagged import register

    register(BatchResult, "$batch", BatchResult.to_dict, BatchResult.from_dict)


_register()
