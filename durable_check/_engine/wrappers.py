"""Decorators of the project: calling a decorated function runs the wrapper they made around it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from durable_check._engine.expressions import evaluate
from durable_check._engine.facts import Arguments
from durable_check._engine.frames import NEUTRAL, Frame
from durable_check._engine.values import FunctionRef, Value, of

if TYPE_CHECKING:
    from durable_check._engine.modules import FunctionInfo
    from durable_check._engine.run import Engine


def wrapped(engine: Engine, kind: FunctionRef) -> FunctionRef:
    """Return what a call of this function really calls: its wrapper, or itself.

    A wrapper that is already running is left out: one decorator's wrapper is one piece of code for all functions it
    is put on, and must not hide the second of them as a recursion.
    """
    if kind.raw or kind.closure is not None:
        return kind
    wrapper = wrapper_of(engine, kind.info)
    if wrapper is None or engine.runs(wrapper.info):
        return kind
    return replace(wrapper, receiver=kind.receiver, bound=kind.bound, bound_last=kind.bound_last)


def wrapper_of(engine: Engine, info: FunctionInfo) -> FunctionRef | None:
    """Return the wrapper that the project's decorators put around a function of a module or class."""
    if info not in engine.wrappers:
        engine.wrappers[info] = None  # what a decorator that calls the function it decorates sees
        engine.wrappers[info] = _decorated(engine, info)
    return engine.wrappers[info]


def _decorated(engine: Engine, info: FunctionInfo) -> FunctionRef | None:
    frame = Frame(engine, info.module, None, NEUTRAL)
    inner = FunctionRef(info, raw=True)
    current = inner
    for decorator in reversed(getattr(info.node, "decorator_list", ())):
        known = evaluate(frame, decorator).first(FunctionRef)
        if isinstance(known, FunctionRef) and known.info.role is None:
            current = _made(engine.call_function(frame, known, Arguments((of(current),), {}), NEUTRAL)) or current
    return None if current.info is info else current


def _made(value: Value) -> FunctionRef | None:
    """Return the function a decorator gives back, when it is one it defined itself."""
    known = value.first(FunctionRef)
    made = isinstance(known, FunctionRef) and (known.raw or (known.closure is not None and known.info.role is None))
    return known if made and isinstance(known, FunctionRef) else None
