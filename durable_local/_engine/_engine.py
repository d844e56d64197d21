"""The engine's face: every operation of the API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine import (
    _callbacks,
    _checkpoint,
    _control,
    _envelope,
    _queries,
    _start,
    _timing,
)
from durable_local._engine._driven import Driven
from durable_local._errors import invalid_parameter, not_found

if TYPE_CHECKING:
    from durable_local._engine._calls import Call

_tenant = re.compile(rules.TENANT_PATTERN).fullmatch


class Engine(Driven):
    """Lambda's durable execution service without I/O. All methods belong to one thread at a time."""

    # --- the function's side ---

    def checkpoint(self, arn: str, token: Any, updates: Any = None, client_token: str | None = None) -> dict[str, Any]:
        """Apply updates; returns the next token and every operation the function has not seen."""
        _checkpoint.check_token(arn, token, client_token)
        with self._core.transaction():
            _timing.fire_due(self._core)
            return _checkpoint.checkpoint(self._core, arn, token, updates, client_token)

    def get_state(
        self, arn: str, token: Any, marker: str | None = None, max_items: int | None = None
    ) -> dict[str, Any]:
        """Return a page of the operations the function is shown."""
        _checkpoint.check_token(arn, token)
        return _checkpoint.get_state(self._core, arn, token, marker, max_items)

    # --- the caller's side ---

    def invoke(
        self,
        function: str,
        payload: bytes = b"",
        *,
        qualifier: str | None = None,
        invocation_type: str = "RequestResponse",
        execution_name: str | None = None,
        tenant_id: str = "",
        trace_id: str = "",
        client_context: str = "",
        log_type: str = "None",
    ) -> Call:
        """Invoke a function by name, partial ARN or ARN; the call is answered when the work is done."""
        if invocation_type not in _start.TYPES:
            raise invalid_parameter(f"InvocationType must be one of {', '.join(_start.TYPES)}")
        if log_type not in {"None", "Tail"}:
            raise invalid_parameter("LogType must be None or Tail")
        if tenant_id and (len(tenant_id) > rules.MAX_TENANT_ID or not _tenant(tenant_id)):
            raise invalid_parameter("Invalid TenantId")
        if len(trace_id) > rules.MAX_TRACE_HEADER:
            raise invalid_parameter(f"The trace header must be at most {rules.MAX_TRACE_HEADER} characters")
        _start.check_name(execution_name)
        core = self._core
        target = self.functions.resolve(function, qualifier)
        invocation = _start.Invocation(
            _start.check_payload(core, payload, invocation_type),
            invocation_type,
            execution_name,
            tail=log_type == "Tail",
            tenant_id=tenant_id,
            trace_id=trace_id,
            client_context=client_context,
        )
        with core.transaction():
            _timing.fire_due(core)
            return _start.invoke(core, target, invocation)

    def abandon(self, call: Call) -> None:
        """Forget a caller that went away; the execution goes on."""
        execution = self._core.executions.get(call.execution_arn or "")
        if execution is not None and call in execution.waiters:
            execution.waiters.remove(call)

    def callback_succeed(self, callback_id: str, payload: bytes = b"") -> dict[str, Any]:
        """Complete a callback with a result."""
        with self._core.transaction():
            _timing.fire_due(self._core)
            return _callbacks.succeed(self._core, callback_id, payload)

    def callback_fail(self, callback_id: str, error: Any = None) -> dict[str, Any]:
        """Complete a callback with an error object."""
        with self._core.transaction():
            _timing.fire_due(self._core)
            return _callbacks.fail(self._core, callback_id, error)

    def callback_heartbeat(self, callback_id: str) -> dict[str, Any]:
        """Start the heartbeat time-out of a callback anew."""
        with self._core.transaction():
            _timing.fire_due(self._core)
            return _callbacks.heartbeat(self._core, callback_id)

    # --- the operator's side ---

    def get_execution(self, arn: str, *, include: bool | None = None) -> dict[str, Any]:
        """Describe one execution."""
        self._look(arn)
        return _queries.get_execution(self._core, arn, include)

    def get_history(
        self,
        arn: str,
        *,
        include: bool | None = None,
        max_items: int | None = None,
        marker: str | None = None,
        reverse: bool = False,
    ) -> dict[str, Any]:
        """Return a page of the event log, oldest first unless `reverse`."""
        self._look(arn)
        return _queries.get_history(
            self._core, arn, include=include, max_items=max_items, marker=marker, reverse=reverse
        )

    def list_executions(
        self,
        function: str,
        *,
        qualifier: str | None = None,
        name: str | None = None,
        statuses: list[str] | None = None,
        started_after: int | None = None,
        started_before: int | None = None,
        reverse: bool = False,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> dict[str, Any]:
        """Return a page of a function's executions, newest first unless `reverse`; times in epoch milliseconds."""
        with self._core.transaction():
            _timing.fire_due(self._core)
        return _queries.list_executions(
            self._core,
            function,
            qualifier=qualifier,
            name=name,
            statuses=statuses,
            started_after=started_after,
            started_before=started_before,
            reverse=reverse,
            marker=marker,
            max_items=max_items,
        )

    def stop(self, arn: str, error: Any = None) -> dict[str, Any]:
        """Stop an open execution."""
        self._look(arn)
        with self._core.transaction():
            return _control.stop(self._core, arn, error)

    def pause(
        self,
        arn: str,
        *,
        client_token: str | None = None,
        reason: str | None = None,
        timeout_paused: bool = True,
    ) -> dict[str, Any]:
        """Pause a running execution."""
        self._look(arn)
        with self._core.transaction():
            return _control.pause(
                self._core, arn, client_token=client_token, reason=reason, timeout_paused=timeout_paused
            )

    def resume(self, arn: str, *, client_token: str | None = None, reason: str | None = None) -> dict[str, Any]:
        """Resume a paused execution."""
        self._look(arn)
        with self._core.transaction():
            return _control.resume(self._core, arn, client_token=client_token, reason=reason)

    def delete(self, arn: str) -> dict[str, Any]:
        """Delete a closed execution."""
        self._look(arn)
        with self._core.transaction():
            return _control.delete(self._core, arn)

    def _look(self, arn: Any) -> None:
        """Check an ARN, and let what is due happen before anybody looks."""
        _checkpoint.check_arn(arn)
        self.fire_due()

    # --- beyond the API ---

    def arns(self, *, closed: bool = False) -> list[str]:
        """Return the ARNs of all open executions, and with `closed` before them the closed ones still in memory.

        Copied in one go, so that another thread may ask.
        """
        core = self._core
        return [*core.closed, *core.executions] if closed else list(core.executions)

    def meter(self, arn: str) -> dict[str, Any]:
        """Return what an execution has used, its quotas, warnings, and an estimate of the cost on AWS."""
        execution = self._core.find(arn)
        if execution is None:
            raise not_found(rules.EXECUTION_NOT_FOUND.format(arn=arn))
        return execution.meter.report(self.settings, execution.header["retention_days"])

    def operations(self, arn: str) -> list[dict[str, Any]]:
        """Return all operations of an execution in start order, also those a function is not shown any more."""
        return _envelope.in_seconds(self._core.get(arn).operations.values())

    def children(self, arn: str) -> dict[str, str]:
        """Return the ARNs of child executions by the id of the chained invoke that started them."""
        execution = self._core.get(arn)
        return {
            operation.id: operation.private["child"]
            for operation in execution.operations.values()
            if "child" in operation.private
        }
