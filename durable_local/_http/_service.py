"""The service as a whole: engine, driver, workers and the HTTP server around them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from durable_local._clock import make_clock
from durable_local._engine import Engine
from durable_local._functions import FunctionApi, FunctionExtras
from durable_local._http import _function_routes
from durable_local._http._app import App
from durable_local._http._driver import GRACE, Driver
from durable_local._http._durable_api import DurableApi
from durable_local._http._gate import Gate
from durable_local._http._logbook import Logbook
from durable_local._http._one_write import OneWriteProtocol
from durable_local._http._own_api import OwnApi, Records
from durable_local._http._router import Router
from durable_local._store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from durable_local._invocation import Invoker
    from durable_local._rules import Settings

HOST = "127.0.0.1"
LAST_PORT = 65_535
START_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 900
"""A step may take as long as an invocation; the connection should still be there after it [O]."""
STOP_SECONDS = 2
"""How long open requests may hold up the end of the service [O]."""


class LocalService:
    """Lambda's durable execution service on loopback.

    Use it as a context manager to run it on a thread of its own, or call `run` to serve on the current thread.

    Args:
        port: Where to listen; 0 takes a free port.
        db: The SQLite file; None keeps everything in memory.
        clock: ``real``, ``skip`` (jumps to the next due timer when nothing runs) or ``manual``.
        settings: Limits and switches.
        log_dir: A folder for one JSON-lines file of log lines per function.
        sink: Called with each record of the event sink: status changes, invocations, dead letters, quota warnings.
        invoker: Makes what runs the functions' code, given the service's URL; by default a pool of worker processes.
        grace: Seconds of real time a clock that skips leaves somebody outside to answer an open callback.
        durability: ``normal`` survives the death of the process, ``full`` also a power cut.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        db: Path | str | None = None,
        clock: str = "real",
        settings: Settings | None = None,
        log_dir: Path | None = None,
        sink: Callable[[dict[str, Any]], None] | None = None,
        invoker: Callable[[str], Invoker] | None = None,
        grace: float = GRACE,
        durability: str = "normal",
    ) -> None:
        with contextlib.ExitStack() as unfinished:
            self._socket = unfinished.enter_context(_listen(port))
            self._logbook = Logbook(log_dir)
            store = unfinished.enter_context(contextlib.closing(Store(db or ":memory:", durability=durability)))
            self._records = Records(sink)
            self.engine = Engine(store, make_clock(clock, start=store.present()), settings, sink=self._records)
            unfinished.pop_all()
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._driver = Driver(self.engine, self._logbook, grace=grace)
        self._invoker = invoker
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    def _app(self) -> App:
        router = Router()
        DurableApi(self.engine).mount(router)
        functions = self.engine.functions
        _function_routes.mount(router, FunctionApi(functions), FunctionExtras(functions))
        gate = Gate(self.engine.settings.rate_limits)
        OwnApi(self.engine, self._driver, self._logbook, self._records, gate).mount(router)
        return App(router, gate, self._driver.pump)

    async def serve(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until `stop` is called; `ready` gets the URL when requests are answered."""
        config = uvicorn.Config(
            self._app(),
            http=OneWriteProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = _Server(config, lambda: self._announce(ready))
        if self._invoker is not None:
            self._driver.start(self._invoker(self.url), live_lines=False)
        else:
            from durable_local._workers import WorkerOptions, WorkerPool

            options = WorkerOptions(service_url=self.url, on_line=self._driver.take_line)
            self._driver.start(WorkerPool(options), live_lines=True)
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            await self._driver.close()
            self._logbook.close()
            self.engine.close()

    def _announce(self, ready: Callable[[str], None] | None) -> None:
        self._ready.set()
        if ready is not None:
            ready(self.url)

    def stop(self) -> None:
        """Ask the service to end; safe from any thread and from a signal handler."""
        if self._server is not None:
            self._server.should_exit = True

    # --- on a thread of its own ---

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="durable-local", daemon=True)
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._failure is not None:
            raise RuntimeError(f"the local service did not start: {self._failure}") from self._failure
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self.serve())
        except BaseException as error:  # noqa: BLE001  handed to the thread that waits
            self._failure = error
        finally:
            self._ready.set()


def _listen(port: int) -> socket.socket:
    """Bind to loopback. asyncio switches Nagle's delay off only on sockets that say they are TCP: 44 ms a call."""
    if not 0 <= port <= LAST_PORT:
        raise ValueError(f"{port} is no port: take 1 to {LAST_PORT}, or 0 for a free one")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let two services share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        text = f"cannot listen on {HOST}:{port}: {error.strerror}; port 0 takes a free one"
        raise OSError(error.errno, text) from error
    except BaseException:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """uvicorn's server, leaving signals to the caller and telling when it listens."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: `durable serve` has handlers of its own, and a thread must not touch them."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._announce()
