"""Whole workflows over a real socket to a service that fails in every way a network can: nothing is lost or doubled."""

from __future__ import annotations

import gzip
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from durable_runtime import _transport
from durable_runtime._transport import HttpServiceClient
from tests.runtime.driving import run_to_end
from tests.runtime.kit import BOTH
from tests.runtime.rules import Refused
from tests.runtime.service import Service
from tests.runtime.test_properties import EVERYTHING, same
from tests.runtime.workflows import ANSWERS, workflow

IN_A_ROW = 3  # mishaps that one call meets at most; the client tries five times
STORMS = [
    "closed before",
    "closed after",
    "500 before",
    "500 after",
    "429",
    "503 with html",
    "half a head",
    "half a body",
    "no JSON",
    "gzip",
    "a list",
    "endless nesting",
]
CALM = ["plain", "chunked", "byte by byte", "closes behind itself"]


class Wire(BaseHTTPRequestHandler):
    """Puts the in-memory service behind HTTP, and the weather in between."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, body):
        weather, service = self.server.weather, self.server.service
        stormy = self.server.in_a_row < IN_A_ROW and weather.random() < 0.45
        kind = weather.choice(STORMS if stormy else CALM)
        self.server.in_a_row = self.server.in_a_row + 1 if stormy else 0
        self.server.seen.append(kind)
        if kind == "closed before":
            self.close_connection = True
            return
        if kind in ("500 before", "429", "503 with html"):
            text = "<html>" if "html" in kind else '{"message":"later"}'
            self.send(int(kind[:3]), text.encode())
            return
        status, reply = 200, None
        try:
            reply = self.call(service, body)
        except Refused as refused:
            status, reply = refused.status, {"__type": refused.code, "message": refused.message}
        self.deliver(kind, status, json.dumps(reply).encode())

    def call(self, service, body):
        target = urlsplit(self.path)
        arn, action = map(unquote, target.path.split("/")[3:])
        if action == "state":
            query = {key: values[0] for key, values in parse_qs(target.query).items()}
            return service.get_state(arn, query["CheckpointToken"], query["Marker"], int(query["MaxItems"]))
        request = json.loads(body)
        return service.checkpoint(arn, request["CheckpointToken"], request["Updates"], request["ClientToken"])

    def deliver(self, kind, status, text):
        """Answer what has been recorded by now, or fail to."""
        damaged = {"no JSON": text[:-1], "gzip": gzip.compress(text), "a list": b"[]", "endless nesting": b"[" * 50_000}
        self.close_connection = kind not in ("plain", "chunked", "byte by byte", *damaged)
        if kind == "500 after":
            self.send(500, b"{}")
        elif kind in damaged:
            self.send(200, damaged[kind])
        elif kind == "half a head":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nconte")
        elif kind == "half a body":
            self.wfile.write(
                f"HTTP/1.1 200 OK\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text[: len(text) // 2]
            )
        elif kind == "chunked":
            parts = [text[:7], text[7:]]
            chunks = b"".join(f"{len(part):x};x=1\r\n".encode() + part + b"\r\n" for part in parts)
            self.wfile.write(
                f"HTTP/1.1 {status} OK\r\ntransfer-encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"
            )
        elif kind == "byte by byte":
            whole = f"HTTP/1.1 {status} OK\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text
            for cut in range(0, len(whole), max(1, len(whole) // 20)):
                self.wfile.write(whole[cut : cut + max(1, len(whole) // 20)])
                self.wfile.flush()
        elif kind in ("plain", "closes behind itself"):
            self.send(status, text)

    def send(self, status, text):
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def storm(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Wire)
    server.daemon_threads = True
    server.in_a_row, server.seen = 0, []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(_transport, "_BASE_DELAY", 0.0001)
    monkeypatch.setattr(_transport, "_THROTTLED_DELAY", 0.0001)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_a_workflow_in_a_storm_ends_as_in_a_calm(kit, seed, storm):
    """Same result, same history, same updates; each recorded once, although many were sent several times."""
    calm = kit.run(workflow(EVERYTHING), answers=ANSWERS)
    storm.weather = random.Random(seed)
    storm.service = Service(None, answers=ANSWERS, page_size=5)
    client = HttpServiceClient(connect_timeout=5, read_timeout=5)

    def invoke(handler, event, _service, context):
        return handler.invoke_with(event, context, client)

    stormy = run_to_end(kit.handler(workflow(EVERYTHING)), service=storm.service, invoke=invoke)
    client.close()
    same(stormy, calm)
    assert len(set(storm.seen)) >= 10
