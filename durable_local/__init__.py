"""Lambda's durable execution service on your machine.

.. code-block:: python

    with LocalService(clock="skip") as service:
        client = boto3.client("lambda", endpoint_url=service.url)

`durable_local.testing` runs workflows in process, without HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from durable_local._http import LocalService
    from durable_local._rules import Settings

__all__ = ["LocalService", "Settings"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: the test kit needs no HTTP server, and the pytest plugin nothing at all."""
    if name == "LocalService":
        from durable_local._http import LocalService

        return LocalService
    if name == "Settings":
        from durable_local._rules import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
