"""A package index in a folder: small wheels made here, so that no test needs a network."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PURE, ARM, INTEL = "py3-none-any", "cp313-cp313-manylinux_2_28_aarch64", "cp313-cp313-manylinux_2_28_x86_64"


def add_wheel(
    index: Path, name: str, version: str, tag: str, *, files: dict[str, str], requires: tuple[str, ...] = ()
) -> None:
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    written = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-run = {name}:main\n",
    }
    record = "".join(f"{path},,\n" for path in written) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(index / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, text in {**written, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)


def add_source(index: Path, name: str, version: str) -> None:
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "setup.py": f"from setuptools import setup\nsetup(name='{name}', version='{version}')\n",
    }
    with tarfile.open(index / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    add_wheel(folder, "plain", "1.0", PURE, files={"plain.py": "VALUE = 1\n"}, requires=("helper==2.0",))
    add_wheel(folder, "helper", "2.0", PURE, files={"helper/__init__.py": "VALUE = 2\n"})
    for tag in (ARM, INTEL):
        add_wheel(folder, "native", "1.0", tag, files={"native.py": f"TAG = '{tag}'\n"})
    add_wheel(folder, "intel_only", "1.0", INTEL, files={"intel_only.py": ""})
    add_source(folder, "onlysource", "1.0")
    return folder


@pytest.fixture(params=["uv", "pip"])
def tool(request: pytest.FixtureRequest, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs the test with each installer, on the index in the folder, with an empty cache."""
    monkeypatch.setenv("CONSTRUCTS_DURABLE_CACHE", str(tmp_path / "cache"))
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(index)}.items():
        monkeypatch.setenv(f"UV_{name}", value)
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    if request.param == "pip":
        command = [sys.executable, "-m", "pip"]
        monkeypatch.setattr("constructs_durable._bundling_install.installer", lambda: command)
    return request.param
