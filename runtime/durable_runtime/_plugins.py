"""Calls the hooks of plugins: at a cost that does not grow, and so that no plugin can harm the execution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from durable_runtime._history import OPEN_STATUSES, epoch_seconds
from durable_runtime._history import details as details_of
from durable_runtime._record import Record
from durable_runtime.lambda_service import (
    ErrorObject,
    InvocationStatus,
    OperationStatus,
    OperationSubType,
    OperationType,
)
from durable_runtime.plugin import (
    DurableInstrumentationPlugin,
    InvocationEndInfo,
    InvocationStartInfo,
    OperationChangeInfo,
    OperationEndInfo,
    OperationInfo,
    OperationStartInfo,
    PropagationInput,
    UserFunctionEndInfo,
    UserFunctionOutcome,
    UserFunctionStartInfo,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from durable_runtime._history import RawOperation
    from durable_runtime._invocation import Invocation
    from durable_runtime._operations.base import Operation

_TYPES = {member.value: member for member in OperationType}
_STATUSES = {member.value: member for member in OperationStatus}
_SUB_TYPES: dict[str, str] = {str(member): member for member in OperationSubType}
_new = object.__new__
_give_fields = Record.__dict__["__dict__"].__set__
"""Gives a record all its fields without the checks of its constructor: hooks are called thousands of times."""


class PluginHost:
    """The plugins of one invocation."""

    def __init__(self, factories: list[Any], invocation: Invocation, event: dict[str, Any], payload: Any) -> None:
        history = invocation.history
        self._operations = history.operations
        self._arn = invocation.arn
        self._ended: set[str] = set()
        updated = {key for key in event.get("UpdatedOperationIds") or () if key in self._operations}
        self._seen_before = history.recorded - updated
        self._updated = updated
        execution = next((raw for raw in self._operations.values() if raw["Type"] == "EXECUTION"), {})
        self._view = OperationsView(self._operations)
        self._start = InvocationStartInfo(
            getattr(invocation.lambda_context, "aws_request_id", None),
            invocation.arn,
            not history.recorded,
            _moment(execution.get("StartTimestamp")),
            execution_input=payload,
            operations=self._view,
            updated_operations={key: _info_of(self._operations[key]) for key in updated},
        )
        plugins = [plugin for factory in factories if (plugin := self._create(factory)) is not None]
        self._on_start = _overridden(plugins, "on_operation_start")
        self._on_end = _overridden(plugins, "on_operation_end")
        self._on_change = _overridden(plugins, "on_operation_change")
        self._on_function_start = _overridden(plugins, "on_user_function_start")
        self._on_function_end = _overridden(plugins, "on_user_function_end")
        self._on_invocation_end = _overridden(plugins, "on_invocation_end")
        self._propagators = _overridden(plugins, "provide_propagation_metadata")
        self._change = {"execution_arn": self._arn, "operations": self._view}
        _tell(_overridden(plugins, "on_invocation_start"), self._start)

    def _create(self, factory: Any) -> Any:
        try:
            return factory.create_plugin(self._start)
        except Exception:  # noqa: BLE001  a plugin harms nothing
            _log_failure(factory, "create_plugin")
            return None

    # ---- operations

    def started(self, operation: Operation, *, replayed: bool = False) -> None:
        """Tell that an operation starts or continues."""
        if self._on_start:
            fields = operation.facts or _facts(operation)
            info = _new(OperationStartInfo)
            _give_fields(info, fields | {"is_replayed": True} if replayed else fields)
            _tell(self._on_start, info)

    def ended(
        self,
        operation: Operation,
        status: str,
        result: str | None,
        error: dict[str, Any] | None,
        *,
        replayed: bool = False,
    ) -> None:
        """Tell that an operation has its outcome."""
        self._ended.add(operation.id)
        if self._on_end:
            fields = (operation.facts or _facts(operation)).copy()
            fields["status"] = _STATUSES[status]
            fields["end_time"] = datetime.now(UTC)
            fields["result"] = result
            if replayed:
                fields["is_replayed"] = True
            if operation.kind == "STEP":
                fields["attempt"] = operation.details.get("Attempt", 0) + 1
            if error is not None:
                fields["error"] = ErrorObject.from_dict(error)
            info = _new(OperationEndInfo)
            _give_fields(info, fields)
            _tell(self._on_end, info)

    def observed(self, operation: Operation) -> None:
        """Tell of an operation found in history: that it continues, or, once, how it ended meanwhile."""
        raw = operation.raw
        if raw is None:
            return
        if raw["Status"] in OPEN_STATUSES:
            if raw["Status"] != "READY":
                self.started(operation, replayed=True)
        else:
            self._report_end(raw)

    def reloaded(self, operation: Operation) -> None:
        """Tell of the end of an operation that somebody else completed during this invocation."""
        if operation.raw is not None and operation.raw["Status"] not in OPEN_STATUSES:
            self._report_end(operation.raw)

    def _report_end(self, raw: RawOperation) -> None:
        key = raw["Id"]
        if key not in self._ended and key not in self._seen_before:
            self._ended.add(key)
            _tell(self._on_end, _info_of(raw, OperationEndInfo))

    def run(
        self,
        operation: Operation,
        attempt: int | None,
        body: Any,
        *,
        rebuilding: bool = False,
    ) -> Generator[Any, Any, Any]:
        """Perform an effect that runs user code, or a generator of effects; tell when it starts and ends."""
        if not (self._on_function_start or self._on_function_end):
            return (yield from body) if hasattr(body, "send") else (yield body)
        fields = (operation.facts or _facts(operation)).copy()
        fields["attempt"] = attempt
        fields["is_replay_children"] = rebuilding
        if self._on_function_start:
            info = _new(UserFunctionStartInfo)
            _give_fields(info, fields.copy())
            _tell(self._on_function_start, info)
        try:
            value = (yield from body) if hasattr(body, "send") else (yield body)
        except Exception as error:
            self._function_ended(fields, UserFunctionOutcome.FAILED, error)
            raise
        except GeneratorExit:
            self._function_ended(fields, UserFunctionOutcome.INCOMPLETE, None)
            raise
        self._function_ended(fields, UserFunctionOutcome.SUCCEEDED, None)
        return value

    def _function_ended(self, fields: dict[str, Any], outcome: UserFunctionOutcome, error: Exception | None) -> None:
        if not self._on_function_end:
            return
        fields["outcome"] = outcome
        fields["end_time"] = datetime.now(UTC)
        if error is not None:
            from durable_runtime._errors import error_object

            fields["error"] = ErrorObject.from_dict(error_object(error))
        info = _new(UserFunctionEndInfo)
        _give_fields(info, fields)
        _tell(self._on_function_end, info)

    def changed(self, operations: list[RawOperation]) -> None:
        """Tell what a reply changed."""
        if operations and self._on_change:
            fields = self._change.copy()
            fields["updated_operations"] = OperationsView({raw["Id"]: raw for raw in operations})
            info = _new(OperationChangeInfo)
            _give_fields(info, fields)
            _tell(self._on_change, info)

    def trace_id(self, operation: Operation, function_name: str) -> str | None:
        """Ask for the trace header that shall travel with a chained invoke."""
        question = PropagationInput(self._arn, operation.id, function_name, operation.parent_id)
        for call in self._propagators:
            try:
                answer = call(question)
                trace_id = None if answer is None else answer.x_amzn_trace_id
            except Exception:  # noqa: BLE001  a plugin harms nothing
                _log_failure(getattr(call, "__self__", call), "provide_propagation_metadata")
                continue
            if isinstance(trace_id, str) and 0 < len(trace_id) <= 8192:
                return trace_id
        return None

    def invocation_ended(self, output: dict[str, Any] | None, error: BaseException | None) -> None:
        """Tell of outcomes that nobody looked at, and that the invocation has ended."""
        for key in sorted(self._updated - self._ended):
            if self._operations[key]["Status"] not in OPEN_STATUSES:
                self._report_end(self._operations[key])
        if not self._on_invocation_end:
            return
        from durable_runtime._errors import error_object

        failure = (output or {}).get("Error") if error is None else error_object(error)
        start = self._start
        _tell(
            self._on_invocation_end,
            InvocationEndInfo(
                start.request_id,
                start.execution_arn,
                start.is_first_invocation,
                start.execution_start_time,
                error=None if failure is None else ErrorObject.from_dict(failure),
                execution_input=start.execution_input,
                operations=start.operations,
                status=InvocationStatus("RETRY" if output is None else output["Status"]),
                execution_result=(output or {}).get("Result"),
            ),
        )


class OperationsView(Mapping[str, OperationInfo]):
    """Operations by id; each is made when it is read."""

    __slots__ = ("_raw",)

    def __init__(self, operations: dict[str, RawOperation]) -> None:
        self._raw = operations

    def __getitem__(self, key: str) -> OperationInfo:
        return _info_of(self._raw[key])

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._raw))

    def __len__(self) -> int:
        return len(self._raw)


def _tell(calls: tuple[Callable[[Any], Any], ...], info: Any) -> None:
    for call in calls:
        try:
            call(info)
        except Exception:  # noqa: BLE001  a plugin harms nothing
            _log_failure(getattr(call, "__self__", call), getattr(call, "__name__", "a hook"))


def _facts(operation: Operation) -> dict[str, Any]:
    """Return the fields of an operation that has started, collected once; infos share them, so copy before changes."""
    raw = operation.raw
    operation.facts = {
        "operation_id": operation.id,
        "operation_type": _TYPES[operation.kind],
        "sub_type": _SUB_TYPES.get(operation.sub_type, operation.sub_type),
        "name": operation.name,
        "parent_id": operation.parent_id,
        "start_time": datetime.now(UTC) if raw is None else _moment(raw.get("StartTimestamp")),
        "is_replayed": False,
        "status": OperationStatus.STARTED,
    }
    return operation.facts


def _info_of(raw: RawOperation, kind: type[OperationInfo] = OperationInfo) -> OperationInfo:
    """Make an info of a recorded operation."""
    details = details_of(raw)
    error, sub_type = details.get("Error"), raw.get("SubType")
    info: OperationInfo = kind(
        raw["Id"],
        _TYPES[raw["Type"]],
        _SUB_TYPES.get(sub_type or "", sub_type),
        raw.get("Name"),
        raw.get("ParentId"),
        _moment(raw.get("StartTimestamp")),
        is_replayed=False,
        status=_STATUSES[raw["Status"]],
        end_time=_moment(raw.get("EndTimestamp")),
        result=details.get("Result"),
        error=ErrorObject.from_dict(error) if error else None,
        attempt=details.get("Attempt"),
    )
    return info


def _overridden(plugins: list[Any], name: str) -> tuple[Callable[[Any], Any], ...]:
    """Return the hooks of this name that do something."""
    default = getattr(DurableInstrumentationPlugin, name)
    return tuple(getattr(each, name) for each in plugins if getattr(type(each), name, None) not in (None, default))


def _moment(value: Any) -> datetime | None:
    seconds = epoch_seconds(value)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _log_failure(plugin: Any, hook: str) -> None:
    import logging

    logging.getLogger("durable_runtime").error(
        "plugin %r failed in %s; the execution goes on",
        plugin,
        hook,
        exc_info=True,  # noqa: LOG014  called where the error is handled
    )
