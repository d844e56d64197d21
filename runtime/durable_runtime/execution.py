"""The entry point: turns a handler into a Lambda handler that survives its own invocations."""

from __future__ import annotations

from durable_runtime.exceptions import ExecutionError, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from typing import Any

    from durable_runtime._service import ServiceClient

    Handler = Callable[..., Any]
    LambdaHandler = Callable[[Any, Any], dict[str, Any]]


_CO_COROUTINE = 0x80


def durable_execution(
    func: Handler | None = None,
    *,
    boto3_client: Any = None,
    plugins: Sequence[Any] | None = None,
    renames: Mapping[str, str | Sequence[str]] | None = None,
    sleep_in_place: timedelta | float | None = None,
    max_threads: int | None = None,
    store: Any = None,
    outcome_linger: timedelta | float | None = None,
    start_linger: timedelta | float | None = None,
) -> Any:
    """Make a Lambda handler of ``handler(event, context: DurableContext)``, `def` or `async def`.

    The handler's event and result are plain JSON, rebuilt from its annotations where it has some.

    Args:
        func: The handler, when the decorator is used without arguments.
        boto3_client: A boto3 Lambda client to call the service with, instead of the runtime's own client.
        plugins: Factories or instances of instrumentation plugins.
        renames: Former names of operations by their new name, so that running executions survive a rename.
        sleep_in_place: Waits and retries up to this long are slept through instead of ending the invocation.
            The default is never: sleeping is billed.
        max_threads: Most threads that branches of this handler's maps and parallels use at once; by default 1,000,
            and 2 for each megabyte of the function's memory.
        store: Keeps results that are too large for a checkpoint.
        outcome_linger: How long an outcome that nobody waits for may wait for company; 2 ms by default.
        start_linger: The same for the start of an operation; 20 ms by default.
    """
    from durable_runtime._invocation import Options

    options = Options()
    options.renames = _renames(renames)
    options.sleep_in_place = _seconds(sleep_in_place, "sleep_in_place")
    if outcome_linger is not None:
        options.outcome_linger = _seconds(outcome_linger, "outcome_linger")
    if start_linger is not None:
        options.start_linger = _seconds(start_linger, "start_linger")
    options.store = store
    if max_threads is not None:
        given: object = max_threads
        if not isinstance(given, int) or isinstance(given, bool) or given < 1:
            raise ValidationError(f"durable_execution: max_threads is {max_threads!r}; it must be 1 or more")
        options.max_threads = max_threads

    def decorate(handler: Handler) -> LambdaHandler:
        if plugins or _environment_names_plugins():
            from durable_runtime.plugin_discovery import load_configured_plugins

            options.plugins = load_configured_plugins(plugins)
        return _decorate(handler, boto3_client, options)

    return decorate if func is None else decorate(func)


def _environment_names_plugins() -> bool:
    import os

    return bool(os.environ.get("DURABLE_EXECUTION_PLUGINS", "").strip())


def _decorate(handler: Handler, boto3_client: Any, options: Any) -> LambdaHandler:
    if not callable(handler):
        raise ValidationError(f"durable_execution: got {handler!r}; it decorates a function handler(event, context)")
    client: ServiceClient | None = None

    def durable_handler(event: Any, lambda_context: Any = None) -> dict[str, Any]:
        nonlocal client
        if client is None:
            from durable_runtime._service import Boto3ServiceClient, default_client

            client = default_client() if boto3_client is None else Boto3ServiceClient(boto3_client)
        return invoke_with(event, lambda_context, client)

    def invoke_with(event: Any, lambda_context: Any, service_client: ServiceClient) -> dict[str, Any]:
        """Run one invocation against a given service client."""
        from durable_runtime._run import run_invocation

        return run_invocation(handler, options, event, lambda_context, service_client, is_async=is_async(handler))

    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        if hasattr(handler, name):
            setattr(durable_handler, name, getattr(handler, name))
    durable_handler.__wrapped__ = handler  # type: ignore[attr-defined]
    durable_handler.__durable_execution__ = True  # type: ignore[attr-defined]
    durable_handler.invoke_with = invoke_with  # type: ignore[attr-defined]
    return durable_handler


def is_async(func: Any) -> bool:
    """Say whether a function is `async def`, looking through partials, methods and callable objects."""
    for _ in range(8):
        code = getattr(func, "__code__", None)
        if code is not None:
            return bool(code.co_flags & _CO_COROUTINE)
        inner = getattr(func, "func", None) or getattr(func, "__func__", None)
        if inner is None:
            inner = getattr(type(func), "__call__", None)  # noqa: B004  the method itself is wanted
            if not hasattr(inner, "__code__"):
                return False
        func = inner
    return False


def _renames(renames: Mapping[str, str | Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    result = {}
    for new, old in (renames or {}).items():
        if not isinstance(new, str):
            raise ValidationError(f"durable_execution: renames has the key {new!r}; it maps new names to old ones")
        result[new] = (old,) if isinstance(old, str) else tuple(old)
    return result


def _seconds(duration: Any, option: str) -> float:
    if duration is None:
        return 0.0
    seconds = duration.total_seconds() if hasattr(duration, "total_seconds") else duration
    if hasattr(duration, "to_seconds"):
        seconds = duration.to_seconds()
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 900:
        raise ValidationError(
            f"durable_execution: {option} is {duration!r}; it must be a timedelta or seconds from 0 to 900",
        )
    return float(seconds)


def invalid_event(event: Any) -> ExecutionError:
    """Explain that an invocation is not one of a durable execution."""
    found = f"keys {sorted(map(str, event))[:8]}" if isinstance(event, dict) else type(event).__name__
    return ExecutionError(
        "This function was invoked without a durable execution: Unexpected payload (the event has "
        f"{found}, not DurableExecutionArn, CheckpointToken and InitialExecutionState). Confirm that durability is "
        "set: give the function a DurableConfig when it is created, and invoke it by a version or an alias. In a "
        "unit test, use durable_local.testing.",
    )
