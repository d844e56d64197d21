"""The durable vocabulary: packages, decorators, operations and what their functions receive."""

from __future__ import annotations

from typing import NamedTuple

OURS = "durable_runtime"
AWS = "aws_durable_execution_sdk_python"
PACKAGES = (OURS, AWS)

ROLES = {
    "durable_execution": "handler",
    "durable_step": "step",
    "durable_with_child_context": "child",
    "durable_wait_for_callback": "submitter",
    "durable_parallel_branch": "branch",
}

CONTEXT_TYPES = frozenset({"DurableContext", "AsyncDurableContext"})
LEAF_CONTEXT_TYPES = frozenset({"StepContext", "WaitForCallbackContext", "WaitForConditionCheckContext"})


class OperationShape(NamedTuple):
    """How one operation is called.

    ``function`` is the position of the user's function (None: it takes none), ``region`` the region that
    function runs in, ``receives`` what its parameters are: c = durable context, l = leaf context, . = data.
    ``name`` is the position of the operation's name in AWS's call shape.
    """

    function: int | None
    keyword: str
    region: str
    receives: str
    name: int | None


OPERATIONS: dict[str, OperationShape] = {
    "step": OperationShape(0, "func", "step", "l", 1),
    "wait": OperationShape(None, "", "", "", 1),
    "create_callback": OperationShape(None, "", "", "", 0),
    "wait_for_callback": OperationShape(0, "submitter", "submitter", ".l", 1),
    "invoke": OperationShape(None, "", "", "", 2),
    "run_in_child_context": OperationShape(0, "func", "child", "c", 1),
    "map": OperationShape(1, "func", "item", "c...", 2),
    "parallel": OperationShape(0, "functions", "branch", "c", 1),
    "with_retry": OperationShape(0, "func", "child", "c.", 1),
    "wait_for_condition": OperationShape(0, "check", "condition", ".l", 2),
}
CLEAN_METHODS = frozenset({"now", "uuid4", "random", "patched"})
LEAF_REGIONS = frozenset({"step", "submitter", "condition", "compensation"})


def canonical(path: str) -> str | None:
    """Return the public name behind a dotted path into a durable package, or None for anything else."""
    root, _, rest = path.partition(".")
    if root not in PACKAGES or not rest:
        return None
    return rest.rsplit(".", 1)[-1]
