"""Lambda's durable execution service on your machine."""

from __future__ import annotations
