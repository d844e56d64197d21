"""Worker processes: they run handlers the way Lambda does, through the Lambda Runtime API.

.. code-block:: text

    pool = WorkerPool(WorkerOptions(service_url="http://127.0.0.1:9000", on_line=print))   # an Invoker, asyncio
    pool.start(request, done)
    folder = CodeStore(cache).unpack(zip_bytes)                                          # FunctionVersion.code
"""

from __future__ import annotations

from durable_local._workers._code import CodeError, CodeStore
from durable_local._workers._pool import WorkerPool, awslambdaric_pool
from durable_local._workers._process import Worker, WorkerOptions

__all__ = ["CodeError", "CodeStore", "Worker", "WorkerOptions", "WorkerPool", "awslambdaric_pool"]
