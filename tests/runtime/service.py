"""A strict durable execution service in memory: the other side of the wire for the runtime's tests.

It keeps one execution, checks every checkpoint as the real service does (token chain, legal transitions, batch
limits), answers callbacks and chained invokes from tables, lets virtual time pass between invocations, and
breaks on request: a `Fault` loses a reply, kills the invocation or withholds the token at the n-th call.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.runtime.rules import CLIENT_TOKEN, DETAILS, OPTIONS, TERMINAL, Refused, Rules, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:orders:7/durable-execution/order-42/exec-1"


class InvocationDied(BaseException):
    """The process is gone in the middle of a call, as after an out-of-memory kill."""


@dataclasses.dataclass
class Fault:
    """What goes wrong at the n-th checkpoint call of the execution (counted from 1).

    Kinds: `crash` (the call and all later ones of this invocation fail with 500), `die` (the same as a
    BaseException), `lost` (this call's reply is lost), `refused` (this call gets `error`), `revoked`
    (the reply comes without a token), `nonsense` (the reply is `reply`).
    """

    call: int
    kind: str = "crash"
    when: str = "before"
    error: tuple[int, str, str] = (500, "ServiceException", "injected")
    reply: Any = None


@dataclasses.dataclass
class Answer:
    """How somebody outside answers a callback or a chained invoke."""

    status: str = "SUCCEEDED"
    result: str | None = None
    error: dict[str, Any] | None = None


def succeed(result: str | None = None) -> Answer:
    return Answer("SUCCEEDED", result)


def fail(message: str = "declined", kind: str = "Declined", status: str = "FAILED") -> Answer:
    return Answer(status, None, {"ErrorMessage": message, "ErrorType": kind})


class Service:
    """One execution and its rules; thread-safe."""

    def __init__(
        self,
        payload: Any = None,
        *,
        answers: Mapping[str, Answer | Callable[[dict[str, Any]], Answer]] | None = None,
        answer_at_once: bool = False,
        faults: Iterable[Fault] = (),
        payload_limit: int = 262_144,
        error_limit: int = 32_768,
        page_size: int = 1000,
        latency: float = 0.0,
        arn: str = ARN,
        operations: Iterable[dict[str, Any]] = (),
    ) -> None:
        self.arn = arn
        self.answers = dict(answers or {})
        self.answer_at_once = answer_at_once
        self.faults = list(faults)
        self.payload_limit, self.error_limit, self.page_size = payload_limit, error_limit, page_size
        self.latency = latency
        self.calls: list[list[dict[str, Any]]] = []  # every call that arrived, accepted or not
        self.accepted: list[list[dict[str, Any]]] = []  # the updates of the calls that were applied
        self.state_calls: list[str] = []
        self.invocations = 0
        self.invocation_calls: list[int] = []  # checkpoint calls of each invocation
        self.status = "RUNNING"
        self.result: str | None = None
        self.error: dict[str, Any] | None = None
        self.skipped = 0.0  # seconds of virtual time ahead of the real clock
        self.operations: dict[str, dict[str, Any]] = {}
        self.problems: list[str] = []
        self._moment = 0.0
        self._lock = threading.RLock()
        self._versions: dict[str, int] = {}
        self._version = self._shown = 0
        self._due: dict[str, float] = {}
        self._tokens = 0
        self._token: str | None = None
        self._replies: dict[tuple[str, str], dict[str, Any]] = {}
        self._dead: BaseException | None = None
        self._execution_payload: dict[str, Any] | None = None
        self._fault_fired = False
        self._pages: dict[str, list[dict[str, Any]]] = {}
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self._put(
            {
                "Id": arn.rsplit("/", 1)[-1],
                "Type": "EXECUTION",
                "Status": "STARTED",
                "Name": arn.split("/")[-2],
                "StartTimestamp": self.now(),
                "ExecutionDetails": {"InputPayload": text},
            },
        )
        for operation in operations:
            self._put(copy.deepcopy(operation))
            details = operation.get(DETAILS[operation["Type"]], {})
            due = details.get("ScheduledEndTimestamp") or details.get("NextAttemptTimestamp")
            if due is not None and operation["Status"] in ("STARTED", "PENDING"):
                self._due[operation["Id"]] = due

    # -- time ---------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Virtual time, in whole milliseconds like all times of the service."""
        return max(int((time.time() + self.skipped) * 1000) / 1000, self._moment)

    def _tick(self) -> None:
        """Let at least a millisecond pass: no real call takes less."""
        self._moment = self.now() + 0.001

    def skip(self, seconds: float) -> None:
        with self._lock:
            self.skipped += seconds

    def _fire_due(self) -> None:
        now = self.now()
        for operation_id in [key for key, due in self._due.items() if due <= now]:
            del self._due[operation_id]
            operation = self.operations[operation_id]
            if operation["Type"] == "WAIT":
                self._close(operation, Answer("SUCCEEDED"))
            elif operation["Type"] == "STEP":
                operation["Status"] = "READY"
                self._put(operation)
            else:
                kind = operation.pop("_timeout_kind", "Callback.Timeout")
                error = {"ErrorMessage": "Callback timed out", "ErrorType": kind}
                self._close(operation, Answer("TIMED_OUT", None, error))

    # -- invocations --------------------------------------------------------------------------------------

    def begin(self) -> dict[str, Any]:
        """Start an invocation: the event the function gets."""
        with self._lock:
            assert self.status == "RUNNING", self.status
            self.invocations += 1
            self.invocation_calls.append(0)
            self._dead, self._fault_fired = None, False
            self._fire_due()
            changed = [key for key, version in self._versions.items() if version > self._shown]
            self._shown = self._version
            token = self._next_token()
            operations = self.visible_operations()
            page, marker = self._page(operations)
            event = {
                "DurableExecutionArn": self.arn,
                "CheckpointToken": token,
                "InitialExecutionState": {"Operations": [in_event(o) for o in page], "NextMarker": marker},
                "UpdatedOperationIds": changed if self.invocations > 1 else [],
            }
            return json.loads(json.dumps(event))

    def end(self, output: Any) -> str:
        """Take an invocation's output; return the execution's status."""
        with self._lock:
            self._token = None
            json.dumps(output)
            assert isinstance(output, dict), f"output is not an envelope: {output!r}"
            assert set(output) <= {"Status", "Result", "Error"}, output
            status = output.get("Status")
            assert status in ("SUCCEEDED", "FAILED", "PENDING"), f"Invalid Status in invocation output: {output}"
            if status == "PENDING":
                assert self.revoked or self._pending(), "Cannot return PENDING status with no pending operations."
                return "RUNNING"
            if status == "SUCCEEDED":
                assert not output.get("Error"), "Cannot provide an Error for SUCCEEDED status."
                assert isinstance(output.get("Result", ""), str)
                self.result = output.get("Result")
                if self._execution_payload is not None:
                    self.result = self._execution_payload.get("Payload")
            else:
                assert not output.get("Result"), "Cannot provide a Result for FAILED status."
                self.error = output.get("Error")
                if self._execution_payload is not None:
                    self.error = self._execution_payload.get("Error")
            assert len(json.dumps(output).encode()) <= 6 * 1024 * 1024, "response over 6 MB"
            self.status = status
            return status

    def abandon(self) -> None:
        """The invocation ended without an output."""
        with self._lock:
            self._token = None

    @property
    def revoked(self) -> bool:
        return self._fault_fired

    def _pending(self) -> list[dict[str, Any]]:
        kinds = {"WAIT", "CALLBACK", "CHAINED_INVOKE"}
        return [
            o
            for o in self.operations.values()
            if (o["Type"] in kinds and o["Status"] == "STARTED")
            or (o["Type"] == "STEP" and o["Status"] in ("PENDING", "READY"))
            or (o["Type"] in kinds and o["Status"] in TERMINAL and self._versions[o["Id"]] > self._shown)
        ]

    def pass_time(self) -> None:
        """Do the next thing the suspended execution waits for: one answer, else skip to the next timer."""
        with self._lock:
            self._tick()
            if any(self._versions[o["Id"]] > self._shown for o in self._pending()):
                return
            for operation in list(self.operations.values()):
                if operation["Status"] == "STARTED" and self._answer(operation):
                    return
            if self._due:
                due = min(self._due.values())
                self.skipped += max(due - time.time() - self.skipped, 0.0)
                self._moment = max(self._moment, due)
                self._fire_due()
                return
            if self.revoked or any(o["Status"] == "READY" for o in self._pending()):
                return
            waiting = [o for o in self._pending() if o["Status"] == "STARTED"]
            raise AssertionError(f"the execution waits and nobody will answer: {waiting}")

    def _answer(self, operation: dict[str, Any]) -> bool:
        if operation["Type"] not in ("CALLBACK", "CHAINED_INVOKE"):
            return False
        key = operation.get("Name") if operation["Type"] == "CALLBACK" else operation["_function"]
        answer = self.answers.get(key or "", self.answers.get("*"))
        if answer is None:
            return False
        if not isinstance(answer, Answer):
            answer = answer(operation)
        self._due.pop(operation["Id"], None)
        self._close(operation, answer)
        return True

    def answer(self, name: str, answer: Answer) -> None:
        """Answer the open callback or invoke of that name now."""
        with self._lock:
            found = [o for o in self.operations.values() if o.get("Name") == name and o["Status"] == "STARTED"]
            assert len(found) == 1, f"{len(found)} open operations named {name!r}"
            self._due.pop(found[0]["Id"], None)
            self._close(found[0], answer)

    # -- the two calls ------------------------------------------------------------------------------------

    def checkpoint(self, arn: str, token: str, updates: list[dict[str, Any]], client_token: str) -> dict[str, Any]:
        if self.latency:
            time.sleep(self.latency)
        with self._lock:
            updates = copy.deepcopy(updates)
            self.calls.append(updates)
            if self.invocation_calls:
                self.invocation_calls[-1] += 1
            number = len(self.calls)
            if self._dead is not None:
                raise self._dead
            fault = next((f for f in self.faults if f.call == number), None)
            if fault is None:
                return self._checkpoint(arn, token, updates, client_token)
            self.faults.remove(fault)
            return self._break(fault, lambda: self._checkpoint(arn, token, updates, client_token))

    def _break(self, fault: Fault, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self._fault_fired = True
        if fault.kind == "revoked":
            reply = call()
            del reply["CheckpointToken"]
            self._token = None
            return reply
        if fault.kind == "nonsense":
            call()
            return fault.reply
        if fault.when == "after":
            call()
        if fault.kind == "die":
            self._dead = InvocationDied("injected")
            raise self._dead
        if fault.kind == "lost":
            raise Refused(0, "ReadTimeout", "the reply was lost")
        refused = Refused(*fault.error)
        if fault.kind == "crash":
            self._dead = refused
        raise refused

    def _checkpoint(self, arn: str, token: str, updates: list[dict[str, Any]], client_token: str) -> dict[str, Any]:
        check(client_token is None or CLIENT_TOKEN.match(client_token), "Invalid client token")
        stored = self._replies.get((token, client_token))
        if stored is not None:
            return copy.deepcopy(stored)
        check(arn == self.arn, "Checkpoint token is not valid for the durable execution ARN")
        check(token is not None and token == self._token and self.status == "RUNNING", "Invalid checkpoint token")
        self._tick()
        self._fire_due()
        Rules(self.operations, self.payload_limit, self.error_limit, self._execution_payload is not None).validate(
            updates
        )
        for update in updates:
            self._apply(update)
        self.accepted.append(updates)
        reply = self._reply()
        if client_token is not None:
            self._replies[token, client_token] = copy.deepcopy(reply)
        return reply

    def _reply(self) -> dict[str, Any]:
        changed = [o for o in self.operations.values() if self._versions[o["Id"]] > self._shown]
        self._shown = self._version
        page, marker = self._page(changed)
        state: dict[str, Any] = {"Operations": [public(o) for o in page]}
        if marker:
            state["NextMarker"] = marker
        return {"CheckpointToken": self._next_token(), "NewExecutionState": state}

    def get_state(self, arn: str, token: str, marker: str, max_items: int) -> dict[str, Any]:
        with self._lock:
            self.state_calls.append(marker)
            check(arn == self.arn and token == self._token, "Invalid checkpoint token")
            check(1 <= max_items <= 1000, "MaxItems")
            check(marker in self._pages, "Invalid marker")
            page, following = self._page(self._pages[marker])
            state: dict[str, Any] = {"Operations": [public(o) for o in page]}
            if following:
                state["NextMarker"] = following
            return state

    def _page(self, operations: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
        if len(operations) <= self.page_size:
            return copy.deepcopy(operations), ""
        marker = f"m{len(self._pages)}"
        self._pages[marker] = operations[self.page_size :]
        return copy.deepcopy(operations[: self.page_size]), marker

    def _next_token(self) -> str:
        self._tokens += 1
        self._token = base64.b64encode(f"{self.invocations}/{self._tokens}".encode()).decode()
        return self._token

    # -- effects ------------------------------------------------------------------------------------------

    def _put(self, operation: dict[str, Any]) -> None:
        self._version += 1
        self.operations[operation["Id"]] = operation
        self._versions[operation["Id"]] = self._version

    def _close(self, operation: dict[str, Any], answer: Answer) -> None:
        operation["Status"], operation["EndTimestamp"] = answer.status, self.now()
        details = operation.setdefault(DETAILS[operation["Type"]], {})
        if answer.result is not None:
            details["Result"] = answer.result
        if answer.error is not None:
            details["Error"] = answer.error
        self._put(operation)

    def _apply(self, update: dict[str, Any]) -> None:
        kind, action = update["Type"], update["Action"]
        if kind == "EXECUTION":
            self._execution_payload = update
            return
        operation = self.operations.get(update["Id"])
        if operation is None:
            operation = {k: update[k] for k in ("Id", "Type", "ParentId", "Name", "SubType") if k in update}
            operation |= {"StartTimestamp": self.now(), DETAILS[kind]: {}}
        details = operation.setdefault(DETAILS[kind], {})
        if action == "START":
            operation["Status"] = "STARTED"
            self._start(operation, update, details)
        elif action == "RETRY":
            operation["Status"] = "PENDING"
            due = self.now() + update["StepOptions"]["NextAttemptDelaySeconds"]
            details["NextAttemptTimestamp"] = due
            details["Attempt"] = details.get("Attempt", 0) + 1  # completed attempts
            details.pop("Error", None)
            details |= {"Result": update["Payload"]} if "Payload" in update else {}
            details |= {"Error": update["Error"]} if "Error" in update else {}
            self._due[operation["Id"]] = due
        else:
            status = {"SUCCEED": "SUCCEEDED", "FAIL": "FAILED", "CANCEL": "CANCELLED"}[action]
            if kind == "CONTEXT" and update.get("ContextOptions", {}).get("ReplayChildren"):
                details["ReplayChildren"] = True
            if kind == "STEP":
                details["Attempt"] = details.get("Attempt", 0) + 1
                details.pop("Error", None)
                details.pop("Result", None)
            self._due.pop(operation["Id"], None)
            self._close(operation, Answer(status, update.get("Payload"), update.get("Error")))
        self._put(operation)
        if action == "START" and self.answer_at_once:
            self._answer(operation)

    def _start(self, operation: dict[str, Any], update: dict[str, Any], details: dict[str, Any]) -> None:
        options = update.get(OPTIONS[operation["Type"]], {})
        if operation["Type"] == "STEP":
            details.setdefault("Attempt", 0)
            details.pop("NextAttemptTimestamp", None)
        elif operation["Type"] == "WAIT":
            details["ScheduledEndTimestamp"] = self._due[operation["Id"]] = self.now() + options["WaitSeconds"]
        elif operation["Type"] == "CALLBACK":
            details["CallbackId"] = base64.b64encode(f"cb/{operation['Id'][:20]}".encode()).decode()
            limits = [
                (options.get("TimeoutSeconds"), "Callback.Timeout"),
                (options.get("HeartbeatTimeoutSeconds"), "Callback.Heartbeat"),
            ]
            timeouts = [(seconds, kind) for seconds, kind in limits if seconds]
            if timeouts:
                seconds, operation["_timeout_kind"] = min(timeouts)
                self._due[operation["Id"]] = self.now() + seconds
        elif operation["Type"] == "CHAINED_INVOKE":
            operation["_function"], operation["_payload"] = options["FunctionName"], update.get("Payload")

    # -- views --------------------------------------------------------------------------------------------

    def visible_operations(self) -> list[dict[str, Any]]:
        """All operations but the children of contexts that are over and did not ask to replay them."""
        hidden: set[str] = set()
        for operation in self.operations.values():
            parent = self.operations.get(operation.get("ParentId", ""))
            if parent is None:
                continue
            over = parent["Status"] in TERMINAL and not parent.get("ContextDetails", {}).get("ReplayChildren")
            if over or parent["Id"] in hidden:
                hidden.add(operation["Id"])
        return [o for o in self.operations.values() if o["Id"] not in hidden]

    def updates(self) -> list[tuple[str, str, str | None]]:
        """(type, action, name) of every applied update, in order."""
        return [(u["Type"], u["Action"], u.get("Name")) for call in self.accepted for u in call]

    def updates_by_id(self) -> dict[str, list[dict[str, Any]]]:
        """Every applied update by operation; the stack traces and delays, which may differ, left out."""
        grouped: dict[str, list[dict[str, Any]]] = {}
        for call in self.accepted:
            for update in call:
                grouped.setdefault(update["Id"], []).append(comparable(update))
        return grouped

    def named(self, name: str) -> dict[str, Any]:
        found = [o for o in self.operations.values() if o.get("Name") == name]
        assert len(found) == 1, f"{len(found)} operations named {name!r}"
        return found[0]


def comparable(update: dict[str, Any]) -> dict[str, Any]:
    slim = {k: v for k, v in update.items() if k != "StepOptions"}
    if "Error" in slim:
        slim["Error"] = {k: v for k, v in slim["Error"].items() if k in ("ErrorType", "ErrorMessage")}
    return slim


def public(operation: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in operation.items() if not k.startswith("_")}


def in_event(operation: dict[str, Any]) -> dict[str, Any]:
    """The form of an operation in the function's event: timestamps in epoch milliseconds."""

    def convert(key: str, value: Any) -> Any:
        if key.endswith("Timestamp"):
            return round(value * 1000)
        if isinstance(value, dict) and key.endswith("Details"):
            return {k: convert(k, v) for k, v in value.items()}
        return value

    return {k: convert(k, v) for k, v in public(operation).items()}
