"""Rules about the check itself: files that cannot be read, ignores, and the recorded baseline."""

from __future__ import annotations

from durable_check.rules._base import Rule

BASELINE = Rule(
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
UNREADABLE = Rule(
    id="DUR090",
    name="unreadable-source",
    severity="error",
    reported=(
        "A file with a syntax error, a broken encoding, null bytes, or more than 4 MB; a file that is not there; "
        "a handler string that names nothing."
    ),
    why="What cannot be read is not checked, and Lambda will most likely not load it either.",
    fix="Correct the file. Exclude generated files with `exclude` in `[tool.durable-check]`.",
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx)
    ctx.wait(60)
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    ctx.wait(60)
""",
    limits=(
        "Files in a folder that neither mention a durable package nor are imported by a workflow produce a note "
        "instead of a finding. The syntax is that of the Python that runs the check."
    ),
)
BAD_IGNORE = Rule(
    id="DUR091",
    name="bad-ignore",
    severity="warning",
    reported="A `# durable: ignore[...]` without a reason, without a rule, or with a rule that does not exist.",
    why="An ignore without a reason cannot be reviewed, and one with a misspelled rule ignores nothing.",
    fix="Write `# durable: ignore[DUR001] the reason`; several rules are separated by commas.",
    bad="""
import time

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = time.time()  # durable: ignore[DUR001]
    ctx.wait(60)
""",
    good="""
import time

from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = time.time()  # durable: ignore[DUR001] only for a debugger
    ctx.wait(60)
""",
    limits="An ignore without a reason ignores nothing: the finding it meant is reported as well.",
)
UNUSED_IGNORE = Rule(
    id="DUR092",
    name="unused-ignore",
    severity="warning",
    reported="A `# durable: ignore[...]` on a line where the rule reports nothing.",
    why="A left-over ignore hides the next real finding on its line.",
    fix="Delete the comment, or the rule from its list.",
    bad="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = ctx.now()  # durable: ignore[DUR001] was time.time() once
    ctx.wait(60)
""",
    good="""
from durable_runtime import durable_execution


@durable_execution
def handler(event, ctx):
    started = ctx.now()
    ctx.wait(60)
""",
    limits="Not reported for rules that were not run: with `--select` or `--ignore`, and in files nothing reached.",
)

RULES = (BASELINE, UNREADABLE, BAD_IGNORE, UNUSED_IGNORE)
