"""Serve every Lambda function of a synthesized CDK app on loopback, with aliases, layers and environment resolved."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_cli.serve import problem

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from durable_local import LocalService
    from durable_local.assembly import Assembly, AssemblyFunction

EXIT_FAILED = 1
EXIT_USAGE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `durable dev`."""
    parser.add_argument("--app", default="cdk.out", metavar="DIR", help="the synthesized cloud assembly (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    parser.add_argument("--db", type=Path, metavar="FILE", help="SQLite file; without it everything stays in memory")
    parser.add_argument(
        "--clock",
        choices=("real", "skip", "manual"),
        help="real time (the default), `skip` (the default with --invoke) jumps over waiting, `manual`",
    )
    parser.add_argument("--log-dir", type=Path, metavar="DIR", help="write one JSON-lines file of logs per function")
    parser.add_argument(
        "--events", type=Path, metavar="FILE", help="write status events, dead letters and metrics as JSON lines"
    )
    parser.add_argument(
        "--awslambdaric", action="store_true", help="run handlers in AWS's runtime client, if it is installed"
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a variable in every function: a value that only a deployment has, or another emulator's endpoint",
    )
    parser.add_argument("--invoke", metavar="FUNCTION", help="run one execution of this function, print it and end")
    parser.add_argument("--payload", default="{}", metavar="JSON", help="the input of --invoke; `@FILE` reads a file")
    parser.add_argument("--name", help="name of the execution of --invoke")
    parser.add_argument(
        "--respond",
        action="append",
        default=[],
        metavar="CALLBACK=JSON",
        help="with --invoke: answer the callback of this name; may be repeated, `*` answers all others",
    )
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds --invoke may take (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C, or run one execution."""
    from durable_local.assembly import AssemblyError, read_assembly

    try:
        payload = _payload(arguments.payload)
        responders = dict(map(_responder, arguments.respond))
        variables = dict(map(_variable, arguments.env))
        assembly = read_assembly(arguments.app)
        for function in assembly.functions:
            function.environment.update(variables)
        target = assembly.function(arguments.invoke) if arguments.invoke else None
    except (AssemblyError, OSError, ValueError) as error:
        print(f"durable dev: {problem(error)}", file=sys.stderr)
        return EXIT_USAGE
    with _code_folder(arguments.db) as cache:
        try:
            service = _service(arguments, assembly, cache)
        except _refusals() as error:
            print(f"durable dev: {problem(error)}", file=sys.stderr)
            return EXIT_FAILED
        with service:
            _print_functions(assembly, service.url, notes=target is None)
            if target is not None:
                return _invoke(service, target, arguments, payload, responders)
            ended = threading.Event()
            signal.signal(signal.SIGTERM, lambda *_: ended.set())
            print(f"Use it with: export AWS_ENDPOINT_URL_LAMBDA={service.url}", flush=True)
            ended.wait()
            return 0


@contextmanager
def _code_folder(db: Path | None) -> Iterator[Path]:
    """Return where code is kept: beside the database, whose executions may need it again, or for this run only."""
    if db is not None:
        yield Path(f"{db}.code")
    else:
        with tempfile.TemporaryDirectory(prefix="durable-dev-") as folder:
            yield Path(folder)


def _refusals() -> tuple[type[Exception], ...]:
    from durable_local._errors import ApiError
    from durable_local._store import StoreError

    return OSError, ValueError, ApiError, StoreError


def _payload(text: str) -> bytes:
    data = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
    try:
        json.loads(data)
    except ValueError as error:
        raise ValueError(f"--payload is not JSON: {error}") from error
    return data


def _responder(text: str) -> tuple[str, Any]:
    name, separator, answer = text.partition("=")
    if not separator or not name:
        raise ValueError(f"--respond takes CALLBACK=JSON, not {text!r}")
    try:
        return name, json.loads(answer)
    except ValueError as error:
        raise ValueError(f"--respond {name}: the answer is not JSON: {error}") from error


def _variable(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ValueError(f"--env takes NAME=VALUE, not {text!r}")
    return name, value


def _service(arguments: argparse.Namespace, assembly: Assembly, cache: Path) -> LocalService:
    from durable_local import LocalService, Settings
    from durable_local._registration import register
    from durable_local._workers import awslambdaric_pool
    from durable_local.events import EventsOut

    service = LocalService(
        port=arguments.port,
        db=arguments.db,
        clock=arguments.clock or ("skip" if arguments.invoke else "real"),
        log_dir=arguments.log_dir,
        settings=Settings(account=assembly.account, region=assembly.region),
        sink=EventsOut(arguments.events) if arguments.events else None,
        invoker=awslambdaric_pool() if arguments.awslambdaric else None,
    )
    register(assembly, service.engine.functions, cache)
    return service


def _print_functions(assembly: Assembly, url: str, *, notes: bool) -> None:
    print(f"durable: serving {assembly.folder} at {url}")
    width = max(len(function.target) for function in assembly.functions)
    for function in assembly.functions:
        kind = f"durable, {function.execution_timeout} s" if function.durable else "plain"
        print(f"  {function.target:<{width}}  {kind:<18}  {function.path}")
    if notes:
        for note in assembly.notes:
            print(f"  note: {note}")
    elif assembly.notes:
        count = len(assembly.notes)
        print(f"  {count} note{'s' * (count != 1)} about what exists only on AWS: run it without --invoke to read them")
    sys.stdout.flush()


def _invoke(
    service: LocalService,
    function: AssemblyFunction,
    arguments: argparse.Namespace,
    payload: bytes,
    responders: dict[str, Any],
) -> int:
    """Run one execution, print its timeline and its log, and say by the exit code whether it succeeded."""
    from durable_local._errors import ApiError
    from durable_local.testing._over_http import HttpLambda
    from durable_local.testing._through_client import ThroughClient

    client = HttpLambda(service.url)
    if not function.durable:
        reply = client.invoke_plain(function.target, payload)
        print(reply.body.decode("utf-8", "replace"))
        return EXIT_FAILED if reply.function_error else 0
    runner = ThroughClient(client, arguments.timeout)
    for name, answer in responders.items():
        runner.respond_to(name, answer)
    try:
        arn = runner.start(function.target, payload, arguments.name, None, {})
        runner.drive(arn, skip_callbacks=bool(responders))
    except (ApiError, AssertionError) as error:
        print(f"durable dev: {error}", file=sys.stderr)
        return EXIT_FAILED
    result = runner.snapshot(arn)
    print(f"\n{result.timeline()}")
    for line in result.logs:
        print(f"  log: {line}")
    if not result.closed:
        parents = {operation.id: operation.name for operation in result.operations}
        names = [parents.get(operation.parent_id or "") or operation.name for operation in result.open_callbacks()]
        waiting = ", ".join(map(repr, names))
        print(f"  It waits for the callback {waiting}: answer it with --respond 'NAME=JSON'.")
    return 0 if result.status == "SUCCEEDED" else EXIT_FAILED
