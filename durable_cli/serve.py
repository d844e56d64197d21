"""Run Lambda's durable execution service on loopback, for boto3, the AWS CLI and deployment tools."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

EXIT_FAILED = 1
DEFAULT_PORT = 9210


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `durable serve`."""
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port on 127.0.0.1, %(default)s by default; 0 takes a free one"
    )
    parser.add_argument("--db", type=Path, metavar="FILE", help="SQLite file; without it everything stays in memory")
    parser.add_argument(
        "--clock",
        choices=("real", "skip", "manual"),
        default="real",
        help="real time; `skip` jumps to the next due timer when nothing runs; `manual` waits for POST "
        "/_durable/clock/advance",
    )
    parser.add_argument("--log-dir", type=Path, metavar="DIR", help="write one JSON-lines file of logs per function")
    parser.add_argument(
        "--events", type=Path, metavar="FILE", help="write status events, dead letters and metrics as JSON lines"
    )
    parser.add_argument(
        "--awslambdaric", action="store_true", help="run handlers in AWS's runtime client, if it is installed"
    )
    parser.add_argument(
        "--durability",
        choices=("normal", "full"),
        default="normal",
        help="`normal` survives the death of the process; `full` also a power cut, and is slower",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    from durable_local import LocalService
    from durable_local._store import StoreError
    from durable_local._workers import awslambdaric_pool
    from durable_local.events import EventsOut

    try:
        service = LocalService(
            port=arguments.port,
            db=arguments.db,
            clock=arguments.clock,
            log_dir=arguments.log_dir,
            sink=EventsOut(arguments.events) if arguments.events else None,
            invoker=awslambdaric_pool() if arguments.awslambdaric else None,
            durability=arguments.durability,
        )
    except (OSError, StoreError, ValueError) as error:
        print(f"durable serve: {problem(error)}", file=sys.stderr)
        return EXIT_FAILED
    asyncio.run(_serve(service))
    return 0


def problem(error: Exception) -> str:
    """Say what went wrong without the operating system's number."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"cannot use {error.filename}: {error.strerror}"


async def _serve(service: LocalService) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, service.stop)
        except NotImplementedError:  # Windows: the loop has no signal handlers
            signal.signal(number, lambda *_: service.stop())
    await service.serve(lambda url: print(f"durable: serving at {url}", flush=True))


if TYPE_CHECKING:
    from durable_local import LocalService
