"""What can be known to be wrong before anything is created: plain Python, as few jsii calls as possible."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import aws_cdk as cdk

from constructs_durable._arguments import NUMBER_TOKENS_BELOW
from constructs_durable._options import ALIAS_OPTIONS, ASYNCHRONOUS_OPTIONS, FUNCTION_OPTIONS, RESERVED_OPTIONS
from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from constructs import IConstruct

    from constructs_durable._options import FunctionOptions

__all__ = [
    "LONGEST_SYNCHRONOUS",
    "LONGEST_TIMEOUT",
    "Limits",
    "Place",
    "Remark",
    "as_duration",
    "check_limits",
    "in_seconds",
    "in_words",
    "known",
    "refuse_twice",
    "refused_by",
    "split_options",
    "stage_of",
]

LONGEST_EXECUTION = 31_622_400  # seconds, 366 days: `DurableConfig.ExecutionTimeout`
LONGEST_RETENTION = 90  # days: `DurableConfig.RetentionPeriodInDays`
LONGEST_TIMEOUT = 900  # seconds: `Timeout` of any function
LONGEST_SYNCHRONOUS = 900  # seconds: an event source or a synchronous caller waits for the whole execution
MOST_RETRIES = 2  # `MaximumRetryAttempts` of an asynchronous invocation
EVENT_AGES = (60, 21_600)  # seconds: `MaximumEventAgeInSeconds`
SHORT_TIMEOUT = 60  # seconds: below it a phase with a slow call and its retries rarely fits

AnyDuration: TypeAlias = cdk.Duration | dt.timedelta


class Place(NamedTuple):
    """Where a construct is being made: the start of every error text."""

    scope: IConstruct
    construct_id: str

    @classmethod
    def of(cls, construct: IConstruct) -> Place:
        """Return the place of a construct that exists."""
        node = construct.node
        scope = node.scope
        return cls(construct if scope is None else scope, node.id)

    def error(self, text: str) -> DurableInputError:
        """Build the error that names this place."""
        return DurableInputError.at(self.scope, self.construct_id, text)


class Remark(NamedTuple):
    """What is to be said of a construct once it exists; CDK calls it an annotation."""

    level: Literal["error", "warning", "info"]
    identifier: str
    """What acknowledges it, unless it is an error."""
    text: str

    def say_of(self, construct: IConstruct) -> None:
        """Annotate the construct."""
        annotations = cdk.Annotations.of(construct)
        if self.level == "error":
            annotations.add_error(self.text)
        elif self.level == "warning":
            annotations.add_warning_v2(self.identifier, self.text)
        else:
            annotations.add_info_v2(self.identifier, self.text)


class Limits(NamedTuple):
    """Checked durations, as CDK takes them; a number may be a token."""

    timeout: cdk.Duration
    timeout_seconds: float | None
    """The same in seconds; None if it is known at deploy only."""
    execution_timeout: float
    """In seconds."""
    retention_period: float | None
    """In days."""
    remarks: tuple[Remark, ...] = ()

    @property
    def known_execution_timeout(self) -> float | None:
        """In seconds; None if it is known at deploy only."""
        return known(self.execution_timeout)


def as_duration(value: AnyDuration) -> cdk.Duration:
    """Turn what a user may pass into what CDK takes."""
    return in_seconds(math.ceil(value.total_seconds())) if isinstance(value, dt.timedelta) else value


@functools.lru_cache(maxsize=256)
def in_seconds(seconds: float) -> cdk.Duration:
    """Make a duration, once per value: durations never change, and each costs a call into Node."""
    return cdk.Duration.seconds(seconds)


def in_words(seconds: float) -> str:
    """Write seconds as a reader counts them: `34,560,000 s (400 days)`."""
    days, rest = divmod(seconds, 86_400)
    return f"{seconds:,.12g} s" + (_whole_days(days) if days >= 1 and not rest else "")


def _whole_days(days: float) -> str:
    return f" ({days:,.0f} days)" if days > 1 else " (1 day)"


def _asynchronous_options(place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return how often and how long Lambda tries to start an execution; refuse what it does not offer."""
    retries = given.get("retry_attempts", 0)
    if retries > NUMBER_TOKENS_BELOW and not 0 <= retries <= MOST_RETRIES:
        raise place.error(
            f"retry_attempts is {retries}; Lambda tries 0 to {MOST_RETRIES} times more to start an execution. "
            "Retries of a step belong into the workflow."
        )
    if "max_event_age" not in given:
        return {**given}
    age = known(_seconds(place, "max_event_age", given["max_event_age"]))
    shortest, longest = EVENT_AGES
    if age is not None and not shortest <= age <= longest:
        raise place.error(
            f"max_event_age is {in_words(age)}; Lambda keeps an event that waits to start an execution for "
            f"{shortest} s to {longest:,} s (6 hours)."
        )
    return {**given, "max_event_age": as_duration(given["max_event_age"])}


def split_options(place: Place, options: FunctionOptions, own: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the function and those of asynchronous invocation; refuse what is neither."""
    function_options: dict[str, Any] = {}
    asynchronous: dict[str, Any] = {}
    for name, value in options.items():
        if name in RESERVED_OPTIONS:
            raise place.error(f"`{name}` has no place on a DurableFunction: {RESERVED_OPTIONS[name]}.")
        if name not in FUNCTION_OPTIONS | ALIAS_OPTIONS:
            import difflib

            near = difflib.get_close_matches(name, [*own, *FUNCTION_OPTIONS, *ALIAS_OPTIONS], n=1)
            hint = f"Did you mean `{near[0]}`?" if near else "Check its spelling."
            raise place.error(f"`{name}` is not a property of lambda.Function. {hint}")
        if name in FUNCTION_OPTIONS:
            function_options[name] = value
        elif name in ASYNCHRONOUS_OPTIONS and value is not None:
            asynchronous[name] = value
    for name, (smallest, words) in SMALLEST.items():
        number = options.get(name)
        if isinstance(number, int | float) and NUMBER_TOKENS_BELOW < number < smallest:
            raise place.error(f"{name} is {number}; {words}")
    return function_options, _asynchronous_options(place, asynchronous)


SMALLEST = {
    "provisioned_concurrent_executions": (1, "1 at least. Leave it out for none."),
    "reserved_concurrent_executions": (0, "0 or more; 0 stops every start."),
}
"""The smallest number of an option, and what to say of a smaller one."""


def check_limits(
    place: Place,
    *,
    execution_timeout: AnyDuration,
    timeout: AnyDuration | None = None,
    retention_period: AnyDuration | None = None,
    longest_phase: AnyDuration | None = None,
) -> Limits:
    """Check the four durations against the service's limits and against each other."""
    declared = _seconds(place, "execution_timeout", execution_timeout)
    execution = known(declared)
    if execution is not None and not 1 <= execution <= LONGEST_EXECUTION:
        raise place.error(
            f"execution_timeout is {in_words(execution)}; the service accepts 1 s to {LONGEST_EXECUTION:,} s "
            "(366 days). For work without an end, start the next execution as the last step of this one."
        )
    _refuse_fractions(place, "execution_timeout", execution)
    retention = None if retention_period is None else _retention_days(place, retention_period)
    phase = None if longest_phase is None else _longest_phase(place, longest_phase, execution)
    if timeout is None:  # what the service itself would choose: an idle timeout costs nothing
        longest = min(execution or LONGEST_TIMEOUT, LONGEST_TIMEOUT)
        return Limits(in_seconds(longest), longest, declared, retention)
    seconds = known(_seconds(place, "timeout", timeout))
    if seconds is not None:
        _check_timeout(place, seconds, execution, phase)
    remarks = _timeout_remarks(seconds) if phase is None else ()
    return Limits(as_duration(timeout), seconds, declared, retention, remarks)


def _retention_days(place: Place, value: AnyDuration) -> float:
    days = value / dt.timedelta(days=1) if isinstance(value, dt.timedelta) else _in_units(place, "days", value)
    if known(days) is not None and not (days % 1 == 0 and 1 <= days <= LONGEST_RETENTION):
        raise place.error(
            f"retention_period is {days:g} days; the service accepts whole days from 1 to {LONGEST_RETENTION}. "
            "Keep what must live longer in a table or bucket of your own."
        )
    return days


def _longest_phase(place: Place, value: AnyDuration, execution: float | None) -> float | None:
    phase = known(_seconds(place, "longest_phase", value))
    if phase is not None and not 0 < phase <= LONGEST_TIMEOUT:
        raise place.error(
            f"longest_phase is {in_words(phase)}; one invocation may run for {LONGEST_TIMEOUT} s at most. "
            "Split the work into steps, or hand it to a job that answers through a callback."
        )
    if phase is not None and execution is not None and phase > execution:
        raise place.error(
            f"longest_phase is {in_words(phase)} but execution_timeout is {in_words(execution)}: the execution ends "
            "before the phase can. Raise execution_timeout."
        )
    return phase


def _check_timeout(place: Place, chosen: float, execution: float | None, phase: float | None) -> None:
    if not 1 <= chosen <= LONGEST_TIMEOUT:
        raise place.error(
            f"timeout is {in_words(chosen)}; one invocation may run for 1 s to {LONGEST_TIMEOUT} s. "
            "Long waits belong into ctx.wait() or a callback, and the whole run into execution_timeout."
        )
    _refuse_fractions(place, "timeout", chosen)
    if phase is not None and chosen < phase:
        raise place.error(
            f"timeout is {in_words(chosen)} but longest_phase is {in_words(phase)}: an invocation is killed before "
            f"the phase can end, on every attempt. Raise timeout to {math.ceil(phase)} s or more, or leave it out."
        )
    if execution is not None and chosen > execution:
        raise place.error(
            f"timeout is {in_words(chosen)} but execution_timeout is {in_words(execution)}: the execution ends first, "
            "always. Raise execution_timeout, or leave timeout out."
        )


def _timeout_remarks(timeout: float | None) -> tuple[Remark, ...]:
    if timeout is None or timeout >= SHORT_TIMEOUT:
        return ()
    text = (
        f"timeout is {in_words(timeout)}. It must cover the longest phase between two suspensions, a cold start and "
        f"the replay of the history included; below {SHORT_TIMEOUT} s that rarely fits. Leave it out, which costs "
        "nothing, or say with longest_phase= what it has to cover."
    )
    return (Remark("warning", "constructs-durable:short-timeout", text),)


def _refuse_fractions(place: Place, name: str, seconds: float | None) -> None:
    if seconds is not None and seconds % 1:
        raise place.error(f"{name} is {in_words(seconds)}; the service counts whole seconds. Leave the fraction out.")


@contextlib.contextmanager
def refused_by(made: str, place: Place | IConstruct) -> Iterator[None]:
    """Put the construct's path before what CDK itself says about options that were handed through."""
    try:
        yield
    except (RuntimeError, TypeError) as error:
        known = place if isinstance(place, Place) else Place.of(place)
        raise known.error(f"{made} refuses what it was given: {error}") from error


def stage_of(scope: IConstruct) -> cdk.Stage | None:
    """Return the app or stage around a scope; asked of CDK once."""
    if scope not in _STAGES:
        _STAGES[scope] = cdk.Stage.of(scope)
    return _STAGES[scope]


_STAGES: WeakKeyDictionary[IConstruct, cdk.Stage | None] = WeakKeyDictionary()


def refuse_twice(root: IConstruct, made: str, text: str) -> None:
    """Refuse to make a part that was made before."""
    if root.node.try_find_child(made) is not None:
        raise DurableInputError(f"{root.node.path}: {text}")


def _seconds(place: Place, name: str, value: AnyDuration) -> float:
    return value.total_seconds() if isinstance(value, dt.timedelta) else _in_units(place, "seconds", value, name)


def _in_units(place: Place, unit: str, value: cdk.Duration, name: str = "retention_period") -> float:
    try:
        return float(getattr(value, f"to_{unit}")(integral=False))
    except RuntimeError:  # CDK's words for a token in another unit
        raise place.error(
            f"{name} is known at deploy only, so it cannot be converted; write it as cdk.Duration.{unit}(…)."
        ) from None


def known(number: float) -> float | None:
    """Return a number, or None where CDK only knows it at deploy."""
    return None if number < NUMBER_TOKENS_BELOW else number
