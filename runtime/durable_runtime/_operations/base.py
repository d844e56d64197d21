"""What all operations share: identity, looking into history, recording updates."""

from __future__ import annotations

from durable_runtime._history import details

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, NoReturn

    from durable_runtime._context_base import ContextBase
    from durable_runtime._history import RawOperation
    from durable_runtime.exceptions import DurableExecutionsError, DurableOperationError

    ErrorClass = type[DurableOperationError] | Callable[[dict[str, Any]], type[DurableOperationError]]

WORDS = {
    "STEP": "step",
    "WAIT": "wait",
    "CALLBACK": "callback",
    "CHAINED_INVOKE": "invoke",
    "CONTEXT": "child context",
}


class Operation:
    """One call of an operation: where it stands, who it is, and what history says of it.

    Made when the user calls, on the user's stack, so that a wrong identity is reported at its source line.
    """

    __slots__ = ("context", "facts", "id", "kind", "name", "parent_id", "raw", "sub_type", "unrecorded")

    def __init__(
        self,
        context: ContextBase,
        operation_id: str,
        kind: str,
        sub_type: str,
        name: str | None,
        *,
        aliases: tuple[str, ...] = (),
        automatic_name: bool = False,
    ) -> None:
        self.context = context
        self.id = operation_id
        self.kind = kind
        self.sub_type = sub_type
        self.name = name
        self.parent_id = context.operation_id
        self.unrecorded = False
        self.facts: dict[str, Any] | None = None
        history = context.invocation.history
        history.visited.add(operation_id)
        self.raw: RawOperation | None = history.operations.get(operation_id)
        if self.raw is not None:
            self._identify(self.raw, aliases, automatic_name)
            if context.invocation.plugins is not None:
                context.invocation.plugins.observed(self)

    def _identify(self, raw: RawOperation, aliases: tuple[str, ...], automatic_name: bool) -> None:
        """Refuse a record of other code; take over the recorded name where a rename allows it."""
        recorded_name = raw.get("Name") or None
        if (
            raw["Type"] == self.kind
            and (raw.get("SubType") or self.sub_type) == self.sub_type
            and raw.get("ParentId") == self.parent_id
        ):
            if recorded_name == self.name:
                return
            renames = self.context.invocation.renames
            known = aliases + (renames.get(self.name, ()) if renames and self.name else ())
            if recorded_name in known or (recorded_name is None and automatic_name):
                self.name = recorded_name
                return
        from durable_runtime._mismatch import raise_mismatch

        raise_mismatch(self, raw)

    @property
    def label(self) -> str:
        """The operation for a message: ``step 'charge'``."""
        word = WORDS[self.kind]
        if self.sub_type in _BATCH_WORDS:
            word = _BATCH_WORDS[self.sub_type]
        return f"{word} {self.name!r}" if self.name else word

    @property
    def status(self) -> str | None:
        """The recorded status, or None."""
        return None if self.raw is None else self.raw["Status"]

    @property
    def details(self) -> dict[str, Any]:
        """The recorded part that depends on the type; empty if there is none."""
        return {} if self.raw is None else details(self.raw)

    def reload(self) -> None:
        """Look into history again."""
        self.raw = self.context.invocation.history.operations.get(self.id)
        if self.context.invocation.plugins is not None:
            self.context.invocation.plugins.reloaded(self)

    def record(self, action: str, *, outcome: bool = True, **fields: Any) -> int:
        """Queue an update; answer with its sequence number. An outcome becomes part of the line's past."""
        update: dict[str, Any] = {"Id": self.id, "Type": self.kind, "Action": action, "SubType": self.sub_type}
        if self.parent_id is not None:
            update["ParentId"] = self.parent_id
        if self.name is not None:
            update["Name"] = self.name
        update.update({key: value for key, value in fields.items() if value is not None})
        context = self.context
        plugins = context.invocation.plugins
        if plugins is not None and action == "START":
            plugins.started(self, replayed=self.raw is not None)
        line = context.line
        alone = outcome and context.overtakes(self.id)
        sequence: int = context.invocation.checkpointer.add(update, line, outcome=outcome, alone=alone)
        if outcome:
            line.past = sequence
            context.last_operation = self.id
        if plugins is not None and action in _OUTCOMES:
            plugins.ended(self, _OUTCOMES[action], update.get("Payload"), update.get("Error"))
        return sequence

    def fail(self, error: BaseException, base: ErrorClass) -> NoReturn:
        """Record a failure, and raise it as every replay will raise it."""
        from durable_runtime._errors import error_object

        recorded = error_object(error)
        self.record("FAIL", Error=recorded)
        raise restored(recorded, base)

    def raise_recorded(self, base: ErrorClass) -> NoReturn:
        """Raise the failure that history holds."""
        error = dict(self.details.get("Error") or {})
        status = self.status
        if status in _ENDINGS and not error.get("ErrorMessage"):
            error["ErrorMessage"] = f"{self.label} {_ENDINGS[status]} (status {status})"
        if not error.get("ErrorType"):
            error["ErrorType"] = f"{_CAMEL[self.kind]}.{_CAMEL.get(status or '', status)}"
        self.context.last_operation = self.id
        raise restored(error, base)

    def unknown_status(self) -> NoReturn:
        """End the execution: the service speaks of something this runtime does not know."""
        from durable_runtime.exceptions import ExecutionError

        raise ExecutionError(
            f"{self.label} ({self.id[:12]}…) has status {self.status!r} in the history, which this version of the "
            "runtime does not know; update the runtime layer",
        )


def restored(record: dict[str, Any], base: ErrorClass) -> DurableExecutionsError:
    """Make the exception that a record stands for; ``base`` may choose its class by the record."""
    from durable_runtime._restored import restore_error

    return restore_error(record, base if isinstance(base, type) else base(record))


def run_user_code(
    operation: Operation,
    attempt: int | None,
    body: Any,
    *,
    rebuilding: bool = False,
) -> Generator[Any, Any, Any]:
    """Perform an effect that runs user code, or a generator of effects, and let plugins know."""
    plugins = operation.context.invocation.plugins
    if plugins is not None:
        return (yield from plugins.run(operation, attempt, body, rebuilding=rebuilding))
    return (yield from body) if hasattr(body, "send") else (yield body)


_OUTCOMES = {"SUCCEED": "SUCCEEDED", "FAIL": "FAILED"}
_BATCH_WORDS = {
    "Map": "map",
    "Parallel": "parallel",
    "MapIteration": "map item",
    "ParallelBranch": "parallel branch",
    "WaitForCallback": "wait_for_callback",
    "WaitForCondition": "wait_for_condition",
}
_ENDINGS = {
    "FAILED": "failed",
    "CANCELLED": "was cancelled",
    "TIMED_OUT": "timed out",
    "STOPPED": "was stopped",
}
_CAMEL = {
    "STEP": "Step",
    "WAIT": "Wait",
    "CALLBACK": "Callback",
    "CHAINED_INVOKE": "ChainedInvoke",
    "CONTEXT": "Context",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
    "TIMED_OUT": "Timeout",
    "STOPPED": "Stopped",
}
FAILED_STATUSES = frozenset(_ENDINGS)
