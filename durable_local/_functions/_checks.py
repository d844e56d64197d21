"""Checks of what a function is created or updated with, and the defaults."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._errors import ApiError, invalid_parameter
from durable_local._functions import _names

if TYPE_CHECKING:
    from durable_local._rules import Settings

Document = dict[str, Any]

DEFAULT_TIMEOUT = 3
MAX_TIMEOUT = 900
DEFAULT_MEMORY = 128
MAX_MEMORY = 10_240
MAX_ENVIRONMENT = 4096
MAX_LAYERS = 5
MAX_DESCRIPTION = 256

_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_ROLE = re.compile(r"arn:[a-zA-Z0-9-]+:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-/]+")
_UNFIT = re.compile("[\0\ud800-\udfff]")
_RUNTIME = re.compile(r"(python3\.\d{1,2}|nodejs\d+\.x|java\d+(\.al2)?|dotnet\d+|ruby\d\.\d|provided(\.al\d+)?)")

RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
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
"""Variables that Lambda sets itself and refuses to be given (developer guide)."""

KEPT = (
    "Role",
    "Handler",
    "Runtime",
    "Description",
    "Timeout",
    "MemorySize",
    "VpcConfig",
    "DeadLetterConfig",
    "KMSKeyArn",
    "TracingConfig",
    "FileSystemConfigs",
    "EphemeralStorage",
    "SnapStart",
    "LoggingConfig",
    "TenancyConfig",
    "Architectures",
    "Environment",
)
"""Members of a request that go into the configuration as they are."""

_SHAPES: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (
        dict,
        "be a structure",
        (
            "VpcConfig",
            "DeadLetterConfig",
            "TracingConfig",
            "EphemeralStorage",
            "SnapStart",
            "LoggingConfig",
            "TenancyConfig",
        ),
    ),
    (list, "be a list", ("FileSystemConfigs", "Architectures")),
)
_LOGGING = {
    "LogFormat": ("JSON", "Text"),
    "ApplicationLogLevel": ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"),
    "SystemLogLevel": ("DEBUG", "INFO", "WARN"),
}
"""The API model's enums."""


def violation(member: str, value: Any, constraint: str) -> ApiError:
    """Build the 400 of a member outside of the API model."""
    return ApiError(
        400,
        "ValidationException",
        f"1 validation error detected: Value '{str(value)[:80]}' at '{member}' failed to satisfy constraint: "
        f"Member must {constraint}",
    )


def text(request: Document, member: str, *, limit: int = 256, required: bool = False) -> str | None:
    """Return a text member."""
    value = request.get(member)
    if value is None:
        if required:
            raise violation(member, "null", "not be null")
        return None
    if not isinstance(value, str):
        raise violation(member, value, "be a string")
    if len(value) > limit:
        raise violation(member, value, f"have length less than or equal to {limit}")
    return value


def number(request: Document, member: str, low: int, high: int) -> int | None:
    """Return an integer member."""
    value = request.get(member)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise violation(member, value, "be an integer")
    if not low <= value <= high:
        raise violation(member, value, f"have value between {low} and {high}")
    return value


def function_name(request: Document) -> str:
    """Return the bare name of the function to create."""
    parts = _names.parse(text(request, "FunctionName", limit=140, required=True) or "")
    if parts.qualifier is not None:
        raise invalid_parameter("The function name of CreateFunction cannot have a qualifier.")
    return parts.name


def configuration(request: Document) -> Document:
    """Return the checked members of a create or update request that are kept as they are."""
    number(request, "Timeout", 1, MAX_TIMEOUT)
    number(request, "MemorySize", DEFAULT_MEMORY, MAX_MEMORY)
    text(request, "Description", limit=MAX_DESCRIPTION)
    text(request, "Handler", limit=128)
    runtime = text(request, "Runtime")
    if runtime is not None and not _RUNTIME.fullmatch(runtime):
        raise invalid_parameter(f"Value {runtime[:40]} at 'runtime' failed to satisfy constraint: unknown runtime")
    role = text(request, "Role", limit=2048)
    if role is not None and not _ROLE.fullmatch(role):
        raise violation("role", role, "satisfy regular expression pattern of an IAM role ARN")
    text(request, "KMSKeyArn", limit=2048)
    for kind, constraint, members in _SHAPES:
        for member in members:
            if not isinstance(request.get(member), (kind, type(None))):
                raise violation(member, request[member], constraint)
    _check_environment(request.get("Environment"))
    _check_logging(request.get("LoggingConfig") or {})
    return {member: request[member] for member in KEPT if request.get(member) is not None}


def _check_logging(config: Document) -> None:
    for member, values in _LOGGING.items():
        value = config.get(member)
        if value is not None and value not in values:
            raise violation(f"loggingConfig.{member}", value, f"satisfy enum value set: [{', '.join(values)}]")
    text(config, "LogGroup", limit=512)


def _check_environment(environment: Any) -> None:
    if environment is None:
        return
    variables = environment.get("Variables", {}) if isinstance(environment, dict) else None
    if not isinstance(variables, dict):
        raise violation("environment", environment, "be a structure with Variables")
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name):
            raise violation("environment.variables", name, "satisfy the pattern of a variable name")
        if not isinstance(value, str) or _UNFIT.search(value):
            raise violation(f"environment.variables.{name}", value, "be a string that a process can be given")
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    size = sum(len(name) + len(value) for name, value in variables.items())
    if size > MAX_ENVIRONMENT:
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the {MAX_ENVIRONMENT // 1024}KB limit. String measured: {size}"
        )


def durable_config(value: Any, settings: Settings, before: Document | None = None) -> Document | None:
    """Return a checked ``DurableConfig`` with its default; `before` is what an update may build on."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise violation("durableConfig", value, "be a structure")
    if before is not None and settings.merge_durable_config:
        value = {**before, **value}
    timeout = number(value, "ExecutionTimeout", 1, rules.MAX_DURATION)
    if timeout is None:
        raise invalid_parameter(rules.TIMEOUT_REQUIRED)
    days = number(value, "RetentionPeriodInDays", 1, rules.MAX_RETENTION_DAYS)
    config: Document = {"ExecutionTimeout": timeout, "RetentionPeriodInDays": days or settings.retention_days}
    key = text(value, "KMSKeyArn", limit=2048)
    if key:
        config["KMSKeyArn"] = key
    return config


def log_format(config: Document) -> None:
    """Refuse plain text logs for a durable function."""
    if config.get("DurableConfig") and (config.get("LoggingConfig") or {}).get("LogFormat", "JSON") != "JSON":
        raise invalid_parameter(rules.LOG_FORMAT_JSON)


def paged(items: list[Any], request: Document, member: str, *, most: int = 50) -> Document:
    """Return a page of `items` as control plane lists have them: ``Marker`` in, ``NextMarker`` out."""
    limit = number(request, "MaxItems", 1, 10_000) or most
    marker = request.get("Marker")
    if marker is not None and not (str(marker).isascii() and str(marker).isdecimal() and len(str(marker)) < 10):
        raise invalid_parameter(rules.INVALID_MARKER)
    start = int(marker or 0)
    answer: Document = {member: items[start : start + limit]}
    if start + limit < len(items):
        answer["NextMarker"] = str(start + limit)
    return answer


def timestamp() -> str:
    """Return the machine's time the way ``LastModified`` has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def checked_tags(tags: Any) -> dict[str, str]:
    """Return checked tags."""
    if tags is None:
        return {}
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise invalid_parameter("Tags must map strings to strings")
    return dict(tags)


def changed() -> Document:
    """Return the members that every change of a function renews."""
    return {"LastModified": timestamp(), "RevisionId": str(uuid.uuid4())}
