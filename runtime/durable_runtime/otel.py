"""Traces: one OpenTelemetry trace for an execution, however many invocations it takes.

::

    from durable_runtime.otel import OtelPlugin

    @durable_execution(plugins=[OtelPlugin()])
    def handler(event, ctx): ...

Four kinds of spans: the workflow (the whole execution), its invocations, its operations, and the attempts of
user functions. A workflow and an operation may begin in one invocation and end in another, so their span ids
are derived from the execution's ARN and the operation's id: whoever ends a span knows its id and its parents
without having seen them begin. Invocations and attempts are ordinary live spans, and the attempt's is the
current one while the user's function runs, so that spans of instrumented libraries find their place.

Needs the package ``opentelemetry-api``; without an SDK configured, nothing is recorded.
"""

from __future__ import annotations

import os
import threading
import time
from contextvars import ContextVar
from hashlib import blake2b

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from durable_runtime.plugin import DurableInstrumentationPlugin, PropagationMetadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from typing import Any

    from opentelemetry.context import Context

INSTRUMENTATION = "durable_runtime"

_chosen_span_id: ContextVar[int | None] = ContextVar("durable_otel_span_id", default=None)
_chosen_trace_id: ContextVar[int | None] = ContextVar("durable_otel_trace_id", default=None)


class OtelPlugin:
    """Makes the spans of each invocation; give one instance to ``durable_execution(plugins=...)``.

    Args:
        tracer_provider: Where spans go; the default is the process's provider.
        context_extractor: ``invocation info -> Context | None``, for a parent of your own. The default reads
            Lambda's X-Ray header, which is the same for every invocation of an execution.
        workflow_span_name: Name of the span of the whole execution.
        flush: Flush the provider at the end of each invocation, before Lambda freezes the environment.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        context_extractor: Callable[[Any], Context | None] | None = None,
        workflow_span_name: str = "Workflow",
        *,
        flush: bool = True,
    ) -> None:
        self._provider = tracer_provider
        self._extract = context_extractor
        self._name = workflow_span_name
        self._flush = flush

    def create_plugin(self, info: Any, /) -> InvocationSpans:
        """Return the plugin of one invocation."""
        provider = self._provider or trace.get_tracer_provider()
        parent = self._extract(info) if self._extract else None
        remote = trace.get_current_span(parent).get_span_context() if parent is not None else _from_lambda()
        return InvocationSpans(provider, info.execution_arn or "", remote, self._name, flush=self._flush)


class InvocationSpans(DurableInstrumentationPlugin):
    """The spans of one invocation."""

    def __init__(
        self,
        provider: trace.TracerProvider,
        arn: str,
        remote: SpanContext | None,
        workflow_name: str,
        *,
        flush: bool,
    ) -> None:
        self._provider = provider
        self._tracer = _choosing(provider.get_tracer(INSTRUMENTATION))
        self._arn = arn
        self._remote = remote if remote is not None and remote.is_valid else None
        self._trace_id = self._remote.trace_id if self._remote else _number(16, "trace", arn)
        self._flags = self._remote.trace_flags if self._remote else TraceFlags(TraceFlags.SAMPLED)
        self._workflow_name = workflow_name
        self._flush = flush
        self._live: dict[Any, tuple[trace.Span, Any]] = {}
        self._lock = threading.Lock()

    # ---- hooks

    def on_invocation_start(self, info: Any) -> None:
        """Start the invocation's span."""
        attributes = {"durable.execution.arn": self._arn, "durable.invocation.first": info.is_first_invocation}
        if info.request_id:
            attributes["faas.invocation_id"] = info.request_id
        self._begin("invocation", "Invocation", self._workflow_span(), attributes, SpanKind.SERVER)

    def on_invocation_end(self, info: Any) -> None:
        """End what is still open; write the workflow's span when the execution has ended."""
        status = info.status.value
        for key in list(self._live):  # the losers of a race may begin and end attempts meanwhile
            if key != "invocation":
                self._finish(key, None, {"durable.outcome": "INCOMPLETE"})
        self._finish("invocation", info.error, {"durable.invocation.status": status})
        if status in ("SUCCEEDED", "FAILED"):
            attributes = {"durable.execution.arn": self._arn, "durable.execution.status": status}
            times = info.execution_start_time, None
            self._write("workflow", self._remote, times, info.error, name=self._workflow_name, attributes=attributes)
        force_flush = getattr(self._provider, "force_flush", None)
        if self._flush and force_flush is not None:
            force_flush()

    def on_operation_end(self, info: Any) -> None:
        """Write an operation's span, whichever invocation began it."""
        if info.is_replayed or info.start_time is None or info.operation_type.value == "EXECUTION":
            return  # it was written when it ended first; and the execution has the workflow's span
        attributes = _attributes(info)
        attributes["durable.operation.status"] = info.status.value
        kind = SpanKind.CLIENT if info.operation_type.value == "CHAINED_INVOKE" else SpanKind.INTERNAL
        self._write(
            info.operation_id,
            self._operation_span(info.parent_id),
            (info.start_time, info.end_time),
            info.error,
            name=info.name or str(info.sub_type or info.operation_type.value),
            attributes=attributes,
            kind=kind,
        )

    def on_user_function_start(self, info: Any) -> None:
        """Start an attempt's span, and make it the current one."""
        name = info.name or str(info.sub_type or info.operation_type.value)
        suffix = " run" if info.operation_type.value == "CONTEXT" else f" attempt {info.attempt}"
        self._begin(_key(info), name + suffix, self._operation_span(info.operation_id), _attributes(info))

    def on_user_function_end(self, info: Any) -> None:
        """End an attempt's span."""
        self._finish(_key(info), info.error, {"durable.outcome": info.outcome.value})

    def provide_propagation_metadata(self, info: Any) -> PropagationMetadata | None:
        """Continue the trace in an invoked function."""
        span = self._operation_span(info.operation_id)
        trace_id = f"{span.trace_id:032x}"
        sampled = int(bool(span.trace_flags & TraceFlags.SAMPLED))
        header = f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={span.span_id:016x};Sampled={sampled}"
        return PropagationMetadata(x_amzn_trace_id=header)

    # ---- spans

    def _workflow_span(self) -> SpanContext:
        return self._context("workflow")

    def _operation_span(self, operation_id: str | None) -> SpanContext:
        return self._context(operation_id or "workflow")

    def _context(self, what: str) -> SpanContext:
        """Return the identity of a span that may have begun elsewhere."""
        return SpanContext(self._trace_id, self._span_id(what), is_remote=True, trace_flags=self._flags)

    def _span_id(self, what: str) -> int:
        return _number(8, what, self._arn)

    def _begin(
        self,
        key: Any,
        name: str,
        parent: SpanContext,
        attributes: dict[str, Any],
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        span = self._tracer.start_span(name, _under(parent), kind, attributes=attributes)
        token = otel_context.attach(trace.set_span_in_context(span))
        with self._lock:
            self._live[key] = span, token

    def _finish(self, key: Any, error: Any, attributes: dict[str, Any]) -> None:
        with self._lock:
            span, token = self._live.pop(key, (None, None))
        if span is None:
            return
        span.set_attributes(attributes)
        _mark(span, error)
        span.end()
        _detach(token)

    def _write(
        self,
        what: str,
        parent: SpanContext | None,
        times: tuple[dt.datetime | None, dt.datetime | None],
        error: Any,
        **options: Any,
    ) -> None:
        """Write a span that is already over, under the id that its children know it by."""
        span_id = _chosen_span_id.set(self._span_id(what))
        # Without a parent from outside, the workflow is the root, and a root takes its trace id from the generator.
        trace_id = _chosen_trace_id.set(self._trace_id)
        try:
            context = _under(parent) if parent is not None else otel_context.Context()
            span = self._tracer.start_span(context=context, start_time=_nanoseconds(times[0]), **options)
        finally:
            _chosen_span_id.reset(span_id)
            _chosen_trace_id.reset(trace_id)
        _mark(span, error)
        # The service's clock wrote the beginning, and perhaps ours the end.
        span.end(max(_nanoseconds(times[1]) or time.time_ns(), _nanoseconds(times[0]) or 0))


class _ChoosingIds:
    """An id generator that gives the chosen id where one is chosen."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def generate_span_id(self) -> int:
        chosen = _chosen_span_id.get()
        return self._inner.generate_span_id() if chosen is None else chosen

    def generate_trace_id(self) -> int:
        chosen = _chosen_trace_id.get()
        return self._inner.generate_trace_id() if chosen is None else chosen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _choosing(tracer: Any) -> Any:
    """Let the tracer of the SDK take chosen ids; a tracer without a generator records nothing or chooses alone."""
    generator = getattr(tracer, "id_generator", None)
    if generator is not None and not isinstance(generator, _ChoosingIds):
        tracer.id_generator = _ChoosingIds(generator)
    return tracer


def _number(size: int, *parts: str) -> int:
    """Derive an id of a number of bytes; never zero, which means "none"."""
    return int.from_bytes(blake2b("\n".join(parts).encode(), digest_size=size).digest(), "big") or 1


def _under(parent: SpanContext) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(parent), otel_context.Context())


def _key(info: Any) -> tuple[str, Any]:
    return info.operation_id, info.attempt


def _attributes(info: Any) -> dict[str, Any]:
    attributes = {
        "durable.operation.id": info.operation_id,
        "durable.operation.type": info.operation_type.value,
        "durable.operation.subtype": str(info.sub_type) if info.sub_type else None,
        "durable.operation.name": info.name,
        "durable.attempt": None if info.operation_type.value == "CONTEXT" else info.attempt,
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _mark(span: trace.Span, error: Any) -> None:
    """Mark a span as failed with an ErrorObject."""
    if error is None:
        return
    span.set_status(Status(StatusCode.ERROR, error.message))
    parts = {
        "exception.type": error.type,
        "exception.message": error.message,
        "exception.stacktrace": "\n".join(error.stack_trace or ()) or None,
    }
    span.add_event("exception", {key: value for key, value in parts.items() if value is not None})


def _detach(token: Any) -> None:
    """Give the context back; a function that ended on another thread or task has taken it with it."""
    try:
        token.var.reset(token)
    except (AttributeError, ValueError, RuntimeError):
        return


def _nanoseconds(moment: dt.datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1_000_000_000)


def _from_lambda() -> SpanContext | None:
    """Read the X-Ray header of this invocation; Lambda keeps its root for the whole execution."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    parts = dict(part.split("=", 1) for part in header.split(";") if "=" in part)
    root, parent = parts.get("Root", "").split("-"), parts.get("Parent", "")
    try:
        trace_id, span_id = int(root[1] + root[2], 16), int(parent, 16)
    except (IndexError, ValueError):
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if parts.get("Sampled") == "1" else TraceFlags.DEFAULT)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
