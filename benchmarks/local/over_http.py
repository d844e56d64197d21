"""The HTTP rows: both local services as processes of their own, on a SQLite file, driven over loopback.

`python over_http.py ours|aws CASE` prints one JSON object; run.py starts it in a fresh interpreter.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDE, CASE = sys.argv[1:3]

# Parks its first event in a file, so that the bench can speak for it; answers the rest itself.
HANDLER = """
    import http.client, json, os, pathlib, time
    from urllib.parse import quote, urlsplit

    def parked(event, context):
        path = pathlib.Path(__file__).with_name("event.json")
        path.with_suffix(".part").write_text(json.dumps(event))
        path.with_suffix(".part").rename(path)
        time.sleep(600)

    connection = None

    def three(event, context):
        # Three checkpoints with plain http.client: what is measured is the service.
        global connection
        if connection is None:
            connection = http.client.HTTPConnection(urlsplit(os.environ["AWS_ENDPOINT_URL_LAMBDA"]).netloc)
        path = "/2025-12-01/durable-executions/" + quote(event["DurableExecutionArn"], safe="") + "/checkpoint"
        token = event["CheckpointToken"]
        for n in range(3):
            step = {"Id": f"step-{n}", "Type": "STEP", "Name": f"step {n}"}
            updates = [{**step, "Action": "START"}, {**step, "Action": "SUCCEED", "Payload": "1"}]
            body = json.dumps({"CheckpointToken": token, "Updates": updates})
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            token = json.loads(connection.getresponse().read())["CheckpointToken"]
        return {"Status": "SUCCEEDED", "Result": "3"}
"""


class Lambda(BaseHTTPRequestHandler):
    """The Lambda that AWS's local runner needs beside it; it runs the same three checkpoints in this process."""

    protocol_version = "HTTP/1.1"
    events: queue.Queue[dict[str, Any]] = queue.Queue()
    release = threading.Event()
    service = ""
    disable_nagle_algorithm = True
    wbufsize = 65_536
    local = threading.local()

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if CASE == "checkpoints":
            self.events.put(event)
            self.release.wait(600)
        else:
            self.checkpoints(event)
        data = json.dumps({"Status": "SUCCEEDED", "Result": "3"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Amz-Executed-Version", "$LATEST")
        self.end_headers()
        self.wfile.write(data)

    def checkpoints(self, event: dict[str, Any]) -> None:
        client = Client(self.service)
        token = event["CheckpointToken"]
        for n in range(3):
            token = client.checkpoint(event["DurableExecutionArn"], token, n)

    def log_message(self, *_: Any) -> None: ...


class Client:
    """A plain HTTP client; keeps its connection where the service does."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def call(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        self.connection.request(method, path, body, {"Content-Type": "application/json"} | (headers or {}))
        reply = self.connection.getresponse()
        data = reply.read()
        assert reply.status < 300, data
        if reply.will_close:
            self.connection.close()
        return data

    def checkpoint(self, arn: str, token: str, number: int) -> str:
        step = {"Id": f"step-{number}", "Type": "STEP", "Name": f"step {number}"}
        updates = [{**step, "Action": "START"}, {**step, "Action": "SUCCEED", "Payload": "1"}]
        body = json.dumps({"CheckpointToken": token, "Updates": updates}).encode()
        path = f"/2025-12-01/durable-executions/{quote(arn, safe='')}/checkpoint"
        return json.loads(self.call("POST", path, body))["CheckpointToken"]


@contextlib.contextmanager
def our_service(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "durable_cli.main", "serve", "--db", str(folder / "bench.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        (folder / "app.py").write_text(textwrap.dedent(HANDLER))
        client = Client(url)
        for name in ("parked", "three"):
            document = {
                "FunctionName": name,
                "Handler": f"app.{name}",
                "Runtime": "python3.13",
                "Role": "arn:aws:iam::123456789012:role/bench",
                "Timeout": 900,
                "Code": {"S3Bucket": "local-folder", "S3Key": str(folder)},
                "DurableConfig": {"ExecutionTimeout": 900},
            }
            client.call("POST", "/2015-03-31/functions", json.dumps(document).encode())
        try:
            yield url
        finally:
            process.terminate()


@contextlib.contextmanager
def their_service(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lambda)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with ThreadingHTTPServer(("127.0.0.1", 0), Lambda) as probe:
        port = probe.server_address[1]
    url = f"http://127.0.0.1:{port}"
    Lambda.service = url
    command = [
        str(Path(sys.executable).with_name("dex-local-runner")), "start-server", "--host", "127.0.0.1",
        "--port", str(port), "--log-level", "ERROR", "--store-type", "sqlite",
        "--store-path", str(folder / "bench.db"), "--lambda-endpoint", f"http://127.0.0.1:{server.server_address[1]}",
    ]  # fmt: skip
    quiet = subprocess.DEVNULL
    dummy = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-west-2"}
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=folder, env=os.environ | dummy) as process:
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1).close()  # noqa: S310  loopback
                break
            except OSError:
                assert time.monotonic() < deadline, "AWS's local runner did not start"
                time.sleep(0.05)
        try:
            yield url
        finally:
            Lambda.release.set()
            process.kill()
            server.shutdown()


def start(client: Client, name: str, function: str, *, wait: bool) -> None:
    """Start an execution, and for the rate rows wait for its end."""
    if SIDE == "ours":
        headers = {
            "X-Amz-Durable-Execution-Name": name,
            "X-Amz-Invocation-Type": "RequestResponse" if wait else "Event",
        }
        client.call("POST", f"/2015-03-31/functions/{function}:$LATEST/invocations", b"{}", headers)
        return
    document = {
        "AccountId": "123456789012",
        "FunctionName": function,
        "FunctionQualifier": "$LATEST",
        "ExecutionName": name,
        "ExecutionTimeoutSeconds": 900,
        "ExecutionRetentionPeriodDays": 1,
        "InvocationId": name,
        "Input": "{}",
    }
    arn = json.loads(client.call("POST", "/start-durable-execution", json.dumps(document).encode()))["ExecutionArn"]
    path = f"/2025-12-01/durable-executions/{quote(arn, safe='')}"
    while wait and json.loads(client.call("GET", path))["Status"] == "RUNNING":
        time.sleep(0.005)


def parked_event(folder: Path) -> dict[str, Any]:
    if SIDE == "aws":
        return Lambda.events.get(timeout=60)
    file = folder / "event.json"
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return json.loads(file.read_text())


def checkpoints(url: str, folder: Path) -> dict[str, float]:
    client = Client(url)
    start(client, "bench", "parked", wait=False)
    event = parked_event(folder)
    arn, token = event["DurableExecutionArn"], event["CheckpointToken"]
    spans = []
    for number in range(500):
        started = time.perf_counter()
        token = client.checkpoint(arn, token, number)
        spans.append(time.perf_counter() - started)
    return {"first": 1 / median(spans[:100]), "at_400": 1 / median(spans[400:])}


def executions(url: str, _folder: Path) -> dict[str, float]:
    clients: queue.Queue[Client] = queue.Queue()
    for _ in range(8):
        clients.put(Client(url))

    def one(name: str) -> None:
        client = clients.get()
        start(client, name, "three", wait=True)
        clients.put(client)

    def rate(label: str, workers: int, count: int) -> float:
        started = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, [f"{label}-{n}" for n in range(count)]))
        return count / (time.perf_counter() - started)

    count = 300 if SIDE == "ours" else 30
    rate("warm", 8, 16)
    return {"one": rate("one", 1, count), "eight": rate("eight", 8, count)}


CASES = {"checkpoints": checkpoints, "executions": executions}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        service = our_service(folder) if SIDE == "ours" else their_service(folder)
        with service as url:
            figures = CASES[CASE](url, folder)
    print(json.dumps(figures))
