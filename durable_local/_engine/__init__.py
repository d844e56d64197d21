"""The engine: the rules of Lambda's durable execution service, without I/O.

A driver owns the thread, the sockets and the workers. It calls the engine's API methods, which answer in the wire's
own dicts or raise `ApiError`; it runs what `Engine.take_ready` hands out and reports back with
`Engine.complete_invocation`; and it watches `Engine.next_due` and calls `Engine.fire_due`. Nothing here sleeps or
spawns, and all time but a worker's deadline comes from the clock handed in.

.. code-block:: text

    engine = Engine(store, clock, settings, sink=print)
    engine.functions.define("orders", execution_timeout=3600)            # a FunctionVersion, $LATEST
    call = engine.invoke("orders:$LATEST", b'{"id": 1}', execution_name="order-1")   # a Call
    for request in engine.take_ready():                                  # InvocationRequest
        engine.complete_invocation(request.request_id, run(request))     # InvocationResult
    due = engine.next_due()                                              # Due(at, outside) or None
    if due is not None and clock.skips:
        clock.advance_to(due.at)
    engine.fire_due()
    call.reply                                                           # Reply once done: status, headers, payload

    engine.checkpoint(arn, token, updates, client_token)                 # dict in wire shape, times in epoch seconds
    engine.get_state(arn, token, marker, max_items)
    engine.get_execution(arn) / get_history(arn, ...) / list_executions(function, ...)
    engine.stop / pause / resume / delete
    engine.callback_succeed(callback_id, payload) / callback_fail(callback_id, error) / callback_heartbeat(callback_id)
    engine.meter(arn)
"""

from __future__ import annotations

from durable_local._engine._calls import Call, Reply
from durable_local._engine._engine import Engine
from durable_local._engine._timing import Due

__all__ = ["Call", "Due", "Engine", "Reply"]
