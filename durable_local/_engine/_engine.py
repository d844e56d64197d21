"""The engine's face: every operation of the API, and what a driver needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._clock import RealClock
from durable_local._engine import (
    _apply,
    _callbacks,
    _control,
    _envelope,
    _lifecycle,
    _queries,
    _recovery,
    _replies,
    _start,
    _timing,
)
from durable_local._engine._core import Core, Plain
from durable_local._engine._validation import check_batch, text_of
from durable_local._errors import ApiError, invalid_parameter, not_found
from durable_local._functions import Functions
from durable_local._rules import Settings
from durable_local._store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._clock import Clock
    from durable_local._engine._calls import Call
    from durable_local._engine._core import Flight
    from durable_local._engine._execution import Execution
    from durable_local._engine._timing import Due
    from durable_local._invocation import InvocationRequest, InvocationResult

_arn = re.compile(rules.ARN_PATTERN).fullmatch
_token = re.compile(rules.TOKEN_PATTERN).fullmatch
_client_token = re.compile(rules.CLIENT_TOKEN_PATTERN).fullmatch
_tenant = re.compile(rules.TENANT_PATTERN).fullmatch


class Engine:
    """Lambda's durable execution service without I/O. All methods belong to one thread at a time."""

    def __init__(
        self,
        store: Store | None = None,
        clock: Clock | None = None,
        settings: Settings | None = None,
        *,
        sink: Callable[[dict[str, Any]], None] | None = None,
        functions: Functions | None = None,
    ) -> None:
        self.store = store or Store()
        self.clock = clock or RealClock()
        self.settings = settings or Settings()
        self.functions = functions or Functions(self.store, self.settings)
        self._core = Core(self.store, self.clock, self.functions, self.settings, sink)
        with self._core.transaction():
            _recovery.recover(self._core)

    # --- what a driver needs ---

    def take_ready(self) -> list[InvocationRequest]:
        """Return the invocations to start now; each comes back through `complete_invocation`."""
        core = self._core
        if not core.ready:
            return []
        entries = list(core.ready)
        core.ready.clear()
        requests: list[InvocationRequest] = []
        try:
            with core.transaction():
                for entry in entries:
                    request = self._begin(entry)
                    if request is not None:
                        requests.append(request)
        except BaseException:
            for request in requests:
                core.flights.pop(request.request_id, None)
            core.ready.extend(entry for entry in entries if isinstance(entry, Plain))
            raise
        return requests

    def _begin(self, entry: str | Plain) -> InvocationRequest | None:
        core = self._core
        if isinstance(entry, Plain):
            return _start.begin_plain(core, entry)
        execution = core.executions.get(entry)
        if execution is None or not execution.state["queued"]:
            return None
        return _lifecycle.begin(core, execution)

    def complete_invocation(self, request_id: str, result: InvocationResult) -> bool:
        """Take in how an invocation ended; False when it is not under way (any more)."""
        core = self._core
        flight = core.flights.pop(request_id, None)
        if flight is None:
            return False
        try:
            with core.transaction():
                self._emit_invocation(flight.request, result)
                self._complete(flight, result)
        except BaseException:
            core.flights[request_id] = flight  # nothing was written: it may be reported again
            raise
        return True

    def _complete(self, flight: Flight, result: InvocationResult) -> None:
        core = self._core
        if flight.request.execution_arn is None:
            _start.complete_plain(core, flight, result)
            return
        execution = core.find(flight.request.execution_arn)
        if execution is not None:
            elapsed = core.clock.now() - flight.started
            execution.last_log = _replies.log_text(flight.request, result, elapsed)
            _lifecycle.complete(core, execution, flight, result)

    def _emit_invocation(self, request: InvocationRequest, result: InvocationResult) -> None:
        self._core.emit(
            "invocation",
            request_id=request.request_id,
            function=request.function.name,
            function_arn=request.function.arn,
            arn=request.execution_arn,
            outcome=result.kind,
            error=result.error,
        )

    def fire_due(self) -> bool:
        """Let everything happen that the clock says is due; return whether anything did."""
        core = self._core
        with core.transaction():
            fired = _timing.fire_due(core)
            if fired and (self.clock.skips or not self.clock.ticks):
                core.batch.present = self.clock.now()
        return fired

    def remember_present(self) -> None:
        """Write down where a movable clock stands, so that a restart does not fall back in time."""
        with self._core.transaction():
            self._core.batch.present = self.clock.now()

    def next_due(self) -> Due | None:
        """Return what a clock that skips may jump to: the next timer that matters, without retention."""
        return _timing.next_due(self._core)

    def next_timer(self) -> int | None:
        """Return when `fire_due` should be called again, in epoch milliseconds of the clock; None for never."""
        times = [first.at for first in (self._core.timers.first(), self._core.retention.first()) if first]
        return min(times, default=None)

    @property
    def changes(self) -> int:
        """How many transactions have changed something: tells a driver whether anything but reading went on."""
        return self._core.changes

    @property
    def busy(self) -> bool:
        """Whether an invocation runs or waits to be taken."""
        return bool(self._core.ready or self._core.flights)

    # --- the function's side ---

    def checkpoint(self, arn: str, token: Any, updates: Any = None, client_token: str | None = None) -> dict[str, Any]:
        """Apply updates; returns the next token and every operation the function has not seen."""
        core = self._core
        self._check_token(arn, token)
        text_of({"ClientToken": client_token}, "ClientToken", rules.MAX_CLIENT_TOKEN, _client_token, "")
        with core.transaction():
            _timing.fire_due(core)
            execution = core.executions.get(arn)
            if execution is None:
                raise self._wrong_token(arn, token)
            if client_token is not None:
                stored = execution.replies.get((token, client_token))
                if stored is not None and stored[0] > core.clock.now() - rules.CLIENT_TOKEN_WINDOW * 1000:
                    return stored[1]
            if token != execution.state["token"]:
                raise self._wrong_token(arn, token)
            batch = check_batch(execution, [] if updates is None else updates, self.settings)
            _apply.apply(core, execution, batch)
            reply = self._checkpoint_reply(execution)
            if client_token is not None:
                self._keep_reply(execution, token, client_token, reply)
            self._warn(execution)
        return reply

    def _checkpoint_reply(self, execution: Execution) -> dict[str, Any]:
        reply: dict[str, Any] = {}
        if execution.status == rules.PAUSING:
            execution.state["token"] = ""
            execution.state["pause"]["woken"] = True
            execution.set_status(rules.PAUSED)
        elif execution.is_open:
            reply["CheckpointToken"] = execution.new_token()
        unseen = list(execution.unseen.values())
        execution.delivered, execution.woken, execution.unseen = execution.woken, {}, {}
        operations, marker = _envelope.page(unseen, 0, rules.PAGE_MAX, self.settings.max_page_bytes)
        state: dict[str, Any] = {"Operations": _envelope.in_seconds(operations)}
        if marker:
            state["NextMarker"] = f"c{operations[-1].change}"
        reply["NewExecutionState"] = state
        return reply

    def _keep_reply(self, execution: Execution, token: str, client_token: str, reply: dict[str, Any]) -> None:
        replies = execution.replies
        replies[token, client_token] = (self.clock.now(), reply)
        if len(replies) > rules.REPLIES_KEPT:
            del replies[next(iter(replies))]

    def _warn(self, execution: Execution) -> None:
        warnings = execution.meter.warnings(self.settings)
        if len(warnings) > execution.meter.warned:
            execution.meter.warned = len(warnings)
            self._core.emit("quota", arn=execution.arn, function=execution.header["function"], warnings=warnings)

    def _check_token(self, arn: Any, token: Any) -> None:
        if not isinstance(arn, str) or not _arn(arn):
            raise invalid_parameter(rules.INVALID_ARN.format(arn=str(arn)[:200]))
        if text_of({"CheckpointToken": token}, "CheckpointToken", rules.MAX_TOKEN, _token, "") is None:
            raise invalid_parameter("Missing required member CheckpointToken")

    def _wrong_token(self, arn: str, token: str) -> ApiError:
        """Say whether a token is stale or belongs to another execution."""
        import base64

        try:
            owner = base64.b64decode(token, validate=True).decode().partition(":")[0]
        except ValueError:
            owner = ""
        known = self._core.find_by_id(owner) if owner else None
        if known is not None and known.arn != arn:
            return invalid_parameter(rules.FOREIGN_TOKEN)
        return invalid_parameter(rules.INVALID_TOKEN)

    def get_state(
        self, arn: str, token: Any, marker: str | None = None, max_items: int | None = None
    ) -> dict[str, Any]:
        """Return a page of the operations the function is shown."""
        self._check_token(arn, token)
        execution = self._core.executions.get(arn)
        if execution is None or token != execution.state["token"]:
            raise self._wrong_token(arn, token)
        limit = _envelope.page_size(max_items)
        kind, start = _envelope.parse_marker(marker, "sc")
        operations = execution.visible_operations()
        if kind == "c":
            operations = sorted((o for o in operations if o.change > start), key=lambda o: o.change)
            page, following = _envelope.page(operations, 0, limit, self.settings.max_page_bytes)
            following = f"c{page[-1].change}" if following else ""
        else:
            page, following = _envelope.page(operations, start, limit, self.settings.max_page_bytes)
        answer: dict[str, Any] = {"Operations": _envelope.in_seconds(page)}
        if following:
            answer["NextMarker"] = following
        return answer

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
        if not isinstance(arn, str) or not _arn(arn):
            raise invalid_parameter(rules.INVALID_ARN.format(arn=str(arn)[:200]))
        self.fire_due()

    # --- beyond the API ---

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

    def close(self) -> None:
        """Close the store and remove unpacked code."""
        self.functions.close()
        self.store.close()
