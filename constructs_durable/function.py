"""`DurableFunction`: one declaration, a deployable durable workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_durable import _policy
from constructs_durable._arguments import checked
from constructs_durable._checks import Place, check_limits, refused_by, split_options
from constructs_durable._code import function_code
from constructs_durable._members import DurableAlias
from constructs_durable._names import (
    check_alias_name,
    check_environment,
    check_function_name,
    check_logs,
    check_sizes,
    default_architecture,
    supported_runtime,
)
from constructs_durable._policy import ExecutionPolicy
from constructs_durable._protection import encrypt_executions, make_durable
from constructs_durable._replay import ReplayCheck, replay_remarks
from constructs_durable._waiting import Waiting
from constructs_durable.layer import DurableRuntimeLayer, DurableSdk
from constructs_durable.observability import ObservedFunction
from constructs_durable.versions import check_pruning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kms as kms

    from constructs_durable._checks import AnyDuration
    from constructs_durable._options import FunctionOptions
    from constructs_durable.versions import VersionPruning

__all__ = ["DurableFunction"]


class DurableFunction(ObservedFunction, DurableAlias):
    """A durable Lambda function that is its live alias.

    Pass it wherever CDK takes a function: what lands in the template is the alias's ARN, because an
    unqualified durable function cannot be invoked. `root` holds all its parts: give that one to
    `Tags.of()`, `Aspects.of()` and dependencies.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002  CDK's name for it
        *,
        entry: str | Path | None = None,
        handler: str,
        execution_timeout: AnyDuration,
        retention_period: AnyDuration | None = None,
        timeout: AnyDuration | None = None,
        longest_phase: AnyDuration | None = None,
        packaged_code: lambda_.Code | None = None,
        runtime: lambda_.Runtime | None = None,
        architecture: lambda_.Architecture | None = None,
        memory_size: int = 256,
        description: str | None = None,
        environment: Mapping[str, str] | None = None,
        layers: Sequence[lambda_.ILayerVersion] = (),
        sdk: DurableSdk = DurableSdk.RUNTIME_LAYER,
        role: iam.IRole | None = None,
        execution_policy: ExecutionPolicy = ExecutionPolicy.LEAST_PRIVILEGE,
        execution_key: kms.IKey | None = None,
        log_group: logs.ILogGroup | None = None,
        log_retention: logs.RetentionDays | None = None,
        log_removal_policy: cdk.RemovalPolicy | None = None,
        alias_name: str = "live",
        version_removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        prune_versions: VersionPruning | None = None,
        stop_executions_on_delete: bool = False,
        function_name: str | None = None,
        allow_function_name: bool = False,
        events: Sequence[lambda_.IEventSource] = (),
        allow_waiting_callers: bool = False,
        replay_check: ReplayCheck = ReplayCheck.ERROR,
        replay_acknowledged: Sequence[str] = (),
        **options: Unpack[FunctionOptions],
    ) -> None:
        """Declare the function, its role, policy, log group, layer, version and alias.

        Args:
            scope: Where it belongs.
            id: Its name there.
            entry: The folder of the handler's code. Dependencies named there are bundled without Docker.
            handler: `module.function` in that folder; checked in the source.
            execution_timeout: How long one execution may take, waits included: 1 s to 366 days.
            retention_period: How long finished executions stay readable, in whole days from 1 to 90.
                Default: the service's, 14 days.
            timeout: How long one invocation may take: it must cover the longest phase between two suspensions.
                Default: 15 minutes, or `execution_timeout` where that is shorter.
            longest_phase: The longest phase you know of; a shorter `timeout` is refused.
            packaged_code: Code built elsewhere, instead of `entry`; the handler is not checked then.
            runtime: Default: Python 3.13.
            architecture: Default: arm64.
            memory_size: In MiB.
            description: Shown in the console.
            environment: Environment variables.
            layers: Further layers, after the runtime's.
            sdk: Where the durable runtime comes from. Default: our layer, shared by the stack.
            role: The execution role. Default: one is made. A supplied role gets the permissions too.
            execution_policy: How the role gets its permissions.
            execution_key: The key that encrypts executions' state; its policy is extended as the service needs it.
            log_group: Default: one is made, with JSON logs.
            log_retention: How long logs are kept. Default: one month.
            log_removal_policy: What happens to the log group with the stack. Default: it is kept.
            alias_name: The name of the alias.
            version_removal_policy: What happens to versions that are no longer current. Default: they are kept,
                because executions end on the version they started on.
            prune_versions: Delete old versions on a schedule, but never one with an open execution or an alias.
            stop_executions_on_delete: Stop open executions when the stack is deleted. Default: the deletion waits
                for them, and CloudFormation gives up after an hour.
            function_name: Refused unless `allow_function_name`, because it blocks replacement.
            allow_function_name: Accept that a replacement of this function will fail.
            events: Event sources, attached to the alias.
            allow_waiting_callers: Accept triggers that usually wait for the answer although `execution_timeout` is
                above 15 minutes, because they are set up to invoke asynchronously.
            replay_check: What the replay checker's findings on the handler mean.
            replay_acknowledged: Rules of the checker, by id or name, whose findings on this handler are accepted.
            options: Any further property of `lambda.Function`.
        """
        place = Place(scope, id)
        function_options, asynchronous = split_options(place, options, OWN_OPTIONS)
        limits = check_limits(
            place,
            execution_timeout=execution_timeout,
            timeout=timeout,
            retention_period=retention_period,
            longest_phase=longest_phase,
        )
        check_alias_name(place, alias_name)
        check_environment(place, environment)
        check_sizes(place, memory_size=memory_size, description=description, layers=layers, sdk=sdk)
        check_function_name(place, function_name, allowed=allow_function_name)
        check_logs(place, log_group, log_retention, log_removal_policy)
        check_pruning(place, prune_versions)
        waiting = Waiting(place, limits.known_execution_timeout, limits.timeout_seconds, allow_waiting_callers)
        for source in events:
            waiting.check_source(source)
        runtime = supported_runtime(place, runtime)
        code = function_code(
            place,
            entry=entry,
            handler=handler,
            packaged_code=packaged_code,
            runtime=runtime,
            architecture=architecture,
        )
        remarks = [*limits.remarks, *replay_remarks(place, entry, handler, replay_check, replay_acknowledged)]

        self._root = root = Construct(scope, id)
        self._sdk = sdk
        self._waiting = waiting
        self._environment = environment or {}
        self._execution_key = execution_key
        self._log_group = log_group or _make_log_group(root, log_retention, log_removal_policy)
        execution_role = _policy.execution_role(root, role, execution_policy, vpc=options.get("vpc") is not None)
        layer = DurableRuntimeLayer.for_sdk(scope, sdk)
        self._layers = [*([layer] if layer else []), *layers]
        with refused_by("lambda.Function", place):
            self._function = lambda_.Function(
                root,
                "Function",
                code=code,
                handler=handler,
                runtime=runtime,
                architecture=architecture or default_architecture(),
                memory_size=memory_size,
                description=description,
                environment=environment,
                timeout=limits.timeout,
                role=execution_role,
                function_name=function_name,
                log_group=self._log_group,
                logging_format=lambda_.LoggingFormat.JSON,
                layers=self._layers,
                current_version_options=lambda_.VersionOptions(removal_policy=version_removal_policy),
                **function_options,
            )
        make_durable(self._resource, limits)
        self._execution_policy = _policy.execution_policy(
            root,
            execution_role,
            supplied=role is not None,
            function_arn=self._function.function_arn,
            log_group_arn=self._log_group.log_group_arn,
            key=execution_key,
            policy=execution_policy,
        )
        super().__init__(
            root,
            "Alias",
            alias_name=alias_name,
            version=self._publish(scope, layer),
            provisioned_concurrent_executions=options.get("provisioned_concurrent_executions"),
        )
        if asynchronous:
            self.configure_async_invoke(**asynchronous)
        if execution_key is not None:
            encrypt_executions(root, self._resource, execution_key)
        for remark in remarks:
            remark.say_of(root)
        if role is not None:
            self._role_can_change = _policy.warn_if_not_attached(root, self._execution_policy)
        self._wire(scope, events)
        self._add_chores(prune_versions, stop_executions_on_delete=stop_executions_on_delete)

    def _publish(self, scope: Construct, layer: DurableRuntimeLayer | None) -> lambda_.Version:
        """Publish a version of what is declared so far and later; it waits for the permissions."""
        if layer is not None and not _knows_layers(scope):
            self._function.invalidate_version_based_on(layer.content_hash)
        version = self._function.current_version
        version.node.add_dependency(self._execution_policy)
        return version

    def _wire(self, scope: Construct, events: Sequence[lambda_.IEventSource]) -> None:
        """Attach event sources, and look out for callers that would wait too long."""
        for source in events:
            self.add_event_source(source)
        if self._waiting.is_too_long:
            from constructs_durable._callers import watch_callers

            watch_callers(scope, self)

    def _add_chores(self, pruning: VersionPruning | None, *, stop_executions_on_delete: bool) -> None:
        if pruning is not None:
            from constructs_durable._pruning import add_version_pruning

            add_version_pruning(self._root, self._function, pruning)
        if stop_executions_on_delete:
            from constructs_durable._drain import add_drain

            add_drain(self._root, self._function)


def _knows_layers(scope: Construct) -> bool:
    """Tell whether CDK itself publishes a new version when only a layer's content changes."""
    if scope not in _KNOWS_LAYERS:
        _KNOWS_LAYERS[scope] = bool(cdk.FeatureFlags.of(scope).is_enabled(LAYERS_IN_VERSIONS))
    return _KNOWS_LAYERS[scope]


LAYERS_IN_VERSIONS = "@aws-cdk/aws-lambda:recognizeLayerVersion"
_KNOWS_LAYERS: WeakKeyDictionary[Construct, bool] = WeakKeyDictionary()


def _make_log_group(
    root: Construct, retention: logs.RetentionDays | None, removal_policy: cdk.RemovalPolicy | None
) -> logs.LogGroup:
    return logs.LogGroup(
        root, "Logs", retention=retention or logs.RetentionDays.ONE_MONTH, removal_policy=removal_policy
    )


OWN_OPTIONS = tuple(name for name in DurableFunction.__init__.__annotations__ if name not in ("options", "return"))
