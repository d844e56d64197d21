"""The public face: a frozen list of names, and every public name and call shape of AWS's SDK."""

from __future__ import annotations

import enum
import importlib
import inspect

import pytest

import durable_runtime
from durable_runtime._record import Record

OURS, THEIRS = "durable_runtime", "aws_durable_execution_sdk_python"

ROOT_NAMES = """
    AsyncCallback AsyncDurableContext BatchCompletionError BatchItem BatchItemStatus BatchResult Callback
    CallbackConfig CallbackError CallbackExternalError CallbackSubmitterError CallbackTimeoutError ChildConfig
    ChildContextError CompletionConfig CompletionDecision CompletionItemStatus CompletionOutcome
    CompletionReason CompletionStatus DurableContext DurableExecutionsError DurableOperationError
    DurableUsageError Duration ExecutionError FileSystemStore InvocationError InvokeConfig InvokeError
    JitterStrategy LinearRetryStrategyConfig MapConfig NestingType NonDeterministicExecutionError
    ParallelBranch ParallelConfig PayloadTooLargeError PluginLoadError RetryDecision RetryPresets
    RetryStrategyConfig RetryableSerDesError S3Store Saga SerDes SerDesContext SerDesError StepConfig
    StepContext StepError StepInterruptedError StepSemantics SuspendExecution TypedSerDes ValidationError
    WaitForCallbackConfig WaitForCallbackContext WaitForConditionCheckContext WaitForConditionConfig
    WaitForConditionDecision WaitForConditionError WaitStrategyConfig WithRetryConfig __version__
    complete_batch continue_batch create_linear_retry_strategy create_retry_strategy create_wait_strategy
    durable_execution durable_parallel_branch durable_step durable_wait_for_callback
    durable_with_child_context with_retry
"""

# What users import of AWS's SDK, by module. Classes keep their fields, functions their parameters.
NAMES = {
    "": """
        BatchCompletionError BatchItemStatus BatchResult CallbackError CallbackExternalError CallbackSubmitterError
        CallbackTimeoutError ChildContextError CompletionDecision CompletionItemStatus CompletionOutcome
        CompletionStatus DurableContext DurableExecutionsError DurableOperationError ExecutionError InvocationError
        InvokeError ParallelBranch PluginLoadError RetryableSerDesError SerDesError StepContext StepError
        ValidationError WaitForConditionError WithRetryConfig __version__ complete_batch continue_batch
        durable_execution durable_parallel_branch durable_step durable_wait_for_callback durable_with_child_context
        with_retry
    """,
    "config": """
        Duration StepConfig StepSemantics ChildConfig MapConfig ParallelConfig CompletionConfig CompletionDecision
        CompletionStatus CompletionItemStatus CompletionOutcome InvokeConfig CallbackConfig WaitForCallbackConfig
        NestingType JitterStrategy ParallelBranch BatchItemStatus complete_batch continue_batch
    """,
    "retries": """
        RetryDecision RetryPresets RetryStrategyConfig LinearRetryStrategyConfig create_retry_strategy
        create_linear_retry_strategy JitterStrategy WithRetryConfig with_retry
    """,
    "waits": "WaitForConditionConfig WaitForConditionDecision WaitStrategyConfig create_wait_strategy",
    "serdes": """
        SerDes SerDesContext ExtendedTypeSerDes JsonSerDes PassThroughSerDes DEFAULT_JSON_SERDES
        EXTENDED_TYPES_SERDES
    """,
    "filesystem_serdes": "FileSystemSerDes FileSystemSerDesConfig FileSystemSerDesMode FileSystemPathEncoding",
    "preview": "PreviewConfig PreviewField PreviewMode FieldMatchMode build_preview",
    "types": """
        StepContext WaitForCallbackContext WaitForConditionCheckContext LambdaContext LoggerInterface Callback
        BatchResult DurableContext SummaryGenerator DurableExecutionArn OperationContext
    """,
    "exceptions": """
        BotoClientError CallbackError CallbackExternalError CallbackSubmitterError CallbackTimeoutError
        CheckpointError CheckpointErrorCategory ChildContextError DurableApiErrorCategory DurableExecutionsError
        DurableOperationError ExecutionError GetExecutionStateError InvalidStateError InvocationError InvokeError
        NonDeterministicExecutionError OrderedLockError OrphanedChildException PluginLoadError RetryableSerDesError
        SerDesError StepError StepInterruptedError SuspendExecution TerminationReason TimedSuspendExecution
        UnrecoverableError ValidationError WaitForConditionError BackgroundThreadError
    """,
    "plugin": """
        DurableInstrumentationPlugin DurableInstrumentationPluginFactory InvocationStartInfo InvocationEndInfo
        InvocationInfo OperationInfo OperationStartInfo OperationEndInfo OperationChangeInfo UserFunctionStartInfo
        UserFunctionEndInfo PropagationInput PropagationMetadata UserFunctionOutcome
    """,
    "lambda_service": """
        OperationType OperationAction OperationStatus OperationSubType InvocationStatus CallbackTimeoutType
        ErrorObject
    """,
    "state": "ReplayStatus",
    "concurrency.models": "BatchItem BatchResult BatchCompletionError CompletionReason",
    "execution": "durable_execution",
    "context": "DurableContext durable_step durable_with_child_context",
}
PAIRS = [(module, name) for module, names in NAMES.items() for name in names.split()]
# Kept open on purpose: here the parameters are a superset in another order, or the class is a protocol.
FREE_SHAPE = {
    "DurableContext",
    "LambdaContext",
    "LoggerInterface",
    "SerDes",
    "DurableInstrumentationPlugin",
    "DurableServiceClient",
}


def find(package: str, module: str, name: str):
    return getattr(importlib.import_module(f"{package}.{module}" if module else package), name, None)


def where_theirs_is(module: str, name: str):
    found = find(THEIRS, module, name)
    assert found is not None, f"{name} is no name of theirs"
    return found


def test_the_public_names_are_frozen():
    """A name that comes or goes changes the promise to users; this list is the promise."""
    assert sorted(durable_runtime.__all__) == sorted(ROOT_NAMES.split())


def test_every_public_name_exists_and_is_listed_by_dir():
    for name in durable_runtime.__all__:
        assert getattr(durable_runtime, name) is not None
        assert name in dir(durable_runtime)


def test_an_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = durable_runtime.no_such_name


@pytest.mark.parametrize(("module", "name"), PAIRS, ids=[f"{m or 'root'}.{n}" for m, n in PAIRS])
def test_a_public_name_of_awss_sdk_is_here_with_the_same_shape(module, name):
    theirs = where_theirs_is(module, name)
    mine = find(OURS, module, name)
    assert mine is not None, f"{module or OURS} lacks {name}"
    if isinstance(theirs, type) and issubclass(theirs, enum.Enum):
        assert {m.name: m.value for m in theirs} == {m.name: m.value for m in mine if m.name in theirs.__members__}
    elif callable(theirs) and name not in FREE_SHAPE:
        same_shape(theirs, mine)


def same_shape(theirs, mine):
    """Each of their parameters is one of ours: same name, same position if positional, optional if theirs is."""
    try:
        their_parameters = list(inspect.signature(theirs).parameters.values())
    except ValueError:
        return
    my_parameters = parameters_of(mine)
    names = {p.name: p for p in my_parameters}
    star_args = any(p.kind is p.VAR_POSITIONAL for p in my_parameters)
    star_kwargs = any(p.kind is p.VAR_KEYWORD for p in my_parameters)
    for position, parameter in enumerate(their_parameters):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        found = names.get(parameter.name)
        assert found is not None or (star_args and star_kwargs), f"no parameter {parameter.name}: {my_parameters}"
        if found is None:
            continue
        if parameter.default is not parameter.empty:
            assert found.default is not found.empty, f"{parameter.name} must be optional"
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and not star_args:
            assert my_parameters[position].name == parameter.name, f"{parameter.name} is not number {position}"


def parameters_of(mine):
    """The parameters of a callable; those of a record are its fields."""
    if not (isinstance(mine, type) and issubclass(mine, Record)):
        return list(inspect.signature(mine).parameters.values())
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(
            field,
            kinds[number >= mine._positional],
            default=getattr(mine, field, inspect.Parameter.empty),
        )
        for number, field in enumerate(mine._fields)
    ]


METHODS = [
    "step",
    "wait",
    "create_callback",
    "wait_for_callback",
    "invoke",
    "run_in_child_context",
    "map",
    "parallel",
    "wait_for_condition",
    "set_logger",
    "is_replaying",
]


@pytest.mark.parametrize("method", METHODS)
def test_the_context_has_their_methods_with_the_same_shape(method):
    theirs = getattr(where_theirs_is("", "DurableContext"), method)
    same_shape(theirs, getattr(durable_runtime.DurableContext, method))


BATCH = [
    "all",
    "completion_reason",
    "status",
    "has_failure",
    "succeeded",
    "failed",
    "started",
    "get_results",
    "get_errors",
    "throw_if_error",
    "success_count",
    "failure_count",
    "started_count",
    "total_count",
    "to_dict",
    "from_dict",
    "from_items",
]


@pytest.mark.parametrize("member", BATCH)
def test_a_batch_result_has_their_members(member):
    batch = durable_runtime.BatchResult
    assert member in dir(batch) or member in batch._fields
