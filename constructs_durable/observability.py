"""What a durable function shows: metrics, alarms, status events and saved log queries.

`Errors` and `Invocations` of a durable function count replays; these metrics count executions.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from constructs_durable._arguments import NUMBER_TOKENS_BELOW, checked
from constructs_durable._checks import refuse_twice, refused_by
from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_events as events
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_sns as sns
    from constructs import Construct

__all__ = ["MOST_OPERATIONS", "DurableMetrics", "ExecutionStatus", "ObservedFunction"]

MOST_OPERATIONS = 3_000  # per execution, fixed quota
MOST_STORAGE = 100_000_000  # bytes written per execution, fixed quota of 100 MB


class ExecutionStatus(enum.Enum):
    """The statuses that EventBridge is told of; pausing is not among them."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    STOPPED = "STOPPED"


ENDED_BADLY = (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.STOPPED)


class DurableMetrics:
    """The metrics of one function's executions; also for functions this library did not make.

    They have no dimension for the alias: an execution counts for its function, whatever version it runs on.
    """

    @checked
    def __init__(self, function_name: str) -> None:
        """Name the function, without a qualifier."""
        if not function_name or ":" in function_name:
            raise DurableInputError(
                f"DurableMetrics: function_name is {function_name!r}; pass the function's name alone, without ARN and "
                "qualifier: the metrics know no other dimension."
            )
        self._dimensions = {"FunctionName": function_name}

    @checked
    def metric(self, name: str, *, statistic: str = "Sum", **options: Any) -> cloudwatch.Metric:
        """Return any metric that Lambda publishes for the function.

        Args:
            name: The metric's name, for example `DurableExecutionStarted`.
            statistic: How data points are aggregated.
            options: Any further property of `cloudwatch.Metric`. The period is 5 minutes unless you say so.
        """
        return _metric(name, statistic, self._dimensions, options)

    def started(self, **options: Any) -> cloudwatch.Metric:
        """Count executions that started."""
        return self.metric("DurableExecutionStarted", **options)

    def succeeded(self, **options: Any) -> cloudwatch.Metric:
        """Count executions that ended well."""
        return self.metric("DurableExecutionSucceeded", **options)

    def failed(self, **options: Any) -> cloudwatch.Metric:
        """Count executions that ended with an error."""
        return self.metric("DurableExecutionFailed", **options)

    def timed_out(self, **options: Any) -> cloudwatch.Metric:
        """Count executions that reached their execution timeout."""
        return self.metric("DurableExecutionTimedOut", **options)

    def stopped(self, **options: Any) -> cloudwatch.Metric:
        """Count executions that somebody stopped."""
        return self.metric("DurableExecutionStopped", **options)

    @checked
    def duration(self, *, statistic: str = "Average", **options: Any) -> cloudwatch.Metric:
        """Measure how long executions took, waits included, in milliseconds."""
        return self.metric("DurableExecutionDuration", statistic=statistic, **options)

    @checked
    def operations(self, *, statistic: str = "Maximum", **options: Any) -> cloudwatch.Metric:
        """Count the operations of an execution; 3,000 are allowed."""
        return self.metric("DurableExecutionOperations", statistic=statistic, **options)

    @checked
    def storage_written(self, *, statistic: str = "Maximum", **options: Any) -> cloudwatch.Metric:
        """Measure the bytes an execution has written; 100 MB are allowed."""
        return self.metric("DurableExecutionStorageWrittenBytes", statistic=statistic, **options)

    @staticmethod
    def all_running(**options: Any) -> cloudwatch.Metric:
        """Count the running executions of the account in this region."""
        return _metric("ApproximateRunningDurableExecutions", "Maximum", {}, options)

    @staticmethod
    def all_running_utilization(**options: Any) -> cloudwatch.Metric:
        """Measure how much of the account's quota of running executions is used, in percent."""
        return _metric("ApproximateRunningDurableExecutionsUtilization", "Maximum", {}, options)


class ObservedFunction:
    """The part of a `DurableFunction` that watches it."""

    _function: lambda_.Function
    _root: Construct
    _log_group: logs.ILogGroup

    @property
    def executions(self) -> DurableMetrics:
        """The metrics of this function's executions."""
        return DurableMetrics(self._function.function_name)

    @checked
    def recommended_alarms(
        self,
        topic: sns.ITopic | None = None,
        *,
        failed: int | None = 1,
        timed_out: int | None = 1,
        operations: int | None = MOST_OPERATIONS * 80 // 100,
        storage_bytes: int | None = MOST_STORAGE * 80 // 100,
        running_percent: int | None = 80,
    ) -> list[cloudwatch.Alarm]:
        """Make the alarms a durable function should have; pass None to leave one out.

        Args:
            topic: Whom to tell.
            failed: How many failed executions within 5 minutes are too many.
            timed_out: How many timed-out ones are.
            operations: How many operations of one execution are too close to the quota of 3,000.
            storage_bytes: How many bytes written by one execution are too close to the quota of 100 MB.
            running_percent: How much of the account's quota of running executions is too much. This alarm is made once
                per stack, because the metric is the account's.

        Returns:
            The alarms, for example for `deploy_gradually(alarms=…)`.
        """
        thresholds = {
            "failed": failed,
            "timed_out": timed_out,
            "operations": operations,
            "storage_bytes": storage_bytes,
            "running_percent": running_percent,
        }
        for option, threshold in thresholds.items():
            if threshold is not None and NUMBER_TOKENS_BELOW < threshold < 1:
                raise DurableInputError(
                    f"{self._root.node.path}: {option} is {threshold}, and an alarm at less than 1 would never end. "
                    "Pass None to leave the alarm out."
                )
        metrics = self.executions
        name = self._root.node.id
        wanted = (
            ("Failed", metrics.failed, failed, f"{name}: executions fail."),
            ("TimedOut", metrics.timed_out, timed_out, f"{name}: executions reach their execution timeout."),
            ("Operations", metrics.operations, operations, f"{name}: an execution nears 3,000 operations, its quota."),
            ("Storage", metrics.storage_written, storage_bytes, f"{name}: an execution nears 100 MB, its quota."),
        )
        for kind, _, threshold, _ in wanted:
            if threshold is not None:
                text = f"{kind}Alarm was made before. Add actions to the alarms that recommended_alarms() gave you."
                refuse_twice(self._root, f"{kind}Alarm", text)
        alarms = [
            _alarm(self._root, f"{kind}Alarm", metric(), threshold, text)
            for kind, metric, threshold, text in wanted
            if threshold is not None
        ]
        if running_percent is not None:
            alarms += _account_alarm(self._root, running_percent)
        if topic is not None:
            from aws_cdk import aws_cloudwatch_actions as actions

            for alarm in alarms:
                alarm.add_alarm_action(actions.SnsAction(topic))
        return alarms

    @checked
    def on_execution_status_change(
        self,
        id: str,  # noqa: A002  CDK's name for it
        *,
        target: events.IRuleTarget | None = None,
        statuses: Sequence[ExecutionStatus] = ENDED_BADLY,
        **options: Any,
    ) -> events.Rule:
        """Make an EventBridge rule for this function's executions, on whatever version they run.

        Args:
            id: The rule's name among the function's parts.
            target: What to tell.
            statuses: Which changes to tell of. Default: the ends that need attention.
            options: Any further property of `events.Rule`.
        """
        from aws_cdk import aws_events as events

        if not statuses:
            raise DurableInputError(f"{self._root.node.path}/{id}: statuses is empty, so the rule would never match.")
        with refused_by("events.Rule", self._root):
            rule = events.Rule(
                self._root,
                id,
                event_pattern=events.EventPattern(
                    source=["aws.lambda"],
                    detail_type=["Durable Execution Status Change"],
                    detail={
                        "functionArn": events.Match.prefix(f"{self._function.function_arn}:"),  # it names the version
                        "status": [status.value for status in statuses],
                    },
                ),
                **options,
            )
        if target is not None:
            rule.add_target(target)
        return rule

    def add_log_queries(self) -> list[logs.QueryDefinition]:
        """Save Logs Insights queries for this function's logs: one execution, what fails, the slowest invocations."""
        from aws_cdk import aws_logs as logs

        refuse_twice(self._root, "ExecutionQuery", "add_log_queries() was called before, and the queries are there.")
        folder = self._root.node.path
        return [
            logs.QueryDefinition(
                self._root,
                f"{kind}Query",
                query_definition_name=f"{folder}/{title}",
                query_string=logs.QueryString(**query),
                log_groups=[self._log_group],
            )
            for kind, title, query in LOG_QUERIES
        ]


LOG_QUERIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "Execution",
        "One execution, by name",
        {
            "fields": ["@timestamp", "level", "operationName", "attempt", "message"],
            "filter_statements": ["executionArn like /durable-execution.NAME/"],
            "sort": "@timestamp asc",
            "limit": 1000,
        },
    ),
    (
        "Failures",
        "Operations that fail or retry",
        {
            "filter_statements": ['level in ["WARN", "WARNING", "ERROR", "CRITICAL"]', "ispresent(operationName)"],
            "stats_statements": ["count(*) as times, latest(message) as last by operationName"],
            "sort": "times desc",
            "limit": 100,
        },
    ),
    (
        "Slow",
        "Slowest invocations",
        {
            "fields": ["@timestamp", "record.requestId", "record.metrics.durationMs", "record.metrics.maxMemoryUsedMB"],
            "filter_statements": ['type = "platform.report"'],
            "sort": "record.metrics.durationMs desc",
            "limit": 50,
        },
    ),
)
"""Log fields are those of Lambda's JSON format and of the durable logger. `NAME` is what the reader fills in."""


def _metric(name: str, statistic: str, dimensions: dict[str, str], options: dict[str, Any]) -> cloudwatch.Metric:
    from aws_cdk import aws_cloudwatch as cloudwatch

    given = {"statistic": statistic, "dimensions_map": dimensions, **options}
    try:
        return cloudwatch.Metric(namespace="AWS/Lambda", metric_name=name, **given)
    except (RuntimeError, TypeError) as error:
        raise DurableInputError(
            f"DurableMetrics: {name}: cloudwatch.Metric refuses what it was given: {error}"
        ) from error


def _alarm(
    scope: Construct, alarm_id: str, metric: cloudwatch.Metric, threshold: int, description: str
) -> cloudwatch.Alarm:
    from aws_cdk import aws_cloudwatch as cloudwatch

    return metric.create_alarm(
        scope,
        alarm_id,
        threshold=threshold,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=description,
    )


def _account_alarm(scope: Construct, percent: int) -> list[cloudwatch.Alarm]:
    """Make the account's alarm, unless this stack has it."""
    stack, alarm_id = cdk.Stack.of(scope), "DurableRunningUtilizationAlarm"
    if stack.node.try_find_child(alarm_id) is not None:
        return []
    text = "The account nears its quota of running durable executions."
    return [_alarm(stack, alarm_id, DurableMetrics.all_running_utilization(), percent, text)]
