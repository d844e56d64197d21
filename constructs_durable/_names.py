"""Names, sizes and runtimes that the service would refuse at deploy."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_

from constructs_durable._arguments import NUMBER_TOKENS_BELOW
from constructs_durable.layer import DurableSdk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import aws_cdk as cdk
    from aws_cdk import aws_logs as logs

    from constructs_durable._checks import Place

__all__ = [
    "VARIABLE",
    "check_alias_name",
    "check_environment",
    "check_function_name",
    "check_layers",
    "check_logs",
    "check_sizes",
    "default_architecture",
    "supported_runtime",
    "variable_problem",
]

OLDEST_PYTHON_MINOR = 13  # the service's managed runtimes for durable functions
LONGEST_DESCRIPTION = 256  # characters
MOST_LAYERS = 5
MOST_VARIABLES = 4_096  # bytes, names and values together
SMALLEST_MEMORY, LARGEST_MEMORY = 128, 10_240  # MiB
DEPLOY_TIME_TEXT = "${Token["  # how CDK writes a text known at deploy only
VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
RESERVED_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)


def check_alias_name(place: Place, alias_name: str) -> None:
    """Refuse what cannot name an alias."""
    if DEPLOY_TIME_TEXT in alias_name:
        return
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", alias_name) or alias_name.isdigit():
        raise place.error(
            f"alias_name is {alias_name!r}; an alias has 1 to 128 letters, digits, `-` and `_`, and is not a number. "
            "Leave it out for the default, `live`."
        )


def check_environment(place: Place, environment: Mapping[str, str] | None) -> None:
    """Refuse variables that Lambda refuses."""
    if not environment:
        return
    for name in environment:
        problem = variable_problem(name)
        if problem is not None:
            raise place.error(f"environment has {name!r}{problem}")
    texts = [text for pair in environment.items() for text in pair]
    size = sum(len(text.encode()) for text in texts)
    if size > MOST_VARIABLES and not any(DEPLOY_TIME_TEXT in text for text in texts):
        raise place.error(
            f"environment takes {size:,} bytes; names and values have {MOST_VARIABLES:,} together. Keep what is long "
            "in Parameter Store or in a file beside the handler."
        )


def variable_problem(name: str) -> str | None:
    """Return what is wrong with the name of an environment variable, to be put behind it."""
    if not VARIABLE.fullmatch(name):
        return (
            "; a variable starts with a letter and has letters, digits and underscores only, two characters at least."
        )
    if name in RESERVED_VARIABLES:
        return ", which Lambda sets itself and does not let you set."
    return None


def check_sizes(
    place: Place,
    *,
    memory_size: int,
    description: str | None,
    layers: Sequence[lambda_.ILayerVersion],
    sdk: DurableSdk,
) -> None:
    """Refuse more, or less, than a function can have."""
    if memory_size > NUMBER_TOKENS_BELOW and not SMALLEST_MEMORY <= memory_size <= LARGEST_MEMORY:
        raise place.error(
            f"memory_size is {memory_size} MiB; a function has {SMALLEST_MEMORY} to {LARGEST_MEMORY} MiB."
        )
    if description is not None and len(description) > LONGEST_DESCRIPTION and DEPLOY_TIME_TEXT not in description:
        raise place.error(
            f"description has {len(description)} characters; {LONGEST_DESCRIPTION} fit. Shorten it, or put the rest "
            "into a comment."
        )
    check_layers(place, len(layers) + (sdk not in (DurableSdk.AWS_SDK, DurableSdk.BUNDLED)))


def check_layers(place: Place, count: int) -> None:
    """Refuse more layers than a function can have."""
    if count > MOST_LAYERS:
        raise place.error(
            f"layers would be {count}, the runtime's included; a function has {MOST_LAYERS} at most. Merge some of "
            "them, or bundle what they hold with the handler's code."
        )


def check_function_name(place: Place, function_name: str | None, *, allowed: bool) -> None:
    """Refuse a fixed name of the function, unless its price was accepted."""
    if function_name is None or allowed:
        return
    raise place.error(
        f"function_name is {function_name!r}. A durable function with a fixed name cannot be replaced, "
        "and a change of its durability always replaces it: the deploy would fail with `already exists`. "
        "Leave the name to CloudFormation and read it from an output, or pass allow_function_name=True."
    )


def check_logs(
    place: Place,
    log_group: logs.ILogGroup | None,
    log_retention: logs.RetentionDays | None,
    log_removal_policy: cdk.RemovalPolicy | None,
) -> None:
    """Refuse settings of the log group where another one is given."""
    if log_group is not None and (log_retention is not None or log_removal_policy is not None):
        raise place.error("log_group is given, so log_retention and log_removal_policy belong to it, not here.")


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
