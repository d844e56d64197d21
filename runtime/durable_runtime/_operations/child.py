"""``run_in_child_context``: a group of operations with an id space of its own."""

from __future__ import annotations

from durable_runtime._codec import RESULT_LIMIT, byte_size
from durable_runtime._effects import Body
from durable_runtime._history import SUCCEEDED
from durable_runtime._operations.base import FAILED_STATUSES, restored, run_user_code
from durable_runtime.exceptions import ChildContextError, DurableOperationError, ExecutionError, InvocationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, NoReturn

    from durable_runtime._codec import Codec
    from durable_runtime._context_base import ContextBase
    from durable_runtime._operations.base import ErrorClass, Operation


def child(
    operation: Operation,
    body: Any,
    context: ContextBase,
    codec: Codec,
    *,
    virtual: bool = False,
    summary: Callable[[Any], str] | None = None,
    error_class: ErrorClass = ChildContextError,
) -> Generator[Any, Any, Any]:
    """Run a child context, or return what it returned before.

    ``body`` is a function of the child context, or a generator of effects that computes the result.
    """
    status = operation.status
    rebuilding = status == SUCCEEDED
    if rebuilding and not operation.details.get("ReplayChildren"):
        operation.context.last_operation = operation.id
        return codec.read(operation.details.get("Result"))
    _open(operation, error_class, virtual=virtual)
    context.rebuilt = context.rebuilt or rebuilding
    try:
        effects = Body(body, (context,), context) if callable(body) else body
        attempt = 1 if operation.raw is None else None
        value = yield from run_user_code(operation, attempt, effects, rebuilding=rebuilding)
        text, result = codec.write(value)
    except Exception as error:
        if escapes(error):
            raise
        if virtual or rebuilding:
            _fail_unrecorded(operation, error, error_class, context)
        operation.fail(error, error_class)
    if callable(body):
        operation.context.invocation.history.finished_contexts.add(operation.id)
    if virtual or rebuilding:
        _tell_end(operation, "SUCCEEDED", None, context)
    if rebuilding:
        operation.context.last_operation = operation.id
    elif not virtual:
        _record(operation, value, text, summary)
    return result


def _open(operation: Operation, error_class: ErrorClass, *, virtual: bool) -> None:
    """Begin the context, or continue it; raise if it has failed."""
    status = operation.status
    if status in FAILED_STATUSES:
        operation.raise_recorded(error_class)
    if status is None and not virtual:
        operation.record("START", outcome=False)
    if status not in _RUNNABLE:
        operation.unknown_status()


def escapes(error: Exception) -> bool:
    """Say whether an error ends the invocation instead of failing the context."""
    if isinstance(error, DurableOperationError):
        return False
    return isinstance(error, ExecutionError) or (isinstance(error, InvocationError) and error.is_retryable())


_RUNNABLE = (None, SUCCEEDED, "STARTED", "PENDING", "READY")


def _fail_unrecorded(
    operation: Operation,
    error: Exception,
    error_class: ErrorClass,
    context: ContextBase,
) -> NoReturn:
    """Raise the failure of a context that records nothing, in the shape of one that does."""
    from durable_runtime._errors import error_object

    _tell_end(operation, "FAILED", error, context)
    raise restored(error_object(error), error_class)


def _tell_end(operation: Operation, status: str, error: Exception | None, context: ContextBase) -> None:
    """Let plugins know of an end that nothing records."""
    plugins = operation.context.invocation.plugins
    if plugins is not None:
        from durable_runtime._errors import error_object

        record = None if error is None else error_object(error)
        plugins.ended(operation, status, None, record, replayed=context.is_replaying())


def _record(operation: Operation, value: Any, text: str | None, summary: Callable[[Any], str] | None) -> None:
    """Record the result; one that is too large is rebuilt from the children on replay."""
    replay_children = byte_size(text) > RESULT_LIMIT
    if replay_children:
        text = summary(value) if summary is not None else ""
    operation.record("SUCCEED", Payload=text, ContextOptions={"ReplayChildren": replay_children})
