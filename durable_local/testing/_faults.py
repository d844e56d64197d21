"""Faults a test can inject, and the service client that injects them.

Checkpoints are counted over the whole execution, from 1, as they reach the service; invocations likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from durable_local._errors import ApiError
from durable_local.testing._handlers import SimulatedCrash
from durable_runtime._service import ServiceError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

Kind = Literal[
    "crash_before",
    "crash_after",
    "lost_reply",
    "throttle",
    "server_error",
    "stale_token",
    "timeout",
    "lost_result",
    "duplicate",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what goes wrong at which checkpoint or invocation."""

    kind: Kind
    at: int
    times: int = 1
    """How many checkpoints in a row are hit, from `at` on; each attempt to send one counts."""

    def __post_init__(self) -> None:
        if self.at < 1 or self.times < 1:
            raise ValueError(f"{self.kind}({self.at}): checkpoints and invocations are counted from 1.")

    def hits(self, number: int) -> bool:
        """Return whether checkpoint or invocation `number` is hit."""
        return self.at <= number < self.at + self.times


def crash_before(checkpoint: int) -> Fault:
    """Kill the process when it sends the n-th checkpoint, before the service has it."""
    return Fault("crash_before", checkpoint)


def crash_after(checkpoint: int) -> Fault:
    """Kill the process when the service has the n-th checkpoint, before the handler hears of it."""
    return Fault("crash_after", checkpoint)


def lost_reply(checkpoint: int) -> Fault:
    """Lose the reply to the n-th checkpoint: the service has it, the handler sees a broken connection."""
    return Fault("lost_reply", checkpoint)


def throttle(checkpoint: int, times: int = 1) -> Fault:
    """Answer the n-th checkpoint with 429 TooManyRequestsException."""
    return Fault("throttle", checkpoint, times)


def server_error(checkpoint: int, times: int = 1) -> Fault:
    """Answer the n-th checkpoint with 500 ServiceException."""
    return Fault("server_error", checkpoint, times)


def stale_token(checkpoint: int) -> Fault:
    """Refuse the n-th checkpoint with "Invalid checkpoint token", as after another invocation took over."""
    return Fault("stale_token", checkpoint)


def invocation_timeout(checkpoint: int) -> Fault:
    """Let the function time-out strike when the n-th checkpoint is sent, before the service has it."""
    return Fault("timeout", checkpoint)


def lost_result(invocation: int) -> Fault:
    """Kill the process after the n-th invocation has returned, before the service has what it returned."""
    return Fault("lost_result", invocation)


def duplicate_delivery(invocation: int) -> Fault:
    """Deliver the event of the n-th invocation a second time, after the invocation has ended."""
    return Fault("duplicate", invocation)


def _leaves_nothing_running(updates: list[dict[str, Any]]) -> bool:
    """Say whether a batch may be a process's last without interrupting a step, which has consequences of its own."""
    started = {update["Id"] for update in updates if update["Type"] == "STEP" and update["Action"] == "START"}
    ended = {update["Id"] for update in updates if update["Action"] != "START"}
    return bool(updates) and started <= ended


_ANSWERS = {
    "throttle": (429, "TooManyRequestsException", "Rate exceeded"),
    "server_error": (500, "ServiceException", "The service encountered an internal error."),
    "stale_token": (400, "InvalidParameterValueException", "Invalid checkpoint token"),
}


class FaultPlan:
    """The faults of one execution, and how far it has come."""

    def __init__(self, faults: Sequence[Fault] = (), *, replay_always: bool = False) -> None:
        self.faults = tuple(faults)
        for fault in self.faults:
            if not isinstance(fault, Fault):
                raise TypeError(f"A fault is made by `crash_after(n)` and its like, it is not {fault!r}.")
        self.replay_always = replay_always
        self.checkpoints = 0
        self.invocations = 0
        self.struck: list[Fault] = []

    def at(self, number: int, *kinds: Kind) -> Fault | None:
        """Return the fault that hits checkpoint or invocation `number`, and note that it struck."""
        for fault in self.faults:
            if fault.kind in kinds and fault.hits(number):
                self.struck.append(fault)
                return fault
        return None


class InProcessClient:
    """The service as one invocation sees it: the engine behind a lock, and the faults in between."""

    def __init__(self, engine: Any, lock: threading.RLock, plan: FaultPlan | None) -> None:
        self._engine = engine
        self._lock = lock
        self._plan = plan
        self.death: str | None = None
        self.timed_out = False

    def checkpoint(self, arn: str, token: str, updates: list[dict[str, Any]], client_token: str) -> dict[str, Any]:
        """Record updates, unless a fault is due."""
        if self._plan is None:
            return self._call(self._engine.checkpoint, arn, token, updates, client_token)
        return self._checkpoint_with_faults(self._plan, arn, token, updates, client_token)

    def get_state(self, arn: str, token: str, marker: str, max_items: int) -> dict[str, Any]:
        """Read a page of the history."""
        self._stay_dead()
        return self._call(self._engine.get_state, arn, token, marker, max_items)

    def _checkpoint_with_faults(self, plan: FaultPlan, *arguments: Any) -> dict[str, Any]:
        self._stay_dead()
        with self._lock:
            plan.checkpoints += 1
            number = plan.checkpoints
            fault = plan.at(
                number,
                "crash_before",
                "crash_after",
                "lost_reply",
                "throttle",
                "server_error",
                "stale_token",
                "timeout",
            )
        kind = fault.kind if fault else None
        if kind in _ANSWERS:
            raise ServiceError(*_ANSWERS[kind])
        if kind == "crash_before":
            self._die(f"crashed before checkpoint {number}")
        if kind == "timeout":
            self.timed_out = True
            self._die(f"timed out before checkpoint {number}")
        reply = self._call(self._engine.checkpoint, *arguments)
        if kind == "lost_reply":
            raise ServiceError(0, "ConnectionClosedError", f"The reply to checkpoint {number} was lost.")
        if kind == "crash_after" or (plan.replay_always and _leaves_nothing_running(arguments[2])):
            self._die(f"crashed after checkpoint {number}")
        return reply

    def _die(self, how: str) -> None:
        self.death = how
        raise SimulatedCrash(f"The process {how}.")

    def _stay_dead(self) -> None:
        """Refuse every call after the death: a dead process sends nothing."""
        if self.death is not None:
            raise SimulatedCrash(f"The process {self.death}.")

    def _call(self, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        try:
            with self._lock:
                return function(*arguments)
        except ApiError as error:
            raise ServiceError(error.status, error.code, error.message) from error
