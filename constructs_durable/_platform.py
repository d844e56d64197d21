"""What a durable function runs on."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from constructs_durable._checks import Place

__all__ = ["default_architecture", "supported_runtime"]

OLDEST_PYTHON_MINOR = 13  # the service's managed runtimes for durable functions


def supported_runtime(place: Place, runtime: lambda_.Runtime | None) -> lambda_.Runtime:
    """Return the runtime, or the default; refuse one without durable functions."""
    if runtime is None:
        return _default_runtime()
    name = runtime.name
    match = re.fullmatch(r"python3\.(\d+)", name)
    if match is None or int(match[1]) < OLDEST_PYTHON_MINOR:
        raise place.error(
            f"runtime is {name}; durable functions in Python run on python3.{OLDEST_PYTHON_MINOR} and newer. "
            "Leave runtime out for the default, python3.13."
        )
    return runtime


@functools.cache
def default_architecture() -> lambda_.Architecture:
    """Return arm64."""
    return lambda_.Architecture.ARM_64


@functools.cache
def _default_runtime() -> lambda_.Runtime:
    return lambda_.Runtime.PYTHON_3_13
