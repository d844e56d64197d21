"""Installing for Lambda's machine with uv and with pip, from an index in a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from constructs_durable import _bundling_install
from constructs_durable._bundling_install import install
from constructs_durable._bundling_pins import BundlingError, Target, find_dependencies

ARM = Target("3.13", "aarch64")


def installed(tmp_path: Path, requirements: str, target: Target = ARM) -> Path:
    folder = tmp_path / "handler"
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text(requirements)
    dependencies = find_dependencies(folder)
    assert dependencies is not None
    return install(dependencies, target)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.usefixtures("tool")
def test_dependencies_come_with_their_own_and_without_traces_of_the_machine(tmp_path: Path) -> None:
    folder = installed(tmp_path, "plain==1.0\n")
    assert {"plain.py", "helper/__init__.py"} <= set(names(folder))
    assert not [name for name in names(folder) if "/" not in name and name != "plain.py"]
    assert not [name for name in names(folder) if name.endswith(("RECORD", "INSTALLER", "REQUESTED", ".pyc"))]
    assert not (folder / "bin").exists()


@pytest.mark.usefixtures("tool")
@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_wheel_is_chosen_for_the_targets_machine(tmp_path: Path, machine: str) -> None:
    folder = installed(tmp_path, "native==1.0\n", Target("3.13", machine))
    assert machine in (folder / "native.py").read_text()


@pytest.mark.usefixtures("tool")
def test_same_pins_are_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = installed(tmp_path, "plain==1.0\n")
    monkeypatch.setattr(_bundling_install, "_run", lambda *_: pytest.fail("installed again"))
    assert installed(tmp_path, "# a comment changes nothing\nplain==1.0\n") == first


@pytest.mark.usefixtures("tool")
@pytest.mark.parametrize(
    ("requirements", "package"),
    [
        ("plain==1.0\nintel_only==1.0\n", r"intel[-_]only==1\.0"),
        ("onlysource==1.0\n", r"onlysource==1\.0"),
        ("missing==3.0\n", r"missing==3\.0"),
    ],
)
def test_package_without_a_wheel_is_named_with_the_target(tmp_path: Path, requirements: str, package: str) -> None:
    expected = rf"(?s)^`{package}` \(from .*requirements.txt\) has no wheel for CPython 3.13 on Linux aarch64"
    with pytest.raises(BundlingError, match=expected):
        installed(tmp_path, requirements)
    assert not list((tmp_path / "cache" / "bundles").iterdir())


def test_uv_and_pip_give_the_same_files(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    trees = []
    for tool in ([sys.executable, "-m", "pip"], _bundling_install.installer()):
        monkeypatch.setattr(_bundling_install, "installer", lambda tool=tool: tool)
        monkeypatch.setenv("CONSTRUCTS_DURABLE_CACHE", str(tmp_path / Path(tool[0]).stem))
        for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(index)}.items():
            monkeypatch.setenv(f"UV_{name}", value)
            monkeypatch.setenv(f"PIP_{name}", value)
        folder = installed(tmp_path, "plain==1.0\n")
        trees.append({name: (folder / name).read_bytes() for name in names(folder)})
    assert trees[0] == trees[1]


def test_locked_project_is_installed_from_its_lock(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSTRUCTS_DURABLE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "handler"
    folder.mkdir()
    project = '[project]\nname = "handler"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["plain"]\n'
    (folder / "pyproject.toml").write_text(project)
    uv = _bundling_install.installer()
    environment = {**os.environ, "UV_FIND_LINKS": str(index), "UV_NO_INDEX": "1", "UV_OFFLINE": "1"}
    for name in ("UV_FIND_LINKS", "UV_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.setenv(name, environment[name])
    subprocess.run([*uv, "lock", "--quiet"], cwd=folder, env=environment, check=True)
    dependencies = find_dependencies(folder)
    assert dependencies is not None
    assert dependencies.source.name == "uv.lock"
    assert {"plain.py", "helper/__init__.py"} <= set(names(install(dependencies, ARM)))


def test_lock_without_uv_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSTRUCTS_DURABLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_bundling_install, "installer", lambda: ["python", "-m", "pip"])
    (tmp_path / "pyproject.toml").write_text("[project]\nname='x'\nversion='1'\ndependencies=['plain']\n")
    (tmp_path / "uv.lock").write_text("version = 1\n")
    dependencies = find_dependencies(tmp_path)
    assert dependencies is not None
    with pytest.raises(BundlingError, match="needs `uv` to be read"):
        install(dependencies, ARM)


@pytest.mark.usefixtures("tool")
def test_bundle_above_lambdas_quota_names_its_biggest_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bundling_install, "UNZIPPED_LIMIT", 10)
    with pytest.raises(BundlingError, match=r"(?s)may take 250 MB\. The biggest: .*plain"):
        installed(tmp_path, "plain==1.0\n")
