from __future__ import annotations

from constructs_durable.testing import template_snapshot

__all__ = ["template_snapshot"]
