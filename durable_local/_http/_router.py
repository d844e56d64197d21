"""Finds the handler of a request in a tree of path segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_local._errors import ApiError
from durable_local._http._request import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._http._request import Request

    Handler = Callable[[Request], Any]


class Route:
    """One operation: its name (empty for our own), handler, status of success, and whether its body carries code."""

    __slots__ = ("carries_code", "handler", "names", "operation", "status")

    def __init__(
        self, operation: str, handler: Handler, status: int, names: tuple[str, ...], *, carries_code: bool
    ) -> None:
        self.operation = operation
        self.handler = handler
        self.status = status
        self.names = names
        self.carries_code = carries_code


class _Node:
    __slots__ = ("any", "fixed", "methods")

    def __init__(self) -> None:
        self.fixed: dict[bytes, _Node] = {}
        self.any: _Node | None = None
        self.methods: dict[str, Route] = {}


def _nothing_at(raw_path: bytes) -> ApiError:
    path = raw_path[:200].decode("ascii", "replace")
    return ApiError(404, "UnknownOperationException", f"The local service has no operation at {path}.")


class Router:
    """The table of operations."""

    def __init__(self) -> None:
        self._root = _Node()
        self.operations: set[str] = set()
        """The names of all operations of the API."""

    def add(
        self,
        method: str,
        template: str,
        handler: Handler,
        status: int = 200,
        *,
        operation: str = "",
        carries_code: bool = False,
    ) -> None:
        """Add an operation; ``{Name}`` in the template stands for one segment."""
        node = self._root
        names = []
        for segment in template.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.fixed.setdefault(segment.encode(), _Node())
        self.operations |= {operation} - {""}
        node.methods[method] = Route(operation, handler, status, tuple(names), carries_code=carries_code)

    def find(self, method: str, raw_path: bytes) -> tuple[Route, dict[str, str]]:
        """Split the raw path, find the operation, and only then decode what the segments carry."""
        node = self._root
        values: list[bytes] = []
        segments = raw_path[1:].split(b"/")
        if len(segments) > 1 and not segments[-1]:
            segments.pop()
        for segment in segments:
            following = node.fixed.get(segment)
            if following is None:
                following = node.any
                if following is None or not segment:
                    raise _nothing_at(raw_path)
                values.append(segment)
            node = following
        route = node.methods.get(method)
        if route is None:
            if node.methods:
                allowed = ", ".join(sorted(node.methods))
                raise ApiError(405, "MethodNotAllowedException", f"This path takes {allowed}.")
            raise _nothing_at(raw_path)
        return route, {name: decode(value) for name, value in zip(route.names, values, strict=True)}
