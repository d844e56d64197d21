"""Where imports lead: folders and files, before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def recorded_names(record: Path) -> Iterator[str]:
    """Yield the top-level names of an installed distribution."""
    for line in record.read_text(encoding="utf-8", errors="replace").splitlines():
        yield line.split("/", 1)[0].split(",", 1)[0].removesuffix(".py")


def file_of(base: str, dotted: str) -> str | None:
    """Return the file of a dotted module below a folder, or None when there is none."""
    stem = Path(base, *dotted.split(".")) if dotted else Path(base)
    candidates = [stem / "__init__.py"]
    if dotted:
        candidates.append(stem.with_name(stem.name + ".py"))
    return next((str(candidate) for candidate in candidates if candidate.is_file()), None)


def search_folders(folder: Path, root: str) -> list[str]:
    """Return where an absolute import may lead from a folder: itself, the folders above it up to the root, `src`.

    Lambda puts the function's folder on the path, a project its root or `src`.
    """
    folders = []
    top = Path(root)
    while True:
        folders.append(folder)
        if folder == top or top not in folder.parents:
            break
        folder = folder.parent
    folders.extend(candidate / "src" for candidate in tuple(folders) if (candidate / "src").is_dir())
    return [str(candidate) for candidate in dict.fromkeys(folders)]


def root_of(path: str) -> str:
    """Return where the imports of a file that was named by itself may lead: the working folder when it is below.

    A pre-commit hook names files one by one, and must find what checking the whole folder finds.
    """
    folder = Path(path).parent
    here = Path.cwd() if folder.is_absolute() else Path()
    if ".." not in folder.parts and (folder == here or here in folder.parents):
        return str(here)
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return str(folder)
