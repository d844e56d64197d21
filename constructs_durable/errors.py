"""The one error these constructs raise.

``ValueError`` x ``DurableInputError``: a declaration that could only fail at deploy, or later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs import IConstruct

__all__ = ["DurableInputError"]


class DurableInputError(ValueError):
    """A construct was declared with values that cannot work.

    The text names the construct's path, the value, the rule it breaks and the fix.
    """

    @classmethod
    def at(cls, scope: IConstruct, construct_id: str, text: str) -> DurableInputError:
        """Build the error for the construct `construct_id` that is about to be made in `scope`."""
        path = scope.node.path
        return cls(f"{path}/{construct_id}: {text}" if path else f"{construct_id}: {text}")
