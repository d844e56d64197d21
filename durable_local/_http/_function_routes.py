"""The paths of the function API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._functions import FunctionApi, FunctionExtras
    from durable_local._http._request import Request
    from durable_local._http._router import Router

FUNCTIONS = "/2015-03-31/functions"
FUNCTION = FUNCTIONS + "/{FunctionName}"
LAYERS = "/2018-10-31/layers"
VERSIONS = LAYERS + "/{LayerName}/versions"
TAGS = "/2017-03-31/tags/{Resource}"
MAPPINGS = "/2015-03-31/event-source-mappings"
EVENT_CONFIG = "/2019-09-25/functions/{FunctionName}/event-invoke-config"


def _of_members(method: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
    return lambda request: method(request.members())


def mount(router: Router, api: FunctionApi, extras: FunctionExtras) -> None:
    """Add the function API to the table."""
    rows: list[tuple[str, str, Callable[[dict[str, Any]], Any], int]] = [
        ("GET", FUNCTIONS, api.list_functions, 200),
        ("GET", FUNCTION, api.get_function, 200),
        ("DELETE", FUNCTION, api.delete_function, 200),
        ("GET", f"{FUNCTION}/configuration", api.get_function_configuration, 200),
        ("PUT", f"{FUNCTION}/configuration", api.update_function_configuration, 200),
        ("POST", f"{FUNCTION}/versions", api.publish_version, 201),
        ("GET", f"{FUNCTION}/versions", api.list_versions_by_function, 200),
        ("POST", f"{FUNCTION}/aliases", api.create_alias, 201),
        ("GET", f"{FUNCTION}/aliases", api.list_aliases, 200),
        ("GET", f"{FUNCTION}/aliases/{{Name}}", api.get_alias, 200),
        ("PUT", f"{FUNCTION}/aliases/{{Name}}", api.update_alias, 200),
        ("DELETE", f"{FUNCTION}/aliases/{{Name}}", api.delete_alias, 204),
        ("POST", f"{FUNCTION}/policy", extras.add_permission, 201),
        ("GET", f"{FUNCTION}/policy", extras.get_policy, 200),
        ("DELETE", f"{FUNCTION}/policy/{{StatementId}}", extras.remove_permission, 204),
        ("GET", LAYERS, extras.list_layers, 200),
        ("GET", VERSIONS, extras.list_layer_versions, 200),
        ("GET", VERSIONS + "/{VersionNumber}", extras.get_layer_version, 200),
        ("DELETE", VERSIONS + "/{VersionNumber}", extras.delete_layer_version, 204),
        ("GET", TAGS, extras.list_tags, 200),
        ("POST", TAGS, extras.tag_resource, 204),
        ("DELETE", TAGS, extras.untag_resource, 204),
        ("POST", MAPPINGS, extras.create_event_source_mapping, 202),
        ("GET", MAPPINGS, extras.list_event_source_mappings, 200),
        ("GET", MAPPINGS + "/{UUID}", extras.get_event_source_mapping, 200),
        ("DELETE", MAPPINGS + "/{UUID}", extras.delete_event_source_mapping, 202),
        ("PUT", EVENT_CONFIG, extras.put_function_event_invoke_config, 200),
        ("GET", EVENT_CONFIG, extras.get_function_event_invoke_config, 200),
        ("DELETE", EVENT_CONFIG, extras.delete_function_event_invoke_config, 204),
        ("PUT", "/2017-10-31/functions/{FunctionName}/concurrency", extras.put_function_concurrency, 200),
        ("DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", extras.delete_function_concurrency, 204),
        ("GET", "/2019-09-30/functions/{FunctionName}/concurrency", extras.get_function_concurrency, 200),
        ("GET", "/2016-08-19/account-settings", extras.get_account_settings, 200),
        (
            "GET",
            "/2020-06-30/functions/{FunctionName}/code-signing-config",
            extras.get_function_code_signing_config,
            200,
        ),
        (
            "GET",
            "/2021-07-20/functions/{FunctionName}/runtime-management-config",
            extras.get_runtime_management_config,
            200,
        ),
        ("GET", "/2024-08-31/functions/{FunctionName}/recursion-config", extras.get_function_recursion_config, 200),
    ]
    for method, path, handler, status in rows:
        _add(router, method, path, handler, status)
    _add(router, "POST", FUNCTIONS, api.create_function, 201, carries_code=True)
    _add(router, "PUT", f"{FUNCTION}/code", api.update_function_code, 200, carries_code=True)
    _add(router, "POST", VERSIONS, extras.publish_layer_version, 201, carries_code=True)


def _add(
    router: Router,
    method: str,
    path: str,
    handler: Callable[[dict[str, Any]], Any],
    status: int,
    *,
    carries_code: bool = False,
) -> None:
    operation = handler.__name__.title().replace("_", "")
    router.add(method, path, _of_members(handler), status, operation=operation, carries_code=carries_code)
