"""The plans of ``create_callback`` and ``wait_for_callback``."""

from __future__ import annotations

from durable_runtime._checks import check_config, check_options
from durable_runtime._codec import Codec, PlainCodec
from durable_runtime._duration import MAX_CALLBACK_SECONDS, whole_seconds
from durable_runtime._names import check_name, name_of
from durable_runtime._operations.callback import create_callback
from durable_runtime.config import CallbackConfig
from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_runtime._plans import OperationPlans, Plan
    from durable_runtime.config import WaitForCallbackConfig


def plan_create_callback(
    context: OperationPlans,
    name: str | None,
    config: CallbackConfig | None,
    options: Any,
) -> Plan:
    """Plan a callback for somebody outside to answer."""
    name = check_name(name, "create_callback")
    check_options(options, "create_callback", name)
    config = _callback_config(config, options, "create_callback", name)
    operation = context.begin("CALLBACK", config.sub_type or "Callback", name, options)
    timeouts = {
        "TimeoutSeconds": config.timeout_seconds,
        "HeartbeatTimeoutSeconds": config.heartbeat_timeout_seconds,
    }
    returns = options.get("returns")
    codec = None if config.serdes is None and returns is None else PlainCodec(operation, config.serdes, returns)
    return operation, context.make_callback(operation, create_callback(operation, timeouts), codec)


def plan_wait_for_callback(
    context: OperationPlans,
    submitter: Callable[..., Any],
    name: str | None,
    config: WaitForCallbackConfig | None,
    options: Any,
) -> Plan:
    """Plan a callback whose id a step hands out."""
    from durable_runtime._operations.child import child
    from durable_runtime._operations.wait_for_callback import failure_class, wait_for_callback

    if not callable(submitter):
        raise ValidationError(
            f"wait_for_callback: submitter is {submitter!r}; it must be a function of a callback id",
        )
    automatic = not name
    name = name_of(name, submitter, "wait_for_callback")
    check_options(options, "wait_for_callback", name)
    config = _callback_config(config, options, "wait_for_callback", name)
    retry = options.get("retry")
    if retry is None:
        retry = getattr(config, "retry_strategy", None)
    if retry is not None:
        from durable_runtime.retries import as_retry_strategy

        retry = as_retry_strategy(retry, f"wait_for_callback {name!r}")
    sub_type = config.sub_type or "WaitForCallback"
    operation = context.begin("CONTEXT", sub_type, name, options, automatic_name=automatic)
    inner = context.child(operation.id)
    codec = Codec(operation, None, options.get("returns"))
    body = wait_for_callback(
        inner,
        submitter,
        operation.name,  # that of the history, where a rename is known
        config,
        strategy=retry,
        annotation=options.get("returns"),
    )
    return operation, child(operation, body, inner, codec, error_class=failure_class)


def _callback_config(config: Any, options: Any, word: str, name: str | None) -> Any:
    """Merge a callback's keyword options into its configuration."""
    if config is not None:
        check_config(config, CallbackConfig, word, name)
    given = {key: options[key] for key in ("timeout", "heartbeat_timeout", "serdes") if options.get(key) is not None}
    if not given:
        return config or CallbackConfig()
    for key in ("timeout", "heartbeat_timeout"):
        if key in given:
            where = f"{word} {name!r}: {key}" if name else f"{word}: {key}"
            whole_seconds(given[key], where, minimum=0, maximum=MAX_CALLBACK_SECONDS)
    if config is None:
        return CallbackConfig(**given)
    return config.__replace__(**given)
