"""`AsyncStarter`: messages start executions that take longer than a caller could wait."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from constructs_durable._arguments import NUMBER_TOKENS_BELOW, checked
from constructs_durable._calls import Call
from constructs_durable._checks import Place
from constructs_durable._helper_function import HelperFunction
from constructs_durable._waiting import check_visibility
from constructs_durable.errors import DurableInputError

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

__all__ = ["AsyncStarter"]

LARGEST_BATCH = 10  # what SQS delivers without a batching window, and a FIFO queue at all
MEMBER = re.compile(r"[^.\s]+(\.[^.\s]+)*")
TIMEOUT_SECONDS = 30  # a queue's default visibility timeout, which must not be shorter


class AsyncStarter(Construct):
    """Starts one execution per message, asynchronously and once.

    An event source mapping waits for the whole execution, which ends at 15 minutes. The small function
    of this construct stands in between: it starts the execution and returns.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002  CDK's name for it
        *,
        target: lambda_.IFunction,
        queue: sqs.IQueue | None = None,
        topic: sns.ITopic | None = None,
        name_from: str | None = None,
    ) -> None:
        """Declare the starter and what feeds it.

        Args:
            scope: Where it belongs.
            id: Its name there.
            target: The durable function; the alias, which a DurableFunction is.
            queue: A queue whose messages start executions; more with `add_queue()`.
            topic: A topic whose messages start executions; more with `add_topic()`.
            name_from: A member of the message, such as `order.id`, that names the execution: two messages with
                the same value start one execution. Default: the message's id.
        """
        if name_from is not None and not MEMBER.fullmatch(name_from):
            raise DurableInputError.at(
                scope, id, f"name_from is {name_from!r}; it is the path of a member, such as `id` or `order.id`."
            )
        if isinstance(target, lambda_.Function):
            raise DurableInputError.at(
                scope,
                id,
                f"target is the unqualified function {target.node.path}, and a durable function cannot be invoked "
                "that way. Pass the DurableFunction, or the alias of a hand-made one.",
            )
        super().__init__(scope, id)
        environment = {"TARGET": target.function_arn} | ({"NAME_FROM": name_from} if name_from else {})
        allowed = iam.PolicyStatement(
            actions=["lambda:InvokeFunction"], resources=target.resource_arns_for_grant_invoke
        )
        self._function = HelperFunction(
            self,
            "Function",
            folder="starter",
            description="Starts one durable execution per message",
            environment=environment,
            statements=[allowed],
            timeout=cdk.Duration.seconds(TIMEOUT_SECONDS),
        )
        Call(self._function, target, "TARGET").remember()
        if queue is not None:
            self.add_queue(queue)
        if topic is not None:
            self.add_topic(topic)

    @property
    def function(self) -> lambda_.IFunction:
        """The function that starts executions; not durable itself, and it returns at once."""
        return self._function

    @checked
    def add_queue(self, queue: sqs.IQueue, *, batch_size: int = 10) -> None:
        """Start an execution per message of a queue; a message that fails is delivered again, alone.

        Args:
            queue: The queue.
            batch_size: How many messages the starter gets at once: 1 to 10. It needs some tenths of a second for each.
        """
        if batch_size > NUMBER_TOKENS_BELOW and not 1 <= batch_size <= LARGEST_BATCH:
            raise DurableInputError(
                f"{self.node.path}: batch_size is {batch_size}; a starter takes 1 to {LARGEST_BATCH} messages at once, "
                "and Lambda runs as many starters as the queue needs."
            )
        check_visibility(Place.of(self), queue, TIMEOUT_SECONDS, "")
        from aws_cdk import aws_lambda_event_sources as sources

        self._function.add_event_source(
            sources.SqsEventSource(queue, batch_size=batch_size, report_batch_item_failures=True)
        )

    @checked
    def add_topic(self, topic: sns.ITopic) -> None:
        """Start an execution per message of a topic."""
        from aws_cdk import aws_sns_subscriptions as subscriptions

        topic.add_subscription(subscriptions.LambdaSubscription(self._function))
