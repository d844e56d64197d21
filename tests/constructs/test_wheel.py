"""The wheel, installed into an empty environment, synthesizes what the repository synthesizes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from constructs_durable import _layer_content
from tests.constructs.support import of_type

ROOT = Path(__file__).resolve().parents[2]
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

PACKAGES = ("constructs_durable", "durable_check", "durable_cli", "durable_local", "runtime")
PRINT_DIGEST = "from constructs_durable._layer_content import layer_content; print(layer_content().digest)"
NO_CACHES = shutil.ignore_patterns("__pycache__", "cdk.out")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the wheel is built from, so that nobody edits it meanwhile."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=NO_CACHES)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def environment(checkout: Path) -> Path:
    """Build the wheel and install it, with nothing but what it asks for, into an environment of its own."""
    assert UV is not None, "uv is among the development dependencies"
    subprocess.run([UV, "build", "--wheel", "-q", "--out-dir", str(checkout / "dist"), str(checkout)], check=True)
    (wheel,) = (checkout / "dist").glob("*.whl")
    home = checkout / "environment"
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, str(home)], check=True)
    python = home / "bin" / "python"
    subprocess.run([UV, "pip", "install", "-q", "--python", str(python), str(wheel)], check=True)
    return python


def run(python: Path, *arguments: str, cwd: Path, **variables: str) -> str:
    isolated = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ran = subprocess.run(
        [str(python), *arguments], capture_output=True, text=True, check=False, cwd=cwd, env=isolated | variables
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_gives_the_same_layer_as_the_checkout(environment: Path, checkout: Path, monkeypatch) -> None:
    run(environment, "-m", "compileall", "-q", *site_packages(environment, "durable_runtime"), cwd=checkout)
    monkeypatch.setattr(_layer_content, "runtime_folder", lambda: checkout / "runtime" / "durable_runtime")
    assert run(environment, "-c", PRINT_DIGEST, cwd=checkout / "dist").strip() == _layer_content.layer_content().digest


def site_packages(python: Path, package: str) -> list[str]:
    return [str(path) for path in (python.parents[1] / "lib").glob(f"python3.*/site-packages/{package}")]


@pytest.mark.slow
def test_the_wheel_synthesizes_the_sample_app(environment: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sample_app", tmp_path / "sample_app", ignore=NO_CACHES)
    shutil.copy(ROOT / "cdk.json", tmp_path)
    run(environment, "-m", "sample_app.app", cwd=tmp_path, CDK_OUTDIR="cdk.out")
    templates = list((tmp_path / "cdk.out").glob("*.template.json"))
    assert templates != []
    for template in templates:
        for layer in of_type(json.loads(template.read_text())["Resources"], "AWS::Lambda::LayerVersion").values():
            asset = tmp_path / "cdk.out" / f"asset.{layer['Properties']['Content']['S3Key']}"
            with zipfile.ZipFile(asset) as archive:
                assert "python/durable_runtime/modules.txt" in archive.namelist()
