"""The environment of a worker: the function's variables, what Lambda sets, and nothing of the operator's."""

from __future__ import annotations

import os
import site
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durable_local._invocation import FunctionVersion

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)
"""Lambda's reserved variables: a function cannot set them (Lambda developer guide, "Environment variables")."""

# Credentials that sign well enough for loopback and are worth nothing anywhere else.
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIALOCALDURABLE0000",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "local",
    # No profile, no instance role: what is not set above cannot be found elsewhere.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
# What a Python process needs from the machine to start at all.
_FROM_THE_MACHINE = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def worker_environment(function: FunctionVersion, *, runtime_api: str, service_url: str | None) -> dict[str, str]:
    """Return the complete environment of a worker process."""
    machine = {name: os.environ[name] for name in _FROM_THE_MACHINE if name in os.environ}
    layer_bins = [str(layer / "bin") for layer in function.layers if (layer / "bin").is_dir()]
    environment = {
        **machine,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "HOME": task_root(function),
        **_CREDENTIALS,
        **{name: value for name, value in function.environment.items() if name not in RESERVED},
        **_lambda_variables(function),
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "PYTHONPATH": os.pathsep.join(import_paths(function)),
        "PATH": os.pathsep.join([*layer_bins, function.environment.get("PATH") or machine.get("PATH", os.defpath)]),
    }
    if service_url:
        environment.setdefault("AWS_ENDPOINT_URL_LAMBDA", service_url)
    return environment


def _lambda_variables(function: FunctionVersion) -> dict[str, str]:
    region = function.arn.split(":")[3]
    return {
        "_HANDLER": function.handler,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[{function.version}]",
        "LAMBDA_TASK_ROOT": task_root(function),
        "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
    }


def task_root(function: FunctionVersion) -> str:
    """Return the folder a function's code is in; workers cannot run code that has none."""
    if function.code is None:
        raise ValueError(f"{function.arn} has no code folder: it runs in the process that defined it.")
    if not function.code.is_dir():
        raise FileNotFoundError(f"The code folder of {function.arn} is gone: {function.code}.")
    return str(function.code)


def import_paths(function: FunctionVersion) -> list[str]:
    """Return the import path of a function in Lambda's order: its code, its layers, the last one first."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    paths = [task_root(function)]
    for layer in reversed(function.layers):
        paths += [str(layer / "python" / "lib" / version / "site-packages"), str(layer / "python")]
    own = function.environment.get("PYTHONPATH")
    return [*paths, own] if own else paths


@cache
def installed_paths() -> tuple[str, ...]:
    """Return where this interpreter's installed packages are, editable ones included.

    Lambda's own runtime brings boto3; a worker gets it, and whatever else is installed beside the
    service, from these paths, which come last.
    """
    folders = [Path(folder) for folder in [*site.getsitepackages(), site.getusersitepackages()]]
    found = [str(folder) for folder in folders if folder.is_dir()]
    for folder in folders:
        for link in sorted(folder.glob("*.pth")) if folder.is_dir() else ():
            lines = link.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [str(folder / line) for line in lines if line and (folder / line).is_dir()]
    return tuple(dict.fromkeys(found))
