"""What stands around functions: tags, permissions, concurrency, event sources and account settings."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import unquote

from durable_local import _rules as rules
from durable_local._clock import machine_time
from durable_local._errors import conflict, invalid_parameter, not_found
from durable_local._functions import _checks as checks
from durable_local._functions import _names
from durable_local._functions._layers import LayerApi
from durable_local._functions._names import LATEST
from durable_local._functions._registry import FUNCTION, MAPPING

Document = dict[str, Any]

UNRESERVED = 1000
"""Concurrent executions of an account [D]."""


class FunctionExtras(LayerApi):
    """The rest of the function API, as far as boto3, the AWS CLI and deployment tools need it."""

    # --- tags ---

    def _tagged(self, request: Document) -> tuple[str, Document]:
        parts = _names.parse(unquote(str(request["Resource"])))
        return parts.name, self.functions.document(parts)

    def list_tags(self, request: Document) -> Document:
        """Return the tags of a function."""
        return {"Tags": self._tagged(request)[1]["tags"]}

    def tag_resource(self, request: Document) -> None:
        """Add tags to a function."""
        name, document = self._tagged(request)
        tags = {**document["tags"], **checks.checked_tags(request.get("Tags"))}
        self.functions.put((FUNCTION, name, {**document, "tags": tags}))

    def untag_resource(self, request: Document) -> None:
        """Remove tags from a function."""
        name, document = self._tagged(request)
        keys = request.get("tagKeys") or []
        gone = set(keys if isinstance(keys, list) else [keys])
        tags = {key: value for key, value in document["tags"].items() if key not in gone}
        self.functions.put((FUNCTION, name, {**document, "tags": tags}))

    # --- one function ---

    def _function(self, request: Document) -> tuple[str, str | None, Document]:
        parts = _names.parse(str(request["FunctionName"]), request.get("Qualifier"))
        document = self.functions.document(parts)
        self.functions.version_named(parts)
        return parts.name, parts.qualifier, document

    def put_function_concurrency(self, request: Document) -> Document:
        """Remember the reserved concurrency; the local service does not throttle."""
        name, _, document = self._function(request)
        value = checks.number(request, "ReservedConcurrentExecutions", 0, 1_000_000)
        if value is None:
            raise checks.violation("reservedConcurrentExecutions", "null", "not be null")
        self.functions.put((FUNCTION, name, {**document, "concurrency": value}))
        return {"ReservedConcurrentExecutions": value}

    def get_function_concurrency(self, request: Document) -> Document:
        """Return the reserved concurrency."""
        value = self._function(request)[2].get("concurrency")
        return {} if value is None else {"ReservedConcurrentExecutions": value}

    def delete_function_concurrency(self, request: Document) -> None:
        """Forget the reserved concurrency."""
        name, _, document = self._function(request)
        self.functions.put((FUNCTION, name, {**document, "concurrency": None}))

    def put_function_event_invoke_config(self, request: Document) -> Document:
        """Set retries and maximal age of asynchronous invocations."""
        name, qualifier, document = self._function(request)
        config: Document = {}
        retries = checks.number(request, "MaximumRetryAttempts", 0, rules.EVENT_RETRIES)
        age = checks.number(request, "MaximumEventAgeInSeconds", 60, rules.EVENT_AGE)
        if retries is not None:
            config["MaximumRetryAttempts"] = retries
        if age is not None:
            config["MaximumEventAgeInSeconds"] = age
        if request.get("DestinationConfig"):
            config["DestinationConfig"] = request["DestinationConfig"]
        configs = {**document.get("event_invoke", {}), (qualifier or LATEST): config}
        self.functions.put((FUNCTION, name, {**document, "event_invoke": configs}))
        return self._event_invoke(name, qualifier, config)

    def _event_invoke(self, name: str, qualifier: str | None, config: Document) -> Document:
        arn = self.functions.arn(name, qualifier or LATEST)
        return {**config, "FunctionArn": arn, "LastModified": machine_time() / 1000}

    def get_function_event_invoke_config(self, request: Document) -> Document:
        """Return retries and maximal age of asynchronous invocations."""
        name, qualifier, document = self._function(request)
        config = document.get("event_invoke", {}).get(qualifier or LATEST)
        if config is None:
            arn = self.functions.arn(name, qualifier or LATEST)
            raise not_found(f"The function {arn} doesn't have an EventInvokeConfig")
        return self._event_invoke(name, qualifier, config)

    def delete_function_event_invoke_config(self, request: Document) -> None:
        """Return to the defaults of asynchronous invocations."""
        name, qualifier, document = self._function(request)
        configs = {
            key: value for key, value in document.get("event_invoke", {}).items() if key != (qualifier or LATEST)
        }
        self.functions.put((FUNCTION, name, {**document, "event_invoke": configs}))

    # --- permissions: remembered, not enforced ---

    def add_permission(self, request: Document) -> Document:
        """Add a statement to a function's policy."""
        name, qualifier, document = self._function(request)
        statement_id = checks.text(request, "StatementId", limit=100, required=True) or ""
        policy = document.get("policy", {})
        if statement_id in policy:
            raise conflict(f"The statement id ({statement_id}) provided already exists.")
        principal = checks.text(request, "Principal", required=True) or ""
        statement: Document = {
            "Sid": statement_id,
            "Effect": "Allow",
            "Principal": {"Service": principal} if "." in principal else {"AWS": principal},
            "Action": checks.text(request, "Action", required=True),
            "Resource": self.functions.arn(name, qualifier),
        }
        if request.get("SourceArn"):
            statement["Condition"] = {"ArnLike": {"AWS:SourceArn": request["SourceArn"]}}
        self.functions.put((FUNCTION, name, {**document, "policy": {**policy, statement_id: statement}}))
        return {"Statement": json.dumps(statement)}

    def remove_permission(self, request: Document) -> None:
        """Remove a statement from a function's policy."""
        name, _, document = self._function(request)
        policy = dict(document.get("policy", {}))
        if policy.pop(request["StatementId"], None) is None:
            raise not_found(f"Statement {str(request['StatementId'])[:100]} is not found in resource policy.")
        self.functions.put((FUNCTION, name, {**document, "policy": policy}))

    def get_policy(self, request: Document) -> Document:
        """Return a function's policy."""
        document = self._function(request)[2]
        if not document.get("policy"):
            raise not_found("The resource you requested does not exist.")
        statements = list(document["policy"].values())
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
        return {"Policy": json.dumps(policy), "RevisionId": document["config"]["RevisionId"]}

    # --- event source mappings: the rules for durable functions; nothing is polled ---

    def create_event_source_mapping(self, request: Document) -> Document:
        """Create an event source mapping after checking what a durable function demands of it."""
        text = checks.text(request, "FunctionName", required=True) or ""
        target = self.functions.resolve(text, None)
        if target.function.durable:
            if not target.qualified:
                raise invalid_parameter(rules.ESM_UNQUALIFIED)
            if (target.function.execution_timeout or 0) > rules.MAX_SYNC_TIMEOUT:
                raise invalid_parameter(rules.ESM_TOO_LONG)
        mapping: Document = {
            "UUID": str(uuid.uuid4()),
            "BatchSize": request.get("BatchSize") or 10,
            "EventSourceArn": request.get("EventSourceArn") or "",
            "FunctionArn": target.invoked_arn,
            "LastModified": machine_time() / 1000,
            "State": "Enabled" if request.get("Enabled", True) else "Disabled",
            "StateTransitionReason": "USER_INITIATED",
        }
        self.functions.put((MAPPING, mapping["UUID"], mapping))
        return mapping

    def _mapping(self, request: Document) -> Document:
        mapping = self.functions.documents[MAPPING].get(str(request["UUID"]))
        if mapping is None:
            raise not_found("The resource you requested does not exist.")
        return mapping

    def get_event_source_mapping(self, request: Document) -> Document:
        """Return an event source mapping."""
        return self._mapping(request)

    def delete_event_source_mapping(self, request: Document) -> Document:
        """Delete an event source mapping."""
        mapping = self._mapping(request)
        self.functions.put((MAPPING, mapping["UUID"], None))
        return {**mapping, "State": "Deleting"}

    def list_event_source_mappings(self, request: Document) -> Document:
        """List event source mappings, of one function on demand."""
        items = list(self.functions.documents[MAPPING].values())
        if request.get("FunctionName"):
            parts = _names.parse(str(request["FunctionName"]))
            arn = self.functions.arn(parts.name, parts.qualifier)
            items = [item for item in items if item["FunctionArn"] == arn]
        return checks.paged(items, request, "EventSourceMappings")

    # --- the account, and features a function here never uses ---

    def get_account_settings(self, _request: Document) -> Document:
        """Return limits and usage."""
        documents = self.functions.documents
        size = sum(document["config"].get("CodeSize", 0) for document in documents[FUNCTION].values())
        return {
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": UNRESERVED,
                "UnreservedConcurrentExecutions": UNRESERVED,
            },
            "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(documents[FUNCTION])},
        }

    def get_function_code_signing_config(self, request: Document) -> Document:
        """Say that no code signing is configured."""
        return {"FunctionName": self._function(request)[0]}

    def get_runtime_management_config(self, request: Document) -> Document:
        """Say that the runtime updates itself."""
        name, qualifier, _ = self._function(request)
        return {"UpdateRuntimeOn": "Auto", "FunctionArn": self.functions.arn(name, qualifier)}

    def get_function_recursion_config(self, request: Document) -> Document:
        """Say that recursion is ended by Lambda's default."""
        self._function(request)
        return {"RecursiveLoop": "Terminate"}
