"""One invocation of a durable handler: what its contexts and operations share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._commit import CommitLog
    from durable_runtime._history import History
    from durable_runtime._operations.base import Operation
    from durable_runtime._plugins import PluginHost

DEADLINE_MARGIN = 1.0
"""Seconds before the Lambda timeout at which no new work starts; never more than a tenth of the time given."""

OUTCOME_LINGER = 0.002
"""Seconds that an outcome nobody waits for may wait for company."""

START_LINGER = 0.020
"""Seconds that a START nobody waits for may wait for its outcome."""


class Options:
    """What `durable_execution` was told."""

    __slots__ = (
        "max_threads",
        "outcome_linger",
        "plugins",
        "renames",
        "sleep_in_place",
        "start_linger",
        "store",
    )

    def __init__(self) -> None:
        self.plugins: list[Any] = []
        self.renames: dict[str, tuple[str, ...]] = {}
        self.sleep_in_place = 0.0
        self.outcome_linger = OUTCOME_LINGER
        self.start_linger = START_LINGER
        self.max_threads: int | None = None
        self.store: Any = None


class Invocation:
    """State of one invocation.

    Attributes:
        arn: The execution's ARN.
        history: What is recorded.
        log: What is queued to be recorded.
        checkpointer: Sends the log.
        fatal: An error that ends the execution even if user code swallows it.
        suspending: The invocation is ending as PENDING; no operation may start.
        leaving: The wait that makes the service invoke again is queued.
        plugins: Hosts the plugins' hooks, or None.
    """

    def __init__(
        self,
        arn: str,
        history: History,
        log: CommitLog,
        lambda_context: Any,
        *,
        options: Options,
        clock: Callable[[], float],
    ) -> None:
        self.arn = arn
        self.history = history
        self.log = log
        self.checkpointer: Any = None  # each driver brings its own
        self.lambda_context = lambda_context
        self.renames = options.renames
        self.sleep_in_place = options.sleep_in_place
        self.max_threads = options.max_threads
        self.store = options.store
        self.outcome_linger = options.outcome_linger
        self.start_linger = options.start_linger
        self.clock = clock
        self.fatal: BaseException | None = None
        self.suspending = False
        self.leaving = False
        self.thread_budget: Any = None  # made with the first branches
        self.plugins: PluginHost | None = None
        self.driver: Any = None  # set for `async def` handlers
        self.logger: Any = None
        self.deadline = _deadline(lambda_context, clock)

    def check_deadline(self, operation: Operation) -> None:
        """Refuse to start work that the Lambda timeout would cut off."""
        if self.deadline is not None and self.clock() > self.deadline:
            self.leave(f"the Lambda timeout is near, so {operation.label} starts in the next invocation")

    def leave(self, reason: str) -> None:
        """End the invocation in order although work remains: the next one continues.

        PENDING is only valid while something is pending, so a one-second WAIT outside all positions makes the
        service invoke again. Replays pass it by.
        """
        from durable_runtime._leave import leave

        leave(self, reason)


def _deadline(lambda_context: Any, clock: Callable[[], float]) -> float | None:
    """Return the clock's time after which no new work may start, or None if nobody knows."""
    read = getattr(lambda_context, "get_remaining_time_in_millis", None)
    if read is None:
        return None
    remaining = read()
    if not isinstance(remaining, int | float) or remaining <= 0:
        return None
    seconds = remaining / 1000
    return clock() + seconds - min(DEADLINE_MARGIN, seconds / 10)
