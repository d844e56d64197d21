"""The leaves' numbers: values and transport beside `json`, pydantic, AWS's SDK and boto3.

Run with `python benchmarks/runtime/leaves.py`; every figure is the best of several rounds in one process, since
what is compared is the work itself, not the machine's noise.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "runtime"))

from durable_runtime._transport import HttpServiceClient
from durable_runtime._values import decode, round_trip

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/n/i"
REPLY = json.dumps({"CheckpointToken": "dG9rZW4=", "NewExecutionState": {"Operations": []}}).encode()


@dataclass
class Line:
    sku: str
    n: int


@dataclass
class Order:
    id: str
    total: Decimal
    lines: list[Line]
    ok: bool
    note: str | None


PLAIN = [
    {"id": f"o{i}", "total": i * 1.5, "lines": [{"sku": "a", "n": 3}, {"sku": "d", "n": 1}], "ok": True, "note": None}
    for i in range(1000)
]
TYPED = [Order(f"o{i}", Decimal(i), [Line("a", 3), Line("d", 1)], True, None) for i in range(1000)]


def best(work, rounds=15):
    """Milliseconds of the best round."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times) * 1000


def cpu(work, calls):
    """Milliseconds of CPU per call."""
    work()
    started = time.thread_time()
    for _ in range(calls):
        work()
    return (time.thread_time() - started) / calls * 1000


def serve():
    """Answer checkpoints on loopback; return the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(link):
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                data = link.recv(65_536)
                if not data:
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while len(buffer) < length:
                buffer += link.recv(65_536)
            buffer = buffer[length:]
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(REPLY) + REPLY)

    def accept():
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def values():
    """Write and read 1,000 orders."""
    print("1,000 orders of 3 objects, written and read, ms")
    print(f"  json.dumps + json.loads         {best(lambda: json.loads(json.dumps(PLAIN))):8.2f}")
    print(f"  ours, without annotation        {best(lambda: round_trip(PLAIN)):8.2f}")
    print(f"  ours, list of dataclass         {best(lambda: round_trip(TYPED, list[Order])):8.2f}")
    import pydantic
    from aws_durable_execution_sdk_python.serdes import EXTENDED_TYPES_SERDES as RIVAL

    adapter = pydantic.TypeAdapter(list[Order])
    print(f"  pydantic, list of dataclass     {best(lambda: adapter.validate_json(adapter.dump_json(TYPED))):8.2f}")
    print(f"  AWS's SDK, without annotation   {best(lambda: RIVAL.deserialize(RIVAL.serialize(PLAIN))):8.2f}")
    sizes = len(round_trip(PLAIN)[0]), len(RIVAL.serialize(PLAIN))
    print(f"  bytes, ours / AWS's SDK         {sizes[0]:,} / {sizes[1]:,}")
    text = round_trip({"id": 7, "ok": True})[0]
    print(f"  reading a small result, us      {best(lambda: [decode(text) for _ in range(1000)]):8.2f}")


def transport():
    """Send checkpoints of 2 and of 200 updates."""
    port = serve()
    os.environ.update(AWS_ACCESS_KEY_ID="AKID", AWS_DEFAULT_REGION="us-east-1")
    os.environ["AWS_SECRET_ACCESS_KEY"] = "x"  # noqa: S105  signs for loopback only
    os.environ["AWS_ENDPOINT_URL_LAMBDA"] = f"http://127.0.0.1:{port}"
    import boto3

    ours, theirs = HttpServiceClient(), boto3.client("lambda")
    print("one checkpoint over HTTP on loopback, ms of CPU in the caller")
    for count in (2, 200):
        updates = [
            {"Id": f"{i:064x}", "Type": "STEP", "Action": "SUCCEED", "SubType": "Step", "Name": "n", "Payload": '"x"'}
            for i in range(count)
        ]
        mine = cpu(lambda updates=updates: ours.checkpoint(ARN, "dG9rZW4=", updates, "c"), 200)
        other = cpu(
            lambda updates=updates: theirs.checkpoint_durable_execution(
                DurableExecutionArn=ARN, CheckpointToken="dG9rZW4=", Updates=updates, ClientToken="c"
            ),
            200,
        )
        print(f"  {count:3} updates: ours {mine:6.3f}, boto3 {other:6.3f}, ratio {other / mine:4.1f}")


if __name__ == "__main__":
    values()
    transport()
