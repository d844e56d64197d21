"""Whatever a function, its callers and the clock do in whatever order, the engine's promises hold."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from durable_local._clock import ManualClock
from durable_local._engine import Engine
from durable_local._errors import ApiError
from durable_local._invocation import InvocationResult
from durable_local._store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

FINAL = {"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"}
IDS = st.sampled_from([f"o{n}" for n in range(6)])
OPTIONS: dict[str, dict[str, Any]] = {
    "WAIT": {"WaitOptions": {"WaitSeconds": 7}},
    "CALLBACK": {"CallbackOptions": {"TimeoutSeconds": 30, "HeartbeatTimeoutSeconds": 11}},
    "CHAINED_INVOKE": {"ChainedInvokeOptions": {"FunctionName": "plain"}},
}
KINDS = st.sampled_from(["STEP", "CONTEXT", "WAIT", "CALLBACK", "CHAINED_INVOKE"])
ACTIONS = st.sampled_from(["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"])


def code_of(call: Callable[[], Any]) -> str:
    """Return the code of the error a call ends with; empty when it succeeds."""
    try:
        call()
    except ApiError as error:
        return error.code
    return ""


class EngineMachine(RuleBasedStateMachine):
    """One execution under arbitrary treatment, with restarts in between."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "service.sqlite"
        self.clock = ManualClock(1_800_000_000_000)
        self.engine = Engine(Store(self.path), self.clock)
        self.engine.functions.define("work", execution_timeout=900)
        self.engine.functions.define("plain")
        self.arn = self.engine.invoke("work:$LATEST", b"{}", invocation_type="Event").reply.execution_arn or ""
        self.tokens: dict[str, str] = {}
        self.plain: list[str] = []
        self.acknowledged: dict[str, str] = {}
        self.last_events: list[dict[str, Any]] = []
        self.closed_with: dict[str, Any] | None = None
        self.pull()

    def pull(self) -> None:
        for request in self.engine.take_ready():
            if request.execution_arn is None:
                self.plain.append(request.request_id)
            else:
                assert not self.tokens, "two invocations of one execution at a time"
                self.tokens[request.request_id] = json.loads(request.event)["CheckpointToken"]

    @rule(updates=st.lists(st.tuples(IDS, KINDS, ACTIONS), max_size=3))
    def checkpoint(self, updates) -> None:
        for request_id, token in list(self.tokens.items()):
            batch = []
            for operation_id, kind, action in updates:
                update = {"Id": operation_id, "Type": kind, "Action": action}
                if action == "START":
                    update |= OPTIONS.get(kind, {})
                if action == "RETRY":
                    update |= {"StepOptions": {"NextAttemptDelaySeconds": 3}}
                batch.append(update)
            before = self.statuses()
            reply: dict[str, Any] = {}
            code = code_of(lambda: reply.update(self.engine.checkpoint(self.arn, token, batch)))
            if code:
                assert code == "InvalidParameterValueException"
                assert self.statuses() == before
                continue
            if "CheckpointToken" in reply:
                self.tokens[request_id] = reply["CheckpointToken"]
            self.acknowledged |= {o["Id"]: o["Status"] for o in reply["NewExecutionState"]["Operations"]}
        self.pull()

    def statuses(self) -> dict[str, str]:
        return {o["Id"]: o["Status"] for o in self.engine.operations(self.arn)}

    @rule(output=st.sampled_from([b'{"Status":"PENDING"}', b'{"Status":"SUCCEEDED"}', b"garbage", None]))
    @precondition(lambda self: self.tokens)
    def end_invocation(self, output: bytes | None) -> None:
        ((request_id, _),) = self.tokens.items()
        self.tokens.clear()
        result = InvocationResult.crashed("gone") if output is None else InvocationResult.ok(output)
        assert self.engine.complete_invocation(request_id, result)
        self.pull()

    @rule()
    @precondition(lambda self: self.plain)
    def end_plain(self) -> None:
        assert self.engine.complete_invocation(self.plain.pop(), InvocationResult.ok(b"1"))
        self.pull()

    @rule(seconds=st.sampled_from([1, 3, 7, 11, 30]))
    def advance(self, seconds: int) -> None:
        self.clock.advance_to(self.clock.now() + seconds * 1000)
        self.engine.fire_due()
        self.pull()

    @rule(how=st.sampled_from(["callback_succeed", "callback_fail", "callback_heartbeat"]), operation_id=IDS)
    def call_back(self, how: str, operation_id: str) -> None:
        for operation in self.engine.operations(self.arn):
            if operation["Id"] == operation_id and operation["Type"] == "CALLBACK":
                over = operation["Status"] in FINAL or self.closed_with is not None
                callback_id = operation["CallbackDetails"]["CallbackId"]
                code = code_of(lambda: getattr(self.engine, how)(callback_id))
                assert code == ("CallbackTimeoutException" if over else "")
        self.pull()

    @rule(how=st.sampled_from(["pause", "resume"]))
    def control(self, how: str) -> None:
        assert code_of(lambda: getattr(self.engine, how)(self.arn)) in {"", "ResourceConflictException"}
        self.pull()

    @rule()
    def restart(self) -> None:
        self.engine.store.close()
        self.tokens.clear()
        self.plain.clear()
        self.engine = Engine(Store(self.path), self.clock)
        self.pull()

    @invariant()
    def what_is_final_stays(self) -> None:
        if not hasattr(self, "arn"):
            return
        for operation_id, status in self.statuses().items():
            before = self.acknowledged.get(operation_id)
            assert before not in FINAL or before == status or operation_id == self.arn.rpartition("/")[2]
            self.acknowledged[operation_id] = status
        described = self.engine.get_execution(self.arn)
        if self.closed_with is not None:
            assert described == self.closed_with
        elif "EndTimestamp" in described:
            self.closed_with = described

    @invariant()
    def the_log_only_grows(self) -> None:
        if not hasattr(self, "arn"):
            return
        events = self.engine.get_history(self.arn, max_items=1000)["Events"]
        assert events[: len(self.last_events)] == self.last_events
        assert [event["EventId"] for event in events] == list(range(1, len(events) + 1))
        self.last_events = events

    @invariant()
    def something_will_happen(self) -> None:
        """An open, running execution has an invocation, or a timer, or a plain call, or waits for somebody."""
        if not hasattr(self, "arn"):
            return
        if self.engine.get_execution(self.arn)["Status"] == "RUNNING":
            assert self.tokens or self.plain or self.engine.next_timer() is not None

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.store.close()
            self.folder.cleanup()


EngineMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEngine = EngineMachine.TestCase
