"""The handler's code together with its dependencies, as an asset that needs no Docker."""

from __future__ import annotations

import shutil
from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from constructs_durable._code import code_files, folder_digest

__all__ = ["bundled_code"]


def bundled_code(folder: Path, pins: str, packages: Path | None) -> lambda_.Code:
    """Package a handler's folder with its dependencies.

    Args:
        folder: The handler's folder.
        pins: The hash of its pins and its target.
        packages: The installed dependencies; None when the command at hand needs no assets of the stack (`cdk ls`).
    """
    installed = sorted(path.name for path in packages.glob("*.dist-info")) if packages else []
    return lambda_.Code.from_asset(
        str(folder),
        asset_hash=folder_digest(folder, pins, *installed),  # installed: what was chosen where pins leave a choice
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
        for path in code_files(self._folder):
            target = Path(output_dir) / path.relative_to(self._folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        return True
