"""What handlers may name of the module of AWS's SDK that keeps the state of an execution."""

from __future__ import annotations

from enum import Enum


class ReplayStatus(Enum):
    """Whether code repeats what is recorded, or does something new; `DurableContext.is_replaying` says which."""

    REPLAY = "replay"
    NEW = "new"
