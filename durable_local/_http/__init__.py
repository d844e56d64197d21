"""The HTTP service: the engine behind Lambda's REST API, on loopback."""

from __future__ import annotations

from durable_local._http._service import LocalService

__all__ = ["LocalService"]
