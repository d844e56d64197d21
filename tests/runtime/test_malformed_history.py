"""A service that answers nonsense: the execution ends with an error that names it, in time, and no body runs twice."""

from __future__ import annotations

import copy

import pytest

from durable_runtime import durable_execution
from durable_runtime._history import History, pages
from tests.runtime.driving import LambdaContext, invoke_once, watched
from tests.runtime.history import op
from tests.runtime.kit import BOTH
from tests.runtime.service import Fault, Service

RAN = []


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    RAN.clear()
    return request.param


def body(_step):
    RAN.append("body")
    return 5


def step(kit, event, ctx):
    return (yield ctx.step(body, name="it"))


def wait(kit, event, ctx):
    yield ctx.wait(kit.seconds(5), name="it")
    return "over"


DONE = op("step", "SUCCEEDED", Result="7")
MALFORMED = [
    (step, DONE | {"StepDetails": "x"}, "StepDetails of operation"),
    (step, DONE | {"StepDetails": []}, "StepDetails of operation"),
    (step, DONE | {"StepDetails": {"Result": 7}}, "Result of operation"),
    (step, DONE | {"Status": None}, "Status of operation"),
    (step, DONE | {"Status": []}, "Status of operation"),
    (step, DONE | {"Name": 5, "Status": "FAILED"}, "Name of operation"),
    (step, {key: DONE[key] for key in DONE if key != "Status"}, "KeyError('Status')"),
    (step, {key: DONE[key] for key in DONE if key != "Type"}, "KeyError('Type')"),
    (step, {key: DONE[key] for key in DONE if key != "Id"}, "KeyError('Id')"),
    (step, DONE | {"Id": []}, "unhashable"),
    (step, DONE | {"Status": "FAILED", "StepDetails": {"Error": "x"}}, "Error of operation"),
    (step, DONE | {"Status": "FAILED", "StepDetails": {"Error": {"ErrorData": {}}}}, "ErrorData of operation"),
    (step, DONE | {"Status": "FAILED", "StepDetails": {"Error": {"StackTrace": "x"}}}, "StackTrace of operation"),
    (step, op("step", "READY", Attempt="x"), "Attempt of operation"),
    (step, op("step", "PENDING", NextAttemptTimestamp="soon"), "'soon' is no timestamp"),
    (step, op("step", "PENDING", NextAttemptTimestamp=[1]), "[1] is no timestamp"),
    (wait, op("wait", "STARTED", ScheduledEndTimestamp="x"), "'x' is no timestamp"),
    (step, "text", "malformed"),
]


@pytest.mark.parametrize(("flow", "operation", "message"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_operation_fails_the_execution_before_the_handler_runs(kit, flow, operation, message):
    """Found on arrival: deep in user code it would be an AttributeError that `except Exception` may swallow."""
    service = Service({})
    event = service.begin()
    event["InitialExecutionState"]["Operations"].append(operation)
    output = watched(lambda: kit.invoke(kit.handler(flow), event, service, LambdaContext()))
    assert output["Status"] == "FAILED"
    assert "the execution's history is malformed" in output["Error"]["ErrorMessage"]
    assert message in output["Error"]["ErrorMessage"]
    assert RAN == []


@pytest.mark.parametrize("details", [{}, {"StepDetails": None}, {"StepDetails": {}}, {"StepDetails": {"Result": None}}])
def test_details_that_have_nothing_to_say_may_be_left_out(kit, details):
    finished = {key: DONE[key] for key in DONE if key != "StepDetails"} | details | {"Unknown": {"member": 1}}
    service = Service({})
    event = service.begin()
    event["InitialExecutionState"]["Operations"].append(finished)
    output = watched(lambda: kit.invoke(kit.handler(step), event, service, LambdaContext()))
    assert output == {"Status": "SUCCEEDED", "Result": "null"}
    assert RAN == []


@pytest.mark.parametrize(
    "operation",
    [{"Id": "x"}, {"Id": "x", "Type": "STEP"}, DONE | {"Status": 5}, DONE | {"StepDetails": 5}, 5, None],
    ids=range(6),
)
def test_a_malformed_operation_in_a_reply_ends_the_invocation(kit, operation):
    """Lambda invokes again: what was recorded is safe, and the next reply may be sound."""
    reply = {"CheckpointToken": "t", "NewExecutionState": {"Operations": [operation]}}
    service = Service({}, faults=[Fault(1, "nonsense", reply=reply)])
    with pytest.raises(Exception, match=r"malformed|KeyError|of operation|Type|Status"):
        invoke_once(kit.handler(step), service)


class Circling:
    """Answers every page with a marker that leads back."""

    def __init__(self, markers):
        self.markers = markers
        self.read = 0

    def get_state(self, arn, token, marker, max_items):
        self.read += 1
        assert self.read < 20
        return {"Operations": [], "NextMarker": self.markers[marker]}

    def checkpoint(self, arn, token, updates, client_token):
        return {"CheckpointToken": "t", "NewExecutionState": {"Operations": [], "NextMarker": "a"}}


@pytest.mark.parametrize("markers", [{"a": "a"}, {"a": "b", "b": "c", "c": "a"}], ids=["itself", "round"])
def test_pages_that_lead_back_do_not_go_on_for_ever(markers):
    @durable_execution
    def handler(event, ctx):
        return ctx.step(body)

    event = Service({}).begin()
    first = copy.deepcopy(event)
    first["InitialExecutionState"]["NextMarker"] = "a"
    output = watched(lambda: handler.invoke_with(first, LambdaContext(), Circling(markers)))
    assert "leads back to it" in output["Error"]["ErrorMessage"]
    with pytest.raises(Exception, match="leads back to it"):
        watched(lambda: handler.invoke_with(event, LambdaContext(), Circling(markers)))


def test_pages_are_read_until_there_is_no_marker():
    answers = {"a": {"Operations": [1], "NextMarker": "b"}, "b": {"Operations": None, "NextMarker": ""}}
    assert list(pages(answers.__getitem__, "a")) == [[1], ()]
    assert list(pages(answers.__getitem__, "")) == []
    history = History()
    history.merge([DONE])
    assert history.operations == {DONE["Id"]: DONE}


def test_operations_may_arrive_while_the_unvisited_are_looked_for():
    """The loser of a race may have a call in flight when the handler returns."""

    class Arriving(dict):
        def get(self, key, default=None):
            history.operations[f"new {len(history.operations)}"] = {}
            return super().get(key, default)

    history = History()
    history.merge([DONE])
    history.begin()
    history.operations[DONE["Id"]] = Arriving(DONE)
    history.finished_contexts.add(None)
    assert history.unvisited() == [DONE]
