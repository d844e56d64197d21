"""SIGKILL at any moment: what was acknowledged is there, timers fire, executions end."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

KILLS = 200
LONGEST_LIFE = 0.02
"""Seconds after it listens until a service is killed, at the latest."""
STEPS = 120
"""Operations after which the writer ends an execution and starts the next one."""


class Life:
    """One life of the service, from its first line to the SIGKILL."""

    def __init__(self, forker: subprocess.Popen[str], path: Path) -> None:
        assert forker.stdin is not None
        self.forker = forker
        self.pid = 0
        forker.stdin.write(f"{path}\n")
        forker.stdin.flush()
        self.announced: list[dict[str, Any]] = []
        while True:
            line = self.line()
            if "port" in line:
                break
            self.announced.append(line)
        self.pid = line["pid"]
        self.announced = [line for line in self.announced if line["pid"] == self.pid]
        self.connection = http.client.HTTPConnection("127.0.0.1", line["port"], timeout=10)
        self.connection.connect()

    def line(self) -> dict[str, Any]:
        assert self.forker.stdout is not None
        while True:
            text = self.forker.stdout.readline()
            assert text, "the forking process is gone"
            try:
                found = json.loads(text)
            except ValueError:  # the rest of a line its writer did not live to finish
                continue
            if not isinstance(found, dict):
                continue
            if found.get("dead") == self.pid:
                raise ConnectionError(f"{self.pid} is dead")
            if "pid" in found:
                return found

    def invocation(self) -> dict[str, Any]:
        """Return the next invocation of this life; the pipe may still hold one of the life before."""
        line = self.announced.pop(0) if self.announced else self.line()
        return line if line["pid"] == self.pid else self.invocation()

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, data, headers or {})
        with self.connection.getresponse() as answer:
            text = answer.read()
        return answer.status, {**dict(answer.getheaders()), **(json.loads(text) if text else {})}

    def invoke(self, function: str) -> str:
        path = f"/2015-03-31/functions/{function}:%24LATEST/invocations"
        status, answer = self.call("POST", path, {}, {"X-Amz-Invocation-Type": "Event"})
        assert status == 202, answer
        return str(answer["x-amz-durable-execution-arn"])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class Writer:
    """Checkpoints as fast as it can and remembers only what was acknowledged."""

    def __init__(self) -> None:
        self.number = 0
        self.acknowledged: dict[str, set[str]] = {}
        self.ended: set[str] = set()
        self.timers: set[str] = set()

    def write(self, life: Life) -> None:
        """Write until the service dies."""
        self.timers.add(life.invoke("timer"))
        for arn in set(self.acknowledged) - self.ended:
            if describe(life, arn)["Status"] == "SUCCEEDED":  # its end was written, the reply was lost
                self.ended.add(arn)
        if set(self.acknowledged) == self.ended:
            self.acknowledged[life.invoke("writer")] = set()
        while True:
            invocation = life.invocation()
            arn, token = invocation["arn"], invocation["token"]
            if arn in self.acknowledged and arn not in self.ended:
                self.check(life, arn, token)
                self.fill(life, arn, token)

    def fill(self, life: Life, arn: str, token: str) -> None:
        path = f"/2025-12-01/durable-executions/{quote(arn, safe='')}/checkpoint"
        while len(self.acknowledged[arn]) < STEPS:
            self.number += 1
            operation = f"s{self.number}"
            update = {"Id": operation, "Type": "STEP", "Action": "SUCCEED", "Payload": operation}
            status, answer = life.call("POST", path, {"CheckpointToken": token, "Updates": [update]})
            assert status == 200, answer
            self.acknowledged[arn].add(operation)
            token = answer["CheckpointToken"]
        update = {"Id": "end", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": "1"}
        status, _ = life.call("POST", path, {"CheckpointToken": token, "Updates": [update]})
        assert status == 200
        self.ended.add(arn)
        self.acknowledged[life.invoke("writer")] = set()

    def check(self, life: Life, arn: str, token: str) -> None:
        """Everything acknowledged in earlier lives is in the state the function gets."""
        path = (
            f"/2025-12-01/durable-executions/{quote(arn, safe='')}/state?MaxItems=1000&CheckpointToken={quote(token)}"
        )
        status, answer = life.call("GET", path)
        assert status == 200, answer
        assert self.acknowledged[arn] <= {operation["Id"] for operation in answer["Operations"]}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_nothing_acknowledged_is_lost_and_everything_ends_after_200_kills(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite"
    chance = random.Random(20)
    writer = Writer()
    script = Path(__file__).with_name("kill_server.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forker:
        try:
            for _ in range(KILLS):
                life = Life(forker, path)
                timer = threading.Timer(chance.uniform(0, LONGEST_LIFE), life.kill)
                timer.start()
                with pytest.raises((OSError, http.client.HTTPException)):
                    writer.write(life)
                timer.join()
                life.connection.close()
            life = Life(forker, path)
            finish(life, writer)
            life.connection.close()
            life.kill()
        finally:
            assert forker.stdin is not None
            forker.stdin.close()
    assert sum(map(len, writer.acknowledged.values())) > KILLS, "the writer hardly got to write"


def finish(life: Life, writer: Writer) -> None:
    """Let the last life run: all timers fire, and what was acknowledged is in the history."""
    deadline = time.monotonic() + 30
    for arn in writer.timers:
        while describe(life, arn)["Status"] != "SUCCEEDED":
            assert time.monotonic() < deadline, f"{arn} does not end"
            time.sleep(0.05)
    for arn, operations in writer.acknowledged.items():
        if arn in writer.ended:
            assert describe(life, arn)["Status"] == "SUCCEEDED"
        status, answer = life.call("GET", f"/2025-12-01/durable-executions/{quote(arn, safe='')}/history?MaxItems=1000")
        assert status == 200
        logged = [event["Id"] for event in answer["Events"] if event["EventType"] == "StepSucceeded"]
        assert operations <= set(logged)
        assert len(logged) == len(set(logged))


def describe(life: Life, arn: str) -> dict[str, Any]:
    status, answer = life.call("GET", f"/2025-12-01/durable-executions/{quote(arn, safe='')}")
    assert status == 200, answer
    return dict(answer)
