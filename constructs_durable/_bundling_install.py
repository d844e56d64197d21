"""Installs a handler's dependencies for Lambda's machine, on any machine and without Docker, once per set of pins."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_durable._bundling_pins import LOCK, PROJECT, BundlingError
from constructs_durable._cache import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from constructs_durable._bundling_pins import Dependencies, Target

__all__ = ["install", "installer", "not_pinned"]

UNZIPPED_LIMIT = 250 * 1024 * 1024  # function and layers together, service quota

_MACHINE_DEPENDENT = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
"""Files of `*.dist-info` that say how, where and when something was installed."""

_NO_WHEEL = (
    re.compile(r"([A-Za-z0-9][\w.-]*(?:==[^\s,]+)?) has no (?:\S+ )?wheels"),  # uv
    re.compile(r"No matching distribution found for ([A-Za-z0-9][\w.-]*\S*)"),  # pip
    re.compile(r"[Bb]ecause (?:there are no versions of )?([A-Za-z0-9][\w.-]*)(?: was not found)? in the "),  # uv
)
"""How the installers name the package that cannot be installed."""


def install(dependencies: Dependencies, target: Target) -> Path:
    """Return a folder with the dependencies installed, from the cache when these pins are there already.

    Raises:
        BundlingError: An installer is missing, a package has no wheel for the target, or all are too big.
    """
    cache = cache_folder("bundles")
    finished = cache / dependencies.digest(target)
    if finished.is_dir():
        return finished
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".installing-") as scratch:
        fresh = Path(scratch) / "packages"
        fresh.mkdir()
        _run_installer(dependencies, target, Path(scratch), fresh)
        _strip(fresh)
        _check_size(dependencies, fresh)
        try:
            fresh.rename(finished)
        except OSError:  # another process was quicker with the same pins; anything else is an error
            if not finished.is_dir():
                raise
    return finished


def installer() -> list[str]:
    """Return the command that installs: `uv` when there is one, else this interpreter's `pip`."""
    beside = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv:
        return [uv]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    raise BundlingError("Neither `uv` nor `pip` is there to install the handler's dependencies: pip install uv.")


def not_pinned(dependencies: Dependencies, packages: Path | None) -> list[str]:
    """Return what may be another version on another machine: open requirements, and what they bring along."""
    if dependencies.source.name == LOCK:
        return []
    listed = {_normal(name) for name in dependencies.names}
    installed = sorted(path.name.split("-")[0] for path in packages.glob("*.dist-info")) if packages else []
    return [*dependencies.unpinned, *(name for name in installed if _normal(name) not in listed)]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _run_installer(dependencies: Dependencies, target: Target, scratch: Path, folder: Path) -> None:
    command = installer()
    with_uv = Path(command[0]).stem == "uv"
    requirements = _requirements(dependencies, command if with_uv else None, scratch)
    options = _uv_options(target) if with_uv else _pip_options(target)
    where = ["--target", str(folder), "-r", str(requirements)]
    done = _run([*command, *(["pip"] if with_uv else []), "install", *options, *where], requirements.parent)
    if done.returncode:
        raise BundlingError(_explain(dependencies, target, done.stderr + done.stdout))


def _uv_options(target: Target) -> list[str]:
    libc = "manylinux_2_34" if target.glibc >= 34 else "manylinux2014"
    platform = ["--python-platform", f"{target.machine}-{libc}", "--python-version", target.python]
    return ["--quiet", "--no-compile-bytecode", "--only-binary", ":all:", "--python", sys.executable, *platform]


def _pip_options(target: Target) -> list[str]:
    tags = [f"manylinux_2_{minor}_{target.machine}" for minor in range(target.glibc, 16, -1)]
    tags += [f"manylinux2014_{target.machine}", f"linux_{target.machine}"]
    platforms = [option for tag in tags for option in ("--platform", tag)]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"]
    return [*quiet, "--only-binary", ":all:", "--implementation", "cp", "--python-version", target.python, *platforms]


def _requirements(dependencies: Dependencies, uv: list[str] | None, scratch: Path) -> Path:
    """Return a requirements file for the installer."""
    source = dependencies.source
    if source.name == LOCK:
        if uv is None:
            raise BundlingError(
                f"{source} needs `uv` to be read: pip install uv, or export a requirements.txt from it."
            )
        wanted = ["--frozen", "--no-dev", "--no-emit-project", "--no-header", "--quiet"]
        done = _run([*uv, "export", *wanted, "--project", str(source.parent)], source.parent)
        if done.returncode:
            raise BundlingError(f"`uv export` could not read {source}:\n{done.stderr.strip()}")
        text = done.stdout
    elif source.name == PROJECT:
        text = dependencies.pins
    else:
        return source  # as it is: its includes are relative to it
    path = scratch / "requirements.txt"
    path.write_text(text + "\n", "utf-8")
    return path


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def _explain(dependencies: Dependencies, target: Target, output: str) -> str:
    flat = " ".join(re.sub(r"[│╰─▶├╴]", " ", output).split())
    where = f"CPython {target.python} on Linux {target.machine}"
    for pattern in _NO_WHEEL:
        match = pattern.search(flat)
        if match:
            package = match[1].rstrip(".,:")
            return (
                f"`{package}` (from {dependencies.source}) has no wheel for {where}. Pin a version that has one, "
                "choose the other architecture, build the wheel yourself and name its folder in UV_FIND_LINKS or "
                f"PIP_FIND_LINKS, or pass packaged_code=.\n{output.strip()}"
            )
    return f"The dependencies of {dependencies.source} could not be installed for {where}:\n{output.strip()}"


def _strip(folder: Path) -> None:
    """Remove what differs between machines and what Lambda never runs."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for path in sorted(folder.rglob("__pycache__")):
        shutil.rmtree(path)
    for name in _MACHINE_DEPENDENT:
        for path in sorted(folder.glob(f"*.dist-info/{name}")):
            path.unlink()
    (folder / ".lock").unlink(missing_ok=True)


def _check_size(dependencies: Dependencies, folder: Path) -> None:
    sizes = {path.name: sum(_sizes(path)) for path in folder.iterdir()}
    total = sum(sizes.values())
    if total <= UNZIPPED_LIMIT:
        return
    biggest = sorted(sizes, key=lambda name: -sizes[name])[:5]
    named = ", ".join(f"{name} {sizes[name] / 1048576:.0f} MB" for name in biggest)
    raise BundlingError(
        f"The dependencies of {dependencies.source} take {total / 1048576:.0f} MB unzipped; a function and its layers "
        f"may take 250 MB. The biggest: {named}. Leave out what the handler does not import."
    )


def _sizes(path: Path) -> Iterator[int]:
    if path.is_file():
        yield path.stat().st_size
    else:
        yield from (item.stat().st_size for item in path.rglob("*") if item.is_file())
