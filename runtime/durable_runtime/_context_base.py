"""What every context has: an id space, a place on a line of causality, a logger."""

from __future__ import annotations

from durable_runtime._ids import position_id, prefix_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from durable_runtime._commit import Line
    from durable_runtime._invocation import Invocation
    from durable_runtime._scope import Scope


class ExecutionContext:
    """What is known of the execution as a whole.

    Attributes:
        durable_execution_arn: The execution's ARN.
    """

    __slots__ = ("durable_execution_arn",)

    def __init__(self, durable_execution_arn: str) -> None:
        self.durable_execution_arn = durable_execution_arn


class ContextBase:
    """One id space, and the operations that live in it.

    Attributes:
        operation_id: The context operation that owns what happens here; None at the top.
        owner_id: What ids are derived from; differs from operation_id in virtual contexts.
        line: The line of causality that this context's code runs on.
        last_operation: The operation whose outcome this context's code saw last.
        rebuilt: History has the outcome of this context; its code runs again only to rebuild it.
    """

    def __init__(
        self,
        invocation: Invocation,
        operation_id: str | None,
        line: Line,
        *,
        owner_id: str | None = None,
        virtual: bool = False,
        parent: ContextBase | None = None,
    ) -> None:
        self.invocation = invocation
        self.operation_id = operation_id
        self.owner_id = owner_id if virtual else operation_id
        self.line = line
        self.is_virtual = virtual
        self.last_operation: str | None = None if parent is None else parent.last_operation
        self.rebuilt: bool = parent is not None and parent.rebuilt
        self._parent = parent
        self._prefix = prefix_of(self.owner_id)
        self._count = 0
        self._operations = invocation.history.operations
        self._visited = invocation.history.visited
        self._logger: Any = None

    # ---- what a driver's context must know

    def _enter(self, word: str) -> None:
        """Refuse an operation at a place where replay could not repeat it."""
        raise NotImplementedError

    def child(self, owner_id: str, *, virtual: bool = False) -> Self:
        """Make a context inside this one, on the same line."""
        parent_id = self.operation_id if virtual else owner_id
        return type(self)(
            self.invocation,
            parent_id,
            self.line,
            owner_id=owner_id,
            virtual=virtual,
            parent=self,
        )

    def host(self, line: Line) -> Self:
        """Make a twin of this context on another line, to hold the operation of a branch."""
        return type(self)(
            self.invocation,
            self.operation_id,
            line,
            owner_id=self.owner_id,
            virtual=self.is_virtual,
            parent=self,
        )

    def overtakes(self, _operation_id: str) -> bool:
        """Say whether an outcome must not share a call with one that user code may have seen before it."""
        return False

    # ---- where the code stands

    def next_id(self) -> str:
        """Take the next position."""
        self._count += 1
        return position_id(self._prefix, self._count)

    def is_replaying(self) -> bool:
        """Say whether the code that runs now ran before: whether the next operation is in the history."""
        recorded = self.invocation.history.recorded
        return bool(recorded) and (self.rebuilt or position_id(self._prefix, self._count + 1) in recorded)

    @property
    def execution_context(self) -> ExecutionContext:
        """What is known of the execution as a whole."""
        return ExecutionContext(self.invocation.arn)

    @property
    def lambda_context(self) -> Any:
        """The context object that Lambda gave for this invocation."""
        return self.invocation.lambda_context

    # ---- logging

    @property
    def logger(self) -> Any:
        """A logger that is silent on replay and adds the execution's fields."""
        if self._logger is None:
            self._logger = self.make_logger(self)
        return self._logger

    def set_logger(self, new_logger: Any) -> None:
        """Log through another logger, in this execution's every context."""
        self.invocation.logger = new_logger
        self._logger = None

    def make_logger(self, scope: Scope) -> Any:
        """Return a logger for a scope."""
        from durable_runtime.logger import DurableLogger

        return DurableLogger(self.invocation.logger, scope.log_fields(), scope.is_replaying)

    def log_fields(self) -> dict[str, Any]:
        """Return the fields that identify this context in a log record."""
        fields: dict[str, Any] = {"executionArn": self.invocation.arn}
        if self.operation_id is not None:
            fields["parentId"] = self.operation_id
        return fields

    def warn(self, message: str) -> None:
        """Tell the log what the code does not see."""
        self.logger.warning(message)
