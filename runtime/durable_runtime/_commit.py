"""The queue of updates and the rules of one checkpoint call, without I/O, clocks or threads."""

from __future__ import annotations

from collections import deque

from durable_runtime._history import pages
from durable_runtime.exceptions import BackgroundThreadError, CheckpointError, OrphanedChildException, SuspendExecution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from durable_runtime._history import History
    from durable_runtime._service import ServiceClient

    Update = dict[str, Any]

MAX_UPDATES = 250
"""Most updates in one call: as many as AWS's SDKs send."""

MAX_BYTES = 750 * 1024
"""Largest request of one call; an update that is larger alone goes alone."""

PAGE_SIZE = 1000
"""Operations in one page of the history: the most that the API gives."""

# An update without payload and error is smaller than this, and no character takes more than 12 bytes of JSON.
_OVERHEAD, _WORST_CHARACTER = 1_000, 12


class Line:
    """One line of causality: a handler or a branch, with the child contexts that run inside it.

    Attributes:
        past: Sequence number of the last outcome that code on this line has seen. Nothing with an effect
            starts on the line before the service has acknowledged it.
        parent: The line that forked this one.
        orphaned: Nothing of this line may be recorded any more, since its map or parallel has completed.
    """

    __slots__ = ("orphaned", "parent", "past")

    def __init__(self, parent: Line | None = None) -> None:
        self.parent = parent
        self.past: int = 0 if parent is None else parent.past
        self.orphaned = False

    def is_orphaned(self) -> bool:
        """Say whether this line or one that it was forked from is orphaned."""
        line: Line | None = self
        while line is not None:
            if line.orphaned:
                return True
            line = line.parent
        return False


class CommitLog:
    """First in, first out; a sequence number per update; at most one call in flight.

    A checkpointer drives it: `take` a batch, make the call, `accept` the reply. Callers serialise access.
    """

    def __init__(self, client: ServiceClient, arn: str, token: str, history: History) -> None:
        self.client = client
        self.arn = arn
        self.token = token
        self.history = history
        self.queued = 0
        self.acknowledged = 0
        self.calls = 0
        self.failure: BaseException | None = None
        self._queue: deque[tuple[Update, int, bool]] = deque()
        self._client_tokens = ""

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, update: Update, line: Line, *, alone: bool = False) -> int:
        """Queue an update; answer with its sequence number. ``alone`` keeps it out of a call already begun."""
        if self.failure is not None:
            raise self.failure
        if line.is_orphaned():
            raise OrphanedChildException(
                "the map or parallel that this branch belongs to has already completed",
                update["Id"],
            )
        self._queue.append((update, _size(update), alone))
        self.queued += 1
        return self.queued

    def take(self) -> list[Update]:
        """Take the updates of the next call off the queue."""
        queue, total = self._queue, 64
        batch: list[Update] = []
        while queue and len(batch) < MAX_UPDATES:
            update, size, alone = queue[0]
            if batch and (alone or total + size > MAX_BYTES):
                break
            queue.popleft()
            batch.append(update)
            total += size
        return batch

    def send(self, batch: list[Update]) -> dict[str, Any]:
        """Make one call, and read further pages of its reply. Touches no shared state."""
        if not self._client_tokens:
            import os

            self._client_tokens = os.urandom(12).hex()
        reply = self.client.checkpoint(self.arn, self.token, batch, f"{self._client_tokens}-{self.calls}")
        try:
            state = reply.get("NewExecutionState") or {}
            operations = list(state.get("Operations") or ())
            marker, token = state.get("NextMarker"), reply.get("CheckpointToken")
            if token:
                for page in pages(lambda each: self.client.get_state(self.arn, token, each, PAGE_SIZE), marker):
                    operations += page
            ids = {operation["Id"] for operation in operations}
        except (AttributeError, KeyError, TypeError) as error:
            raise CheckpointError(f"the service's reply to a checkpoint is malformed: {error!r}") from error
        return {"token": token, "operations": operations, "ids": ids}

    def absorb(self, batch: list[Update], reply: dict[str, Any]) -> None:
        """Take over what a reply says of operations. Only whoever made the call does this."""
        self.history.merge(reply["operations"])
        self.history.apply(batch, reply["ids"])

    def accept(self, batch: list[Update], reply: dict[str, Any]) -> None:
        """Take over the rest of an absorbed reply: the next token, and that the batch is recorded."""
        self.calls += 1
        self.acknowledged += len(batch)
        if reply["token"]:
            self.token = reply["token"]
        elif not (batch and batch[-1]["Type"] == "EXECUTION"):
            self.failure = SuspendExecution("the service withheld the checkpoint token")

    def fail(self, error: BaseException) -> BaseException:
        """Note that a call failed: nothing more can be recorded. Answer with what to raise everywhere."""
        self.calls += 1
        if self.failure is None:
            if isinstance(error, Exception):
                self.failure = BackgroundThreadError(f"a checkpoint failed: {error}", error)
                self.failure.__cause__ = error
            else:
                self.failure = error
        return self.failure


def _size(update: Update) -> int:
    """Bound the bytes of an update in a request: cheaply if it is small, exactly if that matters."""
    bound = _OVERHEAD + _WORST_CHARACTER * len(update.get("Payload") or "")
    if bound <= MAX_BYTES // MAX_UPDATES and "Error" not in update:
        return bound
    import json

    return len(json.dumps(update)) + 2
