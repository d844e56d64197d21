"""A handler written for AWS's SDK runs unchanged once `durable_runtime.compat` is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.kit import RIVAL, SYNC
from tests.runtime.test_exports import PAIRS
from tests.runtime.workflows import ANSWERS, Callback, Child, Condition, Invoke, Map, Parallel, Step, Wait, workflow

ROOT = Path(__file__).resolve().parents[2]
NODES = (
    Step(1),
    Map(3, (Step(), Wait(3), Callback()), 2),
    Parallel(((Step(), Child((Wait(9),))), (Invoke(ok=False),))),
    Condition(2),
    Child((Step(3),), virtual=True),
)
UNMODIFIED = """
import json, sys
import durable_runtime.compat
durable_runtime.compat.install() if hasattr(durable_runtime.compat, "install") else None

import logging
from aws_durable_execution_sdk_python import (
    DurableContext, StepContext, durable_execution, durable_step, durable_with_child_context, with_retry,
    WithRetryConfig, StepError,
)
from aws_durable_execution_sdk_python.config import Duration, MapConfig, StepConfig, StepSemantics, CompletionConfig
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy, RetryPresets
from aws_durable_execution_sdk_python.exceptions import ExecutionError
import aws_durable_execution_sdk_python as whole

assert "durable_runtime" in whole.durable_execution.__module__, whole.durable_execution.__module__

@durable_step
def charge(step_context: StepContext, amount: int) -> dict:
    step_context.logger.info("charging", extra={"amount": amount})
    return {"charged": amount}

@durable_with_child_context
def ship(ctx: DurableContext, boxes: int) -> list:
    result = ctx.map(list(range(boxes)), pack, name="pack", config=MapConfig(max_concurrency=2))
    ctx.wait(Duration.from_minutes(5), name="courier")
    return result.get_results()

def pack(ctx, item, index, items):
    return ctx.step(lambda _: item * 10, name="pack-one")

@durable_execution
def handler(event: dict, context: DurableContext) -> dict:
    config = StepConfig(
        retry_strategy=create_retry_strategy(RetryStrategyConfig(max_attempts=2)),
        step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
    )
    paid = context.step(charge(event["amount"]), config=config)
    shipped = context.run_in_child_context(ship(2))
    retried = with_retry(
        context, lambda ctx, attempt: ctx.step(lambda _: attempt, name="try"), WithRetryConfig(), name="block"
    )
    try:
        context.step(lambda _: 1 / 0, name="bad", config=StepConfig(retry_strategy=RetryPresets.none()))
    except StepError as error:
        bad = error.error_type
    context.logger.info("done")
    return {"paid": paid, "shipped": shipped, "retried": retried, "bad": bad}

from tests.runtime.driving import run_to_end
run = run_to_end(handler, {"amount": 7})
assert run.result == {"paid": {"charged": 7}, "shipped": [0, 10], "retried": 1, "bad": "ZeroDivisionError"}, run.result
names = [name for _, action, name in run.service.updates() if action == "START"]
assert names[:2] == ["charge", "ship"], names
print("unmodified handler ran")
"""


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_unmodified_handler_runs():
    assert "unmodified handler ran" in python(UNMODIFIED)


@pytest.fixture(scope="module")
def both():
    """What the ten handlers of `unmodified.py` did on either side."""
    sides = []
    for side in ("ours", "theirs"):
        command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "tests.runtime.unmodified", side]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        sides.append(json.loads(done.stdout))
    return sides


HANDLERS = ["order", "failures", "approval", "invokes", "maps", "branches", "groups", "polling", "blocks", "values"]


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_written_for_awss_sdk_does_the_same_here(both, name):
    """Same outcome, same invocations, and the same updates for the same operation ids."""
    ours, theirs = both
    assert list(ours) == HANDLERS
    assert ours[name] == theirs[name]


def test_compat_resolves_every_public_name_to_ours():
    """Also when the real package is installed, as it is here; and nothing of it is loaded."""
    imports = "\n".join(
        f"from aws_durable_execution_sdk_python{'.' + module if module else ''} import {name}" for module, name in PAIRS
    )
    code = (
        "import durable_runtime.compat\n"
        "getattr(durable_runtime.compat, 'install', lambda: None)()\n"
        f"{imports}\n"
        "import sys\n"
        "own = [m.__file__ for n, m in sys.modules.items() if n.startswith('aws_durable_execution_sdk_python')]\n"
        "assert all('durable_runtime' in f for f in own), own\n"
        "print(len(own))"
    )
    assert int(python(code)) > 5


def test_the_same_workflow_gives_the_same_result_on_both():
    flow = workflow(NODES)
    assert SYNC.run(flow, answers=ANSWERS).result == RIVAL.run(flow, answers=ANSWERS).result
