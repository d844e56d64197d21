"""``map`` and ``parallel``: branches with id spaces of their own, a completion rule, one outcome."""

from __future__ import annotations

import json

from durable_runtime._codec import Codec
from durable_runtime._commit import Line
from durable_runtime._effects import Fork
from durable_runtime._ids import position_id, prefix_of
from durable_runtime._operations.base import Operation
from durable_runtime._operations.child import child
from durable_runtime._operations.completion import Completion
from durable_runtime.concurrency.models import BatchItem, BatchResult, item_of
from durable_runtime.config import BatchItemStatus, CompletionConfig, CompletionReason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from typing import Any

    from durable_runtime._context_base import ContextBase
    from durable_runtime.serdes import SerDes


class Branches:
    """What a map or parallel runs: one function of a child context per branch."""

    __slots__ = ("annotation", "flat", "functions", "names", "serdes", "sub_type")

    def __init__(
        self,
        functions: list[Callable[..., Any]],
        names: list[str],
        sub_type: str,
        annotation: Callable[[int], Any],
        serdes: SerDes[Any] | None,
        *,
        flat: bool,
    ) -> None:
        self.functions = functions
        self.names = names
        self.sub_type = sub_type
        self.annotation = annotation
        self.serdes = serdes
        self.flat = flat


class Batch:
    """The state of a running map or parallel. A driver runs the branches; it serialises access.

    Attributes:
        context: The context of the map or parallel itself.
        complete: The completion rule holds; no further branch starts.
        in_flight: Branches that are running or suspended.
        failure: What the user's completion rule raised.
    """

    def __init__(
        self,
        context: ContextBase,
        branches: Branches,
        completion: CompletionConfig | None,
        max_concurrency: int | None,
    ) -> None:
        total = len(branches.functions)
        self.context = context
        self.branches = branches
        self.total = total
        self.in_flight = 0
        self.limit = max_concurrency or total
        self.failure: BaseException | None = None
        self.completion = Completion(total, completion, branches.names)
        self.complete = self.completion.decide() is not None
        self.items: list[BatchItem[Any] | None] = [None] * total
        self.texts: list[str | None] = [None] * total
        self._lines: dict[int, Line] = {}
        self._indexes = iter(range(total))
        self._next: int | None = next(self._indexes, None)
        self._prefix = prefix_of(context.owner_id)
        self._rebuilt: CompletionReason | None = None

    def rebuild(self, record: str | None) -> None:
        """Obey the outcome of an earlier run: start only the branches that had finished."""
        outcome = _recorded_outcome(record, self.total)
        if outcome is None:
            return
        self._rebuilt, started_total, unfinished = outcome
        for index in unfinished:
            self.items[index] = BatchItem(index, BatchItemStatus.STARTED)
        runnable = [index for index in range(started_total) if index not in unfinished]
        self._indexes = iter(runnable)
        self._next = next(self._indexes, None)
        self.completion = Completion(len(runnable), _RUN_ALL)
        self.complete = self.completion.decide() is not None

    @property
    def startable(self) -> bool:
        """Whether a branch may start now."""
        return self._next is not None and self.in_flight < self.limit and not self.complete

    def start(self) -> int:
        """Take the next branch."""
        index = self._next
        if index is None:  # pragma: no cover  callers ask `startable` first
            raise AssertionError("no branch to start")
        self._next = next(self._indexes, None)
        self.in_flight += 1
        if self._rebuilt is None:
            self.completion.note(index, BatchItemStatus.STARTED)
        self._lines[index] = Line(self.context.line)
        return index

    def plan(self, index: int) -> tuple[ContextBase, Generator[Any, Any, Any], Codec]:
        """Make the operation of a branch, or make it anew for a branch that resumes."""
        branches = self.branches
        host = self.context.host(self._lines[index])
        branch_id = position_id(self._prefix, index)
        operation = Operation(host, branch_id, "CONTEXT", branches.sub_type, branches.names[index])
        if branches.flat and operation.raw is not None:
            from durable_runtime._mismatch import raise_nesting

            raise_nesting(operation)
        codec = Codec(operation, branches.serdes, branches.annotation(index))
        inner = host.child(branch_id, virtual=branches.flat)
        return inner, child(operation, branches.functions[index], inner, codec, virtual=branches.flat), codec

    def succeed(self, index: int, value: Any, text: str | None) -> None:
        """Take the result of a branch."""
        if self.complete:
            return
        self.texts[index] = text
        self._finish(item_of(index, BatchItemStatus.SUCCEEDED, value))

    def fail(self, index: int, error: Exception) -> None:
        """Take the failure of a branch."""
        if self.complete:
            return
        from durable_runtime._errors import error_object
        from durable_runtime.lambda_service import ErrorObject

        self._finish(BatchItem(index, BatchItemStatus.FAILED, None, ErrorObject.from_dict(error_object(error))))

    def _finish(self, item: BatchItem[Any]) -> None:
        self.items[item.index] = item
        self.in_flight -= 1
        del self._lines[item.index]
        self.completion.note(item.index if self._rebuilt is None else 0, item.status)
        try:
            self.complete = self.completion.decide() is not None
        except BaseException as failure:  # noqa: BLE001  raised again where the batch was called
            self.complete, self.failure = True, failure
        if self.complete:
            self.abandon()

    def abandon(self) -> None:
        """Refuse what unfinished branches would still do: nobody waits for it."""
        if self._lines:
            self.context.invocation.checkpointer.orphan(list(self._lines.values()))

    def result(self) -> BatchResult[Any]:
        """Return the outcome."""
        for index in self._lines:
            self.items[index] = BatchItem(index, BatchItemStatus.STARTED)
        items = [item for item in self.items if item is not None]
        reason = self._rebuilt or self.completion.reason or CompletionReason.ALL_COMPLETED
        return BatchResult(items, reason)


def run_batch(batch: Batch, operation: Operation) -> Generator[Any, Any, BatchResult[Any]]:
    """Run the branches of a map or parallel, and return the outcome."""
    if operation.status == "SUCCEEDED":
        batch.rebuild(operation.details.get("Result"))
    if not batch.complete:
        yield Fork(batch)
        if batch.failure is not None:
            raise batch.failure
        if batch.completion.reason is CompletionReason.ALL_COMPLETED and operation.status != "SUCCEEDED":
            batch.context.invocation.history.finished_contexts.add(operation.id)
    return batch.result()


class BatchCodec(Codec):
    """Writes and reads a BatchResult, with the branches' own texts inside."""

    __slots__ = ("batch",)

    def __init__(self, operation: Operation, serdes: SerDes[Any] | None, batch: Batch) -> None:
        super().__init__(operation, serdes)
        self.batch = batch

    def write(self, value: BatchResult[Any]) -> tuple[str | None, Any]:
        """Write the outcome."""
        if self.serdes is not None:
            return super().write(value)
        own = self.batch.branches.serdes is not None
        items = ",".join(_item_text(item, self.batch.texts[item.index], own) for item in value.all)
        return f'{{"all":[{items}],"completionReason":"{value.completion_reason.value}"}}', value

    def read(self, text: str | None) -> Any:
        """Read the outcome back."""
        if text is None or self.serdes is not None:
            return super().read(text)
        try:
            data = json.loads(text)
            if data.get("t") == "br":  # AWS's SDK recorded it
                from durable_runtime._values import decode

                return decode(text)
            items = [self._item(item) for item in data["all"]]
            return BatchResult(items, CompletionReason(data["completionReason"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            from durable_runtime.exceptions import SerDesError

            raise SerDesError(f"{self.operation.label}: the recorded outcome is malformed: {error!r}") from error

    def _item(self, data: dict[str, Any]) -> BatchItem[Any]:
        index, result = data["index"], data.get("result")
        item: BatchItem[Any] = BatchItem.from_dict({**data, "result": None})
        branches = self.batch.branches
        if result is None or item.status is not BatchItemStatus.SUCCEEDED:
            return item
        annotation = branches.annotation(index) if index < self.batch.total else None
        codec = Codec(self.operation, branches.serdes, annotation)
        if branches.serdes is None:
            if annotation is None and type(result) in _PLAIN:
                return BatchItem(index, item.status, result)
            result = json.dumps(result, separators=(",", ":"))
        return BatchItem(index, item.status, codec.read(result))


def envelope(kind: str, summary: Callable[[Any], str] | None) -> Callable[[BatchResult[Any]], str]:
    """Return what makes the record that stands in for a large outcome: enough to rebuild it from the children."""

    def write(result: BatchResult[Any]) -> str:
        started = [item.index for item in result.all if item.status is BatchItemStatus.STARTED]
        fields: dict[str, Any] = {
            "type": kind,
            "totalCount": result.total_count,
            "completionReason": result.completion_reason.value,
        }
        if len(started) * 2 <= result.total_count:
            fields["startedIndexes"] = started
        else:
            gone = set(started)
            fields["completedIndexes"] = [item.index for item in result.all if item.index not in gone]
        fields |= {
            "startedCount": len(started),
            "successCount": result.success_count,
            "failureCount": result.failure_count,
            "status": result.status.value,
        }
        if summary is not None:
            fields["summary"] = str(summary(result))
        return json.dumps(fields)

    return write


def _recorded_outcome(record: str | None, total: int) -> tuple[CompletionReason, int, set[int]] | None:
    """Read an envelope; None if there is none, and each branch's own record decides."""
    try:
        fields = json.loads(record or "")
        count = int(fields["totalCount"])
        reason = CompletionReason(fields["completionReason"])
        if "startedIndexes" in fields:
            unfinished = set(map(int, fields["startedIndexes"]))
        else:
            unfinished = set(range(count)) - set(map(int, fields["completedIndexes"]))
    except (KeyError, TypeError, ValueError):
        return None
    if count > total or not unfinished <= set(range(count)):
        return None
    return reason, count, unfinished


def _item_text(item: BatchItem[Any], text: str | None, quoted: bool) -> str:
    if quoted and text is not None:
        text = json.dumps(text)
    error = json.dumps(item.error.to_dict()) if item.error else "null"
    return f'{{"index":{item.index},"status":"{item.status.value}","result":{text or "null"},"error":{error}}}'


def default_names(prefix: str, total: int) -> Iterable[str]:
    """Return the names of branches that have none of their own."""
    return (f"{prefix}{index}" for index in range(total))


_RUN_ALL = CompletionConfig.all_completed()
_PLAIN = (str, int, float, bool)
