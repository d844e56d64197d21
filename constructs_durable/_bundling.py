"""The handler's code together with its dependencies, as an asset that needs no Docker."""

from __future__ import annotations

import hashlib
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bundled_code"]

LEFT_OUT = ("__pycache__", "*.pyc", ".venv", ".git", "cdk.out", ".mypy_cache", ".pytest_cache", ".ruff_cache")


def bundled_code(folder: Path, pins: str, packages: Path | None) -> lambda_.Code:
    """Package a handler's folder with its dependencies.

    Args:
        folder: The handler's folder.
        pins: The hash of its pins and its target.
        packages: The installed dependencies; None when the command at hand needs no assets of the stack (`cdk ls`).
    """
    digest = hashlib.sha256(pins.encode())
    for name in sorted(path.name for path in packages.glob("*.dist-info")) if packages else ():
        digest.update(f"{name}\0".encode())  # what was chosen where the pins leave a choice
    for path in _code_files(folder):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return lambda_.Code.from_asset(
        str(folder),
        asset_hash=digest.hexdigest(),
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        bundling=cdk.BundlingOptions(
            image=cdk.DockerImage.from_registry("unused"),  # CDK asks for one; `local` never falls back to it
            local=_Copier(folder, packages),
        ),
    )


@jsii.implements(cdk.ILocalBundling)
class _Copier:
    """Fills the asset's folder: packages first, so that the handler's own files win."""

    def __init__(self, folder: Path, packages: Path | None) -> None:
        self._folder, self._packages = folder, packages

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        if self._packages is not None:
            shutil.copytree(self._packages, output_dir, dirs_exist_ok=True)
        for path in _code_files(self._folder):
            target = Path(output_dir) / path.relative_to(self._folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        return True


def _code_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in LEFT_OUT):
            continue
        if path.is_dir():
            yield from _code_files(path)
        elif path.is_file():
            yield path
