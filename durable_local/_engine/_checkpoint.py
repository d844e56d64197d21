"""The function's side of the API: checkpoints and the state behind a token."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._engine import _apply, _envelope
from durable_local._engine._validation import check_batch, text_of
from durable_local._errors import ApiError, invalid_parameter

if TYPE_CHECKING:
    from durable_local._engine._core import Core
    from durable_local._engine._execution import Execution

_arn = re.compile(rules.ARN_PATTERN).fullmatch
_token = re.compile(rules.TOKEN_PATTERN).fullmatch
_client_token = re.compile(rules.CLIENT_TOKEN_PATTERN).fullmatch


def check_arn(arn: Any) -> None:
    """Refuse what cannot be the ARN of an execution."""
    if not isinstance(arn, str) or not _arn(arn):
        raise invalid_parameter(rules.INVALID_ARN.format(arn=str(arn)[:200]))


def check_token(arn: Any, token: Any, client_token: Any = None) -> None:
    """Refuse what cannot be an ARN with a checkpoint token, or a client token."""
    check_arn(arn)
    if text_of({"CheckpointToken": token}, "CheckpointToken", rules.MAX_TOKEN, _token, "") is None:
        raise invalid_parameter("Missing required member CheckpointToken")
    text_of({"ClientToken": client_token}, "ClientToken", rules.MAX_CLIENT_TOKEN, _client_token, "")


def checkpoint(core: Core, arn: str, token: str, updates: Any, client_token: str | None) -> dict[str, Any]:
    """Apply updates and hand over the next token, or repeat the reply that a client did not get."""
    execution = core.executions.get(arn) or core.closed.get(arn)
    if execution is None:
        raise _wrong_token(core, arn, token)
    if client_token is not None:
        stored = execution.replies.get((token, client_token))
        if stored is not None and stored[0] > core.clock.now() - rules.CLIENT_TOKEN_WINDOW * 1000:
            return stored[1]
    if token != execution.state["token"]:
        raise _wrong_token(core, arn, token)
    batch = check_batch(execution, [] if updates is None else updates, core.settings)
    _apply.apply(core, execution, batch)
    reply = _reply(core, execution)
    if client_token is not None:
        _keep_reply(core, execution, (token, client_token), reply)
    _warn(core, execution)
    return reply


def _reply(core: Core, execution: Execution) -> dict[str, Any]:
    """Build the reply; one without a token tells a function to suspend, or that its execution is closed."""
    reply: dict[str, Any] = {}
    if execution.status == rules.PAUSING:
        execution.state["token"] = ""
        execution.state["pause"]["woken"] = True
        execution.set_status(rules.PAUSED)
    elif execution.is_open:
        reply["CheckpointToken"] = execution.new_token()
    unseen = list(execution.unseen.values())
    execution.delivered, execution.woken, execution.unseen = execution.woken, {}, {}
    operations, marker = _envelope.page(unseen, 0, rules.PAGE_MAX, core.settings.max_page_bytes)
    state: dict[str, Any] = {"Operations": _envelope.in_seconds(operations)}
    if marker:
        state["NextMarker"] = f"c{operations[-1].change}"
    reply["NewExecutionState"] = state
    return reply


def _keep_reply(core: Core, execution: Execution, key: tuple[str, str], reply: dict[str, Any]) -> None:
    replies = execution.replies
    replies[key] = (core.clock.now(), reply)
    if len(replies) > rules.REPLIES_KEPT:
        del replies[next(iter(replies))]


def _warn(core: Core, execution: Execution) -> None:
    """Tell the sink once about each quota that is used from 80 %."""
    warnings = execution.meter.warnings(core.settings)
    if len(warnings) > execution.meter.warned:
        execution.meter.warned = len(warnings)
        core.emit("quota", arn=execution.arn, function=execution.header["function"], warnings=warnings)


def _wrong_token(core: Core, arn: str, token: str) -> ApiError:
    """Say whether a token is stale or belongs to another execution."""
    try:
        owner = base64.b64decode(token, validate=True).decode().partition(":")[0]
    except ValueError:
        owner = ""
    known = core.find_by_id(owner) if owner else None
    if known is not None and known.arn != arn:
        return invalid_parameter(rules.FOREIGN_TOKEN)
    return invalid_parameter(rules.INVALID_TOKEN)


def get_state(core: Core, arn: str, token: str, marker: str | None, max_items: int | None) -> dict[str, Any]:
    """Return a page of what the function is shown: everything in start order, or the rest of a reply."""
    execution = core.executions.get(arn)
    if execution is None or token != execution.state["token"]:
        raise _wrong_token(core, arn, token)
    limit, page_bytes = _envelope.page_size(max_items), core.settings.max_page_bytes
    kind, start = _envelope.parse_marker(marker, "sc")
    operations = execution.visible_operations()
    if kind == "c":
        operations = sorted((o for o in operations if o.change > start), key=lambda o: o.change)
        page, following = _envelope.page(operations, 0, limit, page_bytes)
        following = f"c{page[-1].change}" if following else ""
    else:
        page, following = _envelope.page(operations, start, limit, page_bytes)
    answer: dict[str, Any] = {"Operations": _envelope.in_seconds(page)}
    if following:
        answer["NextMarker"] = following
    return answer
