"""The pinned `cdk` command, and a loopback AWS for it to deploy to."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest

from durable_local import LocalService

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ACCOUNT, REGION = "123456789012", "us-east-1"


@pytest.fixture(scope="session")
def cdk_cli() -> Path:
    """The `cdk` command that package.json pins, installed by npm when it is not there yet."""
    command = ROOT / "node_modules" / ".bin" / "cdk"
    if not command.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=ROOT, check=True, capture_output=True)
    return command


class Cloud:
    """A running emulator: boto3 clients for it, and the `cdk` command aimed at it."""

    def __init__(self, endpoint: str, cdk_cli: Path) -> None:
        self.endpoint = self.functions = endpoint
        self._cdk_cli = cdk_cli

    def client(self, service: str) -> Any:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        endpoint = self.functions if service == "lambda" else self.endpoint
        return session.client(service, endpoint_url=endpoint)

    def pretend_bootstrap(self) -> None:
        """Make the two things of the bootstrap stack that a deploy looks at, without running `cdk bootstrap`."""
        self.client("s3").create_bucket(Bucket=f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}")
        self.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="33", Type="String")

    def advance(self, *, seconds: int) -> None:
        """Move the local service's clock."""
        connection = http.client.HTTPConnection(urlsplit(self.functions).netloc, timeout=60)
        connection.request("POST", "/_durable/clock/advance", json.dumps({"seconds": seconds}))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()

    def cdk(self, *arguments: str, cwd: Path) -> str:
        """Run the command and return what it printed; fail with that text when it fails."""
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "CI": "1",
            "CDK_VALIDATION": "false",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
            "NODE_NO_WARNINGS": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join((str(cwd / "runtime"), str(ROOT))),
        }
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
            environment.pop(name, None)
        done = subprocess.run(
            [str(self._cdk_cli), *arguments, "--no-version-reporting", "--no-notices"],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"cdk {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout


@contextlib.contextmanager
def emulator(cdk_cli: Path, *arguments: str) -> Iterator[Cloud]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "emulator"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Cloud(json.loads(process.stdout.readline())["endpoint"], cdk_cli)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def cloud(cdk_cli: Path) -> Iterator[Cloud]:
    """An empty loopback AWS, gone after the test."""
    with emulator(cdk_cli) as running:
        yield running


@pytest.fixture
def running_cloud(cdk_cli: Path) -> Iterator[Cloud]:
    """The same, but functions live in the local service, on a clock that moves by hand: they can be invoked."""
    with LocalService(clock="manual") as service, emulator(cdk_cli, service.url) as running:
        running.functions = service.url
        yield running


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A copy of the sample app that the test may change, and of the runtime that goes into its layer."""
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("sample_app", "runtime"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    settings = json.loads((ROOT / "cdk.json").read_text())
    settings["app"] = f"{sys.executable} -m sample_app.app"
    (tmp_path / "cdk.json").write_text(json.dumps(settings))
    return tmp_path
