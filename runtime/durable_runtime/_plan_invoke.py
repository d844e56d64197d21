"""The plan of ``invoke``."""

from __future__ import annotations

from durable_runtime import _values
from durable_runtime._checks import check_config, check_options
from durable_runtime._codec import INVOKE_LIMIT, Codec, PlainCodec, byte_size
from durable_runtime._names import check_function_name, check_name, check_tenant
from durable_runtime._operations.base import Operation
from durable_runtime._operations.invoke import invoke
from durable_runtime.config import InvokeConfig
from durable_runtime.exceptions import PayloadTooLargeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from durable_runtime._plans import OperationPlans, Plan


def plan_invoke(  # noqa: PLR0917  the shape of ctx.invoke
    context: OperationPlans,
    function_name: str,
    payload: Any,
    name: str | None,
    config: InvokeConfig[Any, Any] | None,
    options: Any,
) -> Plan:
    """Plan the invocation of another function."""
    name = check_name(name, "invoke")
    check_options(options, "invoke", name)
    check_function_name(function_name)
    tenant = options.get("tenant_id")
    serdes_payload = serdes_result = None
    if config is not None:
        check_config(config, InvokeConfig, "invoke", name)
        tenant = config.tenant_id if tenant is None else tenant
        serdes_payload, serdes_result = config.serdes_payload, config.serdes_result
    check_tenant(tenant)
    operation = Operation(
        context, context.peek_id(), "CHAINED_INVOKE", "ChainedInvoke", name, aliases=options.get("aliases") or ()
    )
    text: str | None = None
    if operation.raw is None:
        if serdes_payload is None:
            text = _values.encode(payload, plain=True, root="payload")
        else:
            text = Codec(operation, serdes_payload).write(payload)[0]
        size = byte_size(text)
        if size > INVOKE_LIMIT:
            raise PayloadTooLargeError(
                f"{operation.label}: the payload has {size:,} bytes; the service takes {INVOKE_LIMIT:,}",
                operation=operation.label,
                size=size,
                limit=INVOKE_LIMIT,
            )
    context.next_id()
    wire: dict[str, Any] = {"FunctionName": function_name}
    if tenant is not None:
        wire["TenantId"] = tenant
    plugins = context.invocation.plugins
    if plugins is not None and operation.raw is None:
        trace_id = plugins.trace_id(operation, function_name)
        if trace_id is not None:
            wire["XAmznTraceId"] = trace_id
    codec = PlainCodec(operation, serdes_result, options.get("returns"))
    return operation, invoke(operation, text, wire, codec)
