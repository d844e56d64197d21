"""What the annotations of a signature mean, found out when it is first asked for: CDK's modules are big."""

from __future__ import annotations

import collections.abc
import datetime as dt
import importlib
import pathlib
import types
from typing import TYPE_CHECKING, Any, Unpack, get_args, get_type_hints

import aws_cdk as cdk
from constructs import Construct, IConstruct

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Annotations"]


class Annotations(dict[str, Any]):
    """The types of a function's parameters by name, members of its `TypedDict` of options included."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self._function = function
        self._names = _Names()

    def __missing__(self, name: str) -> Any:
        annotations = {**self._options(), **self._function.__annotations__}
        self[name] = self._evaluate(annotations.get(name, Any))
        return self[name]

    def _options(self) -> dict[str, str]:
        """Return the annotations of a `TypedDict` whose members are taken as keywords."""
        for name, annotation in self._function.__annotations__.items():
            if str(annotation).startswith("Unpack["):
                [options] = get_args(self._evaluate(self._function.__annotations__[name]))
                return {key: getattr(hint, "__forward_arg__", hint) for key, hint in options.__annotations__.items()}
        return {}

    def _evaluate(self, annotation: Any) -> Any:
        holder = types.SimpleNamespace(__annotations__={"it": annotation})
        return get_type_hints(holder, self._function.__globals__, self._names)["it"]


class _Names(dict[str, Any]):
    """What annotations name without importing it: `kms`, `aws_kms`, `lambda_`, and this library's own."""

    def __init__(self) -> None:
        super().__init__(
            cdk=cdk,
            dt=dt,
            Path=pathlib.Path,
            Construct=Construct,
            IConstruct=IConstruct,
            Mapping=collections.abc.Mapping,
            Sequence=collections.abc.Sequence,
            Any=Any,
            Unpack=Unpack,
        )

    def __missing__(self, name: str) -> Any:
        import constructs_durable

        if name in constructs_durable.__all__:
            return getattr(constructs_durable, name)
        home = OWN_TYPES.get(name)
        if home is not None:
            return getattr(importlib.import_module(f"constructs_durable.{home}"), name)
        module = MODULES.get(name, name.removeprefix("aws_"))
        try:
            return importlib.import_module(f"aws_cdk.aws_{module}")
        except ModuleNotFoundError:
            raise KeyError(name) from None  # a name of the function's own module, or of Python


OWN_TYPES = {"AnyDuration": "_checks", "FunctionOptions": "_options"}
MODULES = {"apigateway": "apigatewayv2", "lambda_": "lambda"}
