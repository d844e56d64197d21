"""Show the log lines of a function on the local service."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from durable_cli.serve import DEFAULT_PORT

if TYPE_CHECKING:
    import argparse

EXIT_FAILED = 1
DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"
FOLLOW_SECONDS = 0.5
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `durable logs`."""
    parser.add_argument("function", nargs="?", help="name of the function; without it, all functions")
    parser.add_argument("--execution", metavar="ARN", help="only lines of this durable execution")
    parser.add_argument("--request", metavar="ID", help="only lines of this invocation")
    parser.add_argument("--follow", "-f", action="store_true", help="keep printing new lines until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print JSON lines instead of text")
    parser.add_argument(
        "--endpoint-url",
        default=os.environ.get("AWS_ENDPOINT_URL_LAMBDA", DEFAULT_URL),
        help="where the service listens; default: $AWS_ENDPOINT_URL_LAMBDA, then %(default)s",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the lines there are, and with ``--follow`` those to come."""
    if urlsplit(arguments.endpoint_url).hostname not in LOOPBACK:
        print(
            f"durable logs: {arguments.endpoint_url} is not a local service; on AWS, see CloudWatch Logs",
            file=sys.stderr,
        )
        return EXIT_FAILED
    after = 0
    while True:
        try:
            lines = _fetch(arguments, after)
        except (OSError, ValueError) as error:
            print(f"durable logs: no answer from {arguments.endpoint_url}: {error}", file=sys.stderr)
            return EXIT_FAILED
        for line in lines:
            after = line["number"]
            print(json.dumps(line, ensure_ascii=False) if arguments.json else _text(line))
        if lines:
            sys.stdout.flush()
            continue
        if not arguments.follow:
            if not after:
                print(f"durable logs: no lines of {arguments.function or 'any function'} so far", file=sys.stderr)
            return 0
        time.sleep(FOLLOW_SECONDS)


def _fetch(arguments: argparse.Namespace, after: int) -> list[dict[str, Any]]:
    wanted = {
        "function": arguments.function,
        "execution": arguments.execution,
        "request": arguments.request,
        "after": after or None,
    }
    query = urlencode({name: value for name, value in wanted.items() if value})
    url = f"{arguments.endpoint_url.rstrip('/')}/_durable/logs?{query}"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  loopback only, checked above
        lines: list[dict[str, Any]] = json.load(answer)["lines"]
    return lines


def _text(line: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(line["timestamp"] / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    return f"{moment} {line['function']}:{line['version']} {line['requestId'][:8]} {line['message']}"
