"""Creates the functions of a cloud assembly in a local service, through the service's own function API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_local._functions import FunctionApi, FunctionExtras
from durable_local._functions._registry import ALIAS, FUNCTION
from durable_local._workers import CodeStore

if TYPE_CHECKING:
    from durable_local._functions import Functions
    from durable_local.assembly import Assembly, AssemblyFunction

_LOCAL = "local-folder"
_ROLE = "arn:aws:iam::123456789012:role/local"


def register(assembly: Assembly, functions: Functions, cache: Path) -> None:
    """Create every function of the assembly with its versions and aliases; one that is there already is updated.

    Folders are copied to `cache` before they run, so that running a function leaves no bytecode in `cdk.out`.
    """
    api, extras, store = FunctionApi(functions), FunctionExtras(functions), CodeStore(cache)
    layers: dict[Path, str] = {}
    for function in assembly.functions:
        for path in function.layers:
            if path not in layers:
                content = _content(path, store)
                reply = extras.publish_layer_version({"LayerName": f"layer-{len(layers) + 1}", "Content": content})
                layers[path] = reply["LayerVersionArn"]
        _create(function, api, store, [layers[path] for path in function.layers])


def _create(function: AssemblyFunction, api: FunctionApi, store: CodeStore, layers: list[str]) -> None:
    request: dict[str, Any] = {
        "FunctionName": function.name,
        "Role": _ROLE,
        "Handler": function.handler,
        "Runtime": function.runtime,
        "Code": _code(function.code, store),
        "Timeout": function.timeout,
        "MemorySize": function.memory,
        "Environment": {"Variables": function.environment},
        "Layers": layers,
        **({"LoggingConfig": function.logging} if function.logging else {}),
        "Description": function.path,
    }
    if function.execution_timeout is not None:
        durable = {"ExecutionTimeout": function.execution_timeout, "RetentionPeriodInDays": function.retention_days}
        request["DurableConfig"] = {name: value for name, value in durable.items() if value is not None}
    known = api.functions.documents[FUNCTION].get(function.name)
    if known is None:
        api.create_function(request)
    else:
        api.update_function_configuration(request)
        api.update_function_code({"FunctionName": function.name, **request["Code"]})
    published = _publish(function, api)
    for alias, version in function.aliases.items():
        members = {"FunctionName": function.name, "Name": alias, "FunctionVersion": published.get(version, version)}
        if f"{function.name}:{alias}" in api.functions.documents[ALIAS]:
            api.update_alias(members)
        else:
            api.create_alias(members)


def _publish(function: AssemblyFunction, api: FunctionApi) -> dict[str, str]:
    """Publish as many versions as the template does; return what the template's numbers became."""
    published = {}
    for number in range(1, function.versions + 1):
        if number > 1:  # unchanged configuration publishes nothing new
            text = f"{function.path}, version {number}"
            api.update_function_configuration({"FunctionName": function.name, "Description": text})
        published[str(number)] = api.publish_version({"FunctionName": function.name})["Version"]
    return published


def _code(code: Path | str, store: CodeStore) -> dict[str, str]:
    if isinstance(code, Path):
        return _content(code, store)
    return {"S3Bucket": _LOCAL, "S3Key": str(store.write("index.py", code))}  # Lambda's name for inline code


def _content(path: Path, store: CodeStore) -> dict[str, str]:
    return {"S3Bucket": _LOCAL, "S3Key": str(store.copy(path).resolve() if path.is_dir() else path.resolve())}
