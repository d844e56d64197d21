"""Reading: one execution, its history, and the executions of a function."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine._envelope import page_size, parse_marker
from durable_local._engine._lifecycle import KEY_MEMBER
from durable_local._engine._meter import size_of
from durable_local._errors import invalid_parameter

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._store import Header

_list_marker = re.compile(r"l(\d{1,15})-(\d{1,15})").fullmatch
_EVENT_TIMES = (
    "ScheduledEndTimestamp",
    "StartTimestamp",
    "EndTimestamp",
    "PauseRequestTimestamp",
    "ResumeRequestTimestamp",
)
_EVENT_DATA = ("Input", "Result", "Error", "Reason")


def get_execution(core: Core, arn: str, include: bool | None) -> dict[str, Any]:
    """Describe one execution."""
    execution = core.get(arn)
    included = core.settings.include_execution_data if include is None else include
    header, state = execution.header, execution.state
    answer: dict[str, Any] = {
        "DurableExecutionArn": arn,
        "DurableExecutionName": header["name"],
        "FunctionArn": header["function_arn"],
        "StartTimestamp": header["started"] / 1000,
        "Status": execution.status,
        "Version": header["version"],
        "ExecutionDataIncluded": included,
        "DurableConfig": {
            "ExecutionTimeout": header["execution_timeout"],
            "RetentionPeriodInDays": header["retention_days"],
        },
    }
    if KEY_MEMBER in header:
        answer["DurableConfig"]["KMSKeyArn"] = header[KEY_MEMBER]
    if header["trace"]:
        answer["TraceHeader"] = {"XAmznTraceId": header["trace"]}
    if state["ended"] is not None:
        answer["EndTimestamp"] = state["ended"] / 1000
    else:
        answer["ExpectedExecutionTimeoutTimestamp"] = state["timeout_at"] / 1000
    if state["pause"] is not None:
        answer["PauseDetails"] = _pause_details(state["pause"])
    if included:
        answer["InputPayload"] = header["input"]
        if execution.outcome.get("result") is not None:
            answer["Result"] = execution.outcome["result"]
        if "error" in execution.outcome:
            answer["Error"] = execution.outcome["error"] or {}
    return answer


def _pause_details(pause: dict[str, Any]) -> dict[str, Any]:
    details = {
        "PauseRequestTimestamp": pause["requested"] / 1000,
        "ExecutionTimeoutPaused": pause["timeout_paused"],
    }
    if pause["reason"] is not None:
        details["Reason"] = pause["reason"]
    return details


def get_history(
    core: Core, arn: str, *, include: bool | None, max_items: Any, marker: str | None, reverse: bool
) -> dict[str, Any]:
    """Return a page of the event log."""
    limit = page_size(max_items)
    kind, start = parse_marker(marker, "rh" if reverse else "hr")
    if (kind == "r") != reverse:
        raise invalid_parameter(rules.INVALID_MARKER)
    execution = core.get(arn)
    included = core.settings.include_execution_data if include is None else include
    log = execution.events
    if reverse:  # a marker says how many events, the oldest ones, are left: those to come do not move it
        left = start if marker else len(log)
        events, start = log[:left][::-1], 0
    else:
        events = log
    page: list[dict[str, Any]] = []
    size = 0
    for event in events[start : start + limit]:
        size += _size(event) if included else 0
        if page and size > core.settings.max_page_bytes:
            break
        page.append(wire_event(event, included))
    answer: dict[str, Any] = {"Events": page}
    following = start + len(page)
    if following < len(events):
        answer["NextMarker"] = f"r{len(events) - following}" if reverse else f"h{following}"
    return answer


def _size(event: dict[str, Any]) -> int:
    """Return about how many bytes an event's payloads have."""
    details = event[f"{event['EventType']}Details"]
    return sum(size_of(details[member].get("Payload")) for member in _EVENT_DATA if member in details)


def wire_event(event: dict[str, Any], included: bool) -> dict[str, Any]:
    """Return an event as the API has it: times in epoch seconds, payloads only when asked for."""
    wire = {**event, "EventTimestamp": event["EventTimestamp"] / 1000}
    name = f"{event['EventType']}Details"
    details = dict(event[name])
    for member in _EVENT_TIMES:
        if member in details:
            details[member] = details[member] / 1000
    if not included:
        for member in _EVENT_DATA:
            if "Payload" in details.get(member, ()):
                details[member] = {"Truncated": True}
    wire[name] = details
    return wire


def list_executions(
    core: Core,
    function: str,
    *,
    qualifier: str | None,
    name: str | None,
    statuses: list[str] | None,
    started_after: int | None,
    started_before: int | None,
    reverse: bool,
    marker: str | None,
    max_items: Any,
) -> dict[str, Any]:
    """Return a page of a function's executions."""
    limit = page_size(max_items)
    known, version = core.functions.executions_of(function, qualifier)
    conditions: list[tuple[str, Any]] = [("function = ?", known)]
    if version is not None:
        conditions.append(("version = ?", version))
    if name is not None:
        conditions.append(("name = ?", name))
    if statuses:
        _check_statuses(statuses)
        conditions.append((f"status IN ({','.join('?' * len(statuses))})", statuses))
    if started_after is not None:
        conditions.append(("started > ?", started_after))
    if started_before is not None:
        conditions.append(("started < ?", started_before))
    if marker:
        conditions.append(_after(marker, newest_first=not reverse))
    rows = core.store.listed(conditions, newest_first=not reverse, limit=limit + 1)
    answer: dict[str, Any] = {"DurableExecutions": [_item(row) for row in rows[:limit]]}
    if len(rows) > limit:
        last = rows[limit - 1]
        answer["NextMarker"] = f"l{last.started}-{last.key}"
    return answer


def _check_statuses(statuses: list[str]) -> None:
    if len(statuses) > rules.STATUSES_MAX:
        raise invalid_parameter(f"Statuses may have at most {rules.STATUSES_MAX} values")
    for status in statuses:
        if status not in rules.EXECUTION_STATUSES:
            raise invalid_parameter(
                f"Value '{status[:40]}' at 'Statuses' must be one of {', '.join(rules.EXECUTION_STATUSES)}"
            )


def _after(marker: str, *, newest_first: bool) -> tuple[str, Any]:
    match = _list_marker(marker)
    if match is None:
        raise invalid_parameter(rules.INVALID_MARKER)
    started, key = int(match[1]), int(match[2])
    return f"(started, key) {'<' if newest_first else '>'} (?, ?)", (started, key)


def _item(row: Header) -> dict[str, Any]:
    item = {
        "DurableExecutionArn": row.arn,
        "DurableExecutionName": row.name,
        "FunctionArn": row.arn.partition("/durable-execution/")[0],
        "Status": row.status,
        "StartTimestamp": row.started / 1000,
    }
    if row.ended is not None:
        item["EndTimestamp"] = row.ended / 1000
    if KEY_MEMBER in row.header:  # before the text is parsed: it may hold a large input
        key = json.loads(row.header).get(KEY_MEMBER)
        item |= {} if key is None else {"KMSKeyArn": key}
    return item
