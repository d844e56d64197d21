"""What all parts of the engine share: executions in memory, timers, the queue of invocations and the transaction."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict, deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine._execution import Execution
from durable_local._engine._timers import Timers
from durable_local._errors import ApiError, not_found, service_failure
from durable_local._store import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from durable_local._clock import Clock
    from durable_local._engine._calls import Call
    from durable_local._functions import Functions
    from durable_local._invocation import InvocationRequest
    from durable_local._rules import Settings
    from durable_local._store import Header, Store

logger = logging.getLogger("durable_local")


@dataclass(slots=True)
class Flight:
    """An invocation that was handed out and has not come back."""

    request: InvocationRequest
    started: int
    call: Call | None = None
    parent: tuple[str, str] | None = None
    """ARN and operation of the chained invoke that a plain function runs for."""
    queue_key: str = ""
    """Key of the asynchronous invocation in the store's queue."""


@dataclass(slots=True)
class Plain:
    """An invocation of a plain function that waits to be handed out."""

    function: str
    version: str
    payload: bytes
    invoked_arn: str
    trace_id: str = ""
    tenant_id: str = ""
    client_context: str = ""
    call: Call | None = None
    parent: tuple[str, str] | None = None
    queue_key: str = ""


class Core:
    """The engine's state. Whatever changes an execution calls `touch` first."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        functions: Functions,
        settings: Settings,
        sink: Callable[[dict[str, Any]], None] | None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.functions = functions
        self.settings = settings
        self.sink = sink
        self.executions: dict[str, Execution] = {}
        self.by_id: dict[str, str] = {}
        self.closed: OrderedDict[str, Execution] = OrderedDict()
        self.timers = Timers()
        self.retention = Timers()
        self.queue: dict[str, dict[str, Any]] = {}
        self.ready: deque[str | Plain] = deque()
        self.flights: dict[str, Flight] = {}
        self.batch = Batch()
        self.dirty: dict[str, Execution] = {}
        self.changes = 0
        self.after_commit: list[Callable[[], None]] = []

    # --- the transaction ---

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write what the block changed before anybody hears of it; on a fault return to what the store holds."""
        try:
            yield
        except ApiError:
            self._commit()
            raise
        except BaseException:
            self._rollback()
            raise
        self._commit()

    def _commit(self) -> None:
        if self.dirty or not self.batch.only_journal():
            batch, dirty = self.batch, self.dirty
            self.batch, self.dirty = Batch(), {}
            try:
                for execution in dirty.values():
                    if execution.is_new:
                        batch.inserted.append(execution.header_row())
                    elif execution.status_changed:
                        ended, expires = execution.state["ended"], execution.expires
                        batch.statuses.append((execution.status, ended, expires, execution.key))
                    batch.journal.append((execution.key, execution.row()))
                self.store.write(batch)
                self.changes += 1
            except Exception as error:
                self.dirty = dirty
                self._rollback()
                logger.exception("the store refused a transaction; the state before it is restored")
                raise service_failure(f"The store could not be written: {error}") from error
        if self.after_commit:
            calls, self.after_commit = self.after_commit, []
            for call in calls:
                call()

    def _rollback(self) -> None:
        """Read the touched executions back; a timer or a queue entry that was taken for them is set again."""
        from durable_local._engine._recovery import rearm

        dirty = self.dirty
        self.batch, self.dirty, self.after_commit = Batch(), {}, []
        for arn, execution in dirty.items():
            self.executions.pop(arn, None)
            self.closed.pop(arn, None)
            header = self.store.find("arn", arn)
            if header is None:
                self.by_id.pop(execution.id, None)
                continue
            restored = self._read(header)
            restored.waiters = execution.waiters
            self._keep(restored)
            rearm(self, restored)

    def touch(self, execution: Execution) -> None:
        """Have the execution's changes written at the end of the transaction."""
        self.dirty[execution.arn] = execution

    def emit(self, kind: str, **members: Any) -> None:
        """Send a record to the event sink once the transaction is written."""
        if self.sink is not None:
            record = {"kind": kind, "at": self.clock.now(), **members}
            self.after_commit.append(lambda: self._tell(record))

    def _tell(self, record: dict[str, Any]) -> None:
        """Hand a record to the sink; a sink that fails must not keep a caller from its answer."""
        try:
            if self.sink is not None:
                self.sink(record)
        except Exception:
            logger.exception("the event sink failed on a record of kind %s", record["kind"])

    # --- asynchronous invocations of plain functions ---

    def enqueue(self, key: str, body: dict[str, Any]) -> None:
        """Take in an asynchronous invocation, or its next attempt; it survives a restart from the commit on."""
        self.queue[key] = body
        self.batch.queued.append((key, json.dumps(body)))
        if body["at"] <= self.clock.now():
            self.release(key)
        else:
            self.timers.add(body["at"], "queue", key)

    def dequeue(self, key: str) -> None:
        """Forget an asynchronous invocation that is finished."""
        self.queue.pop(key, None)
        self.batch.unqueued.append(key)

    def is_queued(self, key: str) -> bool:
        """Whether an asynchronous invocation waits for its time."""
        return key in self.queue

    def release(self, key: str) -> bool:
        """Hand a queued invocation to the ready ones."""
        body = self.queue.get(key)
        if body is None:
            return False
        self.ready.append(
            Plain(
                body["function"],
                body["version"],
                body["payload"].encode(),
                body["invoked_arn"],
                body["trace"],
                body["tenant"],
                queue_key=key,
            )
        )
        return True

    # --- executions ---

    def add(self, execution: Execution) -> None:
        """Take in a new execution."""
        execution.is_new = True
        self._keep(execution)
        self.touch(execution)

    def _keep(self, execution: Execution) -> None:
        self.by_id[execution.id] = execution.arn
        if execution.is_open:
            self.executions[execution.arn] = execution
        else:
            self.retire(execution)

    def retire(self, execution: Execution) -> None:
        """Move a closed execution to the short memory of closed ones."""
        self.executions.pop(execution.arn, None)
        self.closed[execution.arn] = execution
        while len(self.closed) > self.settings.closed_in_memory:
            arn, old = next(iter(self.closed.items()))
            if arn in self.dirty:
                break
            del self.closed[arn]
            self.by_id.pop(old.id, None)

    def forget(self, execution: Execution) -> None:
        """Drop a deleted execution."""
        self.executions.pop(execution.arn, None)
        self.closed.pop(execution.arn, None)
        self.by_id.pop(execution.id, None)

    def _read(self, header: Header) -> Execution:
        execution = Execution(json.loads(header.header), header.key)
        for body in self.store.journal(header.key):
            execution.fold(body)
        if not execution.is_open:
            execution.end_operation()
        return execution

    def recall(self, header: Header) -> Execution:
        """Return the execution of a row, from memory or read back."""
        known = self.executions.get(header.arn) or self.closed.get(header.arn)
        if known is None:
            known = self._read(header)
            self._keep(known)
        return known

    def find(self, arn: str) -> Execution | None:
        """Return an execution by ARN, open or closed."""
        known = self.executions.get(arn) or self.closed.get(arn)
        if known is None:
            header = self.store.find("arn", arn)
            known = None if header is None else self.recall(header)
        return known

    def find_by_id(self, execution_id: str) -> Execution | None:
        """Return an execution by the last segment of its ARN."""
        arn = self.by_id.get(execution_id)
        if arn is not None:
            return self.find(arn)
        header = self.store.find("id", execution_id)
        return None if header is None else self.recall(header)

    def get(self, arn: str) -> Execution:
        """Return an execution by ARN or raise the 404."""
        execution = self.find(arn)
        if execution is None:
            raise not_found(rules.EXECUTION_NOT_FOUND.format(arn=arn))
        return execution

    def wake(self, execution: Execution) -> None:
        """Queue the next invocation, unless one is under way, queued or waiting for its retry, or all is paused."""
        state = execution.state
        if state["status"] != rules.RUNNING:
            if state["pause"] is not None:
                state["pause"]["woken"] = True
            return
        if state["invocation"] is None and not state["queued"] and state["retry_at"] is None:
            state["queued"] = True
            self.ready.append(execution.arn)
