"""The handler's code as an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["handler_code"]

NOT_CODE = ["**/__pycache__/**", "**/*.pyc", ".venv/**", ".git/**", "cdk.out/**"]
"""Left out of every asset: byte code would change its hash with each interpreter that ran it."""


def handler_code(folder: Path) -> lambda_.Code:
    """Package the folder."""
    return lambda_.Code.from_asset(str(folder), exclude=NOT_CODE)
