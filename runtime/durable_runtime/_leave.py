"""How an invocation ends before its work is done."""

from __future__ import annotations

from durable_runtime._history import CONTINUATION_SUB_TYPE
from durable_runtime._ids import marker_id
from durable_runtime.exceptions import TimedSuspendExecution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from durable_runtime._invocation import Invocation


def leave(invocation: Invocation, reason: str) -> NoReturn:
    """Queue the wait that makes the service invoke again, once per invocation, and suspend."""
    from durable_runtime._commit import Line

    if not invocation.leaving:
        invocation.leaving = True
        known = invocation.history.operations
        number = 1
        while (operation_id := marker_id(b"", "continuation", str(number))) in known:
            number += 1
        invocation.history.visited.add(operation_id)
        invocation.checkpointer.add(
            {
                "Id": operation_id,
                "Type": "WAIT",
                "Action": "START",
                "SubType": CONTINUATION_SUB_TYPE,
                "Name": "continue in the next invocation",
                "WaitOptions": {"WaitSeconds": 1},
            },
            Line(),
            outcome=True,
        )
    raise TimedSuspendExecution(reason, invocation.clock() + 1)
