"""Source that cannot be read."""

from __future__ import annotations

from durable_check.rules._base import Rule

RULE = Rule(
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
