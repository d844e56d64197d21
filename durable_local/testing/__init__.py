"""Test durable workflows: in process on a clock that skips all waiting, or against a service through boto3.

.. code-block:: python

    from durable_local.testing import DurableTestRunner, crash_after, crash_everywhere, succeed

    with DurableTestRunner(handler, responders={"approval": succeed({"ok": True}, after=timedelta(days=2))}) as runner:
        result = runner.run({"order": 7}, faults=[crash_after(2)])
        assert result.status == "SUCCEEDED"
        assert result.operation("charge").attempts == 1
        print(result.timeline())

    crash_everywhere(handler, {"order": 7})      # the same end, whatever checkpoint it dies at
"""

from __future__ import annotations

from durable_local.testing._faults import (
    Fault,
    crash_after,
    crash_before,
    duplicate_delivery,
    invocation_timeout,
    lost_reply,
    lost_result,
    server_error,
    stale_token,
    throttle,
)
from durable_local.testing._handlers import SimulatedCrash
from durable_local.testing._operations import ExecutionFailure, TestInvocation, TestOperation
from durable_local.testing._prove import CrashReport, assert_deterministic, crash_everywhere
from durable_local.testing._recorded import HistoryError, Recorded, read_recorded
from durable_local.testing._replay import Divergence, ReplayReport, replay
from durable_local.testing._responders import CallbackRequest, Respond, fail, never, succeed
from durable_local.testing._result import TestResult
from durable_local.testing._runner import DurableTestRunner, TestExecution

__all__ = [
    "CallbackRequest",
    "CrashReport",
    "Divergence",
    "DurableTestRunner",
    "ExecutionFailure",
    "Fault",
    "HistoryError",
    "Recorded",
    "ReplayReport",
    "Respond",
    "SimulatedCrash",
    "TestExecution",
    "TestInvocation",
    "TestOperation",
    "TestResult",
    "assert_deterministic",
    "crash_after",
    "crash_before",
    "crash_everywhere",
    "duplicate_delivery",
    "fail",
    "invocation_timeout",
    "lost_reply",
    "lost_result",
    "never",
    "read_recorded",
    "replay",
    "server_error",
    "stale_token",
    "succeed",
    "throttle",
]
