"""Replay recorded executions against today's code, without side effects: the gate before a deploy."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

EXIT_DIVERGED = 1
EXIT_USAGE = 2
OPEN = ("RUNNING", "PAUSING", "PAUSED")


class _UsageError(Exception):
    """The command cannot be carried out; the text says why and what to do."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `durable replay`."""
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="JSON of get_durable_execution_history (with execution data) or get_durable_execution_state",
    )
    parser.add_argument("--handler", required=True, metavar="MODULE:FUNCTION", help="the handler of today's code")
    parser.add_argument(
        "--path", default=".", metavar="DIR", help="folder the module is imported from; default: this folder"
    )
    parser.add_argument(
        "--compat", action="store_true", help="the code imports AWS's SDK: run it on durable_runtime through its compat"
    )
    parser.add_argument("--from-function", metavar="NAME", help="fetch the executions of this function with boto3")
    parser.add_argument(
        "--status",
        action="append",
        metavar="STATUS",
        help="with --from-function: only executions in this status; may be repeated (default: all open ones)",
    )
    parser.add_argument("--qualifier", help="with --from-function: only executions of this version or alias")
    parser.add_argument("--limit", type=int, default=100, help="with --from-function: at most so many (%(default)s)")
    parser.add_argument("--endpoint-url", help="with --from-function: where Lambda is; a local service, say")
    parser.add_argument("--save", type=Path, metavar="DIR", help="with --from-function: keep the fetched records here")
    parser.add_argument("--json", action="store_true", help="print one JSON object per execution")


def run(arguments: argparse.Namespace) -> int:
    """Replay each record and report; 0 when all are compatible, 1 when one diverges."""
    from durable_local.testing import HistoryError, replay

    diverged = replayed = 0
    try:
        handler = _handler(arguments.handler, arguments.path, compat=arguments.compat)
        for source, document in _records(arguments):
            try:
                report = replay(handler, document)
            except (HistoryError, TypeError) as error:
                raise _UsageError(f"{source}: {error}") from error
            replayed += 1
            diverged += not report.compatible
            print(_json(source, report) if arguments.json else _text(source, report))
    except _UsageError as error:
        print(f"durable replay: {error}", file=sys.stderr)
        return EXIT_USAGE
    if not arguments.json:
        print(f"{replayed} replayed, {diverged} diverged")
    return EXIT_DIVERGED if diverged else 0


def _text(source: str, report: Any) -> str:
    following = f"\n  goes on with {report.goes_on_with}" if report.goes_on_with else ""
    return f"{source}: {report}{following}"


def _json(source: str, report: Any) -> str:
    divergence = report.divergence
    document = {
        "source": source,
        "name": report.name,
        "status": report.status,
        "operations": report.operations,
        "compatible": report.compatible,
        "expected": divergence.expected if divergence else None,
        "found": divergence.found if divergence else None,
        "at": divergence.source if divergence else None,
        "goesOnWith": report.goes_on_with,
    }
    return json.dumps(document, ensure_ascii=False)


def _handler(name: str, path: str, *, compat: bool) -> Any:
    """Import the handler."""
    module_name, separator, function_name = name.partition(":")
    if not separator or not module_name or not function_name:
        raise _UsageError(f"--handler takes MODULE:FUNCTION, such as `app:handler`, not {name!r}")
    sys.path.insert(0, str(Path(path).resolve()))
    if compat:
        importlib.import_module("durable_runtime.compat")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # importing user code may raise anything
        raise _UsageError(f"cannot import `{module_name}` from {path}: {type(error).__name__}: {error}") from error
    try:
        return getattr(module, function_name)
    except AttributeError as error:
        raise _UsageError(f"`{module_name}` ({module.__file__}) has no `{function_name}`") from error


def _records(arguments: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Return the records to replay, each with where it comes from."""
    if not arguments.files and not arguments.from_function:
        raise _UsageError("name at least one FILE, or fetch executions with --from-function NAME")
    for file in arguments.files:
        try:
            yield str(file), json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _UsageError(f"cannot read {file}: {error}") from error
    if arguments.from_function:
        yield from _fetched(arguments)


def _fetched(arguments: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    client = _client(arguments.endpoint_url)
    errors = importlib.import_module("botocore.exceptions")
    filters: dict[str, Any] = {"Statuses": arguments.status or list(OPEN)}
    if arguments.qualifier:
        filters["Qualifier"] = arguments.qualifier
    try:
        pages = client.get_paginator("list_durable_executions_by_function").paginate(
            FunctionName=arguments.from_function, PaginationConfig={"MaxItems": arguments.limit}, **filters
        )
        for item in (item for page in pages for item in page["DurableExecutions"]):
            document = _fetch(client, item["DurableExecutionArn"])
            if arguments.save:
                arguments.save.mkdir(parents=True, exist_ok=True)
                file = arguments.save / f"{item['DurableExecutionName']}.json"
                file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            yield item["DurableExecutionArn"], document
    except (errors.BotoCoreError, errors.ClientError) as error:
        raise _UsageError(f"cannot fetch the executions of {arguments.from_function}: {error}") from error


def _fetch(client: Any, arn: str) -> dict[str, Any]:
    from durable_local.testing import TestResult

    execution = client.get_durable_execution(DurableExecutionArn=arn, IncludeExecutionData=True)
    pages = client.get_paginator("get_durable_execution_history").paginate(
        DurableExecutionArn=arn, IncludeExecutionData=True, PaginationConfig={"PageSize": 1000}
    )
    return TestResult(execution, [event for page in pages for event in page["Events"]]).history()


def _client(endpoint_url: str | None) -> Any:
    try:
        boto3 = importlib.import_module("boto3")
        configuration = importlib.import_module("botocore.config")
    except ImportError as error:
        raise _UsageError(
            "--from-function needs boto3: install it with `pip install 'constructs-durable[aws]'`, or export the "
            "histories with the AWS CLI and pass the files"
        ) from error
    # The history API allows 15 calls a second: a client that slows down by itself fits.
    options: dict[str, Any] = {"config": configuration.Config(retries={"mode": "adaptive", "max_attempts": 10})}
    endpoint = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_LAMBDA")
    if endpoint and endpoint.startswith(("http://127.0.0.1", "http://localhost")):
        # A local service takes any signature; nothing of the operator's is sent to it.
        options |= {
            "region_name": os.environ.get("AWS_REGION", "us-east-1"),
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
        }
    return boto3.client("lambda", endpoint_url=endpoint, **options)
