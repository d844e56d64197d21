"""Unstable identities in leaves that run again."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from durable_check import _catalogue
from durable_check._engine import facts
from durable_check.rules._base import Problem, Rule, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_check._engine.frames import Region
    from durable_check._engine.values import Taint, Value


RULE = Rule(
    id="DUR012",
    name="unstable-effect-identity",
    severity="warning",
    reported=(
        "A clock, a random value or a fresh uuid flows into an argument that names or keys an "
        "external effect, inside a step body, a submitter or a condition check that can run again. In "
        "a submitter it is an error."
    ),
    why=(
        "An attempt that was interrupted after the effect and before its record runs again. With a "
        "new name the other side cannot see that it is the same request: two jobs are started and "
        "paid, two rows are written, one callback is never answered."
    ),
    fix=(
        "Build the name from durable state: the event, the result of an earlier step, `ctx.uuid4()` "
        'outside the body. Then treat the other side\'s "already exists" as success.'
    ),
    bad="""
import time

import boto3

from durable_runtime import durable_execution

transcribe = boto3.client("transcribe", region_name="eu-west-1")


@durable_execution
def handler(event, ctx):
    def submit(callback_id, submitter):
        transcribe.start_transcription_job(
            TranscriptionJobName=f"scan-{time.time()}",
            Media={"MediaFileUri": event["uri"]},
        )

    return ctx.wait_for_callback(submit)
""",
    good="""
import boto3

from durable_runtime import durable_execution

transcribe = boto3.client("transcribe", region_name="eu-west-1")


@durable_execution
def handler(event, ctx):
    def submit(callback_id, submitter):
        transcribe.start_transcription_job(
            TranscriptionJobName=f"scan-{event['scan_id']}",
            Media={"MediaFileUri": event["uri"]},
        )

    return ctx.wait_for_callback(submit)
""",
    limits=(
        "Plain attributes such as `createdAt` are left alone: a second run overwrites them. A step under at-most-once "
        "semantics without retries does not run again and is not reported. Which arguments name or key is decided by "
        "their names (`*Name`, `*Id`, `*Key`, `*Token`, url, path, `pk`, `sk` …); by position only URLs, keys of "
        "uploads and, in a submitter, texts handed to a call that starts work (`start…`, `create…`, `submit…`)."
    ),
)

_FRESH = frozenset({"clock", "random", "identity"})
_KEY = re.compile(
    r"(^|[_-])(file)?(name|key|id|ids|token|identifier|url|uri|reference|ref|path|prefix|topic|queue|slug|pk|sk"
    r"|dedup\w*|idempotency\w*)$"
)
_STARTING = re.compile(r"(start|create|submit|launch|run|enqueue|schedule|begin|trigger|request|dispatch|register)")
_TRACING = frozenset({"trace_id", "span_id", "correlation_id"})
_NO_EFFECT = frozenset({"get", "format", "join", "split", "replace", "strip", "encode", "decode", "isoformat"})
_LOCAL_FILES = "touches the file system"


def _check(fact: facts.ExternalUse) -> Iterator[Problem]:
    region = fact.frame.region
    if not region.in_leaf or not region.rerunnable or fact.arguments is None or not _is_effect(fact):
        return
    found = _keyed(fact)
    if found is None:
        return
    argument, taint = found
    submitter = region.leaf == "submitter"
    yield Problem(
        fact.frame,
        fact.node,
        f"`{argument}` of this call gets {source_of(taint, fact.frame)}: when the {_leaf(region)} runs again, "
        "the effect gets another identity",
        severity="error" if submitter else None,
    )


def _leaf(region: Region) -> str:
    """Return the leaf and the code that runs it: the call may stand in another file than both."""
    if region.scope is None or not region.scope.name.isidentifier():
        return region.leaf
    return f"{region.leaf} in {region.scope.describe()}"


def _is_effect(fact: facts.ExternalUse) -> bool:
    """Whether the call reaches something outside; unknown objects count when the call looks like a request."""
    if fact.entry is not None:
        return fact.entry.category == "io" and fact.entry.does != _LOCAL_FILES
    head, _, name = fact.path.rpartition(".")
    if name in _NO_EFFECT or name[:1].isupper() or not name:
        return False
    if head == "?":
        node = fact.node
        on_object = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        return on_object or fact.frame.region.leaf == "submitter"
    root = fact.path.split(".", 1)[0].split("(", 1)[0]
    if root in _catalogue.PURE_MODULES or root in {"ctx", "lambda_context"}:
        return False
    return bool(head) and "." in fact.path


def _keyed(fact: facts.ExternalUse) -> tuple[str, Taint] | None:
    arguments = fact.arguments
    if arguments is None:
        return None
    for name, value in arguments.keywords.items():
        found = _in_argument(name, value)
        if found is not None:
            return found
    for position, value in enumerate(arguments.positional):
        found = _in_fields(value)
        names = fact.entry is not None and _positional_key(fact.path, position)
        if found is None and (names or (value.text and _starts_work(fact))):
            found = _fresh(f"argument {position + 1}", value)
        if found is not None:
            return found
    return None


def _starts_work(fact: facts.ExternalUse) -> bool:
    """Whether a submitter starts something here, so that a text put together for it is taken as its name."""
    name = fact.path.rpartition(".")[2]
    return fact.frame.region.leaf == "submitter" and _STARTING.match(name) is not None


def _positional_key(path: str, position: int) -> bool:
    name = path.rpartition(".")[2]
    if name in {"upload_file", "upload_fileobj", "copy_object"}:
        return position in {1, 2}
    web = path.startswith(("requests.", "httpx.", "aiohttp.", "urllib"))
    return web and position == (1 if name == "request" else 0)


def _in_argument(name: str, value: Value) -> tuple[str, Taint] | None:
    if _names(name):
        return _fresh(name, value)
    return _in_fields(value)


def _in_fields(value: Value) -> tuple[str, Taint] | None:
    for key, part in value.fields:
        found = _in_argument(key, part)
        if found is not None:
            return found
    for item in value.items:
        found = _in_fields(item)
        if found is not None:
            return found
    return None


def _fresh(name: str, value: Value) -> tuple[str, Taint] | None:
    for taint in value.all_taints():
        if taint.kind in _FRESH:
            return name, taint
    return None


def _names(name: str) -> bool:
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return snake not in _TRACING and _KEY.search(snake) is not None


CHECKS = {facts.ExternalUse: _check}
