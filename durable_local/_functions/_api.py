"""The function API: create, configure, publish, list and delete functions.

Methods take the members of a request (path, query and body together) and return the body of the reply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._errors import conflict, invalid_parameter
from durable_local._functions import _checks as checks
from durable_local._functions import _code, _names
from durable_local._functions._names import LATEST
from durable_local._functions._registry import ALIAS, FUNCTION, LAYER, VERSION
from durable_local._functions._versions import VersionApi

if TYPE_CHECKING:
    from durable_local._functions._names import FunctionName

Document = dict[str, Any]


class FunctionApi(VersionApi):
    """Functions, and with them their versions and aliases."""

    # --- create and read ---

    def create_function(self, request: Document) -> Document:
        """Create a function."""
        functions = self.functions
        name = checks.function_name(request)
        if name in functions.documents[FUNCTION]:
            raise conflict(f"Function already exist: {name}")
        config = self._new_configuration(name, request)
        code = _code.take(request.get("Code"), functions)
        self._set_code(config, code)
        tags = checks.checked_tags(request.get("Tags"))
        document = {"config": config, "code": code.document, "published": 0, "tags": tags, "event_invoke": {}}
        functions.put((FUNCTION, name, document))
        if request.get("Publish"):
            return self.publish_version({"FunctionName": name})
        return self.describe(name, LATEST)

    def _new_configuration(self, name: str, request: Document) -> Document:
        checks.text(request, "Role", limit=2048, required=True)
        config = checks.configuration(request)
        durable = checks.durable_config(request.get("DurableConfig"), self.functions.settings)
        if durable is not None:
            config["DurableConfig"] = durable
            shortest = min(durable["ExecutionTimeout"], rules.MAX_INVOCATION)  # seen on AWS by others
            config.setdefault("Timeout", shortest)
            config.setdefault("LoggingConfig", {"LogFormat": "JSON"})
        checks.log_format(config)
        if request.get("PackageType", "Zip") != "Zip":
            raise invalid_parameter("The local service runs zip archives and folders, not container images.")
        if "Handler" not in config or "Runtime" not in config:
            raise invalid_parameter("Runtime and Handler are mandatory parameters for functions created with code.")
        config.setdefault("LoggingConfig", {"LogFormat": "Text"})
        config["LoggingConfig"].setdefault("LogGroup", f"/aws/lambda/{name}")
        layers = self._layers(request.get("Layers"))
        if layers:
            config["Layers"] = layers
        return {
            "FunctionName": name,
            "Description": "",
            "Timeout": checks.DEFAULT_TIMEOUT,
            "MemorySize": checks.DEFAULT_MEMORY,
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "EphemeralStorage": {"Size": 512},
            "TracingConfig": {"Mode": "PassThrough"},
            **config,
            **checks.changed(),
        }

    @staticmethod
    def _set_code(config: Document, code: _code.Code) -> None:
        config.update(CodeSize=code.size, CodeSha256=code.sha256)

    def _layers(self, arns: Any) -> list[Document]:
        if arns is None:
            return []
        if not isinstance(arns, list) or len(arns) > checks.MAX_LAYERS:
            raise invalid_parameter(f"Layers must be a list of at most {checks.MAX_LAYERS} layer version ARNs")
        known = self.functions.documents[LAYER]
        for arn in arns:
            if not isinstance(arn, str) or arn not in known:
                raise invalid_parameter(f"Layer version {str(arn)[:200]} does not exist.")
        return [{"Arn": arn, "CodeSize": known[arn]["size"]} for arn in arns]

    def _named(self, request: Document) -> tuple[FunctionName, str]:
        parts = _names.parse(str(request["FunctionName"]), request.get("Qualifier"))
        return parts, self.functions.version_named(parts)

    def get_function_configuration(self, request: Document) -> Document:
        """Return the configuration of a function, version or alias."""
        parts, version = self._named(request)
        return self.describe(parts.name, version, parts.qualifier)

    def get_function(self, request: Document) -> Document:
        """Return configuration, code location and tags."""
        parts, version = self._named(request)
        document = self.functions.documents[FUNCTION][parts.name]
        source = document if version == LATEST else self.functions.documents[VERSION][f"{parts.name}:{version}"]
        location = source["code"].get("folder")
        answer: Document = {
            "Configuration": self.describe(parts.name, version, parts.qualifier),
            "Code": {"RepositoryType": "S3", "Location": f"file://{location or source['code'].get('sha256', '')}"},
        }
        if document["tags"]:
            answer["Tags"] = document["tags"]
        if document.get("concurrency") is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": document["concurrency"]}
        return answer

    def list_functions(self, request: Document) -> Document:
        """List functions, with all their versions on demand."""
        documents = self.functions.documents
        names = sorted(documents[FUNCTION])
        items = [self.describe(name, LATEST) for name in names]
        if request.get("FunctionVersion") == "ALL":
            items = [version for name in names for version in self.versions(name)]
        return checks.paged(items, request, "Functions")

    def delete_function(self, request: Document) -> Document:
        """Delete a function with all its versions and aliases, or one version."""
        functions = self.functions
        parts = _names.parse(str(request["FunctionName"]), request.get("Qualifier"))
        functions.document(parts)
        if parts.qualifier is not None:
            self.delete_version(parts)
            return {"StatusCode": 204}
        prefix = f"{parts.name}:"
        gone = [
            (kind, name, None)
            for kind in (VERSION, ALIAS)
            for name in functions.documents[kind]
            if name.startswith(prefix)
        ]
        functions.put((FUNCTION, parts.name, None), *gone)
        return {"StatusCode": 204}

    # --- update ---

    def update_function_configuration(self, request: Document) -> Document:
        """Change the configuration of ``$LATEST``; running executions keep theirs."""
        name, document = self.latest(request)
        config = document["config"]
        self.check_revision(request, config)
        changes = checks.configuration(request)
        before = config.get("DurableConfig")
        durable = checks.durable_config(request.get("DurableConfig"), self.functions.settings, before)
        if durable is not None:
            if before is None:
                raise invalid_parameter(rules.DURABLE_AT_CREATION)
            changes["DurableConfig"] = durable
        if request.get("Layers") is not None:
            changes["Layers"] = self._layers(request["Layers"])
        if "LoggingConfig" in changes:
            changes["LoggingConfig"] = {**config["LoggingConfig"], **changes["LoggingConfig"]}
        new = {**config, **changes, **checks.changed()}
        checks.log_format(new)
        self.functions.put((FUNCTION, name, {**document, "config": new}))
        return self.describe(name, LATEST)

    def update_function_code(self, request: Document) -> Document:
        """Change the code of ``$LATEST``."""
        name, document = self.latest(request)
        self.check_revision(request, document["config"])
        code = _code.take(request, self.functions)
        if request.get("DryRun"):
            return self.describe(name, LATEST)
        config = {**document["config"], **checks.changed()}
        self._set_code(config, code)
        self.functions.put((FUNCTION, name, {**document, "config": config, "code": code.document}))
        if request.get("Publish"):
            return self.publish_version({"FunctionName": name})
        return self.describe(name, LATEST)
