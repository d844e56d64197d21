"""The drop-in's import hook: the other name gives our modules, and only when asked."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

RUNTIME = Path(__file__).resolve().parents[3] / "runtime"


def run(code, *flags):
    """Run code in a fresh interpreter that sees the runtime."""
    prelude = f"import sys; sys.path.insert(0, {str(RUNTIME)!r})\n"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", *flags, "-c", prelude + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_other_name_gives_our_modules_and_leaves_them_what_they_are():
    run("""
        import durable_runtime.compat
        import aws_durable_execution_sdk_python as theirs
        import aws_durable_execution_sdk_python.config as config
        from aws_durable_execution_sdk_python.retries import RetryPresets
        from aws_durable_execution_sdk_python.concurrency.models import BatchResult
        import durable_runtime, durable_runtime.config, durable_runtime.retries
        assert theirs is durable_runtime and config is durable_runtime.config
        assert RetryPresets is durable_runtime.retries.RetryPresets
        assert durable_runtime.__spec__.name == durable_runtime.__name__ == "durable_runtime"
        assert durable_runtime.config.__spec__.origin == durable_runtime.config.__file__
        assert theirs.StepError.__module__ == "durable_runtime.exceptions"
    """)


def test_a_module_without_counterpart_is_reported_by_its_name():
    out = run("""
        import durable_runtime.compat
        try:
            import aws_durable_execution_sdk_python.threading_extras
        except ModuleNotFoundError as error:
            print(error.name, error)
    """)
    assert "aws_durable_execution_sdk_python.threading_extras" in out
    assert "no counterpart in durable_runtime" in out


def test_without_the_hook_the_installed_package_stays_itself():
    pytest.importorskip("aws_durable_execution_sdk_python")
    run("""
        import durable_runtime, aws_durable_execution_sdk_python
        assert aws_durable_execution_sdk_python is not durable_runtime
    """)


def test_installing_the_hook_too_late_is_refused_and_it_can_be_taken_out():
    pytest.importorskip("aws_durable_execution_sdk_python")
    out = run("""
        import durable_runtime.compat as compat
        compat.uninstall()
        import aws_durable_execution_sdk_python
        try:
            compat.install()
        except Exception as error:
            print(type(error).__name__, error)
    """)
    assert out.startswith("InvalidStateError")
    assert "import durable_runtime.compat first" in out


def test_the_first_checkpoint_needs_neither_boto3_nor_the_heavy_parts_of_the_standard_library():
    run("""
        import os, socket, threading
        server = socket.create_server(("127.0.0.1", 0))
        def serve():
            link, _ = server.accept()
            link.recv(65536)
            link.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
        threading.Thread(target=serve, daemon=True).start()
        os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b",
                          AWS_ENDPOINT_URL_LAMBDA=f"http://127.0.0.1:{server.getsockname()[1]}")
        from durable_runtime._service import default_client
        arn = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/n/i"
        assert default_client().checkpoint(arn, "t", [{"Id": "a", "Payload": '"x"'}], "c") == {}
        heavy = {"boto3", "botocore", "http.client", "email", "ssl", "asyncio", "typing", "dataclasses", "inspect",
                 "urllib.parse", "logging", "decimal", "uuid", "datetime", "traceback"}
        assert not heavy & set(sys.modules), sorted(heavy & set(sys.modules))
    """, "-I")  # fmt: skip


def test_every_leaf_imports_alone_and_the_cold_ones_load_nothing_heavy():
    run("""
        for name in ("exceptions", "config", "retries", "waits", "types", "serdes", "preview", "lambda_service",
                     "filesystem_serdes", "_values", "_errors", "_offload", "_service", "compat"):
            __import__(f"durable_runtime.{name}")
        heavy = {"boto3", "socket", "ssl", "asyncio", "typing", "dataclasses", "inspect", "logging", "decimal",
                 "uuid", "datetime", "traceback", "random", "pathlib", "threading"}
        assert not heavy & set(sys.modules), sorted(heavy & set(sys.modules))
    """, "-I")  # fmt: skip
