"""A CloudWatch dashboard for durable functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from constructs_durable._arguments import checked
from constructs_durable.errors import DurableInputError
from constructs_durable.observability import MOST_OPERATIONS, DurableMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch

    from constructs_durable.function import DurableFunction

__all__ = ["DurableDashboard"]


class DurableDashboard(Construct):
    """A CloudWatch dashboard: a row for each durable function, and one for the account's quota."""

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002  CDK's name for it
        *,
        functions: Sequence[DurableFunction],
        dashboard_name: str | None = None,
    ) -> None:
        """Declare the dashboard.

        Args:
            scope: Where it belongs.
            id: Its name there.
            functions: The durable functions to show, in this order.
            dashboard_name: Default: CloudFormation's choice.
        """
        if not functions:
            raise DurableInputError.at(scope, id, "functions is empty, so there is nothing to show.")
        if dashboard_name is not None and not _is_name(dashboard_name):
            raise DurableInputError.at(
                scope,
                id,
                f"dashboard_name is {dashboard_name!r}; it has 1 to 255 letters, digits, `-` and `_`. "
                "Leave it out, and CloudFormation chooses one.",
            )
        super().__init__(scope, id)
        from aws_cdk import aws_cloudwatch as cloudwatch

        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=dashboard_name,
            widgets=[*map(_function_row, functions), _account_row()],
        )


def _is_name(text: str) -> bool:
    return cdk.Token.is_unresolved(text) or re.fullmatch(r"[\w-]{1,255}", text, re.ASCII) is not None


def _function_row(function: DurableFunction) -> list[cloudwatch.IWidget]:
    from aws_cdk import aws_cloudwatch as cloudwatch

    metrics, name = function.executions, function._root.node.id  # noqa: SLF001  the same class's other half
    aws_function = function._function  # noqa: SLF001

    def graph(title: str, *shown: cloudwatch.Metric, limit: int | None = None) -> cloudwatch.GraphWidget:
        lines = [cloudwatch.HorizontalAnnotation(value=limit, label="quota")] if limit else []
        return cloudwatch.GraphWidget(title=f"{name}: {title}", left=[*shown], left_annotations=lines, width=6)

    return [
        graph(
            "executions",
            metrics.started(label="started"),
            metrics.succeeded(label="succeeded"),
            metrics.failed(label="failed"),
            metrics.timed_out(label="timed out"),
            metrics.stopped(label="stopped"),
        ),
        graph(
            "duration", metrics.duration(statistic="p50", label="p50"), metrics.duration(statistic="p99", label="p99")
        ),
        graph("operations of one execution", metrics.operations(label="most"), limit=MOST_OPERATIONS),
        graph("invocations, replays included", aws_function.metric_invocations(), aws_function.metric_errors()),
    ]


def _account_row() -> list[cloudwatch.IWidget]:
    from aws_cdk import aws_cloudwatch as cloudwatch

    running, used = (
        DurableMetrics.all_running(label="running"),
        DurableMetrics.all_running_utilization(label="% of quota"),
    )
    return [cloudwatch.GraphWidget(title="Account: running executions", left=[running], right=[used], width=24)]
