"""What an execution has used: operations, bytes, and an estimate of what AWS would charge for them.

The counting rules are the developer guide's table: a start is one operation and the input's bytes, an end only the
output's bytes; a step one operation and one more for each retry, with the payload of each attempt; a wait one
operation; a callback one operation and its result's bytes; a child context one operation and its result; a chained
invoke one operation, input and result; an invocation that died one operation and the error's bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._errors import invalid_parameter

if TYPE_CHECKING:
    from durable_local._rules import Settings


def size_of(value: Any) -> int:
    """Return the UTF-8 size of a payload or an error object; refuse what has none."""
    if not value:
        return 0
    if isinstance(value, str) and value.isascii():
        return len(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise invalid_parameter(rules.LONE_SURROGATE) from error


class Meter:
    """The counters of one execution."""

    __slots__ = ("invocations", "operations", "stored", "warned")

    def __init__(self, operations: int = 0, stored: int = 0, invocations: int = 0, warned: int = 0) -> None:
        self.operations = operations
        self.stored = stored
        self.invocations = invocations
        self.warned = warned

    def count(self, operations: int, *values: Any) -> None:
        """Add operations and the bytes of payloads."""
        self.operations += operations
        for value in values:
            self.stored += size_of(value)

    def as_list(self) -> list[int]:
        """Return the counters for the journal."""
        return [self.operations, self.stored, self.invocations, self.warned]

    @classmethod
    def from_list(cls, counters: list[int]) -> Meter:
        """Return the meter that `as_list` described."""
        return cls(*counters)

    def warnings(self, settings: Settings) -> list[str]:
        """Return a sentence for each quota that is used from 80 %."""
        rows = (
            ("operations", self.operations, settings.max_operations),
            ("bytes of storage written", self.stored, settings.max_storage),
        )
        return [
            f"{used:,} of {limit:,} {what} used ({used / limit:.0%}); at the limit the execution cannot go on"
            for what, used, limit in rows
            if used >= rules.QUOTA_WARNING * limit
        ]

    def report(self, settings: Settings, retention_days: int) -> dict[str, Any]:
        """Return the counters, their limits, the warnings and the estimated cost in US dollars."""
        written = self.stored / rules.GIGABYTE
        cost = {
            "Operations": self.operations * rules.PRICE_PER_OPERATION,
            "Written": written * rules.PRICE_PER_GB_WRITTEN,
            "Retained": written * rules.PRICE_PER_GB_MONTH * retention_days / 30,
        }
        return {
            "Operations": self.operations,
            "OperationsLimit": settings.max_operations,
            "StorageWrittenBytes": self.stored,
            "StorageWrittenBytesLimit": settings.max_storage,
            "Invocations": self.invocations,
            "EstimatedCostUSD": {**cost, "Total": sum(cost.values())},
            "Warnings": self.warnings(settings),
        }
