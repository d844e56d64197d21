"""What can be known to be wrong before anything is created: plain Python, as few jsii calls as possible."""

from __future__ import annotations

import datetime as dt
import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import aws_cdk as cdk

from constructs_durable._options import ALIAS_OPTIONS, ASYNCHRONOUS_OPTIONS, FUNCTION_OPTIONS, RESERVED_OPTIONS
from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from constructs import IConstruct

    from constructs_durable._options import FunctionOptions

__all__ = [
    "LONGEST_SYNCHRONOUS",
    "LONGEST_TIMEOUT",
    "Limits",
    "Place",
    "as_duration",
    "check_limits",
    "in_seconds",
    "split_options",
]

LONGEST_EXECUTION = 31_622_400  # seconds, 366 days: `DurableConfig.ExecutionTimeout`
LONGEST_RETENTION = 90  # days: `DurableConfig.RetentionPeriodInDays`
LONGEST_TIMEOUT = 900  # seconds: `Timeout` of any function
LONGEST_SYNCHRONOUS = 900  # seconds: an event source or a synchronous caller waits for the whole execution
SHORT_TIMEOUT = 10  # seconds: below it a cold start and one retried checkpoint do not fit

NUMBER_TOKENS_BELOW = -1e280  # CDK writes a number known at deploy only as a huge negative one

AnyDuration: TypeAlias = "cdk.Duration | dt.timedelta"


class Place(NamedTuple):
    """Where a construct is being made: the start of every error text."""

    scope: IConstruct
    construct_id: str

    def error(self, text: str) -> DurableInputError:
        """Build the error that names this place."""
        return DurableInputError.at(self.scope, self.construct_id, text)


class Limits(NamedTuple):
    """Checked durations: the function's timeout and the execution's, in seconds; None stands for a token."""

    timeout: float | None
    execution_timeout: float | None
    warnings: tuple[tuple[str, str], ...] = ()


def as_duration(value: AnyDuration) -> cdk.Duration:
    """Turn what a user may pass into what CDK takes."""
    return in_seconds(math.ceil(value.total_seconds())) if isinstance(value, dt.timedelta) else value


@functools.lru_cache(maxsize=256)
def in_seconds(seconds: float) -> cdk.Duration:
    """Make a duration, once per value: durations never change, and each costs a call into Node."""
    return cdk.Duration.seconds(seconds)


def split_options(place: Place, options: FunctionOptions) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the function and those of asynchronous invocation; refuse what is neither."""
    function_options: dict[str, Any] = {}
    asynchronous: dict[str, Any] = {}
    for name, value in options.items():
        if name in RESERVED_OPTIONS:
            raise place.error(f"`{name}` has no place on a DurableFunction: {RESERVED_OPTIONS[name]}.")
        if name not in FUNCTION_OPTIONS | ALIAS_OPTIONS:
            raise place.error(f"`{name}` is not a property of lambda.Function. Check its spelling.")
        if name in FUNCTION_OPTIONS:
            function_options[name] = value
        elif name in ASYNCHRONOUS_OPTIONS and value is not None:
            asynchronous[name] = value
    return function_options, asynchronous


def check_limits(
    place: Place,
    *,
    execution_timeout: AnyDuration,
    timeout: AnyDuration | None,
    retention_period: AnyDuration | None,
    longest_phase: AnyDuration | None,
) -> Limits:
    """Check the four durations against the service's limits and against each other."""
    execution = _seconds(place, "execution_timeout", execution_timeout)
    if execution is not None and not 1 <= execution <= LONGEST_EXECUTION:
        raise place.error(
            f"execution_timeout is {execution:g} s; the service accepts 1 s to {LONGEST_EXECUTION:,} s (366 days). "
            "For work without an end, start the next execution as the last step of this one."
        )
    retention = None if retention_period is None else _seconds(place, "retention_period", retention_period)
    if retention is not None and not (retention % 86_400 == 0 and 1 <= retention // 86_400 <= LONGEST_RETENTION):
        raise place.error(
            f"retention_period is {retention / 86_400:g} days; the service accepts whole days from 1 to "
            f"{LONGEST_RETENTION}. Keep what must live longer in a table or bucket of your own."
        )
    phase = None if longest_phase is None else _seconds(place, "longest_phase", longest_phase)
    if phase is not None and not 0 < phase <= LONGEST_TIMEOUT:
        raise place.error(
            f"longest_phase is {phase:g} s; one invocation may run for {LONGEST_TIMEOUT} s at most. "
            "Split the work into steps, or hand it to a job that answers through a callback."
        )
    if phase is not None and execution is not None and phase > execution:
        raise place.error(
            f"longest_phase is {phase:g} s but execution_timeout is {execution:g} s: the execution ends before the "
            "phase can. Raise execution_timeout."
        )
    chosen = _timeout(place, timeout, execution, phase)
    return Limits(chosen, execution, _timeout_warnings(chosen))


def _timeout(place: Place, timeout: AnyDuration | None, execution: float | None, phase: float | None) -> float | None:
    if timeout is None:  # what the service itself would choose: an idle timeout costs nothing
        return min(execution or LONGEST_TIMEOUT, LONGEST_TIMEOUT)
    chosen = _seconds(place, "timeout", timeout)
    if chosen is None:
        return None
    if not 1 <= chosen <= LONGEST_TIMEOUT:
        raise place.error(
            f"timeout is {chosen:g} s; one invocation may run for 1 s to {LONGEST_TIMEOUT} s. "
            "Long waits belong into ctx.wait() or a callback, and the whole run into execution_timeout."
        )
    if phase is not None and chosen < phase:
        raise place.error(
            f"timeout is {chosen:g} s but longest_phase is {phase:g} s: an invocation is killed before the phase "
            f"can end, on every attempt. Raise timeout to {math.ceil(phase)} s or more, or leave it out."
        )
    if execution is not None and chosen > execution:
        raise place.error(
            f"timeout is {chosen:g} s but execution_timeout is {execution:g} s: the execution ends first, always. "
            "Raise execution_timeout, or leave timeout out."
        )
    return chosen


def _timeout_warnings(timeout: float | None) -> tuple[tuple[str, str], ...]:
    if timeout is None or timeout >= SHORT_TIMEOUT:
        return ()
    text = (
        f"timeout is {timeout:g} s. It must cover the longest phase between two suspensions, a cold start and "
        f"the replay of the history included; below {SHORT_TIMEOUT} s that rarely fits."
    )
    return (("constructs-durable:short-timeout", text),)


def _seconds(place: Place, name: str, value: AnyDuration) -> float | None:
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if not isinstance(value, cdk.Duration):
        raise place.error(f"{name} is {value!r}; pass a Duration or a timedelta.")
    seconds = float(value.to_seconds(integral=False))
    return None if seconds < NUMBER_TOKENS_BELOW else seconds
