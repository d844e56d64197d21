"""The plan of every operation: validate, take an id, look into history, return the generator.

All of it happens when the user calls, on the user's stack: a wrong argument has no effect and takes no position,
and a mismatch is reported at its source line.
"""

from __future__ import annotations

from durable_runtime._codec import INVOKE_LIMIT, POINTER, Codec, PlainCodec, byte_size
from durable_runtime._context_base import ContextBase
from durable_runtime._duration import MAX_CALLBACK_SECONDS, whole_seconds
from durable_runtime._history import SUCCEEDED
from durable_runtime._ids import position_id
from durable_runtime._names import check_name, name_of
from durable_runtime._operations.base import Operation
from durable_runtime._values import return_annotation
from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from typing import Any

    from durable_runtime._duration import DurationLike
    from durable_runtime._history import RawOperation
    from durable_runtime.config import (
        CallbackConfig,
        ChildConfig,
        InvokeConfig,
        MapConfig,
        ParallelBranch,
        ParallelConfig,
        StepConfig,
        WaitForCallbackConfig,
    )
    from durable_runtime.waits import WaitForConditionConfig

    Plan = tuple[Operation, Generator[Any, Any, Any]]


class OperationPlans(ContextBase):
    """A context that can plan operations; what runs them is the driver's affair."""

    def _replayed_step(self, func: Callable[..., Any], name: str | None) -> RawOperation | None:
        """Take the position of a step that has only to be read back, and return its record; else None.

        Replay is the hot path: one id, one lookup, one comparison, and nothing is built.
        """
        known_as = name
        if name is None:
            known_as = getattr(func, "__name__", None)
            if known_as == "<lambda>" or known_as is None or hasattr(func, "_original_name"):
                known_as = name_of(None, func, "step")
        operation_id = position_id(self._prefix, self._count + 1)
        raw = self._operations.get(operation_id)
        if (
            raw is None
            or raw["Status"] != SUCCEEDED
            or raw["Type"] != "STEP"
            or raw.get("Name") != known_as
            or raw.get("SubType") != "Step"
            or raw.get("ParentId") != self.operation_id
            or self.invocation.plugins is not None
            or not callable(func)
        ):
            return None
        text = raw["StepDetails"].get("Result")
        if text is not None and text.startswith(POINTER):
            return None
        self._count += 1
        self._visited.add(operation_id)
        return raw

    def _plan_step(
        self,
        func: Callable[..., Any],
        name: str | None,
        config: StepConfig | None,
        options: Any,
    ) -> Plan:
        from durable_runtime._operations.step import step
        from durable_runtime.config import StepConfig, StepSemantics

        if not callable(func):
            raise ValidationError(f"step: func is {func!r}; it must be a function of a StepContext")
        automatic = not name
        name = name_of(name, func, "step")
        _check_options(options, "step", name)
        retry, at_most_once, serdes, sub_type = (
            options.get("retry"),
            options.get("at_most_once"),
            options.get("serdes"),
            None,
        )
        if config is not None:
            _check_config(config, StepConfig, "step", name)
            retry = config.retry_strategy if retry is None else retry
            serdes = serdes or config.serdes
            sub_type = config.sub_type
            if at_most_once is None:
                at_most_once = config.step_semantics is StepSemantics.AT_MOST_ONCE_PER_RETRY
        if retry is not None:
            from durable_runtime.retries import as_retry_strategy

            retry = as_retry_strategy(retry, f"step {name!r}")
        returns = options.get("returns")
        annotation = return_annotation(func) if returns is None else returns
        operation = Operation(
            self,
            self.next_id(),
            "STEP",
            sub_type or "Step",
            name,
            aliases=options.get("aliases") or (),
            automatic_name=automatic,
        )
        codec = Codec(operation, serdes, annotation)
        return operation, step(operation, func, codec, retry, at_most_once=bool(at_most_once))

    def _plan_wait(self, duration: DurationLike, name: str | None) -> Plan:
        from durable_runtime._operations.wait import wait

        name = check_name(name, "wait")
        seconds = whole_seconds(duration, f"wait {name!r}: duration" if name else "wait: duration")
        operation = Operation(self, self.next_id(), "WAIT", "Wait", name)
        return operation, wait(operation, seconds)

    def _plan_create_callback(
        self,
        name: str | None,
        config: CallbackConfig | None,
        options: Any,
    ) -> Plan:
        from durable_runtime._operations.callback import create_callback

        name = check_name(name, "create_callback")
        _check_options(options, "create_callback", name)
        config = _callback_config(config, options, "create_callback", name)
        operation = Operation(
            self, self.next_id(), "CALLBACK", config.sub_type or "Callback", name, aliases=options.get("aliases") or ()
        )
        timeouts = {
            "TimeoutSeconds": config.timeout_seconds,
            "HeartbeatTimeoutSeconds": config.heartbeat_timeout_seconds,
        }
        codec = (
            None
            if config.serdes is None and options.get("returns") is None
            else PlainCodec(operation, config.serdes, options.get("returns"))
        )
        return operation, self._callback(operation, create_callback(operation, timeouts), codec)

    def _callback(
        self,
        operation: Operation,
        create: Generator[Any, Any, str],
        codec: Codec | None,
    ) -> Generator[Any, Any, Any]:
        """Create a callback; answer with the object for the user."""
        raise NotImplementedError

    def _plan_callback_result(self, operation: Operation, codec: Codec | None) -> Plan:
        from durable_runtime._operations.callback import callback_result

        return operation, callback_result(operation, codec)

    def _plan_wait_for_callback(
        self,
        submitter: Callable[..., Any],
        name: str | None,
        config: WaitForCallbackConfig | None,
        options: Any,
    ) -> Plan:
        from durable_runtime._operations.child import child
        from durable_runtime._operations.wait_for_callback import failure_class, wait_for_callback

        if not callable(submitter):
            raise ValidationError(
                f"wait_for_callback: submitter is {submitter!r}; it must be a function of a callback id",
            )
        automatic = not name
        name = name_of(name, submitter, "wait_for_callback")
        _check_options(options, "wait_for_callback", name)
        config = _callback_config(config, options, "wait_for_callback", name)
        retry = options.get("retry")
        if retry is None:
            retry = getattr(config, "retry_strategy", None)
        if retry is not None:
            from durable_runtime.retries import as_retry_strategy

            retry = as_retry_strategy(retry, f"wait_for_callback {name!r}")
        operation = Operation(
            self,
            self.next_id(),
            "CONTEXT",
            config.sub_type or "WaitForCallback",
            name,
            aliases=options.get("aliases") or (),
            automatic_name=automatic,
        )
        inner = self.child(operation.id)
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

    def _plan_invoke(
        self,
        function_name: str,
        payload: Any,
        name: str | None,
        config: InvokeConfig[Any, Any] | None,
        options: Any,
    ) -> Plan:
        from durable_runtime import _values
        from durable_runtime._names import check_function_name, check_tenant
        from durable_runtime._operations.invoke import invoke
        from durable_runtime.exceptions import PayloadTooLargeError

        name = check_name(name, "invoke")
        _check_options(options, "invoke", name)
        check_function_name(function_name)
        tenant = options.get("tenant_id")
        serdes_payload = serdes_result = None
        if config is not None:
            from durable_runtime.config import InvokeConfig

            _check_config(config, InvokeConfig, "invoke", name)
            tenant = config.tenant_id if tenant is None else tenant
            serdes_payload, serdes_result = config.serdes_payload, config.serdes_result
        check_tenant(tenant)
        operation = Operation(
            self, self._peek_id(), "CHAINED_INVOKE", "ChainedInvoke", name, aliases=options.get("aliases") or ()
        )
        text: str | None = None
        if operation.raw is None:
            if serdes_payload is None:
                text = _values.encode(payload, plain=True, root="payload")
            else:
                text = Codec(operation, serdes_payload).write(payload)[0]
            size = byte_size(text)
            if size > INVOKE_LIMIT:
                raise PayloadTooLargeError(
                    f"{operation.label}: the payload has {size:,} bytes; the service takes {INVOKE_LIMIT:,}",
                    operation=operation.label,
                    size=size,
                    limit=INVOKE_LIMIT,
                )
        self.next_id()
        wire: dict[str, Any] = {"FunctionName": function_name}
        if tenant is not None:
            wire["TenantId"] = tenant
        plugins = self.invocation.plugins
        if plugins is not None and operation.raw is None:
            trace_id = plugins.trace_id(operation, function_name)
            if trace_id is not None:
                wire["XAmznTraceId"] = trace_id
        codec = PlainCodec(operation, serdes_result, options.get("returns"))
        return operation, invoke(operation, text, wire, codec)

    def _peek_id(self) -> str:
        return position_id(self._prefix, self._count + 1)

    def _plan_child(
        self,
        func: Callable[..., Any],
        name: str | None,
        config: ChildConfig[Any] | None,
        options: Any,
    ) -> Plan:
        from durable_runtime._operations.child import child

        if not callable(func):
            raise ValidationError(f"run_in_child_context: func is {func!r}; it must be a function of a context")
        automatic = not name
        name = name_of(name, func, "run_in_child_context")
        _check_options(options, "run_in_child_context", name)
        serdes, virtual = options.get("serdes"), bool(options.get("virtual"))
        sub_type = summary = None
        if config is not None:
            from durable_runtime.config import ChildConfig

            _check_config(config, ChildConfig, "run_in_child_context", name)
            serdes = serdes or config.serdes
            virtual = virtual or config.is_virtual
            sub_type, summary = config.sub_type, config.summary_generator
        returns = options.get("returns")
        operation = Operation(
            self,
            self.next_id(),
            "CONTEXT",
            sub_type or "RunInChildContext",
            name,
            aliases=options.get("aliases") or (),
            automatic_name=automatic,
        )
        if virtual and operation.raw is not None:
            from durable_runtime._mismatch import raise_nesting

            raise_nesting(operation)
        operation.unrecorded = virtual
        codec = Codec(operation, serdes, return_annotation(func) if returns is None else returns)
        inner = self.child(operation.id, virtual=virtual)
        return operation, child(operation, func, inner, codec, virtual=virtual, summary=summary)

    def _plan_condition(
        self,
        check: Callable[..., Any],
        config: WaitForConditionConfig[Any],
        name: str | None,
        options: Any,
    ) -> Plan:
        from durable_runtime._operations.condition import wait_for_condition
        from durable_runtime.waits import WaitForConditionConfig

        if not callable(check):
            raise ValidationError(
                f"wait_for_condition: check is {check!r}; it must be a function of the state and a context",
            )
        automatic = not name
        name = name_of(name, check, "wait_for_condition")
        _check_options(options, "wait_for_condition", name)
        _check_config(config, WaitForConditionConfig, "wait_for_condition", name)
        operation = Operation(
            self,
            self.next_id(),
            "STEP",
            "WaitForCondition",
            name,
            aliases=options.get("aliases") or (),
            automatic_name=automatic,
        )
        returns = options.get("returns")
        codec = Codec(operation, config.serdes, return_annotation(check) if returns is None else returns)
        return operation, wait_for_condition(operation, check, config.initial_state, config.wait_strategy, codec)

    def _plan_map(
        self,
        inputs: Iterable[Any],
        func: Callable[..., Any],
        name: str | None,
        config: MapConfig[Any] | None,
        options: Any,
    ) -> Plan:
        from durable_runtime._plan_batch import plan_map

        return plan_map(self, inputs, func, name, config, options)

    def _plan_parallel(
        self,
        functions: Iterable[Callable[..., Any] | ParallelBranch[Any]] | Mapping[str, Callable[..., Any]],
        name: str | None,
        config: ParallelConfig | None,
        options: Any,
    ) -> Plan:
        from durable_runtime._plan_batch import plan_parallel

        return plan_parallel(self, functions, name, config, options)


def _check_config(config: object, kind: type, word: str, name: str | None) -> None:
    """Refuse an object of the wrong kind where options belong."""
    if not isinstance(config, kind):
        label = f"{word} {name!r}" if name else word
        raise ValidationError(f"{label}: config is {config!r}; it must be a {kind.__name__}")


def _check_options(options: dict[str, Any], word: str, name: str | None) -> None:
    """Refuse keywords that the operation does not have."""
    if options:
        from durable_runtime._checks import check_options

        check_options(options, word, name)


def _callback_config(config: Any, options: Any, word: str, name: str | None) -> Any:
    """Merge a callback's keyword options into its configuration."""
    from durable_runtime.config import CallbackConfig

    if config is not None:
        _check_config(config, CallbackConfig, word, name)
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
