"""Plugins: the hooks of AWS's SDK, called at the same moments with the same facts; a broken plugin harms nothing."""

from __future__ import annotations

import contextlib
import importlib

import pytest

from tests.runtime.driving import run_to_end
from tests.runtime.kit import ASYNC, BOTH, RIVAL, SYNC, load
from tests.runtime.service import Service, succeed

HOOKS = (
    "on_invocation_start",
    "on_invocation_end",
    "on_operation_start",
    "on_operation_end",
    "on_user_function_start",
    "on_user_function_end",
)


def recorder(kit, events, base=None):
    """A plugin class that notes hook, name and status of each call."""
    base = base or importlib.import_module(f"{kit.package}.plugin").DurableInstrumentationPlugin

    def hook(name):
        def note(_self, info):
            about = getattr(info, "name", None)
            status = getattr(getattr(info, "status", None), "value", None)
            outcome = getattr(getattr(info, "outcome", None), "value", None)
            events.append((name.removeprefix("on_"), about, outcome or status))

        return note

    return type("Recorder", (base,), {name: hook(name) for name in HOOKS})


class Factory:
    """Makes one plugin for each invocation, as in release 3 of AWS's SDK."""

    def __init__(self, kind):
        self.kind, self.made = kind, 0

    def create_plugin(self, _info, /):
        self.made += 1
        return self.kind()


def flow(kit, event, ctx):
    yield ctx.step(lambda _c: 1, name="charge")

    def body(context):
        return (yield context.step(lambda _c: 2, name="inner"))

    yield ctx.run_in_child_context(kit.fn(body), "child")
    yield ctx.wait(kit.seconds(60), name="pause")
    with contextlib.suppress(kit.StepError):
        yield ctx.step(lambda _c: 1 / 0, name="fails", config=kit.StepConfig(retry_strategy=kit.retry(2)))
    return (yield ctx.invoke("pay:1", 1, name="pay"))


def events_of(kit, plugins_of):
    events = []
    plugins = plugins_of(recorder(kit, events))
    service = Service(answers={"pay:1": succeed("5")})
    if kit is RIVAL:
        from aws_durable_execution_sdk_python import durable_execution

        from tests.runtime.driving import Boto3Client

        handler = durable_execution(kit.handler(flow), boto3_client=Boto3Client(service), plugins=plugins)
        run_to_end(handler, service=service, invoke=lambda h, event, _service, context: h(event, context))
    else:
        assert kit.run(flow, service=service, decorator={"plugins": plugins}).result == 5
    return events


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_hooks_are_called_as_awss_sdk_calls_them(kit):
    """The same events, invocation by invocation, from the same workflow."""
    theirs = events_of(RIVAL, lambda kind: [Factory(kind)])
    assert events_of(kit, lambda kind: [Factory(kind)]) == theirs


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_instances_are_accepted_as_in_earlier_releases(kit):
    as_instance = events_of(kit, lambda kind: [kind()])
    assert as_instance == events_of(kit, lambda kind: [Factory(kind)])


def test_a_factory_makes_one_plugin_for_each_invocation():
    factories = []

    def plugins(kind):
        factories.append(Factory(kind))
        return factories

    events = events_of(SYNC, plugins)
    assert factories[0].made == len([e for e in events if e[0] == "invocation_start"]) > 1


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
@pytest.mark.parametrize("hook", [*HOOKS, "on_operation_change", "provide_propagation_metadata"])
def test_a_plugin_that_raises_harms_nothing(kit, hook):
    base = importlib.import_module(f"{kit.package}.plugin").DurableInstrumentationPlugin

    def broken(*_args):
        raise RuntimeError("a bug in the plugin")

    calm = kit.run(flow, answers={"pay:1": succeed("5")})
    run = kit.run(
        flow,
        answers={"pay:1": succeed("5")},
        decorator={"plugins": [type("Broken", (base,), {hook: broken})()]},
    )
    assert run.result == calm.result == 5
    assert run.service.updates_by_id() == calm.service.updates_by_id()


def test_the_trace_id_of_a_plugin_goes_with_an_invoke():
    plugin = importlib.import_module("durable_runtime.plugin")

    class Tracing(plugin.DurableInstrumentationPlugin):
        def provide_propagation_metadata(self, propagation):
            assert propagation.target_function_name == "pay:1"
            return plugin.PropagationMetadata(x_amzn_trace_id="Root=1-abc")

    run = SYNC.run(flow, answers={"pay:1": succeed("5")}, decorator={"plugins": [Tracing()]})
    sent = [u for call in run.service.accepted for u in call if u["Type"] == "CHAINED_INVOKE"]
    assert sent[0]["ChainedInvokeOptions"]["XAmznTraceId"] == "Root=1-abc"


def test_sub_types_compare_as_text_and_have_names():
    """Both ways in which plugins of different releases ask."""
    sub_type = importlib.import_module("durable_runtime.lambda_service").OperationSubType
    assert sub_type.PARALLEL_BRANCH == "ParallelBranch"
    assert sub_type("ParallelBranch").name == "PARALLEL_BRANCH"
    assert isinstance(sub_type.STEP, str)
    seen = []
    base = importlib.import_module("durable_runtime.plugin").DurableInstrumentationPlugin

    class Seeing(base):
        def on_operation_start(self, info):
            seen.append((info.sub_type == "Step", getattr(info.sub_type, "name", None)))

    def one(kit, event, ctx):
        yield ctx.step(lambda _c: 1, name="s")

    ASYNC.run(one, decorator={"plugins": [Seeing()]})
    assert (True, "STEP") in seen


def test_a_plugin_named_in_the_environment_that_is_missing_is_an_error(monkeypatch):
    monkeypatch.setenv("DURABLE_EXECUTION_PLUGINS", "no-such-plugin")
    error = importlib.import_module("durable_runtime").PluginLoadError
    with pytest.raises(error, match="no-such-plugin"):
        load("durable_runtime", "durable_execution")(lambda event, ctx: None)


def facts_of(kit):
    """What the hooks say of attempts and replays, in a workflow whose contexts run again after they ended."""
    facts = []

    def note(hook):
        def method(_self, info):
            parts = ("attempt", "is_replayed", "is_replay_children")
            facts.append((hook, info.name, str(info.sub_type), *(getattr(info, part, None) for part in parts)))

        return method

    def flow(kit, event, ctx):
        def flaky(step):
            if step.attempt == 1:
                raise LookupError("not yet")

        def large(context):
            return (yield context.step(lambda _c: "x" * 150_000, name="half")) * 2

        yield ctx.run_in_child_context(kit.fn(large), name="large")
        yield ctx.step(flaky, name="flaky", config=kit.StepConfig(retry_strategy=kit.retry(2)))
        yield ctx.wait(kit.seconds(60), name="pause")
        yield ctx.run_in_child_context(kit.fn(large), name="virtual", config=kit.ChildConfig(is_virtual=True))

    base = importlib.import_module(f"{kit.package}.plugin").DurableInstrumentationPlugin
    hooks = [name for name in HOOKS if "invocation" not in name]
    kind = type("Facts", (base,), {name: note(name) for name in hooks})
    service = Service()
    if kit is RIVAL:
        from aws_durable_execution_sdk_python import durable_execution

        from tests.runtime.driving import Boto3Client

        handler = durable_execution(kit.handler(flow), boto3_client=Boto3Client(service), plugins=[Factory(kind)])
        run_to_end(handler, service=service, invoke=lambda h, event, _service, context: h(event, context))
    else:
        assert kit.run(flow, service=service, decorator={"plugins": [Factory(kind)]}).status == "SUCCEEDED"
    return [fact for fact in facts if fact[1] != "pause"]


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_hooks_say_the_same_of_attempts_and_replays(kit):
    """The end of a wait is left out: AWS's SDK tells of it or not, by how the answer arrives."""
    assert facts_of(kit) == facts_of(RIVAL)
