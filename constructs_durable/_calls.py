"""Functions that invoke others by an ARN in their environment: what can be wrong with that, and who does it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs_durable._arguments import shown
from constructs_durable._names import variable_problem
from constructs_durable._surface import QualifiedAlias
from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import IConstruct

__all__ = ["Call", "construct_of"]


class Call(NamedTuple):
    """One function that invokes another."""

    caller: lambda_.IFunction
    callee: lambda_.IFunction
    variable: str
    """The environment variable of the caller that holds the callee's ARN."""

    @classmethod
    def of(cls, caller: lambda_.IFunction, callee: lambda_.IFunction, variable: str | None) -> Call:
        """Name the variable after the callee, unless it has a name."""
        return cls(caller, callee, variable or _variable_name(construct_of(callee).node.id))

    @property
    def is_wired(self) -> bool:
        """Whether the same call was wired before."""
        return _callees(self.caller).get(self.variable) is self.callee

    def remember(self) -> str:
        """Remember the call, and return its variable."""
        _callees(self.caller)[self.variable] = self.callee
        return self.variable

    def check(self, environment: Mapping[str, str]) -> None:
        """Refuse what could not be deployed, or would invoke something else.

        Args:
            environment: The caller's variables, as far as they are known.
        """
        self._check_callee()
        problem = variable_problem(self.variable) or self._other_meaning(environment)
        if problem is not None:
            raise self._error(f"variable is {self.variable!r}{problem}")

    def check_account(self) -> None:
        """Refuse a callee in another account, which a workflow cannot invoke."""
        account, own = self.callee.function_arn.split(":")[4:5], cdk.Stack.of(self.caller).account
        if account and not cdk.Token.is_unresolved(own) and account[0].isdigit() and account[0] != own:
            raise self._error(
                f"the function to call is in account {account[0]} and this one in {own}; the service does "
                "not invoke across accounts from a workflow. Start it from a step, with a client for that account."
            )

    def _check_callee(self) -> None:
        resource = self.callee.node.default_child if isinstance(self.callee, lambda_.Function) else None
        path = construct_of(self.callee).node.path
        if isinstance(resource, lambda_.CfnFunction) and resource.durable_config is not None:
            raise self._error(
                f"{path} is an unqualified durable function, and the service does not invoke it "
                "that way. Pass its alias, or make it a DurableFunction."
            )
        if self.callee is self.caller:
            raise self._error(
                "a function cannot call itself through `calls()`, because its environment would have to "
                "hold the ARN of its own alias. Use a child context or a loop instead."
            )
        if _leads_to(self.callee, self.caller):
            raise self._error(
                f"{path} already calls this function, itself or through others, and each "
                "would have to be deployed before the other. Let the caller pass what is needed, or answer it "
                "through a callback."
            )

    def _other_meaning(self, environment: Mapping[str, str]) -> str | None:
        """Return what the variable holds already, to be put behind it."""
        other = _callees(self.caller).get(self.variable)
        if other is not None:
            return f", which holds the ARN of {construct_of(other).node.path} already. Name one of the two: variable=."
        if self.variable in environment:
            value = shown(environment[self.variable])
            return f", which environment sets to {value}. Take it out there, or pass another name: variable=."
        return None

    def _error(self, text: str) -> DurableInputError:
        return DurableInputError(f"{construct_of(self.caller).node.path}: {text}")


def construct_of(function: lambda_.IFunction) -> IConstruct:
    """Return the construct that a reader of the app knows a function by."""
    return function._root if isinstance(function, QualifiedAlias) else function  # noqa: SLF001  it has no public class


def _callees(caller: lambda_.IFunction) -> dict[str, lambda_.IFunction]:
    return _CALLEES.setdefault(caller, {})


def _leads_to(function: lambda_.IFunction, target: lambda_.IFunction) -> bool:
    return any(callee is target or _leads_to(callee, target) for callee in _callees(function).values())


def _variable_name(construct_id: str) -> str:
    """`ShipParcel` becomes `SHIP_PARCEL_ARN`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", construct_id)
    return re.sub(r"\W+", "_", words).strip("_").upper() + "_ARN"


_CALLEES: WeakKeyDictionary[lambda_.IFunction, dict[str, lambda_.IFunction]] = WeakKeyDictionary()
"""By caller and variable."""
