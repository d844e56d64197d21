"""CDK constructs for durable workflows on AWS Lambda: what a stack declares.

Names load on first use, so that a stack pays only for what it declares.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_durable._policy import ExecutionPolicy
    from constructs_durable._replay import ReplayCheck
    from constructs_durable.approval import ApprovalApi, ApprovalAuth, ApprovalEndpoint
    from constructs_durable.dashboard import DurableDashboard
    from constructs_durable.errors import DurableInputError
    from constructs_durable.function import DurableFunction
    from constructs_durable.grants import DurableFunctionGrants
    from constructs_durable.layer import DurableRuntimeLayer, DurableSdk
    from constructs_durable.observability import DurableMetrics, ExecutionStatus
    from constructs_durable.starter import AsyncStarter
    from constructs_durable.versions import VersionPruning

_HOMES = {
    "ApprovalApi": "approval",
    "ApprovalAuth": "approval",
    "ApprovalEndpoint": "approval",
    "AsyncStarter": "starter",
    "DurableDashboard": "dashboard",
    "DurableFunction": "function",
    "DurableFunctionGrants": "grants",
    "DurableInputError": "errors",
    "DurableMetrics": "observability",
    "DurableRuntimeLayer": "layer",
    "DurableSdk": "layer",
    "ExecutionPolicy": "_policy",
    "ExecutionStatus": "observability",
    "ReplayCheck": "_replay",
    "VersionPruning": "versions",
}

__all__ = [
    "ApprovalApi",
    "ApprovalAuth",
    "ApprovalEndpoint",
    "AsyncStarter",
    "DurableDashboard",
    "DurableFunction",
    "DurableFunctionGrants",
    "DurableInputError",
    "DurableMetrics",
    "DurableRuntimeLayer",
    "DurableSdk",
    "ExecutionPolicy",
    "ExecutionStatus",
    "ReplayCheck",
    "VersionPruning",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
