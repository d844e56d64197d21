"""Operations that moved against a recorded baseline."""

from __future__ import annotations

from durable_check.rules._base import Rule

RULE = Rule(
    id="DUR025",
    name="baseline-drift",
    severity="error",
    reported=(
        "Against a recorded baseline (`durable check --baseline FILE`): an operation was renamed, removed, moved, "
        "changed its type, or a new one was put in front of others."
    ),
    why=(
        "Operations are matched with the history by position and name. An execution that started on the old code and "
        "is replayed on the new one meets another operation than the one it recorded."
    ),
    fix=(
        "Deploy as a new version, so that running executions stay on the old one; or guard the change with "
        '`ctx.patched("id")`; '
        "or put new operations last. When the drift is intended, record it with `--write-baseline`."
    ),
    bad="""
from durable_runtime import durable_execution

# the baseline has: step "reserve", step "charge"


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: "charged", name="charge")
    ctx.step(lambda _: "reserved", name="reserve")
""",
    good="""
from durable_runtime import durable_execution

# the baseline has: step "reserve", step "charge"


@durable_execution
def handler(event, ctx):
    ctx.step(lambda _: "reserved", name="reserve")
    ctx.step(lambda _: "charged", name="charge")
    ctx.step(lambda _: "shipped", name="ship")
""",
    limits=(
        "The baseline holds each place in the code once, in source order; how often a loop runs is not part of it. "
        "A helper that is called twice from one scope counts once. Names that are computed are recorded as unknown "
        "and compare equal. Operations under `ctx.patched(...)` may come and go."
    ),
)
