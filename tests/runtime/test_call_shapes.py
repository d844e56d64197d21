"""Every public name of AWS's SDK, found in its modules: parameters, kinds, defaults, members and bases, one by one.

`test_exports` freezes what is public here; this file asks the other package itself, so that nothing is left out.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect

import pytest

from durable_runtime import DurableContext, ParallelBranch, ValidationError, durable_parallel_branch, durable_step
from tests.runtime.kit import BOTH
from tests.runtime.test_exports import OURS, THEIRS, parameters_of

MODULES = (
    "concurrency.models config context exceptions execution filesystem_serdes lambda_service logger plugin "
    "plugin_discovery preview retries serdes types waits"
)

INTERNAL = {
    "concurrency.models": """
        Branch BranchEvent BranchEventKind BranchStatus CompletionPolicy CompletionRecord Executable
        envelope_summary_generator
    """,
    "exceptions": "AwsErrorMetadata AwsErrorObj",
    "execution": """
        DurableExecutionInvocationInput DurableExecutionInvocationInputWithClient InitialExecutionState
        handle_checkpoint_error
    """,
    "lambda_service": """
        CallbackDetails CallbackOptions ChainedInvokeDetails ChainedInvokeOptions CheckpointOutput
        CheckpointUpdatedExecutionState ContextDetails ContextOptions DurableServiceClient ExecutionDetails LambdaClient
        Operation OperationUpdate StateOutput StepDetails StepOptions TimestampConverter WaitDetails WaitOptions
    """,
    "logger": "LogInfo",
    "plugin": "PluginExecutor PluginHost",
    "serdes": """
        TYPE_CODEC BytesCodec Codec ContainerCodec DateTimeCodec DecimalCodec PrimitiveCodec TypeCodec UuidCodec
    """,
}
"""The wire and the machinery of the other package, which handlers do not touch."""

OTHER_BASES = {"NonDeterministicExecutionError"}
"""No `Exception` here, so that user code cannot swallow it."""

INTERNAL_METHODS = {
    ("DurableContext", "create_child_context"),
    ("DurableContext", "from_lambda_context"),
    ("InvocationEndInfo", "from_durable_execution_invocation_output"),
    ("Logger", "from_log_info"),
    ("Logger", "with_log_info"),
    ("OperationInfo", "from_operation"),
    ("UserFunctionEndInfo", "from_start_info"),
}
"""They take objects of the machinery."""


def public(module: str) -> list[str]:
    """The names that a module of theirs defines, types for type checkers left out."""
    theirs = importlib.import_module(f"{THEIRS}.{module}")
    own = [name for name, value in vars(theirs).items() if getattr(value, "__module__", None) == theirs.__name__]
    typing = {name for name in own if type(getattr(theirs, name)).__module__ == "typing"}
    return sorted({name for name in own if name[0] != "_"} - typing - set(INTERNAL.get(module, "").split()))


PAIRS = [(module, name) for module in MODULES.split() for name in public(module)]
both_sides = pytest.mark.parametrize(("module", "name"), PAIRS, ids=[".".join(pair) for pair in PAIRS])


def sides(module: str, name: str):
    mine = getattr(importlib.import_module(f"{OURS}.{module}"), name, None)
    assert mine is not None, f"{OURS}.{module} lacks {name}"
    return getattr(importlib.import_module(f"{THEIRS}.{module}"), name), mine


def test_there_is_much_to_compare():
    assert len(PAIRS) > 120


@both_sides
def test_a_name_is_in_the_same_place_with_the_same_shape(module, name):
    theirs, mine = sides(module, name)
    if not isinstance(theirs, type):
        if callable(theirs):
            takes_the_same(theirs, mine)
        else:
            assert type(mine).__name__ == type(theirs).__name__
    elif issubclass(theirs, enum.Enum):
        assert [(m.name, m.value) for m in mine] == [(m.name, m.value) for m in theirs]
        assert issubclass(mine, str) == issubclass(theirs, str)
    else:
        if name not in OTHER_BASES:
            assert {base.__name__ for base in theirs.__mro__ if base.__module__ != "typing"} <= {
                *(base.__name__ for base in mine.__mro__),
                "ABC",
                "DurableContext" if mine is DurableContext else "",
            }
        if dataclasses.is_dataclass(theirs):
            has_the_same_fields(theirs, mine)
        has_the_same_methods(theirs, mine)


def has_the_same_fields(theirs: type, mine: type) -> None:
    """Names, order, kinds and defaults; a required field of theirs may have a default here."""
    parameters = {p.name: p for p in parameters_of(mine)}
    wanted = list(inspect.signature(theirs).parameters.values())
    for parameter in wanted:
        found = parameters[parameter.name]
        assert found.kind == parameter.kind, parameter.name
        if parameter.default is not parameter.empty:
            assert plain(found.default) == plain(default_of(theirs, parameter)), parameter.name
    positional = [p.name for p in wanted if p.kind is not p.KEYWORD_ONLY]
    assert [name for name in parameters if name in positional] == positional


def default_of(theirs: type, parameter: inspect.Parameter):
    field = next(field for field in dataclasses.fields(theirs) if field.name == parameter.name)
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def plain(value):
    """A default in a form that compares across the packages."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return f"{type(value).__name__}()" if "SerDes" in type(value).__name__ else repr(value)


def has_the_same_methods(theirs: type, mine: type) -> None:
    for name, value in vars(theirs).items():
        if name.startswith("_") or (theirs.__name__, name) in INTERNAL_METHODS:
            continue
        fields = getattr(mine, "_fields", ()) + getattr(mine, "__slots__", ())
        instance_has = name == "is_virtual" and mine is DurableContext
        assert hasattr(mine, name) or name in fields or instance_has, name
        if callable(value) or isinstance(value, classmethod | staticmethod):
            takes_the_same(getattr(theirs, name), getattr(mine, name))


def takes_the_same(theirs, mine) -> None:
    """Each of their parameters by position, by name and with the same default; more may follow."""
    parameters = list(inspect.signature(mine).parameters.values())
    by_name = {p.name: p for p in parameters}
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    for position, wanted in enumerate(inspect.signature(theirs).parameters.values()):
        if wanted.kind in (wanted.VAR_POSITIONAL, wanted.VAR_KEYWORD) or wanted.name.startswith("_"):
            continue
        found = by_name.get(wanted.name)
        if found is None:
            assert wanted.name in RENAMED or any(p.kind is p.VAR_KEYWORD for p in parameters), wanted.name
            continue
        if wanted.default is not wanted.empty:
            assert plain(found.default) == plain(wanted.default), wanted.name
        if wanted.kind is not wanted.KEYWORD_ONLY and not takes_any:
            assert parameters[position].name == wanted.name


RENAMED = {"context"}
"""`ExtendedTypeSerDes` calls the serdes context so; every other serdes, theirs and ours, `serdes_context`."""


# -- what shapes alone do not show --------------------------------------------------------------------------


def test_a_decorated_branch_takes_arguments_and_has_a_name():
    @durable_parallel_branch(name="user")
    def fetch(ctx, number, *, upper=False):
        return ctx.step(lambda _step: "ANN" if upper else f"ann {number}", name="load")

    @durable_parallel_branch()
    def orders(ctx):
        return ctx.step(lambda _step: "orders", name="load")

    def flow(kit, event, ctx):
        first = yield ctx.parallel([fetch(7), fetch(8, upper=True), orders(), orders])
        second = yield ctx.parallel({"a": orders, "b": fetch(9)})
        return [first.get_results(), second.get_results()]

    for kit in BOTH:
        run = kit.run(flow)
        assert run.result == [["ann 7", "ANN", "orders", "orders"], ["orders", "ann 9"]]
        branches = [raw["Name"] for raw in run.service.operations.values() if raw.get("SubType") == "ParallelBranch"]
        assert sorted(branches) == sorted(["user", "user", "orders", "orders", "a", "b"])
    assert isinstance(fetch(7), ParallelBranch)


def test_the_branch_decorator_without_parentheses_is_refused():
    with pytest.raises(ValidationError, match="durable_parallel_branch: name is <function"):

        @durable_parallel_branch
        def fetch(ctx):
            return None


@pytest.mark.parametrize("kit", BOTH, ids=lambda kit: kit.name)
def test_an_empty_name_is_no_name_so_the_functions_own_counts(kit):
    @durable_step
    def charge(_step):
        return 1

    def flow(kit, event, ctx):
        yield ctx.step(charge(), name="")
        yield ctx.wait(kit.seconds(5), name="")
        return (yield ctx.step(charge(), name=""))

    run = kit.run(flow)
    assert run.result == 1
    assert [name for _, action, name in run.service.updates() if action == "START"] == ["charge", None, "charge"]
