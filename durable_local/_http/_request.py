"""A request taken apart: raw path first split, then decoded; bodies bounded; members of the right kind."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from durable_local import _rules as rules
from durable_local._errors import ApiError, invalid_parameter

MAX_BODY = 16 * rules.MEGABYTE
"""Of a request: twice the largest payload and room for JSON escapes [O]."""
MAX_CODE_BODY = 72 * rules.MEGABYTE
"""Of a request that carries code: 50 MB zipped, as base64, and the rest [D]."""

_LAST_INSTANT = int(datetime.max.replace(tzinfo=UTC).timestamp() * 1000)
_INTEGER = re.compile(r"-?[0-9]{1,10}").fullmatch
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})").search


def decode(text: bytes, *, plus: bool = False) -> str:
    """Percent-decode a path segment or a part of a query; broken encoding is an error, not a guess."""
    if plus:
        text = text.replace(b"+", b" ")
    if b"%" in text:
        if _BROKEN(text):
            raise invalid_parameter("The URL has a broken percent-encoding.")
        text = unquote_to_bytes(text)
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise invalid_parameter("The URL is not UTF-8.") from error


class Request:
    """One request; what costs time is worked out when it is asked for."""

    __slots__ = ("_query", "body", "headers", "method", "params", "query_string")

    def __init__(
        self,
        method: str,
        params: dict[str, str],
        query_string: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        self.method = method
        self.params = params
        self.query_string = query_string
        self.headers = headers
        self.body = body
        self._query: dict[str, list[str]] | None = None

    def header(self, name: str) -> str:
        """Return a header or an empty string."""
        wanted = name.encode()
        for key, value in self.headers:
            if key == wanted:
                return value.decode("latin-1")
        return ""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query by name; a name may repeat."""
        if self._query is None:
            self._query = {}
            for part in self.query_string.split(b"&"):
                if part:
                    name, _, value = part.partition(b"=")
                    self._query.setdefault(decode(name, plus=True), []).append(decode(value, plus=True))
        return self._query

    def text(self, name: str) -> str | None:
        """Return a member of the query."""
        values = self.query.get(name)
        return values[0] if values else None

    def number(self, name: str) -> int | None:
        """Return an integer of the query."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER(value):
            raise invalid_parameter(f"{name} must be an integer")
        return int(value)

    def flag(self, name: str) -> bool | None:
        """Return a boolean of the query."""
        value = self.text(name)
        if value is None:
            return None
        if value not in {"true", "false"}:
            raise invalid_parameter(f"{name} must be true or false")
        return value == "true"

    def instant(self, name: str) -> int | None:
        """Return a timestamp of the query in epoch milliseconds."""
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            try:
                milliseconds = int(float(value) * 1000)
            except (ValueError, OverflowError) as error:
                raise invalid_parameter(f"{name} must be a timestamp") from error
            if abs(milliseconds) > _LAST_INSTANT:
                raise invalid_parameter(f"{name} must be a timestamp") from None
            return milliseconds

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; an empty body is an empty object."""
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise invalid_parameter(rules.NOT_JSON.format(detail=error)) from error
        if not isinstance(value, dict):
            raise invalid_parameter(rules.NOT_JSON.format(detail="the body is not an object"))
        return value

    def members(self) -> dict[str, Any]:
        """Return path, query and body as one, the way the function API takes them."""
        query: dict[str, Any] = {
            name: values if name == "tagKeys" else values[0] for name, values in self.query.items()
        }
        if "MaxItems" in query:
            query["MaxItems"] = self.number("MaxItems")
        return {**self.json(), **query, **self.params}


def too_large(limit: int, operation: str = "requested") -> ApiError:
    """Build the 413."""
    return ApiError(413, "RequestTooLargeException", rules.REQUEST_TOO_LARGE.format(limit=limit, operation=operation))
