"""What callers of a function get to wait for: whole executions, which the service allows for 15 minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from constructs_durable._checks import LONGEST_SYNCHRONOUS, Place, in_words, known

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

    from constructs_durable.errors import DurableInputError

__all__ = ["Waiting", "check_visibility"]

USUAL_VISIBILITY = 30  # seconds, of an SQS queue that says nothing else


class Waiting(NamedTuple):
    """How long a function's callers would wait, and whether they may."""

    place: Place
    execution_seconds: float | None
    """The execution timeout; None if it is known at deploy only."""
    timeout_seconds: float | None
    """The timeout of one invocation; None likewise."""
    accepted: bool
    """Whether callers may wait that usually would in vain."""

    @property
    def is_too_long(self) -> bool:
        """Whether an execution may take longer than anybody can wait for it."""
        return self.execution_seconds is not None and self.execution_seconds > LONGEST_SYNCHRONOUS

    def refusal(self, caller: str, *, mapping: bool = False) -> DurableInputError | None:
        """Return why a caller cannot wait for this function, if it cannot; nobody can accept a mapping."""
        seconds = self.execution_seconds
        if seconds is None or not self.is_too_long or (self.accepted and not mapping):
            return None
        text = (
            f"{caller} waits for the whole execution, which the service refuses when "
            f"execution_timeout is above {LONGEST_SYNCHRONOUS} s (15 minutes); here it is {in_words(seconds)}. "
            "Put an AsyncStarter in between: it starts executions asynchronously, once per message. "
            "Or lower execution_timeout."
        )
        if not mapping:
            text += " A caller that is set up to invoke asynchronously may pass with allow_waiting_callers=True."
        return self.place.error(text)

    def refuse(self, caller: str, *, mapping: bool = False) -> None:
        """Raise why a caller cannot wait for this function, if it cannot."""
        refusal = self.refusal(caller, mapping=mapping)
        if refusal is not None:
            raise refusal

    def check_source(self, source: lambda_.IEventSource) -> None:
        """Refuse an event source before it makes anything: an error from inside of CDK loses its type."""
        from aws_cdk import aws_lambda_event_sources as sources

        if isinstance(source, sources.ApiEventSource):
            self.refuse("API Gateway")
        elif isinstance(source, sources.SqsEventSource | sources.StreamEventSource):
            self.refuse("An event source mapping", mapping=True)
        if isinstance(source, sources.SqsEventSource) and self.timeout_seconds is not None:
            check_visibility(self.place, source.queue, self.timeout_seconds, ", or lower timeout")


def check_visibility(place: Place, queue: sqs.IQueue, timeout: float, fix: str) -> None:
    """Refuse a queue that would deliver a message again while a function still works on it, as Lambda does."""
    from aws_cdk import aws_sqs as sqs

    resource = queue.node.default_child
    if not isinstance(resource, sqs.CfnQueue):
        return  # imported
    declared = resource.visibility_timeout
    visible = known(USUAL_VISIBILITY if declared is None else declared)
    if visible is not None and visible < timeout:
        raise place.error(
            f"the queue {queue.node.path} has a visibility_timeout of {in_words(visible)}, and Lambda maps no queue "
            f"whose messages become visible again before the function's timeout, here {in_words(timeout)}. "
            f"Pass visibility_timeout=cdk.Duration.seconds({timeout:.0f}) to the queue{fix}."
        )
