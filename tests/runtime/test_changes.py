"""Code that changes under running executions: mismatches, renames, patches; and the rails around contexts."""

from __future__ import annotations

import threading

import pytest

from durable_runtime import exceptions
from tests.runtime.driving import invoke_once, ours, run_to_end
from tests.runtime.history import op, op_id
from tests.runtime.kit import ASYNC, BOTH, SYNC
from tests.runtime.service import Fault, Service, succeed


@pytest.fixture(params=BOTH, ids=lambda kit: kit.name)
def kit(request):
    return request.param


def one_step(name="it", **options):
    def flow(kit, event, ctx):
        return (yield ctx.step(lambda _c: "ran", name=name, **options))

    return flow


# -- identity -----------------------------------------------------------------------------------------------

MISMATCHES = {
    "another type": [op("wait", "SUCCEEDED")],
    "another sub type": [op("condition", "SUCCEEDED", Result="1")],
    "another name": [op("step", "SUCCEEDED", name="other", Result="1")],
    "no name": [op("step", "SUCCEEDED", name=None, Result="1")],
    "another parent": [op("child", "STARTED", at=5), op("step", "SUCCEEDED", Result="1") | {"ParentId": op_id(5)}],
}


@pytest.mark.parametrize("case", MISMATCHES)
@pytest.mark.parametrize("status", ["SUCCEEDED", "STARTED", "FAILED", "PENDING"])
def test_an_operation_that_is_not_the_recorded_one_ends_the_execution(kit, case, status):
    """Whatever its status: expected and found side by side, with id, source line and what to do."""
    history = [o if o["Type"] == "CONTEXT" else o | {"Status": status} for o in MISMATCHES[case]]
    service = Service(operations=history)
    output = invoke_once(kit.handler(one_step()), service)
    assert output["Status"] == "FAILED"
    text = output["Error"]["ErrorMessage"]
    assert "NonDeterministic" in output["Error"]["ErrorType"]
    for part in ("the code calls", "the history holds", "'it'", op_id(1), "test_changes.py", "patched", "aliases"):
        assert part in text
    assert service.updates() == []


def test_unvisited_history_inside_a_child_is_reported_too(kit):
    def flow(kit, event, ctx):
        def body(context):
            return (yield context.step(lambda _c: 1, name="kept"))

        return (yield ctx.run_in_child_context(kit.fn(body), "child"))

    child = op_id(1)
    history = [
        op("child", "STARTED", name="child"),
        op("step", "SUCCEEDED", parent=child, name="kept", Result="1"),
        op("step", "SUCCEEDED", at=2, parent=child, name="dropped", Result="1"),
    ]
    output = invoke_once(kit.handler(flow), Service(operations=history))
    assert output["Status"] == "FAILED"
    assert "dropped" in output["Error"]["ErrorMessage"]


def test_a_failing_handler_is_not_blamed_for_history_it_did_not_reach(kit):
    """The user's own error is the news; what would have come after it was never due."""

    def flow(kit, event, ctx):
        yield ctx.step(lambda _c: 1, name="first")
        raise LookupError("gone")

    history = [op("step", "SUCCEEDED", name="first", Result="1"), op("step", "SUCCEEDED", at=2, name="second")]
    output = invoke_once(kit.handler(flow), Service(operations=history))
    assert output["Status"] == "FAILED"
    assert output["Error"]["ErrorType"] == "LookupError"


# -- renames ------------------------------------------------------------------------------------------------


def test_an_alias_lets_a_renamed_step_find_its_record(kit):
    service = Service(operations=[op("step", "SUCCEEDED", name="old", Result='"recorded"')])
    assert run_to_end(kit.handler(one_step("new", aliases=("old",))), service=service).result == "recorded"


def test_a_renamed_step_goes_on_under_its_recorded_name(kit):
    """The service refuses to change the name of an operation."""
    service = Service(operations=[op("step", "STARTED", name="old")])
    assert run_to_end(kit.handler(one_step("new", aliases=("old",))), service=service).result == "ran"
    assert service.updates() == [("STEP", "SUCCEED", "old")]


def test_an_alias_that_does_not_match_is_still_a_mismatch(kit):
    service = Service(operations=[op("step", "SUCCEEDED", name="older", Result="1")])
    assert invoke_once(kit.handler(one_step("new", aliases=("old",))), service)["Status"] == "FAILED"


def test_a_fresh_execution_uses_the_new_name(kit):
    assert kit.run(one_step("new", aliases=("old",))).service.updates()[0] == ("STEP", "START", "new")


@pytest.mark.parametrize("old", ["old", ("older", "old")], ids=str)
def test_renames_can_be_listed_for_the_whole_handler(kit, old):
    def flow(kit, event, ctx):
        first = yield ctx.step(lambda _c: "ran", name="new")
        yield ctx.wait(kit.seconds(5), name="new")
        return first

    history = [op("step", "SUCCEEDED", name="old", Result='"recorded"'), op("wait", "SUCCEEDED", at=2, name="old")]
    handler = kit.handler(flow, renames={"new": old})
    assert run_to_end(handler, service=Service(operations=history)).result == "recorded"


def test_a_single_alias_may_be_plain_text(kit):
    service = Service(operations=[op("step", "SUCCEEDED", name="old", Result='"recorded"')])
    assert run_to_end(kit.handler(one_step("new", aliases="old")), service=service).result == "recorded"


def renamed(kit, name, block, **options):
    """Return a flow of one operation of each kind that can have an alias, all under one name."""

    def each(inner, *_):
        return (yield inner.step(lambda _c: "ran", name="inside"))

    def fail_once(_inner, attempt):
        if attempt == 1:
            raise ValueError("again")
        return "block"
        yield

    def flow(kit, event, ctx):
        callback = yield ctx.create_callback(name, **options)
        polled = kit.WaitForConditionConfig(
            wait_strategy=lambda state, _attempt: kit.WaitForConditionDecision.stop_polling(), initial_state=0
        )
        return [
            (yield callback.result()),
            (yield ctx.wait_for_callback(lambda _id, _c: None, name, **options)),
            (yield ctx.invoke("other:1", 1, name, **options)),
            (yield ctx.map([1], kit.fn(each), name, **options)).get_results(),
            (yield ctx.parallel([kit.fn(each)], name, **options)).get_results(),
            (yield ctx.wait_for_condition(lambda _state, _c: "met", polled, name, **options)),
            (yield ctx.with_retry(kit.fn(fail_once), block, retry=kit.retry(2))),
        ]

    return flow


@pytest.mark.parametrize("way", ["aliases", "renames"])
def test_every_operation_survives_a_rename_at_every_point(kit, way):
    """Whatever had run when the new name was deployed, the rest runs as it would have under the old one."""
    names = ("old", "new", "old create callback id", "new create callback id", "other:1")
    answers = dict.fromkeys(names, succeed('"answer"'))
    aliases = {"aliases": ("old",)} if way == "aliases" else {}
    renames = {"new": "old"} if way == "renames" else {}
    block = "new" if renames else "old"  # with_retry has no aliases of its own
    old, new = (
        kit.handler(renamed(kit, "old", "old")),
        kit.handler(renamed(kit, "new", block, **aliases), renames=renames),
    )
    whole = run_to_end(old, service=Service(answers=answers))
    for call in range(1, len(whole.service.calls) + 1):

        def deployed(_handler, event, service, context, call=call):
            return ours(old if len(service.calls) < call else new, event, service, context)

        service = Service(answers=answers, faults=[Fault(call, when="after")])
        assert run_to_end(new, service=service, invoke=deployed).result == whole.result


def test_a_child_context_can_be_renamed(kit):
    def flow(kit, event, ctx):
        return (yield ctx.run_in_child_context(lambda _c: "ran", "new", aliases=("old",)))

    service = Service(operations=[op("child", "SUCCEEDED", name="old", Result='"recorded"')])
    assert run_to_end(kit.handler(flow), service=service).result == "recorded"


def test_an_unnamed_record_takes_the_name_of_its_function(kit):
    """Histories of AWS's SDK hold no name for a plain function; that is no change of code."""

    def charge(_context):
        return "ran"

    def flow(kit, event, ctx):
        return (yield ctx.step(charge))

    service = Service(operations=[op("step", "SUCCEEDED", name=None, Result='"recorded"')])
    assert run_to_end(kit.handler(flow), service=service).result == "recorded"


@pytest.mark.parametrize("was_virtual", [True, False])
def test_a_child_that_becomes_virtual_or_real_is_a_change(kit, was_virtual):
    def flow(kit, event, ctx):
        def body(context):
            return (yield context.step(lambda _c: 1, name="inner"))

        config = kit.ChildConfig(is_virtual=not was_virtual)
        return (yield ctx.run_in_child_context(kit.fn(body), "child", config))

    child = op_id(1)
    inner = op("step", "SUCCEEDED", parent=child, name="inner", Result="1")
    if was_virtual:
        del inner["ParentId"]
        history = [inner]
    else:
        history = [op("child", "STARTED", name="child"), inner]
    output = invoke_once(kit.handler(flow), Service(operations=history))
    assert output["Status"] == "FAILED"
    assert "NonDeterministic" in output["Error"]["ErrorType"]


# -- patches ------------------------------------------------------------------------------------------------


def patched(kit, event, ctx):
    first = yield ctx.step(lambda _c: "a", name="a")
    asked = ctx.patched("send-receipt")
    if kit is ASYNC and hasattr(asked, "__await__"):
        asked = yield asked
    if asked:
        yield ctx.step(lambda _c: "receipt", name="receipt")
    yield ctx.wait(kit.seconds(60), name="pause")
    return [first, bool(asked)]


def unpatched(kit, event, ctx):
    first = yield ctx.step(lambda _c: "a", name="a")
    yield ctx.wait(kit.seconds(60), name="pause")
    return [first, None]


def test_a_fresh_execution_takes_the_new_path_and_stays_on_it(kit):
    calm = kit.run(patched)
    assert calm.result == ["a", True]
    for call in range(1, len(calm.service.calls) + 1):
        for when in ("before", "after"):
            crashed = kit.run(patched, faults=[Fault(call, when=when)])
            assert crashed.text == calm.text
            assert crashed.service.updates_by_id() == calm.service.updates_by_id()


def test_an_execution_that_had_passed_the_place_keeps_the_old_path(kit):
    """Started by the old code, continued by the new: no id shifts, no step is added behind its back."""
    service = Service()
    service.end(invoke_once(kit.handler(unpatched), service))
    service.pass_time()
    run = run_to_end(kit.handler(patched), service=service)
    assert run.result == ["a", False]
    assert "receipt" not in [name for _, _, name in service.updates()]


def test_an_execution_that_had_not_reached_the_place_takes_the_new_path(kit):
    """The old code died right after the first step."""
    service = Service(operations=[op("step", "SUCCEEDED", name="a", Result='"a"')])
    run = run_to_end(kit.handler(patched), service=service)
    assert run.result == ["a", True]
    assert "receipt" in [name for _, _, name in service.updates()]


@pytest.mark.parametrize("name", ["", "café", 5, None, "x" * 300])
def test_a_patch_needs_a_proper_id(kit, name):
    def flow(kit, event, ctx):
        asked = ctx.patched(name)
        if hasattr(asked, "__await__"):
            yield asked

    run = kit.run(flow)
    assert run.status == "FAILED"
    assert "ValidationError" in run.message


# -- rails --------------------------------------------------------------------------------------------------


def test_an_operation_from_a_foreign_thread_is_refused():
    """A thread that the runtime did not start has no place in the order of ids."""
    seen = []

    def flow(kit, event, ctx):
        def elsewhere():
            try:
                ctx.step(lambda _c: seen.append("ran"), name="foreign")
            except exceptions.ForeignThreadError as error:
                seen.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return (yield ctx.step(lambda _c: 1, name="own"))

    run = SYNC.run(flow)
    assert run.result == 1
    assert len(seen) == 1
    assert "thread" in seen[0]
    assert [name for _, _, name in run.service.updates()] == ["own", "own"]


CALLS = {
    "step": lambda kit, ctx: ctx.step(lambda _c: 1, name="inner"),
    "wait": lambda kit, ctx: ctx.wait(kit.seconds(5), name="inner"),
    "create_callback": lambda kit, ctx: ctx.create_callback(name="inner"),
    "wait_for_callback": lambda kit, ctx: ctx.wait_for_callback(lambda _i, _c: None, name="inner"),
    "invoke": lambda kit, ctx: ctx.invoke("f:1", None, name="inner"),
    "run_in_child_context": lambda kit, ctx: ctx.run_in_child_context(lambda _c: 1, "inner"),
    "map": lambda kit, ctx: ctx.map([1], lambda *_a: 1, name="inner"),
    "parallel": lambda kit, ctx: ctx.parallel([lambda _c: 1], name="inner"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("place", ["step", "submitter", "check"])
def test_an_operation_inside_an_operations_body_is_refused(kit, place, call):
    """Nothing is recorded of it, and the error says which operation and where."""
    seen = []

    def flow(kit, event, ctx):
        def body(*_args):
            try:
                CALLS[call](kit, ctx)
            except exceptions.NestedOperationError as error:
                seen.append(str(error))
            return 1

        stop = lambda _s, _a: kit.WaitForConditionDecision.stop_polling()
        if place == "step":
            yield ctx.step(body, name="outer")
        elif place == "submitter":
            yield ctx.wait_for_callback(body, name="outer")
        else:
            yield ctx.wait_for_condition(body, kit.WaitForConditionConfig(stop, 0), name="outer")

    service = Service()
    invoke_once(kit.handler(flow), service)
    assert len(seen) == 1
    assert "inner" not in str(service.updates())


@pytest.mark.parametrize("where", ["child", "map", "parallel"])
def test_the_outer_context_inside_a_branch_or_child_is_refused(kit, where):
    seen = []

    def flow(kit, event, ctx):
        def body(*_args):
            try:
                yield ctx.step(lambda _c: 1, name="wrong")
            except exceptions.WrongContextError as error:
                seen.append(str(error))

        if where == "child":
            yield ctx.run_in_child_context(kit.fn(body), "c")
        elif where == "map":
            yield ctx.map([1], kit.fn(body), name="m")
        else:
            yield ctx.parallel([kit.fn(body)], name="p")

    run = kit.run(flow)
    assert run.status == "SUCCEEDED"
    assert len(seen) == 1
    assert "wrong" not in str(run.service.updates())


def test_a_context_kept_after_its_child_ended_is_refused(kit):
    kept = []

    def flow(kit, event, ctx):
        def body(context):
            kept.append(context)
            return 1
            yield

        yield ctx.run_in_child_context(kit.fn(body), "c")
        try:
            yield kept[0].step(lambda _c: 1, name="late")
        except exceptions.DurableUsageError as error:
            return str(error)

    run = kit.run(flow)
    assert run.result
    assert "late" not in str(run.service.updates())


def test_unvisited_history_is_reported_in_the_order_of_the_history():
    names = [f"dropped {number}" for number in range(40)]
    history = [op("step", "SUCCEEDED", at=at, name=name, Result="1") for at, name in enumerate(names, 2)]
    kept = op("step", "SUCCEEDED", name="it", Result="1")
    text = invoke_once(SYNC.handler(one_step()), Service(operations=[kept, *history]))["Error"]["ErrorMessage"]
    assert [name for name in names if f"{name!r} at" in text] == names[:5]
    assert [text.index(f"{name!r} at") for name in names[:5]] == sorted(
        text.index(f"{name!r} at") for name in names[:5]
    )
