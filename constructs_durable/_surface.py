"""What a `DurableFunction` hides, so that nothing can be wired to the unqualified function."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["QualifiedSurface"]


class _Hidden:
    """An attribute that explains why it is not there.

    A non-data descriptor on purpose: jsii overrides functions and properties only, so the base class's
    own code keeps its members.
    """

    def __init__(self, instead: str) -> None:
        self._instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> NoReturn:
        raise AttributeError(
            f"A DurableFunction has no `{self._name}`: a durable function can only be invoked through its alias "
            f"or a numbered version. {self._instead}"
        )


class QualifiedSurface:
    """Hides the members of `lambda.Alias` that lead to the unqualified function or to `$LATEST`."""

    lambda_ = _Hidden("Use the DurableFunction itself; it is the alias.")
    version = _Hidden("Use the DurableFunction itself; it is the alias and always points to the newest version.")
    latest_version = _Hidden("Use the DurableFunction itself instead of `$LATEST`.")
    grant_invoke_latest_version = _Hidden("Use grant_start() or grant_invoke().")
    grant_invoke_version = _Hidden("Use grant_start() or grant_invoke(), which follow the alias.")
