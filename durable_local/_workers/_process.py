"""One worker process: spawned, fed one invocation at a time, watched, and killed when its time is over."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_local._clock import machine_time
from durable_local._invocation import EXITED, InvocationResult, LogLine
from durable_local._workers._endpoint import RuntimeEndpoint
from durable_local._workers._environment import installed_paths, task_root, worker_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._invocation import FunctionVersion, InvocationRequest

INIT_SECONDS = 10.0
"""Lambda's init phase may take 10 seconds (Lambda developer guide, "Execution environment lifecycle")."""

LOG_BYTES = 1_048_576
"""Log kept in memory for one invocation; the rest is counted, not kept. Our own choice."""

_FOLDER = str(Path(__file__).parent)
# The client is imported by its folder, so that neither this package nor `site` is loaded in the worker.
_BOOTSTRAP = (
    f"import sys; sys.path.insert(0, {_FOLDER!r}); import _durable_local_worker; "
    "del sys.path[0]; _durable_local_worker.main(sys.argv[1:])"
)


class WorkerOptions:
    """How worker processes are started."""

    def __init__(
        self,
        *,
        service_url: str | None = None,
        python: str = sys.executable,
        packages: tuple[str, ...] | None = None,
        awslambdaric: bool = False,
        init_seconds: float = INIT_SECONDS,
        on_line: Callable[[FunctionVersion, str, LogLine], None] | None = None,
    ) -> None:
        if awslambdaric and importlib.util.find_spec("awslambdaric") is None:
            raise ValueError(
                "awslambdaric is not installed: `pip install awslambdaric`, or leave it to our own client."
            )
        self.service_url = service_url
        self.python = python
        self.packages = installed_paths() if packages is None else packages
        self.awslambdaric = awslambdaric
        self.init_seconds = init_seconds
        self.on_line = on_line

    def command(self) -> list[str]:
        """Return the command line of a worker."""
        if self.awslambdaric:
            return [self.python, "-m", "awslambdaric"]
        return [self.python, "-S", "-P", "-c", _BOOTSTRAP, *self.packages]


class Worker:
    """A process that runs one version of a function."""

    def __init__(self, function: FunctionVersion, options: WorkerOptions) -> None:
        self.function = function
        self._options = options
        self._endpoint = RuntimeEndpoint(self)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.SubprocessTransport | None = None
        self._request: InvocationRequest | None = None
        self._answer: asyncio.Future[InvocationResult] | None = None
        self._sent = False
        self._ready = False
        self._timer: asyncio.TimerHandle | None = None
        self._lines: list[LogLine] = []
        self._bytes = 0
        self._rest = b""
        self._exit: asyncio.Future[int] = self._loop.create_future()
        self.alive = True
        self.started_at = machine_time()

    async def start(self) -> None:
        """Open the worker's port and spawn the process."""
        root = task_root(self.function)
        await self._endpoint.start()
        environment = worker_environment(
            self.function, runtime_api=self._endpoint.address, service_url=self._options.service_url
        )
        command = self._options.command()
        if self._options.awslambdaric:
            paths = [environment["PYTHONPATH"], *self._options.packages]
            environment["PYTHONPATH"] = os.pathsep.join(paths)
            command.append(self.function.handler)
        transport, _ = await self._loop.subprocess_exec(
            lambda: _Output(self),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            cwd=root,
            start_new_session=True,
        )
        self._transport = transport

    async def run(self, request: InvocationRequest) -> InvocationResult:
        """Run one invocation and return how it ended. Nothing is raised for what the handler does."""
        self._request, self._sent = request, False
        self._answer = self._loop.create_future()
        if not self.alive:
            self._conclude(_crash(request, self._exit.result()))
        elif self._ready:
            self._send()
        else:
            self._timer = self._loop.call_later(self._options.init_seconds, self._time_is_over)
        result = await self._answer
        self._request = self._answer = None
        self._lines, self._bytes = [], 0
        return result

    async def stop(self) -> None:
        """Kill the process, with whatever it started, and wait for its end."""
        self.kill()
        if self._transport is not None:
            await self._exit
            self._transport.close()
        self._endpoint.close()

    def kill(self) -> None:
        """Kill the process and whatever it started."""
        self.alive = False
        if self._transport is None or self._transport.get_returncode() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self._transport.get_pid(), signal.SIGKILL)
            else:
                self._transport.kill()

    # What the endpoint reports.

    def worker_is_ready(self) -> None:
        """Send the event that waits, if one does."""
        self._ready = True
        if self._request is not None and not self._sent:
            self._send()

    def worker_answered(self, request_id: str, body: bytes, *, is_error: bool) -> bool:
        """Take the result or the error of the current invocation."""
        if self._request is None or request_id != self._request.request_id or not self._sent:
            return False
        self._drain()
        result = InvocationResult.failed(_document(body)) if is_error else InvocationResult.ok(body)
        self._loop.call_soon(self._conclude, result)
        return True

    def worker_failed_to_start(self, body: bytes) -> None:
        """Take the error of an import that failed; the process is about to exit."""
        self._drain()
        self.alive = False
        self._loop.call_soon(self._conclude, InvocationResult.failed(_document(body)))

    # What the process does.

    def output(self, data: bytes) -> None:
        """Split what the process wrote into lines."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LOG_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._line(line)

    def exited(self, code: int) -> None:
        """Notice the end of the process."""
        self._drain()
        self._loop.call_soon(self._bury, code)

    def _bury(self, code: int) -> None:
        if self._rest:
            self._line(self._rest)
            self._rest = b""
        self.alive = False
        self._endpoint.close()
        if not self._exit.done():
            self._exit.set_result(code)
        if self._request is not None:
            self._conclude(_crash(self._request, code))

    def _send(self) -> None:
        request = self._request
        assert request is not None  # noqa: S101  the callers check it
        self._ready, self._sent = False, True
        self._stop_timer()
        seconds = self.function.timeout
        self._timer = self._loop.call_later(seconds, self._time_is_over)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request.request_id,
            "Lambda-Runtime-Deadline-Ms": str(machine_time() + seconds * 1000),
            "Lambda-Runtime-Invoked-Function-Arn": request.invoked_arn or request.function.arn,
        }
        optional = {
            "Lambda-Runtime-Trace-Id": request.trace_id,
            "Lambda-Runtime-Client-Context": request.client_context,
            "Lambda-Runtime-Aws-Tenant-Id": request.tenant_id,
        }
        headers |= {name: _header_text(value) for name, value in optional.items() if value}
        self._endpoint.send_event(headers, request.event)

    def _time_is_over(self) -> None:
        self._drain()
        self.kill()
        if self._request is not None:
            seconds = self.function.timeout if self._sent else self._options.init_seconds
            self._loop.call_soon(self._conclude, InvocationResult.timed_out(self._request.request_id, seconds))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _conclude(self, result: InvocationResult) -> None:
        self._stop_timer()
        if self._answer is None or self._answer.done():
            return
        lines = tuple(self._lines)
        self._answer.set_result(InvocationResult(result.kind, result.payload, result.error, lines))

    def _line(self, raw: bytes) -> None:
        line = LogLine(machine_time(), raw.decode("utf-8", "replace").rstrip("\r"))
        self._bytes += len(raw)
        if self._bytes <= LOG_BYTES:
            self._lines.append(line)
        if self._options.on_line is not None:
            request_id = self._request.request_id if self._request is not None else ""
            self._options.on_line(self.function, request_id, line)

    def _drain(self) -> None:
        """Read what is in the pipe now: all that was printed before the reply belongs to this request.

        asyncio hands output on with `call_soon`; so does this, and so do the callers with what comes after it.
        """
        pipe = self._transport.get_pipe_transport(1) if self._transport is not None else None
        if pipe is None or pipe.is_closing() or not hasattr(os, "set_blocking"):
            return
        descriptor = pipe.get_extra_info("pipe").fileno()
        with contextlib.suppress(BlockingIOError):  # the pipe is empty
            while data := os.read(descriptor, 65_536):
                self._loop.call_soon(self.output, data)


class _Output(asyncio.SubprocessProtocol):
    """Hands a process's output and end to its worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002  there is one pipe
        self._worker.output(data)

    def process_exited(self) -> None:
        transport = self._worker._transport  # noqa: SLF001  the two classes are one thing
        code = transport.get_returncode() if transport is not None else None
        self._worker.exited(-signal.SIGKILL if code is None else code)


def _crash(request: InvocationRequest, code: int) -> InvocationResult:
    """Say how the process ended, in Lambda's words."""
    if code < 0:
        name = signal.Signals(-code).name.removeprefix("SIG").lower()
        how = "signal: " + {"kill": "killed", "segv": "segmentation fault", "abrt": "aborted"}.get(name, name)
    else:
        how = f"exit status {code}"
    reason = f"Runtime exited with error: {how}" if code else "Runtime exited without providing a reason"
    return InvocationResult.crashed(f"RequestId: {request.request_id} Error: {reason}", error_type=EXITED)


def _header_text(value: str) -> str:
    """Return a caller's text as a header can carry it: one line of ASCII. JSON objects stay what they are."""
    if value.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            return json.dumps(json.loads(value))
    return " ".join(value.split()).encode("ascii", "backslashreplace").decode()


def _document(body: bytes) -> dict[str, Any]:
    """Read an error that a worker posted; what is not an error document becomes one."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return {"errorType": "Runtime.Unknown", "errorMessage": body[:1024].decode("utf-8", "replace")}
    return document
