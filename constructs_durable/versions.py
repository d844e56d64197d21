"""Old versions: kept while executions run on them, deleted afterwards."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from constructs_durable._checks import Place

__all__ = ["VersionPruning", "check_pruning"]


class VersionPruning(NamedTuple):
    """Which versions a scheduled cleaner may delete: no alias points to them, no execution on them is open.

    Attributes:
        keep: How many of the newest versions stay in any case; a rollback needs the one before the current.
        minimum_age: Younger versions stay.
        every: How often the cleaner runs.
    """

    keep: int = 3
    minimum_age: dt.timedelta = dt.timedelta(days=1)
    every: dt.timedelta = dt.timedelta(days=1)


def check_pruning(place: Place, pruning: VersionPruning | None) -> None:
    """Refuse what would delete too much, or could not be scheduled."""
    if pruning is None:
        return
    for name in ("minimum_age", "every"):
        value = getattr(pruning, name)
        if not isinstance(value, dt.timedelta):
            raise place.error(f"prune_versions has {value!r} as {name}; pass a timedelta.")
    if isinstance(pruning.keep, bool) or not isinstance(pruning.keep, int):
        raise place.error(f"prune_versions has {pruning.keep!r} as keep; pass a whole number of versions.")
    if pruning.keep < 2:
        raise place.error(
            f"prune_versions keeps {pruning.keep} versions; keep 2 at least, because a rollback of the stack returns "
            "to the version before the current one."
        )
    if pruning.every < dt.timedelta(minutes=1) or pruning.every % dt.timedelta(minutes=1):
        raise place.error(
            f"prune_versions runs every {pruning.every}; a schedule counts in whole minutes, from one. "
            "Once a day is enough."
        )
    if pruning.minimum_age < dt.timedelta(0):
        raise place.error(f"prune_versions has a minimum_age of {pruning.minimum_age}; it cannot be negative.")
