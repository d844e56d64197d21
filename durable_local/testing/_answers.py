"""Gives declared answers to the open callbacks of an engine, each at its moment."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_local._errors import ApiError
from durable_local.testing._responders import (
    CallbackRequest,
    Respond,
    answer_for,
    encoded_result,
    find_responder,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_local._engine import Engine


class _Planned(NamedTuple):
    """An answer that waits for its moment."""

    at: int
    """Epoch milliseconds of the engine's clock."""
    number: int
    callback_id: str
    answer: Respond
    end: int
    """When the answer itself is given; before that, heartbeats."""


class Answers:
    """The declared responders, and the answers that are under way."""

    def __init__(self, engine: Engine) -> None:
        self.responders: dict[str, Any] = {}
        self._engine = engine
        self._seen: set[str] = set()
        self._planned: list[_Planned] = []
        self._number = itertools.count()

    @property
    def next_moment(self) -> int | None:
        """Return when the next answer is due, in epoch milliseconds."""
        return self._planned[0].at if self._planned else None

    def give_due(self, executions: Iterable[str]) -> bool:
        """Plan the answers to callbacks not seen yet and give those that are due; return whether any was given."""
        if self.responders:
            for arn in executions:
                self._plan(arn)
        given = False
        while self._planned and self._planned[0].at <= self._engine.clock.now():
            self._give(heapq.heappop(self._planned))
            given = True
        return given

    def _plan(self, arn: str) -> None:
        operations = {operation["Id"]: operation for operation in self._engine.operations(arn)}
        for operation in operations.values():
            if operation["Type"] != "CALLBACK" or operation["Status"] != "STARTED":
                continue
            callback_id = operation["CallbackDetails"]["CallbackId"]
            if callback_id in self._seen:
                continue
            self._seen.add(callback_id)
            parent = operations.get(operation.get("ParentId", ""), {})
            responder = find_responder(self.responders, operation.get("Name"), parent.get("Name"))
            if responder is None:
                continue
            answer = answer_for(responder, CallbackRequest(callback_id, operation.get("Name"), arn))
            if not answer.silent:
                started = int(operation["StartTimestamp"] * 1000)
                self._push(started, callback_id, answer, started + int(answer.after.total_seconds() * 1000))

    def _push(self, now: int, callback_id: str, answer: Respond, end: int) -> None:
        """Plan what comes next: a heartbeat, or the answer itself."""
        at = end
        if answer.heartbeat_every is not None:
            at = min(end, now + max(1, int(answer.heartbeat_every.total_seconds() * 1000)))
        heapq.heappush(self._planned, _Planned(at, next(self._number), callback_id, answer, end))

    def _give(self, planned: _Planned) -> None:
        answer = planned.answer
        try:
            if planned.at < planned.end:
                self._engine.callback_heartbeat(planned.callback_id)
                self._push(planned.at, planned.callback_id, answer, planned.end)
            elif answer.error is not None:
                self._engine.callback_fail(planned.callback_id, answer.error)
            else:
                self._engine.callback_succeed(planned.callback_id, encoded_result(answer.result))
        except ApiError as error:
            if error.code != "CallbackTimeoutException":  # it timed out first, as it would on AWS
                raise
