"""Deletes versions that nothing needs: no alias points to them and no execution on them is open."""

from __future__ import annotations

import functools
import logging
import os
from datetime import UTC, datetime, timedelta
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)

OPEN = ["RUNNING", "PAUSING", "PAUSED"]


def handler(_event: object, _context: object) -> dict[str, list[str]]:
    """Prune the versions of the function named in the environment."""
    return prune(
        lambda_client(),
        os.environ["FUNCTION_NAME"],
        keep=int(os.environ["KEEP"]),
        minimum_age=timedelta(seconds=int(os.environ["MINIMUM_AGE_SECONDS"])),
        now=datetime.now(UTC),
    )


def prune(client: Any, function_name: str, *, keep: int, minimum_age: timedelta, now: datetime) -> dict[str, list[str]]:
    """Delete what nothing needs; return the numbers of deleted versions, and of those with open executions."""
    aliased = versions_with_alias(client, function_name)
    numbered = numbered_versions(client, function_name)
    result: dict[str, list[str]] = {"deleted": [], "in_use": []}
    for number, modified in numbered[: max(len(numbered) - keep, 0)]:
        if number in aliased or now - modified < minimum_age:
            continue
        if has_open_executions(client, function_name, number):
            result["in_use"].append(number)
            continue
        client.delete_function(FunctionName=function_name, Qualifier=number)
        result["deleted"].append(number)
    log.info("versions of %s: deleted %s, kept for open executions %s", function_name, *result.values())
    return result


def versions_with_alias(client: Any, function_name: str) -> set[str]:
    """Return the versions that any alias sends any traffic to."""
    found: set[str] = set()
    for page in client.get_paginator("list_aliases").paginate(FunctionName=function_name):
        for alias in page["Aliases"]:
            found.add(alias["FunctionVersion"])
            found.update((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})
    return found


def numbered_versions(client: Any, function_name: str) -> list[tuple[str, datetime]]:
    """Return the published versions with the time they were published, oldest first."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function_name)
    versions = [version for page in pages for version in page["Versions"] if version["Version"].isdigit()]
    versions.sort(key=lambda version: int(version["Version"]))
    return [(version["Version"], datetime.fromisoformat(version["LastModified"])) for version in versions]


def has_open_executions(client: Any, function_name: str, number: str) -> bool:
    """Tell whether any execution on this version has not ended."""
    pages = client.get_paginator("list_durable_executions_by_function").paginate(
        FunctionName=function_name, Qualifier=number, Statuses=OPEN
    )
    return any(page["DurableExecutions"] for page in pages)


@functools.cache
def lambda_client() -> Any:
    """Make the client on first use."""
    import boto3  # type: ignore[import-untyped]

    return boto3.client("lambda")
