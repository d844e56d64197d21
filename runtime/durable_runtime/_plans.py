"""The plan of every operation: validate, take an id, look into history, return the generator.

All of it happens when the user calls, on the user's stack: a wrong argument has no effect and takes no position,
and a mismatch is reported at its source line.
"""

from __future__ import annotations

from durable_runtime._checks import check_config, check_options
from durable_runtime._codec import POINTER, Codec
from durable_runtime._context_base import ContextBase
from durable_runtime._duration import whole_seconds
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

    def begin(
        self,
        kind: str,
        sub_type: str,
        name: str | None,
        options: Any,
        *,
        automatic_name: bool = False,
    ) -> Operation:
        """Take the next position for an operation."""
        aliases = options.get("aliases") or ()
        return Operation(self, self.next_id(), kind, sub_type, name, aliases=aliases, automatic_name=automatic_name)

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
        check_options(options, "step", name)
        retry, at_most_once, serdes, sub_type = (
            options.get("retry"),
            options.get("at_most_once"),
            options.get("serdes"),
            None,
        )
        if config is not None:
            check_config(config, StepConfig, "step", name)
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
        operation = self.begin("STEP", sub_type or "Step", name, options, automatic_name=automatic)
        codec = Codec(operation, serdes, annotation)
        return operation, step(operation, func, codec, retry, at_most_once=bool(at_most_once))

    def _plan_wait(self, duration: DurationLike, name: str | None) -> Plan:
        from durable_runtime._operations.wait import wait

        name = check_name(name, "wait")
        seconds = whole_seconds(duration, f"wait {name!r}: duration" if name else "wait: duration")
        operation = self.begin("WAIT", "Wait", name, {})
        return operation, wait(operation, seconds)

    def _plan_create_callback(self, name: str | None, config: CallbackConfig | None, options: Any) -> Plan:
        from durable_runtime._plan_callback import plan_create_callback

        return plan_create_callback(self, name, config, options)

    def make_callback(
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
        from durable_runtime._plan_callback import plan_wait_for_callback

        return plan_wait_for_callback(self, submitter, name, config, options)

    def _plan_invoke(
        self,
        function_name: str,
        payload: Any,
        name: str | None,
        config: InvokeConfig[Any, Any] | None,
        options: Any,
    ) -> Plan:
        from durable_runtime._plan_invoke import plan_invoke

        return plan_invoke(self, function_name, payload, name, config, options)

    def peek_id(self) -> str:
        """Return the next position without taking it."""
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
        check_options(options, "run_in_child_context", name)
        serdes, virtual = options.get("serdes"), bool(options.get("virtual"))
        sub_type = summary = None
        if config is not None:
            from durable_runtime.config import ChildConfig

            check_config(config, ChildConfig, "run_in_child_context", name)
            serdes = serdes or config.serdes
            virtual = virtual or config.is_virtual
            sub_type, summary = config.sub_type, config.summary_generator
        returns = options.get("returns")
        operation = self.begin("CONTEXT", sub_type or "RunInChildContext", name, options, automatic_name=automatic)
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
        check_options(options, "wait_for_condition", name)
        check_config(config, WaitForConditionConfig, "wait_for_condition", name)
        operation = self.begin("STEP", "WaitForCondition", name, options, automatic_name=automatic)
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
