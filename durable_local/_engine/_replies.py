"""The answers of Invoke."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine._calls import Reply

if TYPE_CHECKING:
    from durable_local._engine._execution import Execution
    from durable_local._invocation import InvocationRequest, InvocationResult

TAIL_BYTES = 4096
"""LogType Tail returns the last 4 KB of the log [M]."""

FUNCTION_ERROR = {"ErrorType": "errorType", "StackTrace": "stackTrace", "ErrorData": "errorData"}


def execution_reply(execution: Execution, *, tail: bool = False) -> Reply:
    """Return what the sync caller of a closed execution gets: the bare result, or a function error."""
    headers = {
        "X-Amz-Executed-Version": execution.header["version"],
        "X-Amz-Durable-Execution-Arn": execution.arn,
    }
    if tail:
        headers["X-Amz-Log-Result"] = base64.b64encode(execution.last_log.encode()[-TAIL_BYTES:]).decode()
    if execution.status == rules.SUCCEEDED:
        result = execution.outcome.get("result")
        return Reply(200, b"null" if result is None else result.encode(), headers)
    headers["X-Amz-Function-Error"] = "Unhandled"
    return Reply(200, json.dumps(function_error(execution.outcome.get("error") or {})).encode(), headers)


def function_error(error: dict[str, Any]) -> dict[str, Any]:
    """Turn an ErrorObject into the body of a function error."""
    return {
        "errorMessage": error.get("ErrorMessage", ""),
        **{theirs: error[ours] for ours, theirs in FUNCTION_ERROR.items() if ours in error},
    }


def started_reply(execution: Execution) -> Reply:
    """Return what the caller of an asynchronous start gets."""
    headers = {
        "X-Amz-Executed-Version": execution.header["version"],
        "X-Amz-Durable-Execution-Arn": execution.arn,
    }
    return Reply(202, b"", headers)


def log_text(request: InvocationRequest, result: InvocationResult, milliseconds: float) -> str:
    """Return the log of one invocation, framed as Lambda frames it."""
    lines = "".join(f"{line.message}\n" for line in result.log_lines)
    return (
        f"START RequestId: {request.request_id} Version: {request.function.version}\n{lines}"
        f"END RequestId: {request.request_id}\n"
        f"REPORT RequestId: {request.request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Memory Size: {request.function.memory} MB\n"
    )


def plain_reply(request: InvocationRequest, result: InvocationResult, log: str, *, tail: bool) -> Reply:
    """Return what the sync caller of a plain function gets."""
    headers = {"X-Amz-Executed-Version": request.function.version}
    if tail:
        headers["X-Amz-Log-Result"] = base64.b64encode(log.encode()[-TAIL_BYTES:]).decode()
    if result.kind == "ok":
        return Reply(200, result.payload, headers)
    headers["X-Amz-Function-Error"] = "Unhandled"
    return Reply(200, json.dumps(result.error or {}).encode(), headers)
