"""The service's own endpoints, under ``/_durable/``: health, clock, logs, events out and meter."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from durable_local._errors import invalid_parameter
from durable_local._http._driver import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._engine import Engine
    from durable_local._http._driver import Driver
    from durable_local._http._gate import Gate
    from durable_local._http._logbook import Logbook
    from durable_local._http._request import Request
    from durable_local._http._router import Router

RECORDS_KEPT = 10_000
LONGEST_ADVANCE = 100 * 366 * 86_400
"""Seconds one request may advance the clock [O]."""


def _seconds(value: Any, member: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LONGEST_ADVANCE:
        raise invalid_parameter(f"{member} must be a number between 0 and {LONGEST_ADVANCE}")
    return value


class Records:
    """What the engine told its event sink: the newest records, and a listener that gets all of them."""

    def __init__(self, listener: Callable[[dict[str, Any]], None] | None) -> None:
        self._listener = listener
        self._kept: deque[dict[str, Any]] = deque(maxlen=RECORDS_KEPT)
        self._number = 0

    def __call__(self, record: dict[str, Any]) -> None:
        """Take in a record."""
        self._number += 1
        self._kept.append({"number": self._number, **record})
        if self._listener is not None:
            self._listener(record)

    def after(self, number: int, limit: int = 1000) -> list[dict[str, Any]]:
        """Return records in order: the first `limit` above `number`."""
        return [record for record in self._kept if record["number"] > number][:limit]


class OwnApi:
    """Handlers of the service's own endpoints."""

    def __init__(self, engine: Engine, driver: Driver, logbook: Logbook, records: Records, gate: Gate) -> None:
        self._operations: set[str] = set()
        self.gate = gate
        self.engine = engine
        self.driver = driver
        self.logbook = logbook
        self.records = records

    def mount(self, router: Router) -> None:
        """Add the endpoints to the table."""
        self._operations = router.operations
        router.add("GET", "/_durable/health", self.health)
        router.add("GET", "/_durable/clock", self.clock)
        router.add("POST", "/_durable/clock/advance", self.advance)
        router.add("POST", "/_durable/faults", self.faults)
        router.add("GET", "/_durable/logs", self.logs)
        router.add("GET", "/_durable/events", self.events)
        router.add("GET", "/_durable/meter/{Arn}", self.meter)
        router.add("GET", "/_durable/operations/{Arn}", self.operations)

    def health(self, _request: Request) -> dict[str, Any]:
        """Say that the service is up, and whether it is busy."""
        return {"status": "ok", "busy": self.engine.busy, "database": self.engine.store.path}

    def clock(self, _request: Request) -> dict[str, Any]:
        """Tell the time, and what it will bring next."""
        clock = self.engine.clock
        due = self.engine.next_due()
        return {
            "now": clock.now() / 1000,
            "skips": clock.skips,
            "ticks": clock.ticks,
            "nextDue": None if due is None else due.at / 1000,
        }

    async def advance(self, request: Request) -> dict[str, Any]:
        """Advance a clock that can be moved: ``{"seconds": n, "patience": real seconds for what that starts}``."""
        body = request.json()
        seconds = _seconds(body.get("seconds"), "seconds")
        patience = _seconds(body.get("patience", PATIENCE), "patience")
        return {"now": await self.driver.advance(round(seconds * 1000), patience=patience) / 1000}

    def faults(self, request: Request) -> dict[str, Any]:
        """Let the next calls of an operation fail: ``{"operation": …, "error": …, "times": 1, "message": …}``."""
        body = request.json()
        operation = body.get("operation")
        if not isinstance(operation, str) or operation not in self._operations:
            known = ", ".join(sorted(self._operations))
            raise invalid_parameter(f"operation must be the name of an operation: one of {known}")
        self.gate.inject(operation, body.get("error"), body.get("times", 1), body.get("message"))
        return {}

    def logs(self, request: Request) -> dict[str, Any]:
        """Return log lines: ``?function= &execution= &request= &after= &limit=``."""
        lines = self.logbook.find(
            function=request.text("function"),
            execution=request.text("execution"),
            request_id=request.text("request"),
            after=request.number("after") or 0,
            limit=request.number("limit") or 1000,
        )
        return {"lines": lines}

    def events(self, request: Request) -> dict[str, Any]:
        """Return what went to the event sink: ``?after=``."""
        return {"records": self.records.after(request.number("after") or 0)}

    def meter(self, request: Request) -> dict[str, Any]:
        """Return what an execution has used."""
        return self.engine.meter(request.params["Arn"])

    def operations(self, request: Request) -> dict[str, Any]:
        """Return all operations of an execution."""
        arn = request.params["Arn"]
        return {"operations": self.engine.operations(arn), "children": self.engine.children(arn)}
