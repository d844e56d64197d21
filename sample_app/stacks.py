"""Three stacks with a durable workflow each."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from constructs_durable import ApprovalApi, AsyncStarter, DurableDashboard, DurableFunction

if TYPE_CHECKING:
    from constructs import Construct

FUNCTIONS = Path(__file__).parent / "functions"
MODEL_ID = "anthropic.claude-3-haiku-20240307-v1:0"


class OrdersStack(cdk.Stack):
    """An orders workflow that calls a shipping workflow, with alarms and a dashboard."""

    def __init__(self, scope: Construct, construct_id: str, **options: Any) -> None:
        super().__init__(scope, construct_id, **options)
        shipping = DurableFunction(
            self,
            "Shipping",
            entry=FUNCTIONS / "shipping",
            handler="handler.handler",
            execution_timeout=timedelta(days=7),
        )
        orders = DurableFunction(
            self,
            "Orders",
            entry=FUNCTIONS / "orders",
            handler="handler.handler",
            execution_timeout=timedelta(days=14),
        )
        orders.calls(shipping)

        on_call = sns.Topic(self, "OnCall", enforce_ssl=True)
        for function in (orders, shipping):
            function.recommended_alarms(on_call)
            function.add_log_queries()
        orders.on_execution_status_change("NeedsAttention", target=targets.SnsTopic(on_call))
        DurableDashboard(self, "Dashboard", functions=[orders, shipping])


class MediaScanStack(cdk.Stack):
    """A workflow that is started by messages and waits for jobs that other machines do."""

    def __init__(self, scope: Construct, construct_id: str, **options: Any) -> None:
        super().__init__(scope, construct_id, **options)
        media = s3.Bucket(self, "Media", enforce_ssl=True, server_access_logs_prefix="access/")
        uploads, virus_jobs, content_jobs = (self.queue(name) for name in ("Uploads", "VirusJobs", "ContentJobs"))
        scan = DurableFunction(
            self,
            "Scan",
            entry=FUNCTIONS / "media_scan",
            handler="handler.handler",
            execution_timeout=timedelta(days=1),
            environment={"VIRUS_QUEUE_URL": virus_jobs.queue_url, "CONTENT_QUEUE_URL": content_jobs.queue_url},
        )
        objects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        scan.add_to_role_policy(iam.PolicyStatement(actions=objects, resources=[media.arn_for_objects("*")]))
        # Without it S3 answers 403 instead of 404 for an object that is not there.
        scan.add_to_role_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[media.bucket_arn]))
        for jobs in (virus_jobs, content_jobs):
            jobs.grant_send_messages(scan)
        AsyncStarter(self, "Start", target=scan, queue=uploads, name_from="upload_id")

        # Whoever does the jobs takes on this role: it reads the queues and answers the callbacks.
        worker = iam.Role(self, "Worker", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        scan.grant_callbacks(worker)
        for jobs in (virus_jobs, content_jobs):
            jobs.grant_consume_messages(worker)

    def queue(self, name: str) -> sqs.Queue:
        """Make a queue that puts aside what fails three times."""
        failed = sqs.Queue(self, f"Failed{name}", enforce_ssl=True)
        dead_letter_queue = sqs.DeadLetterQueue(queue=failed, max_receive_count=3)
        return sqs.Queue(self, name, enforce_ssl=True, dead_letter_queue=dead_letter_queue)


class ApprovalAgentStack(cdk.Stack):
    """A model with tools, and people who decide what costs money."""

    def __init__(self, scope: Construct, construct_id: str, **options: Any) -> None:
        super().__init__(scope, construct_id, **options)
        approvers = sns.Topic(self, "Approvers", enforce_ssl=True)
        agent = DurableFunction(
            self,
            "Agent",
            entry=FUNCTIONS / "approval_agent",
            handler="handler.handler",
            execution_timeout=timedelta(days=7),
            environment={"APPROVERS_TOPIC_ARN": approvers.topic_arn, "MODEL_ID": MODEL_ID},
        )
        approvers.grant_publish(agent)
        model = self.format_arn(service="bedrock", account="", resource="foundation-model", resource_name=MODEL_ID)
        agent.add_to_role_policy(iam.PolicyStatement(actions=["bedrock:InvokeModel"], resources=[model]))
        ApprovalApi(self, "Approvals", functions=[agent])
