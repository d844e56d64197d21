"""When a map or parallel is complete: counters, and the user's rule."""

from __future__ import annotations

from durable_runtime.config import (
    BatchItemStatus,
    CompletionDecision,
    CompletionItemStatus,
    CompletionOutcome,
    CompletionReason,
    CompletionStatus,
)
from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from durable_runtime.config import CompletionConfig


class Completion:
    """Counts finished branches and says when the batch is complete.

    Attributes:
        reason: Why the batch is complete, or None while it is not.
    """

    def __init__(self, total: int, config: CompletionConfig | None, names: Sequence[str] | None = None) -> None:
        self.total = total
        self.config = config
        self.succeeded = 0
        self.failed = 0
        self.reason: CompletionReason | None = None
        self._should_complete = None if config is None else config.should_complete
        self._items: list[CompletionItemStatus] = []
        if self._should_complete is not None:
            self._items = [CompletionItemStatus(index, names[index] if names else None) for index in range(total)]

    def note(self, index: int, status: BatchItemStatus) -> None:
        """Take down that a branch has started or finished."""
        if status is BatchItemStatus.SUCCEEDED:
            self.succeeded += 1
        elif status is BatchItemStatus.FAILED:
            self.failed += 1
        if self._should_complete is not None:
            self._items[index] = CompletionItemStatus(index, self._items[index].name, status)

    def decide(self) -> CompletionReason | None:
        """Look at the counters; answer with the reason once the batch is complete."""
        if self.reason is None:
            self.reason = self._reason()
        return self.reason

    def _reason(self) -> CompletionReason | None:
        if self._tolerance_exceeded():
            return CompletionReason.FAILURE_TOLERANCE_EXCEEDED
        finished = self.succeeded + self.failed
        if self._should_complete is not None:
            decision = self._should_complete(
                CompletionStatus(self.succeeded, self.failed, finished, self.total, tuple(self._items)),
            )
            if not isinstance(decision, CompletionDecision):
                raise ValidationError(
                    f"should_complete answered {decision!r:.80}; it must answer continue_batch() or complete_batch()",
                )
            if decision.complete:
                if decision.outcome is CompletionOutcome.FAILED:
                    return CompletionReason.CUSTOM_COMPLETION_FAILED
                return CompletionReason.CUSTOM_COMPLETION_SUCCEEDED
        if finished >= self.total:
            return CompletionReason.ALL_COMPLETED
        least = None if self.config is None else self.config.min_successful
        if least is not None and self.succeeded >= least:
            return CompletionReason.MIN_SUCCESSFUL_REACHED
        return None

    def _tolerance_exceeded(self) -> bool:
        config = self.config
        if self._should_complete is not None:
            return False
        count = percentage = least = None
        if config is not None:
            count, percentage = config.tolerated_failure_count, config.tolerated_failure_percentage
            least = config.min_successful
        if count is None and percentage is None and least is None:
            return self.failed > 0
        if count is not None and self.failed > count:
            return True
        return percentage is not None and self.total > 0 and self.failed / self.total * 100 > percentage
