"""Traces: one trace for an execution of several invocations, with every span in its place."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from durable_runtime.otel import OtelPlugin
from tests.runtime.kit import BOTH, SYNC
from tests.runtime.service import succeed

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture
def exporter(environ):
    """Collects what a provider of our own exports."""
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter):
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    yield made
    made.shutdown()


def flow(kit, event, ctx):
    def body(context):
        return (yield context.step(lambda _c: 2, name="inner"))

    yield ctx.run_in_child_context(kit.fn(body), "child")
    yield ctx.wait(kit.seconds(60), name="pause")
    tries = []

    def flaky(step):
        tries.append(1)
        if step.attempt < 2:
            raise ValueError("not yet")
        return "ok"

    yield ctx.step(flaky, name="flaky", config=kit.StepConfig(retry_strategy=kit.retry(3)))
    return (yield ctx.invoke("pay:1", 1, name="pay"))


def run(kit, provider, **options):
    plugin = OtelPlugin(provider, **options)
    return kit.run(flow, answers={"pay:1": succeed("5")}, decorator={"plugins": [plugin]})


def by_name(exporter):
    spans = {}
    for span in exporter.get_finished_spans():
        spans.setdefault(span.name, []).append(span)
    return spans


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_an_execution_is_one_trace_with_every_span_under_its_parent(kit, provider, exporter):
    assert run(kit, provider).result == 5
    spans = by_name(exporter)
    assert len({span.context.trace_id for each in spans.values() for span in each}) == 1
    (workflow,) = spans["Workflow"]
    assert workflow.parent is None
    assert workflow.attributes["durable.execution.status"] == "SUCCEEDED"
    operations = {name: spans[name][0] for name in ("child", "inner", "pause", "flaky", "pay")}
    assert all(len(spans[name]) == 1 for name in operations)
    for name, span in operations.items():
        parent = operations["child"] if name == "inner" else workflow
        assert span.parent.span_id == parent.context.span_id, name
    assert len(spans["Invocation"]) >= 4
    assert all(span.parent.span_id == workflow.context.span_id for span in spans["Invocation"])
    assert len({span.context.span_id for each in spans.values() for span in each}) == sum(map(len, spans.values()))


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_each_attempt_is_a_span_and_failed_ones_say_why(kit, provider, exporter):
    run(kit, provider)
    attempts = [span for name, each in by_name(exporter).items() if name.startswith("flaky attempt") for span in each]
    assert [span.name for span in attempts] == ["flaky attempt 1", "flaky attempt 2"]
    assert not attempts[0].status.is_ok
    assert attempts[0].events[0].attributes["exception.type"] == "ValueError"
    assert attempts[1].attributes["durable.outcome"] == "SUCCEEDED"


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_spans_of_the_users_code_are_children_of_the_attempt(kit, provider, exporter):
    def one(kit, event, ctx):
        def body(_step):
            with provider.get_tracer("mine").start_as_current_span("query"):
                return 1

        return (yield ctx.step(body, name="read"))

    kit.run(one, decorator={"plugins": [OtelPlugin(provider)]})
    spans = by_name(exporter)
    assert spans["query"][0].parent.span_id == spans["read attempt 1"][0].context.span_id
    assert not trace.get_current_span().get_span_context().is_valid


def test_lambdas_trace_header_is_the_parent_and_goes_on_to_invoked_functions(environ, provider, exporter):
    environ.setenv("_X_AMZN_TRACE_ID", ROOT)
    done = run(SYNC, provider)
    spans = by_name(exporter)
    (workflow,) = spans["Workflow"]
    assert f"{workflow.context.trace_id:032x}" == "5759e988bd862e3fe1be46a994272793"
    assert f"{workflow.parent.span_id:016x}" == "53995c3f42cd8ad8"
    (start,) = [u for call in done.service.accepted for u in call if u["Type"] == "CHAINED_INVOKE"]
    pay = spans["pay"][0].context.span_id
    assert start["ChainedInvokeOptions"]["XAmznTraceId"] == (
        f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent={pay:016x};Sampled=1"
    )


@pytest.mark.parametrize("header", ["", "Root=x", "Root=1-zz-yy;Parent=1", "nonsense", "Root=1-5759e988;Parent=5"])
def test_a_header_that_cannot_be_read_leaves_a_trace_of_the_executions_own(environ, provider, exporter, header):
    environ.setenv("_X_AMZN_TRACE_ID", header)
    run(SYNC, provider)
    assert by_name(exporter)["Workflow"][0].parent is None


def test_a_parent_of_ones_own_is_taken(provider, exporter):
    with provider.get_tracer("outer").start_as_current_span("outer") as outer:
        context = trace.set_span_in_context(outer)
    run(SYNC, provider, context_extractor=lambda _info: context)
    assert by_name(exporter)["Workflow"][0].parent.span_id == outer.get_span_context().span_id


def test_without_an_sdk_nothing_is_recorded_and_nothing_fails(environ):
    assert run(SYNC, trace.NoOpTracerProvider()).result == 5


def test_a_failed_execution_is_a_failed_workflow(provider, exporter):
    def broken(kit, event, ctx):
        yield ctx.step(lambda _c: 1, name="fine")
        raise ValueError("lost")

    SYNC.run(broken, decorator={"plugins": [OtelPlugin(provider)]})
    (workflow,) = by_name(exporter)["Workflow"]
    assert not workflow.status.is_ok
    assert workflow.events[0].attributes["exception.message"] == "lost"


def test_attempts_that_run_at_the_same_time_do_not_mix(provider, exporter):
    from durable_runtime import durable_execution
    from tests.runtime.driving import run_to_end
    from tests.runtime.service import Service

    async def body(_step):
        with provider.get_tracer("mine").start_as_current_span("query"):
            await asyncio.sleep(0.001)
        return 1

    @durable_execution(plugins=[OtelPlugin(provider)])
    async def handler(_event, ctx):
        return sum(await asyncio.gather(*(ctx.step(body, name=f"s{i}") for i in range(5))))

    run_to_end(handler, service=Service())
    spans = by_name(exporter)
    parents = {span.parent.span_id for span in spans["query"]}
    assert parents == {spans[f"s{i} attempt 1"][0].context.span_id for i in range(5)}


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_a_context_that_is_rebuilt_or_virtual_is_one_span_in_order(kit, provider, exporter):
    """Its code runs again in later invocations, which shows as runs; the operation itself ended once."""

    def large(context):
        return (yield context.step(lambda _c: "x" * 150_000, name="half")) * 2

    def flow(kit, event, ctx):
        yield ctx.run_in_child_context(kit.fn(large), name="large")
        if kit is SYNC:  # an async handler may run other code at the same time, so it cannot tell
            yield ctx.run_in_child_context(kit.fn(large), name="virtual", config=kit.ChildConfig(is_virtual=True))
        for number in range(2):
            yield ctx.wait(kit.seconds(60), name=f"pause {number}")

    kit.run(flow, decorator={"plugins": [OtelPlugin(provider)]})
    spans = by_name(exporter)
    for name in ("large", "virtual") if kit is SYNC else ("large",):
        assert len(spans[name]) == 1
        assert len(spans[f"{name} run"]) == 3
        assert {run.parent.span_id for run in spans[f"{name} run"]} == {spans[name][0].context.span_id}
    assert all(span.start_time <= span.end_time for each in spans.values() for span in each)
