"""The ways to name a function: name, partial ARN, ARN, each with an optional qualifier."""

from __future__ import annotations

import re
from typing import NamedTuple

from durable_local import _rules as rules
from durable_local._errors import ApiError, invalid_parameter

_PATTERN = re.compile(
    r"(?:arn:(?P<partition>[a-zA-Z0-9-]+):lambda:(?P<region>[a-zA-Z0-9-]+):(?=\d{12}:function:))?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9-_]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_QUALIFIER = re.compile(r"\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+")
_ALIAS = re.compile(r"(?!^[0-9]+$)[a-zA-Z0-9-_]+")
MAX_QUALIFIER = 128
MAX_PLAIN_NAME = 64
LATEST = "$LATEST"
LATEST_PUBLISHED = "$LATEST.PUBLISHED"


class FunctionName(NamedTuple):
    """What a function name says; parts it leaves out are None."""

    name: str
    qualifier: str | None
    account: str | None
    region: str | None


def parse(text: str, qualifier: str | None = None) -> FunctionName:
    """Take a function name apart; a qualifier in the name and one beside it must agree."""
    match = _PATTERN.fullmatch(text) if 0 < len(text) <= rules.MAX_FUNCTION_NAME else None
    if match is None or len(match["name"]) > MAX_PLAIN_NAME:
        raise ApiError(
            400,
            "ValidationException",
            f"1 validation error detected: Value '{text[:80]}' at 'functionName' failed to satisfy constraint: "
            "Member must be a function name, a partial ARN or an ARN",
        )
    if qualifier is not None and not (len(qualifier) <= MAX_QUALIFIER and _QUALIFIER.fullmatch(qualifier)):
        raise ApiError(
            400,
            "ValidationException",
            f"1 validation error detected: Value '{qualifier[:80]}' at 'qualifier' failed to satisfy constraint: "
            "Member must be $LATEST, a version number or an alias",
        )
    inside = match["qualifier"]
    if inside is not None and qualifier is not None and inside != qualifier:
        raise invalid_parameter("The derived qualifier from the function name does not match the specified qualifier.")
    return FunctionName(match["name"], inside or qualifier, match["account"], match["region"])


def check_alias(name: object) -> str:
    """Return an alias name after checking it: it may not look like a version."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_QUALIFIER or not _ALIAS.fullmatch(name):
        raise invalid_parameter(f"Invalid alias name: {str(name)[:80]}")
    return name
