"""Worker processes run handlers as Lambda does."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import textwrap
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_local._invocation import FunctionVersion, InvocationRequest, InvocationResult, LogLine
from durable_local._workers import CodeError, CodeStore, WorkerOptions, WorkerPool, awslambdaric_pool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders:1"


@pytest.fixture
def function(tmp_path: Path) -> Callable[..., FunctionVersion]:
    def make(source: str, handler: str = "app.handler", **options: Any) -> FunctionVersion:
        folder = tmp_path / "code"
        folder.mkdir(exist_ok=True)
        (folder / "app.py").write_text(textwrap.dedent(source), encoding="utf-8")
        values: dict[str, Any] = {"revision": "r1", "timeout": 5, "code": folder} | options
        return FunctionVersion("orders", "1", ARN, handler=handler, **values)

    return make


def request(
    function: FunctionVersion, event: object = None, request_id: str = "req-1", **more: Any
) -> InvocationRequest:
    return InvocationRequest(request_id, function, json.dumps(event).encode(), 0, **more)


def with_pool(work: Callable[[WorkerPool], Awaitable[Any]], options: WorkerOptions | None = None, **limits: int) -> Any:
    async def main() -> Any:
        pool = WorkerPool(options, **limits)
        try:
            return await work(pool)
        finally:
            await pool.close()
            assert pool.processes == 0

    return asyncio.run(main())


def run_one(
    function: FunctionVersion, event: object = None, options: WorkerOptions | None = None, **more: Any
) -> InvocationResult:
    return with_pool(lambda pool: pool.run(request(function, event, **more)), options)


def test_a_handler_gets_its_event_and_lambdas_context(function: Any) -> None:
    result = run_one(
        function(
            """
            def handler(event, context):
                return {
                    "event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn,
                    "name": context.function_name, "version": context.function_version,
                    "memory": context.memory_limit_in_mb, "tenant": context.tenant_id,
                    "custom": context.client_context.custom, "left": context.get_remaining_time_in_millis(),
                    "group": context.log_group_name, "who": context.identity.cognito_identity_id,
                }
            """
        ),
        {"äöü": ["日本", 1.5, None]},
        invoked_arn=ARN.replace(":1", ":live"),
        client_context='{"custom": {"a": 1}}',
        tenant_id="blue",
    )
    got = json.loads(result.payload)
    assert result.kind == "ok"
    assert 0 < got.pop("left") <= 5000
    assert got == {
        "event": {"äöü": ["日本", 1.5, None]}, "id": "req-1", "arn": ARN.replace(":1", ":live"), "name": "orders",
        "version": "1", "memory": "128", "tenant": "blue", "custom": {"a": 1}, "group": "/aws/lambda/orders",
        "who": None,
    }  # fmt: skip


def test_nothing_of_the_operators_environment_leaks_in(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real-secret")
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    source = "import os\ndef handler(event, context): return dict(os.environ)"
    options = WorkerOptions(service_url="http://127.0.0.1:9")
    own = {"TABLE": "orders", "AWS_REGION": "mars-1", "AWS_ACCESS_KEY_ID": "mine"}
    environment = json.loads(run_one(function(source, environment=own), options=options).payload)
    assert "AWS_PROFILE" not in environment
    assert "real-secret" not in environment.values()
    assert "hunter2" not in environment.values()
    assert environment["HOME"] != os.environ.get("HOME")
    assert environment["TABLE"] == "orders"
    assert environment["AWS_REGION"] == "eu-west-1", "reserved variables are Lambda's, not the function's"
    assert environment["AWS_ACCESS_KEY_ID"] != "mine"
    assert environment["AWS_ENDPOINT_URL_LAMBDA"] == "http://127.0.0.1:9"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


@pytest.mark.parametrize(
    ("source", "handler", "kind", "text"),
    [
        ("def handler(e, c): raise ValueError('no')", "app.handler", "ValueError", "no"),
        ("def handler(e, c): return {1, 2}", "app.handler", "Runtime.MarshalError", "Unable to marshal response: "),
        ("", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("import nothing_like_it", "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': "),
        ("def", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
        ("", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler': "),
        ("", "absent.handler", "Runtime.ImportModuleError", "No module named 'absent'"),
    ],
)
def test_failures_carry_lambdas_error_types_and_texts(
    function: Any, source: str, handler: str, kind: str, text: str
) -> None:
    result = run_one(function(source, handler))
    assert result.kind == "error"
    assert result.error is not None
    assert result.error["errorType"] == kind
    assert text in result.error["errorMessage"]
    assert any(kind in line.message for line in result.log_lines)


def test_a_stack_trace_starts_in_the_handler(function: Any) -> None:
    result = run_one(function("def inner(): raise KeyError('x')\ndef handler(e, c): inner()"))
    assert result.error is not None
    assert ["in handler" in result.error["stackTrace"][0], "in inner" in result.error["stackTrace"][1]] == [True, True]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_a_crash_is_noticed_by_the_exit_code_and_keeps_its_log(function: Any, body: str, text: str) -> None:
    source = f"import os, signal, sys\ndef handler(e, c):\n    print('last words', end='', flush=True)\n    {body}"
    result = run_one(function(source))
    assert (result.kind, result.error) == (
        "crash",
        {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: req-1 Error: {text}"},
    )
    assert [line.message for line in result.log_lines] == ["last words"]


def test_a_hanging_handler_is_killed_at_its_timeout_with_its_children(function: Any, tmp_path: Path) -> None:
    source = """
        import pathlib, subprocess, sys, time
        def handler(event, context):
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            print("child", child.pid)
            time.sleep(60)
    """
    result = run_one(function(source, timeout=1))
    assert result.kind == "timeout"
    assert result.error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: req-1 Error: Task timed out after 1.00 seconds",
    }
    child = int(result.log_lines[0].message.split()[1])
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}/stat").exists() and Path(f"/proc/{child}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "the handler's child process outlived the timeout"
        time.sleep(0.01)


def test_an_import_that_hangs_is_ended(function: Any) -> None:
    result = run_one(function("import time; time.sleep(60)"), options=WorkerOptions(init_seconds=0.3))
    assert result.kind == "timeout"


def test_a_worker_is_reused_and_each_log_line_has_its_request(function: Any) -> None:
    source = """
        import os, sys
        calls = 0
        print("importing")
        def handler(event, context):
            global calls
            calls += 1
            print("out", event)
            print("err", event, file=sys.stderr)
            return [os.getpid(), calls]
    """
    seen: list[tuple[str, str]] = []

    def on_line(_: FunctionVersion, request_id: str, line: LogLine) -> None:
        seen.append((request_id, line.message))

    async def work(pool: WorkerPool) -> list[InvocationResult]:
        version = function(source)
        return [await pool.run(request(version, n, f"req-{n}")) for n in range(3)]

    results = with_pool(work, WorkerOptions(on_line=on_line))
    pids, counts = zip(*(json.loads(result.payload) for result in results), strict=True)
    assert len(set(pids)) == 1
    assert counts == (1, 2, 3)
    assert [line.message for line in results[0].log_lines] == ["importing", "out 0", "err 0"]
    assert [line.message for line in results[2].log_lines] == ["out 2", "err 2"]
    assert seen[-1] == ("req-2", "err 2")


def test_a_burst_of_output_stays_with_its_request_and_memory_is_bounded(function: Any) -> None:
    source = "def handler(event, context):\n    for n in range(event): print('x' * 1000, n)"

    async def work(pool: WorkerPool) -> list[InvocationResult]:
        version = function(source)
        return [await pool.run(request(version, count)) for count in (100, 3000, 1)]

    small, large, last = with_pool(work)
    assert len(small.log_lines) == 100
    assert 1000 <= len(large.log_lines) < 1100, "one megabyte of log is kept"
    assert len(last.log_lines) == 1


def test_parallel_invocations_have_a_process_each_up_to_the_limit(function: Any) -> None:
    source = "import os, time\ndef handler(event, context):\n    time.sleep(0.2)\n    return os.getpid()"

    async def work(pool: WorkerPool) -> set[bytes]:
        version = function(source)
        results = await asyncio.gather(*(pool.run(request(version, n, f"r{n}")) for n in range(5)))
        assert {result.kind for result in results} == {"ok"}
        return {result.payload for result in results}

    assert len(with_pool(work)) == 5
    assert len(with_pool(work, max_workers=2)) == 2


def test_versions_and_revisions_never_share_a_process(function: Any, tmp_path: Path) -> None:
    async def work(pool: WorkerPool) -> list[Any]:
        first = function("def handler(e, c): return 'old'", revision="r1")
        answers = [(await pool.run(request(first))).payload]
        second = function("def handler(e, c): return 'newer'", revision="r2")
        answers.append((await pool.run(request(second))).payload)
        assert pool.processes == 2
        pool.retire(first.arn, "r1")
        assert pool.processes == 1
        return answers

    assert with_pool(work) == [b'"old"', b'"newer"']


def test_a_worker_killed_while_idle_is_replaced(function: Any) -> None:
    async def work(pool: WorkerPool) -> tuple[int, int]:
        version = function("import os\ndef handler(e, c): return os.getpid()")
        first = json.loads((await pool.run(request(version))).payload)
        os.kill(first, signal.SIGKILL)
        await asyncio.wait_for(asyncio.shield(pool._idle[0]._exit), 5)
        second = json.loads((await pool.run(request(version))).payload)
        return first, second

    first, second = with_pool(work)
    assert first != second


def test_large_events_and_results_pass_and_too_large_a_result_is_lambdas_error(function: Any) -> None:
    version = function("def handler(event, context): return event if isinstance(event, str) else 'y' * event")
    text = "x" * (5 * 1024 * 1024)
    assert json.loads(run_one(version, text).payload) == text
    result = run_one(version, 7 * 1024 * 1024)
    assert result.error is not None
    assert result.error["errorType"] == "Function.ResponseSizeTooLarge"


def test_logging_has_lambdas_two_formats(function: Any) -> None:
    source = """
        import logging
        def handler(event, context):
            logging.getLogger("shop").warning("careful %s", event, extra={"order": 7})
    """
    (text,) = run_one(function(source), "x").log_lines
    assert text.message.startswith("[WARNING]\t")
    assert text.message.endswith("Z\treq-1\tcareful x")
    (line,) = run_one(function(source, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"}), "x").log_lines
    entry = json.loads(line.message)
    assert (entry["level"], entry["message"], entry["logger"], entry["requestId"], entry["order"]) == (
        "WARNING", "careful x", "shop", "req-1", 7,
    )  # fmt: skip


def test_a_handler_that_closes_its_streams_still_answers(function: Any) -> None:
    result = run_one(function("import sys, os\ndef handler(e, c):\n    sys.stdout.close(); os.close(2)\n    return 1"))
    assert result.payload == b"1"


def test_layers_come_after_the_functions_code_and_the_last_layer_wins(function: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "python").mkdir(parents=True)
        (tmp_path / name / "python" / "shared.py").write_text(f"NAME = {name!r}")
    (tmp_path / "one" / "python" / "app.py").write_text("def handler(e, c): return 'the layer'")
    version = function(
        "import shared\ndef handler(e, c): return shared.NAME", layers=(tmp_path / "one", tmp_path / "two")
    )
    assert run_one(version).payload == b'"two"'


def test_awslambdaric_runs_the_same_handler_when_asked_for(function: Any) -> None:
    pytest.importorskip("awslambdaric", reason="the optional runtime client is not installed")
    version = function("def handler(event, context):\n    print('hi')\n    return [event, context.aws_request_id]")
    result = run_one(version, {"a": 1}, options=WorkerOptions(awslambdaric=True))
    assert json.loads(result.payload) == [{"a": 1}, "req-1"]
    assert "hi" in [line.message for line in result.log_lines]


def test_awslambdaric_that_is_not_installed_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"awslambdaric is not installed: `pip install awslambdaric`"):
        awslambdaric_pool()


@pytest.mark.parametrize("context", ['{"a":\n "日本"}', "not json\r\nX-Evil: 1", "日本"])
def test_what_a_caller_sends_stays_in_its_header(function: Any, context: str) -> None:
    version = function("def handler(event, context): return vars(context.client_context)")
    result = run_one(version, client_context=context, trace_id="Root=1\r\nX-Evil: 1", tenant_id="ä")
    if context.startswith("{"):
        assert result.payload == b'{"custom": null, "env": null, "client": null}'
    else:
        assert result.error is not None
        assert result.error["errorType"] == "JSONDecodeError"


def test_a_missing_code_folder_is_an_answer_not_an_exception(function: Any, tmp_path: Path) -> None:
    result = run_one(function("", code=tmp_path / "gone"))
    assert result.kind == "crash"
    assert result.error is not None
    assert f"is gone: {tmp_path / 'gone'}" in result.error["errorMessage"]


def test_the_runtime_api_refuses_what_it_does_not_know(function: Any) -> None:
    source = """
        import os, urllib.error, urllib.request
        def handler(event, context):
            base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
            statuses = []
            other = "invocation/other"
            for path, data in [("nonsense", None), (f"{other}/response", b"1"), (f"{other}/error", b"{")]:
                try:
                    urllib.request.urlopen(base + path, data)
                except urllib.error.HTTPError as error:
                    statuses.append(error.code)
                    error.close()
            return statuses
    """
    assert run_one(function(source)).payload == b"[404, 400, 400]"


@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=20))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_on_the_runtime_api_harms_nobody(function: Any, garbage: list[bytes]) -> None:
    version = function("def handler(event, context): return event")

    async def work(pool: WorkerPool) -> InvocationResult:
        await pool.run(request(version, 1, "first"))
        host, port = pool._idle[0]._endpoint.address.split(":")
        for data in garbage:
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            writer.close()
            await writer.wait_closed()
        return await pool.run(request(version, 2, "second"))

    assert with_pool(work).payload == b"2"


def test_an_idle_worker_ends_with_its_service(function: Any) -> None:
    async def work(pool: WorkerPool) -> int:
        await pool.run(request(function("def handler(e, c): return 1")))
        worker = pool._idle[0]
        worker._endpoint.close()
        return await asyncio.wait_for(asyncio.shield(worker._exit), 5)

    assert with_pool(work) == 0


def test_a_busy_worker_ends_with_its_service_and_leaves_no_orphan(function: Any) -> None:
    version = function("import time\ndef handler(e, c):\n    print('busy')\n    time.sleep(60)", timeout=120)

    busy = asyncio.Event()

    async def work(pool: WorkerPool) -> InvocationResult:
        running = asyncio.create_task(pool.run(request(version)))
        await busy.wait()
        for worker in pool._busy:
            worker._endpoint.close()
        return await asyncio.wait_for(running, 10)

    result = with_pool(work, WorkerOptions(on_line=lambda *_: busy.set()))
    assert result.kind == "crash"
    assert result.error is not None
    assert "signal: " in result.error["errorMessage"]


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, text in files.items():
            bundle.writestr(name.replace("__", "/") + ".py", text)
    return buffer.getvalue()


def test_the_same_archive_is_unpacked_once(tmp_path: Path) -> None:
    store = CodeStore(tmp_path / "code")
    folder = store.unpack(archive(app="x = 1", package__inner="y = 2"))
    assert (folder / "package" / "inner.py").read_text() == "y = 2"
    marker = folder / "marker"
    marker.touch()
    assert store.unpack(archive(app="x = 1", package__inner="y = 2")) == folder
    assert marker.exists()
    assert store.unpack(archive(app="x = 2")) != folder
    assert [entry.name for entry in (tmp_path / "code").iterdir() if entry.name.startswith(".")] == []


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"not a zip", archive(app="x")[:-30]], ids=["empty", "magic", "text", "cut short"]
)
def test_a_broken_archive_is_a_clear_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CodeError, match="Could not unzip uploaded file"):
        CodeStore(tmp_path).unpack(data)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("../../evil.py", "x")
    folder = CodeStore(tmp_path / "code").unpack(buffer.getvalue())
    assert (folder / "evil.py").exists()
    assert not (tmp_path / "evil.py").exists()


def test_copying_a_folder_follows_its_changes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "app.py").write_text("x = 1")
    store = CodeStore(tmp_path / "code")
    first = store.copy(source)
    assert store.copy(source) == first
    (source / "app.py").write_text("x = 2")
    os.utime(source / "app.py", ns=(1, 2**61))
    assert (store.copy(source) / "app.py").read_text() == "x = 2"
