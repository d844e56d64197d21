"""One table of workflows, three ways to run it: in process, over HTTP with workers, and on AWS's own SDK.

Status, result, error, operations and events must agree.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from durable_local import LocalService
from durable_local._functions import FunctionApi
from durable_local.testing import DurableTestRunner, TestResult, fail, succeed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

SOURCE = Path(__file__).with_name("workflows.py.txt")

# name: (event, answers to callbacks, status, result)
TABLE: dict[str, tuple[Any, dict[str, Any], str, Any]] = {
    "steps": ({"n": 1}, {}, "SUCCEEDED", 6),
    "waits": ({}, {}, "SUCCEEDED", "after"),
    "retried": ({}, {}, "SUCCEEDED", 2),
    "exhausted": ({}, {}, "FAILED", None),
    "caught": ({}, {}, "SUCCEEDED", "mended never again"),
    "at_most_once": ({}, {}, "SUCCEEDED", [1, 2]),
    "raises": ({}, {}, "FAILED", None),
    "approved": ({}, {"approval": succeed("yes")}, "SUCCEEDED", "yes"),
    "two_callbacks": ({}, {"first": succeed("a"), "second": succeed("b")}, "SUCCEEDED", ["a", "b"]),
    "callback_times_out": ({}, {}, "SUCCEEDED", "Callback timed out"),
    "child_context": ({}, {}, "SUCCEEDED", 42),
    "large_child": ({}, {}, "SUCCEEDED", 400_000),
    "mapped": ({}, {}, "SUCCEEDED", [1, 4, 9, 16]),
    "mapped_with_waits": ({}, {}, "SUCCEEDED", [1, 2, 3]),
    "mapped_with_failure": ({}, {}, "SUCCEEDED", [2, 1, [1, 3]]),
    "parallel": ({}, {}, "SUCCEEDED", ["left", "right"]),
    "polled": ({}, {}, "SUCCEEDED", 3),
    "invokes": ({}, {}, "SUCCEEDED", [6, {"got": 2}]),
    "invoke_fails": ({}, {}, "SUCCEEDED", "no such order"),
    "invoke_missing": ({}, {}, "FAILED", None),
    "approved-rejected": ({}, {"approval": fail("no", error_type="Rejected")}, "FAILED", None),
}
SIBLINGS = ("steps", "raises", "plain")


def load(package: str, folder: Path) -> ModuleType:
    path = folder / f"workflows_on_{package}.py"
    path.write_text(SOURCE.read_text().replace("PACKAGE", package))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return load("durable_runtime", tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return load("aws_durable_execution_sdk_python", tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def service(ours: ModuleType, theirs: ModuleType) -> Iterator[LocalService]:
    service = LocalService(clock="skip")
    api = FunctionApi(service.engine.functions)
    create(api, "theirs", theirs, "waits")
    for name in {key.partition("-")[0] for key in TABLE} | set(SIBLINGS):
        create(api, name, ours, name)
    with service:
        yield service


def create(api: FunctionApi, name: str, module: ModuleType, function: str) -> None:
    durable = {} if name == "plain" else {"DurableConfig": {"ExecutionTimeout": 31_622_400}}
    api.create_function(
        {
            "FunctionName": name,
            "Handler": f"{module.__name__}.{function}",
            "Runtime": "python3.13",
            "Role": "arn:aws:iam::123456789012:role/local",
            "Timeout": 30,
            "Code": {"S3Bucket": "local-folder", "S3Key": str(Path(str(module.__file__)).parent)},
            **durable,
        }
    )


def in_process(module: ModuleType, name: str) -> TestResult:
    event, responders, _, _ = TABLE[name]
    handler = getattr(module, name.partition("-")[0])
    siblings = {key: getattr(module, key) for key in SIBLINGS if getattr(module, key) is not handler}
    with DurableTestRunner(handler, functions=siblings, responders=responders) as runner:
        return runner.run(event)


def over_http(service: LocalService, name: str, function: str | None = None) -> TestResult:
    event, responders, _, _ = TABLE[name]
    client = boto3.client(
        "lambda", endpoint_url=service.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    runner = DurableTestRunner(f"{function or name.partition('-')[0]}:$LATEST", client=client, responders=responders)
    return runner.run(event)


def outcome(result: TestResult) -> tuple[Any, ...]:
    """What must agree. An error's type is left out: our runtime gives back the original class, AWS's SDK its own."""
    error = result.error.message if result.error else None
    operations = sorted(
        (op.id, op.type, op.sub_type or "", op.name or "", op.parent_id or "", op.status, op.attempts)
        for op in result.operations
    )
    events = Counter(
        (event["EventType"], event.get("Name", ""))
        for event in result.events
        if not event["EventType"].startswith(("Invocation", "Execution"))
    )
    return result.status, result.result, error, operations, events


@pytest.mark.parametrize("name", TABLE)
def test_all_three_ways_agree(name: str, ours: ModuleType, theirs: ModuleType, service: LocalService) -> None:
    _, _, status, value = TABLE[name]
    local = in_process(ours, name)
    assert (local.status, local.result) == (status, value), local.timeline()
    remote, aws = over_http(service, name), in_process(theirs, name)
    assert str(remote.error) == str(local.error)
    for other in (remote, aws):
        assert outcome(other) == outcome(local), f"{local.timeline()}\n{other.timeline()}"
        assert [event["EventId"] for event in other.events] == list(range(1, len(other.events) + 1))


def test_awss_sdk_runs_in_workers_unchanged(ours: ModuleType, service: LocalService) -> None:
    remote = over_http(service, "waits", "theirs")
    assert outcome(remote) == outcome(in_process(ours, "waits")), remote.timeline()
