"""The handler's code as an asset, with its dependencies when it names some."""

from __future__ import annotations

import fnmatch
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs_durable._cache import content_digest, with_unix_lines
from constructs_durable._checks import stage_of
from constructs_durable._handler import check_entry, check_handler_exists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import IConstruct

    from constructs_durable._bundling_pins import Dependencies, Target
    from constructs_durable._checks import Place

__all__ = ["NOT_CODE", "code_files", "folder_digest", "function_code", "handler_code"]

LEFT_OUT = (
    "__pycache__",
    "*.pyc",
    ".venv",
    ".git",
    "cdk.out",
    "node_modules",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
)
"""Left out of every asset, wherever it is: byte code would change its hash with each interpreter that ran it."""

NOT_CODE = [pattern for name in LEFT_OUT for pattern in (f"**/{name}", f"**/{name}/**")]
"""The same as CDK's patterns."""

DEPENDENCY_FILES = (
    "uv.lock",
    "requirements.txt",
    "pyproject.toml",
    "poetry.lock",
    "Pipfile",
    "Pipfile.lock",
    "pdm.lock",
)


def function_code(
    place: Place,
    *,
    entry: str | Path | None,
    handler: str,
    packaged_code: lambda_.Code | None,
    runtime: lambda_.Runtime,
    architecture: lambda_.Architecture | None,
) -> lambda_.Code:
    """Return the code that was packaged elsewhere, or package the folder that has the handler in it."""
    if (entry is None) == (packaged_code is None):
        given = "neither is given" if entry is None else "both are given"
        raise place.error(f"pass entry= or packaged_code=; {given}.")
    if packaged_code is not None:
        return packaged_code
    folder = Path(str(entry)).resolve()
    check_entry(place, folder)
    check_handler_exists(place, folder, handler)
    return handler_code(place, folder, runtime=runtime, architecture=architecture)


def handler_code(
    place: Place, folder: Path, *, runtime: lambda_.Runtime, architecture: lambda_.Architecture | None
) -> lambda_.Code:
    """Package the folder; install what its `uv.lock`, `requirements.txt` or `pyproject.toml` asks for beside it.

    Functions of one scope share what they run: packaging a folder costs more than declaring the function.
    """
    known = _PACKAGED.setdefault(place.scope, {})
    wanted = (folder, runtime, architecture)
    if wanted not in known:
        _refuse_outdir(place, folder)
        known[wanted] = _package(place, folder, runtime=runtime, architecture=architecture)
    return known[wanted]


def _refuse_outdir(place: Place, folder: Path) -> None:
    """Refuse a folder that CDK would copy into itself, until a path is too long."""
    if place.scope not in _OUTDIRS:
        stage = stage_of(place.scope)
        _OUTDIRS[place.scope] = Path(stage.asset_outdir).resolve() if stage else None
    outdir = _OUTDIRS[place.scope]
    if outdir and outdir.is_relative_to(folder) and not any(map(_NOT_CODE.match, outdir.relative_to(folder).parts)):
        raise place.error(
            f"entry is {folder}, and the app is synthesized into {outdir}, inside of it: every asset would hold the "
            "last ones. Put the handler into a folder of its own, or let the output go to `cdk.out`, which is left out."
        )


def folder_digest(folder: Path, *parts: str) -> str:
    """Return the hash of a folder's code, and of what else decides about an asset.

    CDK's own fingerprint says the same and costs as much as declaring two resources.
    """
    start = "".join(f"{part}\0" for part in parts).encode()
    files = ((path.relative_to(folder).as_posix(), with_unix_lines(path)) for path in code_files(folder))
    return content_digest(start, files)


def code_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that become code, in a fixed order."""
    for path in sorted(folder.iterdir()):
        if _NOT_CODE.match(path.name):
            continue
        if path.is_symlink() and folder.resolve().is_relative_to(os.path.realpath(path)):
            continue  # it leads back up
        if path.is_dir():
            yield from code_files(path)
        elif path.is_file():
            yield path


_NOT_CODE = re.compile("|".join(map(fnmatch.translate, LEFT_OUT)))
_OUTDIRS: WeakKeyDictionary[IConstruct, Path | None] = WeakKeyDictionary()
_PACKAGED: WeakKeyDictionary[IConstruct, dict[object, lambda_.Code]] = WeakKeyDictionary()


def _package(
    place: Place, folder: Path, *, runtime: lambda_.Runtime, architecture: lambda_.Architecture | None
) -> lambda_.Code:
    if any((folder / name).is_file() for name in DEPENDENCY_FILES):
        from constructs_durable._bundling_pins import BundlingError, find_dependencies

        try:
            dependencies = find_dependencies(folder)
            if dependencies is not None:
                return _with_dependencies(place, folder, dependencies, _target(runtime, architecture))
        except BundlingError as error:
            raise place.error(str(error)) from None
    return lambda_.Code.from_asset(
        str(folder), exclude=NOT_CODE, asset_hash=folder_digest(folder), asset_hash_type=cdk.AssetHashType.CUSTOM
    )


def _with_dependencies(place: Place, folder: Path, dependencies: Dependencies, target: Target) -> lambda_.Code:
    from constructs_durable._bundling import bundled_code
    from constructs_durable._bundling_install import install, not_pinned

    required = cdk.Stack.of(place.scope).bundling_required
    packages = install(dependencies, target) if required else None
    loose = not_pinned(dependencies, packages)
    if loose:
        cdk.Annotations.of(place.scope).add_warning_v2(
            "constructs-durable:unpinned-dependencies",
            f"{place.construct_id}: {dependencies.source} does not pin {', '.join(loose)}. "
            "Two machines may deploy different code. Pin all that is installed: `uv lock`, or `uv pip compile`.",
        )
    return bundled_code(folder, dependencies.digest(target), packages)


def _target(runtime: lambda_.Runtime, architecture: lambda_.Architecture | None) -> Target:
    from constructs_durable._bundling_pins import Target

    python = runtime.name.removeprefix("python")
    intel = architecture is not None and architecture.name == "x86_64"
    return Target(python, "x86_64" if intel else "aarch64")
