"""What instrumentation plugins see. A plugin overrides the hooks it needs; an error in a hook is logged, no more.

Every hook runs on the thread, or in the task, that it tells about, and that one waits for it. `on_operation_end`
comes when the outcome is queued to be recorded. `on_operation_change` comes after each reply of the service,
with what changed; its full map is a view, so it costs nothing until it is read.
"""

from __future__ import annotations

from enum import Enum

from durable_runtime._record import Protocol, Record, option
from durable_runtime.lambda_service import InvocationStatus, OperationStatus, OperationType

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from typing import Any

    from durable_runtime.lambda_service import ErrorObject


class UserFunctionOutcome(Enum):
    """How a run of user code ended; INCOMPLETE is a suspension."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    INCOMPLETE = "INCOMPLETE"


class OperationInfo(Record):
    """One operation. ``sub_type`` is text: compare it with a string or a member of `OperationSubType`."""

    operation_id: str
    operation_type: OperationType
    sub_type: str | None
    name: str | None
    parent_id: str | None
    start_time: dt.datetime | None
    is_replayed: bool
    status: OperationStatus
    end_time: dt.datetime | None = option(default=None)
    result: str | None = option(default=None)
    error: ErrorObject | None = option(default=None)
    attempt: int | None = option(default=None)


class OperationStartInfo(OperationInfo):
    """An operation starts, or continues from an earlier invocation."""


class OperationEndInfo(OperationInfo):
    """An operation has its outcome."""


class OperationChangeInfo(Record):
    """What a reply of the service changed."""

    execution_arn: str | None
    updated_operations: Mapping[str, OperationInfo]
    operations: Mapping[str, OperationInfo]


class UserFunctionStartInfo(OperationInfo):
    """User code starts: a step's attempt, a check, the body of a context."""

    is_replay_children: bool = False


class UserFunctionEndInfo(OperationInfo):
    """User code has ended."""

    is_replay_children: bool = False
    outcome: UserFunctionOutcome = UserFunctionOutcome.SUCCEEDED


class InvocationInfo(Record):
    """One invocation."""

    request_id: str | None
    execution_arn: str | None
    is_first_invocation: bool
    execution_start_time: dt.datetime | None = None
    execution_input: Any = option(default=None)
    operations: Mapping[str, OperationInfo] = option(default={})

    def __repr__(self) -> str:
        # Payloads may be secrets or megabytes, and infos are logged whole.
        return f"{type(self).__name__}(request_id={self.request_id!r}, execution_arn={self.execution_arn!r})"

    def _values(self) -> tuple[Any, ...]:
        return (self.request_id, self.execution_arn, self.is_first_invocation, self.execution_start_time)


class InvocationStartInfo(InvocationInfo):
    """An invocation starts."""

    updated_operations: Mapping[str, OperationInfo] = option(default={})


class InvocationEndInfo(InvocationInfo):
    """An invocation has ended."""

    error: ErrorObject | None = None
    status: InvocationStatus = option(default=InvocationStatus.SUCCEEDED)
    execution_result: str | None = option(default=None)


class PropagationInput(Record):
    """A chained invoke that is about to start."""

    execution_arn: str
    operation_id: str
    target_function_name: str
    parent_operation_id: str | None = None


class PropagationMetadata(Record):
    """What a plugin wants to travel with a chained invoke."""

    x_amzn_trace_id: str | None = None


class DurableInstrumentationPlugin:
    """Base class of plugins: override the hooks you need."""

    def provide_propagation_metadata(self, info: PropagationInput) -> PropagationMetadata | None:
        """Give what shall travel with a new chained invoke."""

    def on_invocation_start(self, info: InvocationStartInfo) -> None:
        """Run before the handler."""

    def on_invocation_end(self, info: InvocationEndInfo) -> None:
        """Run after the handler, and after everything is recorded."""

    def on_operation_start(self, info: OperationStartInfo) -> None:
        """Run before an operation's START is queued, and when an open one of an earlier invocation continues."""

    def on_operation_end(self, info: OperationEndInfo) -> None:
        """Run once per invocation that learns of an operation's outcome, before user code does."""

    def on_operation_change(self, info: OperationChangeInfo) -> None:
        """Run after each reply of the service."""

    def on_user_function_start(self, info: UserFunctionStartInfo) -> None:
        """Run before user code."""

    def on_user_function_end(self, info: UserFunctionEndInfo) -> None:
        """Run after user code."""


class DurableInstrumentationPluginFactory(Protocol):
    """Makes one plugin for each invocation."""

    def create_plugin(self, info: InvocationStartInfo, /) -> DurableInstrumentationPlugin:
        """Make the plugin of an invocation."""
