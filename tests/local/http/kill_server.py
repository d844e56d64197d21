"""Forks a service per line of standard input, for the kill test: imports are paid once, so a life starts in no time.

A child prints JSON lines: its process id and URL, then each invocation of the function `writer`, which the test plays.
The function `timer` plays itself: it waits a second and ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from durable_local import LocalService
from durable_local._invocation import InvocationResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._invocation import InvocationRequest


def tell(**members: Any) -> None:
    os.write(1, json.dumps({"pid": os.getpid(), **members}).encode() + b"\n")


class Player:
    """Hands writers to the test and plays timers itself."""

    def __init__(self) -> None:
        self.service: LocalService | None = None

    def start(self, request: InvocationRequest, done: Callable[[InvocationResult], None]) -> None:
        event = json.loads(request.event)
        if request.function.name == "writer":
            tell(arn=request.execution_arn, token=event["CheckpointToken"])
        else:
            asyncio.get_running_loop().call_soon(self.play_timer, event, done)

    def play_timer(self, event: dict[str, Any], done: Callable[[InvocationResult], None]) -> None:
        waits = event["InitialExecutionState"]["Operations"][1:]
        if waits and waits[0]["Status"] == "SUCCEEDED":
            done(InvocationResult.ok(b'{"Status":"SUCCEEDED"}'))
            return
        if not waits:
            update = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}}
            assert self.service is not None
            self.service.engine.checkpoint(event["DurableExecutionArn"], event["CheckpointToken"], [update])
        done(InvocationResult.ok(b'{"Status":"PENDING"}'))

    def retire(self, function_arn: str, revision: str) -> None:
        """Nothing to retire."""

    async def close(self) -> None:
        """Nothing to close."""


def live(path: str) -> None:
    player = Player()
    service = player.service = LocalService(db=path, invoker=lambda _url: player)
    for name in ("writer", "timer"):
        if name not in service.engine.functions.documents["function"]:
            service.engine.functions.define(name, execution_timeout=600)
    asyncio.run(service.serve(lambda url: tell(port=int(url.rpartition(":")[2]))))


def bury(*_: object) -> None:
    """Tell the test which child is dead: it may be waiting for a line of it."""
    while True:
        try:
            dead, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if dead == 0:
            return
        os.write(1, b"\n" + json.dumps({"dead": dead}).encode() + b"\n")


def main() -> None:
    signal.signal(signal.SIGCHLD, bury)
    for line in sys.stdin:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.write(1, b"\n")  # ends a line the last life did not finish
            live(line.strip())
            os._exit(0)


if __name__ == "__main__":
    main()
