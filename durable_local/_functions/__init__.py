"""The functions of the local service: their configuration, versions, aliases, layers and code."""

from __future__ import annotations

from durable_local._functions._names import FunctionName
from durable_local._functions._registry import Functions, Target

__all__ = ["FunctionName", "Functions", "Target"]
