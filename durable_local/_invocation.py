"""What the engine and whoever runs a function's code say to each other.

The engine hands out an `InvocationRequest` (`Engine.take_ready`), an `Invoker` runs it, and the `InvocationResult`
goes back (`Engine.complete_invocation`). An invoker calls `done` exactly once, on the thread that drives the engine:
an asyncio worker pool from its loop, an in-process driver before `start` returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

InvocationKind = Literal["ok", "error", "crash", "timeout"]

TIMED_OUT = "Sandbox.Timedout"
EXITED = "Runtime.ExitError"


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version of a function, as it was when it was published (or as it is now, for ``$LATEST``)."""

    name: str
    version: str
    """``$LATEST`` or digits."""
    arn: str
    """The qualified ARN, ``…:function:NAME:VERSION``."""
    revision: str
    """Changes with each change of code or configuration: workers of another revision are stale."""
    handler: str = ""
    runtime: str = "python3.13"
    timeout: int = 3
    """Seconds one invocation may take."""
    memory: int = 128
    """Megabytes."""
    environment: dict[str, str] = field(default_factory=dict)
    code: Path | None = None
    """The folder with the unpacked code; None when the code lives in the process that drives the engine."""
    layers: tuple[Path, ...] = ()
    """Folders of the unpacked layers, in the function's order; Python code is under ``python/``."""
    execution_timeout: int | None = None
    """Seconds a durable execution may take; None for a function that is not durable."""
    retention_days: int = 14
    kms_key_arn: str = ""
    """The key that executions would be encrypted with; here it is only told."""

    @property
    def durable(self) -> bool:
        """Whether the function has a durable configuration."""
        return self.execution_timeout is not None


@dataclass(frozen=True, slots=True)
class InvocationRequest:
    """One invocation to run."""

    request_id: str
    function: FunctionVersion
    event: bytes
    """The JSON the handler gets: the durable envelope for a durable function, the caller's payload for a plain one."""
    deadline: int
    """Epoch milliseconds of the machine's time (not the virtual clock's), when the function's timeout is over."""
    execution_arn: str | None = None
    invoked_arn: str = ""
    """The ARN the handler sees as its own; with the alias when an alias was invoked."""
    trace_id: str = ""
    tenant_id: str = ""
    client_context: str = ""
    """JSON text, already decoded from the header's base64; empty when none was sent."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a function printed."""

    timestamp: int
    """Epoch milliseconds of the machine's time."""
    message: str


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """How an invocation ended."""

    kind: InvocationKind
    payload: bytes = b""
    """What the handler returned, as JSON; only for ``ok``."""
    error: dict[str, Any] | None = None
    """``errorMessage``, ``errorType``, ``stackTrace`` as the Runtime API has them; for all but ``ok``."""
    log_lines: tuple[LogLine, ...] = ()

    @classmethod
    def ok(cls, payload: bytes, log_lines: tuple[LogLine, ...] = ()) -> InvocationResult:
        """The handler returned."""
        return cls("ok", payload, None, log_lines)

    @classmethod
    def failed(cls, error: dict[str, Any], log_lines: tuple[LogLine, ...] = ()) -> InvocationResult:
        """The handler raised, or could not be imported."""
        return cls("error", b"", error, log_lines)

    @classmethod
    def crashed(cls, message: str, log_lines: tuple[LogLine, ...] = (), error_type: str = EXITED) -> InvocationResult:
        """The process ended without an answer."""
        return cls("crash", b"", {"errorType": error_type, "errorMessage": message}, log_lines)

    @classmethod
    def timed_out(cls, request_id: str, seconds: float, log_lines: tuple[LogLine, ...] = ()) -> InvocationResult:
        """The function's timeout was over first. The text is Lambda's."""
        message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        return cls("timeout", b"", {"errorType": TIMED_OUT, "errorMessage": message}, log_lines)


class Invoker(Protocol):
    """Runs the code of functions."""

    def start(self, request: InvocationRequest, done: Callable[[InvocationResult], None]) -> None:
        """Start one invocation; `done` is called once, on the thread that drives the engine."""

    def retire(self, function_arn: str, revision: str) -> None:
        """Forget warm workers of a qualified function whose `revision` is no longer served."""

    async def close(self) -> None:
        """End all workers and wait for them."""
