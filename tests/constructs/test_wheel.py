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

from constructs_durable._layer_content import layer_content
from tests.constructs.support import HANDLERS, only

ROOT = Path(__file__).resolve().parents[2]
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

PRINT_DIGEST = "from constructs_durable._layer_content import layer_content; print(layer_content().digest)"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it, with nothing but what it asks for, into an environment of its own."""
    assert UV is not None, "uv is among the development dependencies"
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--wheel", "-q", "--out-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    home = folder / "environment"
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, str(home)], check=True)
    python = home / "bin" / "python"
    subprocess.run([UV, "pip", "install", "-q", "--compile-bytecode", "--python", str(python), str(wheel)], check=True)
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
def test_the_wheel_gives_the_same_layer_as_the_checkout(environment: Path, tmp_path: Path) -> None:
    assert run(environment, "-c", PRINT_DIGEST, cwd=tmp_path).strip() == layer_content().digest


STACK = """
import aws_cdk as cdk
from constructs_durable import DurableFunction

app = cdk.App(outdir="cdk.out")
stack = cdk.Stack(app, "Orders")
DurableFunction(
    stack, "Orders", entry="handlers", handler="app.handler", execution_timeout=cdk.Duration.days(3)
)
app.synth()
"""


@pytest.mark.slow
def test_the_wheel_synthesizes_a_stack(environment: Path, tmp_path: Path) -> None:
    shutil.copytree(HANDLERS / "good", tmp_path / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    run(environment, "-c", STACK, cwd=tmp_path)
    found = json.loads((tmp_path / "cdk.out" / "Orders.template.json").read_text())["Resources"]
    key = only(found, "AWS::Lambda::LayerVersion")["Properties"]["Content"]["S3Key"]
    with zipfile.ZipFile(tmp_path / "cdk.out" / f"asset.{key}") as layer:
        assert {"python/durable_runtime/__init__.py", "python/durable_runtime/context.py"} <= set(layer.namelist())


@pytest.mark.slow
def test_the_wheel_synthesizes_the_sample_app(environment: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sample_app", tmp_path / "sample_app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "cdk.json", tmp_path)
    run(environment, "-m", "sample_app.app", cwd=tmp_path, CDK_OUTDIR="cdk.out")
    assert list((tmp_path / "cdk.out").glob("*.template.json")) != []
