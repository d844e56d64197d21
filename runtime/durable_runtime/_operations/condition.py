"""``wait_for_condition``: ask again and again, with pauses that cost nothing."""

from __future__ import annotations

from durable_runtime._effects import Acknowledged, Call, Park
from durable_runtime._history import SUCCEEDED, epoch_seconds
from durable_runtime._operations.base import FAILED_STATUSES, run_user_code
from durable_runtime.exceptions import DurableOperationError, ExecutionError, InvocationError, WaitForConditionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from durable_runtime._codec import Codec
    from durable_runtime._operations.base import Operation
    from durable_runtime.waits import WaitStrategy


def wait_for_condition(
    operation: Operation,
    check: Callable[..., Any],
    initial_state: Any,
    strategy: WaitStrategy,
    codec: Codec,
) -> Generator[Any, Any, Any]:
    """Run the check until its strategy stops polling; return the last state."""
    while True:
        status = operation.status
        if status == SUCCEEDED:
            operation.context.last_operation = operation.id
            return codec.read(operation.details.get("Result"))
        if status in FAILED_STATUSES:
            operation.raise_recorded(WaitForConditionError)
        if status == "PENDING":
            until = epoch_seconds(operation.details.get("NextAttemptTimestamp"))
            yield Park(operation.id, until, f"{operation.label} is waiting for its next check")
            operation.reload()
            continue
        if status not in (None, "READY", "STARTED"):
            operation.unknown_status()
        try:
            done, state = yield from _poll(operation, check, initial_state, strategy, codec)
        except Exception as error:
            ends_invocation = isinstance(error, ExecutionError | InvocationError)
            if ends_invocation and not isinstance(error, DurableOperationError):
                raise
            operation.fail(error, WaitForConditionError)
        if done:
            return state


def _poll(
    operation: Operation,
    check: Callable[..., Any],
    initial_state: Any,
    strategy: WaitStrategy,
    codec: Codec,
) -> Generator[Any, Any, tuple[bool, Any]]:
    """Run one check; answer with whether the condition is met, and the state."""
    from durable_runtime._step_scope import LazyCheckContext, StepScope
    from durable_runtime.waits import decide

    context = operation.context
    context.invocation.check_deadline(operation)
    attempt = operation.details.get("Attempt", 0) + 1
    past = context.line.past
    text = operation.details.get("Result")
    # The state of earlier checks is what RETRY recorded; before that, the initial one, as replay would read it.
    # A serdes may write a state as nothing at all, so only the first attempt begins with the initial one.
    state = codec.write(initial_state)[1] if text is None and attempt == 1 else codec.read(text)
    if operation.status != "STARTED":
        operation.record("START", outcome=False)
    if past > context.invocation.log.acknowledged:
        yield Acknowledged(past)
    scope = StepScope(operation, attempt)
    call = Call(check, (state, LazyCheckContext(scope)), scope)
    text, state = codec.write((yield from run_user_code(operation, attempt, call)))
    delay = decide(strategy, state, attempt, operation.label)
    if delay is None:
        operation.record("SUCCEED", Payload=codec.fit(text))
        return True, state
    yield Acknowledged(
        operation.record("RETRY", Payload=codec.fit(text), StepOptions={"NextAttemptDelaySeconds": delay}),
    )
    operation.reload()
    return False, state
