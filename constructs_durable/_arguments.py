"""Arguments that are not what a signature says, refused before anything is made.

jsii finds a wrong type too, but late, in the middle of a construct, and in its own words. `checked` reads the
annotations of the function it decorates, so a signature is written once and enforced as it stands.
"""

from __future__ import annotations

import collections.abc
import enum
import functools
import inspect
import pathlib
import re
import types
from typing import TYPE_CHECKING, Any, ParamSpec, TypeGuard, TypeVar, Union, get_args, get_origin

import aws_cdk as cdk
from constructs import Construct

from constructs_durable._hints import Annotations
from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["checked", "shown"]

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

MOST_SHOWN = 80  # characters of a value in an error text
MOST_MEMBERS = 6  # of an enum whose members an error text lists
NUMBER_TOKENS_BELOW = -1e280  # CDK writes a number known at deploy only as a huge negative one

WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "True or False", pathlib.Path: "a Path"}

HELP = {
    "Architecture": "for example lambda_.Architecture.ARM_64",
    "Construct": "usually the stack: `self` inside of it",
    "IFunction": "DurableFunction.from_alias_arn() imports an alias by its ARN",
    "IKey": "kms.Key.from_key_arn() imports one by its ARN",
    "ILayerVersion": "lambda_.LayerVersion.from_layer_version_arn() imports one by its ARN",
    "ILogGroup": "logs.LogGroup.from_log_group_name() imports one by its name",
    "IQueue": "sqs.Queue.from_queue_arn() imports one by its ARN",
    "IRole": "iam.Role.from_role_arn() imports one by its ARN",
    "IRuleTarget": "for example targets.SnsTopic(topic)",
    "ITopic": "sns.Topic.from_topic_arn() imports one by its ARN",
    "RetentionDays": "for example logs.RetentionDays.ONE_MONTH",
    "Runtime": "for example lambda_.Runtime.PYTHON_3_13",
    "VersionPruning": "for example VersionPruning(keep=3)",
    "environment": "str(3) for a number, and leave out what is None",
    "memory_size": "it counts MiB",
}
"""What else to say where a type was expected, or a parameter was given."""


def checked(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Let a function of this library's surface refuse arguments that are not of the annotated types."""
    wanted = Annotations(function)
    names, rest = _positional(function)

    @functools.wraps(function)
    def checking(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        given = (*zip(names + rest * len(args), args[1:], strict=False), *kwargs.items())
        for name, value in given:
            problem = misfit(value, wanted[name]) or _misplaced(name, value)
            if problem is not None:
                raise _error(function, dict(given), args[0], name, problem)
        return function(*args, **kwargs)

    return checking


def _positional(function: Callable[..., object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the parameters after `self` that may be given by position, and the one that takes all further ones."""
    code = function.__code__
    named = code.co_argcount + code.co_kwonlyargcount
    rest = code.co_varnames[named : named + 1] if code.co_flags & inspect.CO_VARARGS else ()
    return code.co_varnames[1 : code.co_argcount], rest


def shown(value: object) -> str:
    """Write a value into an error text: constructs by their class, the rest as Python does, cut where it is long."""
    if hasattr(type(value), "__jsii_type__") and not isinstance(value, enum.Enum):
        return _with_article(type(value).__name__)
    text = str(value) if isinstance(value, enum.Enum) else repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


def misfit(value: object, hint: Any) -> tuple[str, Any] | None:
    """Return what is wrong, and what should be there instead, if a value does not fit a type hint."""
    if hint is Any or _is(value, hint):
        return None
    choices = _choices(hint)
    if len(choices) == 1 and isinstance(hint, type):
        return f"is {shown(value)}", hint
    for choice in choices:
        origin, inner = get_origin(choice), get_args(choice)
        if origin is collections.abc.Sequence and _is_list(value):
            problems = (misfit(each, inner[0]) for each in value)
            return next((_inside(found, "") for found in problems if found is not None), None)
        if origin is collections.abc.Mapping and isinstance(value, collections.abc.Mapping):
            return _misfit_in_mapping(value, *inner)
    return f"is {shown(value)}", hint


def _misplaced(name: str, value: object) -> tuple[str, Any] | None:
    """Return what is wrong with the place of a construct that has a right type."""
    if name == "scope" and isinstance(value, cdk.Stage):
        return f"is {shown(value)}", cdk.Stack
    return ("is ''", "a name") if name == "id" and value == "" else None


def _misfit_in_mapping(
    value: collections.abc.Mapping[object, object], key_hint: Any, value_hint: Any
) -> tuple[str, Any] | None:
    for key, each in value.items():
        if (found := misfit(key, key_hint)) is not None:
            return _inside(found, " as a key")
        if (found := misfit(each, value_hint)) is not None:
            return _inside(found, f" as {shown(key)}")
    return None


def _inside(found: tuple[str, Any], where: str) -> tuple[str, Any]:
    return found[0].replace("is ", "has ", 1) + where, found[1]


def _is_list(value: object) -> TypeGuard[collections.abc.Sequence[object]]:
    return isinstance(value, collections.abc.Sequence) and not isinstance(value, str | bytes)


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is(value: object, hint: Any) -> bool:
    """Tell whether a value fits a hint without looking into it."""
    for choice in _choices(hint):
        if choice is None or choice is type(None):
            fits = value is None
        elif choice is int:
            fits = _is_number(value) and (isinstance(value, int) or value % 1 == 0 or value < NUMBER_TOKENS_BELOW)  # type: ignore[operator]
        elif choice is float:
            fits = _is_number(value)
        elif not isinstance(choice, type):
            fits = False
        elif getattr(choice, "_is_protocol", False):
            fits = any(_offers(kind, choice) for kind in _kinds(value))
        else:
            fits = isinstance(value, choice)
        if fits:
            return True
    return False


def _kinds(value: object) -> Iterator[Any]:
    """Yield a value's class, and those of the parts that one of jsii's proxies is made of."""
    yield type(value)
    for delegate in getattr(value, "__dict__", {}).get("_delegates", ()):
        yield type(delegate)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@functools.lru_cache(maxsize=512)
def _offers(kind: type, interface: type) -> bool:
    """Tell whether a class implements one of CDK's interfaces, by declaration or by its members."""
    if any(interface in declared.__mro__ for declared in getattr(kind, "__jsii_ifaces__", ())):
        return True
    there = {name for base in kind.__mro__ for name in vars(base)}
    asked = {name for base in interface.__mro__ for name in vars(base) if hasattr(base, "__jsii_type__")}
    return bool(members := {name for name in asked if not name.startswith("_")}) and members <= there


def _error(
    function: Callable[..., object],
    given: collections.abc.Mapping[str, Any],
    owner: object,
    name: str,
    problem: tuple[str, Any],
) -> DurableInputError:
    found, hint = problem
    expected = hint if isinstance(hint, str) else " or ".join(_expected(hint))
    if type(None) in _choices(hint):
        expected += ", or leave it out"
    known = [HELP[word] for word in (name, *re.findall(r"\w+", expected)) if word in HELP]
    help_text = f"; {known[0]}" if known else ""
    text = f"{name} {found}; pass {expected}{help_text}."
    if function.__name__ not in ("__init__", "from_alias_arn", "of"):
        text = f"{function.__name__}(): {text}"
    scope, construct_id = given.get("scope"), given.get("id")
    if isinstance(scope, Construct) and isinstance(construct_id, str):
        return DurableInputError.at(scope, construct_id, text)
    if isinstance(scope, Construct):
        return DurableInputError(f"{scope.node.path}: {text}")
    return DurableInputError(f"{_owner(owner, construct_id)}: {text}")


def _owner(owner: object, construct_id: object) -> str:
    kind = owner if inspect.isclass(owner) else type(owner)
    if "_root" in getattr(owner, "__dict__", {}):
        path: str = owner._root.node.path  # type: ignore[attr-defined]  # noqa: SLF001  a DurableFunction that is declared
        return path
    if isinstance(construct_id, str):
        return f"{kind.__name__} {construct_id!r}"
    if isinstance(owner, Construct) and "__jsii_ref__" in vars(owner):
        return owner.node.path
    return kind.__name__


def _expected(hint: Any) -> Iterator[str]:
    """Say what a hint asks for, a phrase for each choice but None."""
    for choice in _choices(hint):
        origin, inner = get_origin(choice), get_args(choice)
        if choice is None or choice is type(None):
            continue
        if origin is collections.abc.Sequence:
            yield f"a list of {'texts' if inner[0] is str else _public_name(inner[0])}"
        elif origin is collections.abc.Mapping:
            yield "a dict" if inner[1] is Any else "a dict of texts"
        elif isinstance(choice, type) and issubclass(choice, enum.Enum):
            members = [str(member) for member in choice]
            yield (
                f"one of {', '.join(members)}" if len(members) <= MOST_MEMBERS else _with_article(_public_name(choice))
            )
        else:
            yield WORDS.get(choice) or _with_article(_public_name(choice))


def _public_name(kind: type) -> str:
    """Return how an app names a class: `iam.IRole`, `cdk.Duration`, `DurableFunction`."""
    _, _, module = kind.__module__.partition("aws_cdk.aws_")
    prefix = {"lambda": "lambda_."}.get(module, f"{module}.") if module else ""
    return prefix + kind.__name__


def _with_article(name: str) -> str:
    return f"{'an' if name.startswith(SPOKEN_WITH_A_VOWEL) else 'a'} {name}"


SPOKEN_WITH_A_VOWEL = (*"aeiouAEIOU", "s3.", "sns.", "sqs.")
