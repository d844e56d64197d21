"""The plans of ``map`` and ``parallel``: what the user gave becomes named branches."""

from __future__ import annotations

from durable_runtime._checks import check_options
from durable_runtime._decorators import BranchFactory
from durable_runtime._names import check_name, name_of
from durable_runtime._operations.batch import Batch, BatchCodec, Branches, default_names, envelope, run_batch
from durable_runtime._operations.child import child
from durable_runtime._values import return_annotation
from durable_runtime.config import MapConfig, NestingType, ParallelBranch, ParallelConfig
from durable_runtime.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from durable_runtime._plans import OperationPlans, Plan

_BRANCH_SUB_TYPES = {"Map": "MapIteration", "Parallel": "ParallelBranch"}
_OPTIONS = ("max_concurrency", "completion_config", "serdes", "item_serdes", "item_namer", "nesting_type")


def plan_map(  # noqa: PLR0917  the shape of ctx.map
    context: OperationPlans,
    inputs: Iterable[Any],
    func: Callable[..., Any],
    name: str | None,
    config: MapConfig[Any] | None,
    options: Any,
) -> Plan:
    """Plan a function applied to every item."""
    if not callable(func):
        raise ValidationError(f"map: func is {func!r}; it must be a function of a context and an item")
    automatic = not name
    name = name_of(name, func, "map")
    check_options(options, "map", name)
    merged = _merge(config, MapConfig, options, "map", name)
    _refuse_set(inputs, f"map {name!r}: inputs")
    try:
        items = inputs if isinstance(inputs, list | tuple) else list(inputs)
    except TypeError:
        raise ValidationError(f"map {name!r}: inputs is {inputs!r}; it must be iterable") from None
    arity = _positional(func)
    functions = [_item_function(func, item, index, items, arity) for index, item in enumerate(items)]
    if merged.item_namer is None:
        names = list(default_names("map-item-", len(items)))
    else:
        names = [
            check_name(merged.item_namer(item, index), f"map {name!r}: item_namer") or f"map-item-{index}"
            for index, item in enumerate(items)
        ]
    annotation = return_annotation(func) if options.get("returns") is None else options["returns"]
    return _plan(
        context,
        "Map",
        name,
        functions=functions,
        names=names,
        annotation=lambda _index: annotation,
        config=merged,
        options=options,
        automatic=automatic,
    )


def plan_parallel(
    context: OperationPlans,
    functions: Iterable[Callable[..., Any] | ParallelBranch[Any]] | Mapping[str, Callable[..., Any]],
    name: str | None,
    config: ParallelConfig | None,
    options: Any,
) -> Plan:
    """Plan several functions at once."""
    name = check_name(name, "parallel")
    check_options(options, "parallel", name)
    merged = _merge(config, ParallelConfig, options, "parallel", name)
    _refuse_set(functions, f"parallel {name!r}: functions")
    branches: list[Any]
    if hasattr(functions, "items"):
        branches = [ParallelBranch(_called(func), branch) for branch, func in functions.items()]
    else:
        try:
            branches = [_called(func) for func in functions]
        except TypeError:
            raise ValidationError(
                f"parallel {name!r}: functions is {functions!r}; it must be a sequence of functions",
            ) from None
    names = []
    for index, branch in enumerate(branches):
        if not callable(branch):
            raise ValidationError(
                f"parallel {name!r}: branch {index} is {branch!r}; it must be a function of a context",
            )
        own = branch.name if isinstance(branch, ParallelBranch) else None
        names.append(check_name(own, f"parallel {name!r}: branch {index}") or f"parallel-branch-{index}")
    plain = [branch.func if isinstance(branch, ParallelBranch) else branch for branch in branches]
    returns = options.get("returns")
    return _plan(
        context,
        "Parallel",
        name,
        functions=plain,
        names=names,
        annotation=lambda index: return_annotation(plain[index]) if returns is None else returns,
        config=merged,
        options=options,
    )


def _refuse_set(given: object, where: str) -> None:
    """Refuse what comes in another order in another process: replay would give items the results of others."""
    if isinstance(given, set | frozenset):
        raise ValidationError(
            f"{where} is a {type(given).__name__}, whose order changes from invocation to invocation; give a list, "
            "such as sorted(...)",
        )


def _called(func: Any) -> Any:
    """Return the branch that a decorated function without arguments stands for."""
    return func() if isinstance(func, BranchFactory) else func


def _plan(
    context: OperationPlans,
    sub_type: str,
    name: str | None,
    *,
    functions: list[Callable[..., Any]],
    names: list[str],
    annotation: Callable[[int], Any],
    config: Any,
    options: Any,
    automatic: bool = False,
) -> Plan:
    config.completion_config._validate_for_total(len(functions))  # noqa: SLF001  a check that only batches need
    operation = context.begin("CONTEXT", sub_type, name, options, automatic_name=automatic)
    inner = context.child(operation.id)
    branches = Branches(
        functions,
        names,
        _BRANCH_SUB_TYPES[sub_type],
        annotation,
        config.item_serdes or config.serdes,
        flat=config.nesting_type is NestingType.FLAT,
    )
    batch = Batch(inner, branches, config.completion_config, config.max_concurrency)
    codec = BatchCodec(operation, config.serdes, batch)
    plan = child(
        operation,
        run_batch(batch, operation),
        inner,
        codec,
        summary=envelope(f"{sub_type}Result", config.summary_generator),
    )
    return operation, plan


def _merge(config: Any, kind: type[Any], options: Any, word: str, name: str | None) -> Any:
    """Merge keyword options into a configuration."""
    if config is None:
        config = kind()
    elif not hasattr(config, "completion_config"):
        raise ValidationError(f"{word} {name!r}: config is {config!r}; it must be a {kind.__name__}")
    given = {key: options[key] for key in _OPTIONS if options.get(key) is not None}
    if not given:
        return config
    return config.__replace__(**given)


def _positional(func: Callable[..., Any]) -> int:
    """Return how many of (context, item, index, inputs) a function takes."""
    code = getattr(func, "__code__", None)
    if code is None:
        bound = getattr(func, "__func__", None)
        code = getattr(bound, "__code__", None)
        if code is None:
            return 4
        return 4 if code.co_flags & 0x04 else max(1, min(4, code.co_argcount - 1))
    return 4 if code.co_flags & 0x04 else max(1, min(4, code.co_argcount))


def _item_function(
    func: Callable[..., Any],
    item: Any,
    index: int,
    items: Any,
    arity: int,
) -> Callable[[OperationPlans], Any]:
    arguments = (item, index, items)[: arity - 1]
    return lambda context: func(context, *arguments)
