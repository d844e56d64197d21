"""The functions of the local service: their configuration, versions, aliases, layers and code."""

from __future__ import annotations

from durable_local._functions._api import FunctionApi
from durable_local._functions._extras import FunctionExtras
from durable_local._functions._names import FunctionName
from durable_local._functions._registry import Functions, Target

__all__ = ["FunctionApi", "FunctionExtras", "FunctionName", "Functions", "Target"]
