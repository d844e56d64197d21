"""Values that change from call to call, and yet come back the same on every replay, without an operation."""

from __future__ import annotations

from durable_runtime._history import CREATED, PATCH_SUB_TYPE, epoch_seconds
from durable_runtime._ids import hashed, marker_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as dt
    from random import Random
    from typing import Any
    from uuid import UUID

    from durable_runtime._invocation import Invocation


class ReplaySafe:
    """`now`, `uuid4`, `random` and `patched`, for both kinds of context."""

    invocation: Invocation
    operation_id: str | None
    last_operation: str | None
    _prefix: bytes
    _replay_safe: dict[str, Any] | None = None

    def _enter(self, word: str) -> None:
        raise NotImplementedError

    def _settle(self) -> None:
        raise NotImplementedError

    def now(self) -> dt.datetime:
        """Return the time at which the last operation ended (a callback: was created), as the service has it, in UTC.

        Before the first operation it is the time at which the execution started. The value does not move
        between two operations.
        """
        from datetime import UTC, datetime

        self._enter("now")
        self._settle()
        operations = self.invocation.history.operations
        seen = self.last_operation or ""
        last = operations.get(seen.removeprefix(CREATED)) or {}
        ended = None if seen.startswith(CREATED) else last.get("EndTimestamp")
        moment = epoch_seconds(ended or last.get("StartTimestamp"))
        if moment is None:
            execution = next((raw for raw in operations.values() if raw["Type"] == "EXECUTION"), {})
            moment = epoch_seconds(execution.get("StartTimestamp")) or 0.0
        # The service sends milliseconds in one place and finer values in another.
        return datetime.fromtimestamp(int(moment * 1000 + 0.5) / 1000, UTC)

    def uuid4(self) -> UUID:
        """Return a random UUID that is the same on every replay."""
        from uuid import UUID

        self._enter("uuid4")
        state = self._state()
        state["uuids"] += 1
        digest = hashed(b"%buuid:%b:%d" % (self._prefix, self.invocation.arn.encode(), state["uuids"]))
        return UUID(hex=digest[:32], version=4)

    def random(self) -> Random:
        """Return this context's random number generator; it gives the same numbers on every replay."""
        self._enter("random")
        state = self._state()
        if state["random"] is None:
            from random import Random

            seed = hashed(b"%brandom:%b" % (self._prefix, self.invocation.arn.encode()))
            state["random"] = Random(seed)  # noqa: S311  repeatable on purpose
        generator: Random = state["random"]
        return generator

    def patched(self, patch_id: str) -> bool:
        """Say whether code behind a change should run, so that running executions keep the old code.

        An execution that passed this point before the change gets False for ever; one that gets here for the
        first time gets True for ever, and a marker in its history remembers it. Ids of other operations do
        not shift. Each context decides for itself. Remove the old code once no execution that started before
        the change is open.
        """
        from durable_runtime._names import check_name
        from durable_runtime.exceptions import ValidationError

        self._enter("patched")
        if check_name(patch_id, "patched") is None:
            raise ValidationError("patched: patch_id is empty; give the change a name")
        answers: dict[str, bool] = self._state()["patches"]
        if patch_id not in answers:
            answers[patch_id] = self._decide_patch(patch_id)
        return answers[patch_id]

    def _decide_patch(self, patch_id: str) -> bool:
        invocation = self.invocation
        operation_id = marker_id(self._prefix, "patch", patch_id)
        invocation.history.visited.add(operation_id)
        if operation_id in invocation.history.operations:
            return True
        if self.is_replaying():  # type: ignore[attr-defined]
            return False
        marker: dict[str, Any] = {
            "Id": operation_id,
            "Type": "STEP",
            "SubType": PATCH_SUB_TYPE,
            "Name": patch_id,
        }
        if self.operation_id is not None:
            marker["ParentId"] = self.operation_id
        add, line = invocation.checkpointer.add, self.line  # type: ignore[attr-defined]
        add({**marker, "Action": "START"}, line, outcome=False)
        line.past = add({**marker, "Action": "SUCCEED", "Payload": "true"}, line, outcome=True)
        return True

    def _state(self) -> dict[str, Any]:
        state = self._replay_safe
        if state is None:
            state = self._replay_safe = {"uuids": 0, "random": None, "patches": {}}
        return state
