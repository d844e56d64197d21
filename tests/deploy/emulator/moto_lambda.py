"""Makes moto's Lambda keep the two members it forgets: `DurableConfig` and `LoggingConfig`."""

from __future__ import annotations

from typing import Any

from moto.awslambda.models import LambdaFunction

KEPT = ("DurableConfig", "LoggingConfig")


def keep_durable_members() -> None:
    """Wrap the three methods of moto's function model through which a configuration passes."""
    create, describe, update = (
        LambdaFunction.__init__,
        LambdaFunction.get_configuration,
        LambdaFunction.update_configuration,
    )

    def keep(function: LambdaFunction, given: dict[str, Any]) -> None:
        function.kept = {**getattr(function, "kept", {}), **{key: given[key] for key in KEPT if key in given}}

    def patched_init(self: LambdaFunction, account_id: str, spec: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        create(self, account_id, spec, *args, **kwargs)
        keep(self, spec)

    def patched_describe(self: LambdaFunction, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**describe(self, *args, **kwargs), **self.kept}

    def patched_update(self: LambdaFunction, changes: dict[str, Any]) -> dict[str, Any]:
        keep(self, changes)
        update(self, changes)
        return self.get_configuration()

    LambdaFunction.__init__ = patched_init
    LambdaFunction.get_configuration = patched_describe
    LambdaFunction.update_configuration = patched_update
