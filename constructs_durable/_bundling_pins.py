"""What a handler depends on: the file that says so, its pins and the hash that names the bundle."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BundlingError", "Dependencies", "Target", "find_dependencies"]

LAYOUT = "1"  # raise it when the content of a bundle changes for the same pins
LOCK, REQUIREMENTS, PROJECT = "uv.lock", "requirements.txt", "pyproject.toml"
FOREIGN = {
    "poetry.lock": "poetry export -o requirements.txt",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
    "Pipfile": "pipenv requirements > requirements.txt",
    "pdm.lock": "pdm export -o requirements.txt",
}
"""Files of tools whose pins are not read here, and how each tool exports them."""

SYNTH_ONLY = frozenset({"aws-cdk-lib", "constructs", "constructs-durable"})
"""What declares a stack; none of it is imported in Lambda, and together it is larger than a function may be."""

_INCLUDE = re.compile(r"^(?:-r|-c|--requirement|--constraint)[ =]*(\S+)")
_FOLDER = re.compile(
    r"^(?:-e|--editable)[ =]*(\S+)|(?:^|@ )((?:\.{0,2}/|file:)\S*(?<!\.whl)(?<!\.gz)(?<!\.zip))(?: |;|$)"
)
_LOCKED_FOLDER = re.compile(r'source = \{ (?:editable|directory) = "([^"]+)" \}')
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)")
_PINNED = re.compile(r"===?\s*[^*,\s]+(\s*(;|--|\\|$))|\s@\s")


class BundlingError(Exception):
    """The dependencies could not be bundled; the text says which and what to do."""


@dataclass(frozen=True)
class Target:
    """The machine that the bundle has to run on."""

    python: str  # "3.13"
    machine: str  # "aarch64" or "x86_64"

    @property
    def glibc(self) -> int:
        """The minor version of glibc 2 that Lambda's image has: Amazon Linux 2023 from Python 3.12 on."""
        return 34 if tuple(map(int, self.python.split("."))) >= (3, 12) else 26


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of one handler, as the file beside it states them."""

    source: Path
    pins: str
    """The text the bundle depends on: comments and line ends are gone, included files are inlined."""
    unpinned: tuple[str, ...]
    """Requirements that allow more than one version, so that two machines may bundle different code."""

    @property
    def names(self) -> list[str]:
        """The packages that the file names."""
        found = (_NAME.match(line) for line in self.pins.splitlines())
        return [match[1] for match in found if match]

    def digest(self, target: Target) -> str:
        """Return the hash that names the bundle; which tool installs it makes no difference."""
        text = f"{LAYOUT}\0{target.python}\0{target.machine}\0{self.pins}"
        return hashlib.sha256(text.encode()).hexdigest()


def find_dependencies(folder: Path) -> Dependencies | None:
    """Read `uv.lock`, else `requirements.txt`, else `pyproject.toml`; None where nothing is needed."""
    if (folder / LOCK).is_file():
        return _from_lock(folder)
    if (folder / REQUIREMENTS).is_file():
        return _from_requirements(folder / REQUIREMENTS)
    for name, export in FOREIGN.items():
        if (folder / name).is_file():
            raise BundlingError(
                f"{folder / name} is not read: its pins would be missing in Lambda. Run `{export}` there."
            )
    if (folder / PROJECT).is_file():
        return _from_project(folder / PROJECT)
    return None


def _from_lock(folder: Path) -> Dependencies | None:
    if not (folder / PROJECT).is_file():
        raise BundlingError(f"{folder / LOCK} has no {PROJECT} beside it. Copy both, or export {REQUIREMENTS}.")
    if not _project_dependencies(folder / PROJECT):
        return None
    text = (folder / LOCK).read_text("utf-8")
    _refuse_folders(folder / LOCK, [found for found in _LOCKED_FOLDER.findall(text) if found != "."])
    return Dependencies(folder / LOCK, _lines(text), ())


def _from_requirements(path: Path) -> Dependencies | None:
    lines = _requirement_lines(path, ())
    _refuse_folders(path, [match[1] or match[2] for match in map(_FOLDER.search, lines) if match])
    wanted = [line for line in lines if not line.startswith("-")]
    if not wanted:
        return None
    _refuse_synth_only(path, wanted)
    return Dependencies(path, "\n".join(lines), tuple(line for line in wanted if not _PINNED.search(line)))


def _from_project(path: Path) -> Dependencies | None:
    wanted = _project_dependencies(path)
    if not wanted:
        return None
    return Dependencies(path, "\n".join(sorted(wanted)), tuple(w for w in wanted if not _PINNED.search(w)))


def _project_dependencies(path: Path) -> list[str]:
    try:
        project = tomllib.loads(path.read_text("utf-8")).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise BundlingError(f"{path} is not valid TOML: {error}.") from None
    wanted = list(project.get("dependencies", ()))
    _refuse_synth_only(path, wanted)
    _refuse_folders(path, [match[1] or match[2] for match in map(_FOLDER.search, wanted) if match])
    return wanted


def _refuse_folders(path: Path, folders: list[str]) -> None:
    """Refuse what would be installed in place, or go stale: a bundle is named by its pins."""
    if folders:
        raise BundlingError(
            f"{path} names the folder {folders[0]}, whose changes no pin shows: the old code would be deployed. "
            "Build a wheel of it and name that, or copy its code beside the handler."
        )


def _refuse_synth_only(path: Path, requirements: list[str]) -> None:
    """Refuse the requirements of the app itself, which lie beside a handler that is in the app's folder."""
    names = {re.sub(r"[-_.]+", "-", match[1]).lower() for match in map(_NAME.match, requirements) if match}
    found = sorted(names & SYNTH_ONLY)
    if found:
        raise BundlingError(
            f"{path} asks for {' and '.join(found)}. What declares a stack has no place in Lambda, and the "
            "layer brings `durable_runtime`. Give the handler a folder of its own with requirements of its own."
        )


def _requirement_lines(path: Path, includers: tuple[Path, ...]) -> list[str]:
    if path in includers:
        raise BundlingError(f"{path} includes itself: {' -> '.join(map(str, (*includers, path)))}.")
    if not path.is_file():
        raise BundlingError(f"{includers[-1]} includes {path}, and there is no such file.")
    found: list[str] = []
    text = path.read_text("utf-8").replace("\\\n", " ")
    for line in _lines(text).split("\n"):
        include = _INCLUDE.match(line)
        if include:
            found += _requirement_lines((path.parent / include[1]).resolve(), (*includers, path))
        elif line:
            found.append(line)
    return found


def _lines(text: str) -> str:
    """Drop what makes no difference to an installer: comments, blank lines, spaces at the ends."""
    stripped = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines())
    return "\n".join(" ".join(line.split()) for line in stripped if line)
