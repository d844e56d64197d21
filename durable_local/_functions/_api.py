"""The function API: create, configure, publish, list and delete functions.

Methods take the members of a request (path, query and body together) and return the body of the reply.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from durable_local import _rules as rules
from durable_local._errors import ApiError, conflict, invalid_parameter, not_found
from durable_local._functions import _checks as checks
from durable_local._functions import _code, _names
from durable_local._functions._names import LATEST
from durable_local._functions._registry import ALIAS, FUNCTION, VERSION

if TYPE_CHECKING:
    from durable_local._functions._names import FunctionName
    from durable_local._functions._registry import Functions

Document = dict[str, Any]


def paged(items: list[Any], request: Document, member: str, *, most: int = 50) -> Document:
    """Return a page of `items` as control plane lists have them: ``Marker`` in, ``NextMarker`` out."""
    limit = checks.number(request, "MaxItems", 1, 10_000) or most
    marker = request.get("Marker")
    if marker is not None and not (str(marker).isascii() and str(marker).isdecimal() and len(str(marker)) < 10):
        raise invalid_parameter(rules.INVALID_MARKER)
    start = int(marker or 0)
    answer: Document = {member: items[start : start + limit]}
    if start + limit < len(items):
        answer["NextMarker"] = str(start + limit)
    return answer


def timestamp() -> str:
    """Return the machine's time the way ``LastModified`` has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


class FunctionApi:
    """Functions, versions and aliases."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions

    # --- create and read ---

    def create_function(self, request: Document) -> Document:
        """Create a function."""
        functions = self.functions
        name = checks.function_name(request)
        if name in functions.documents[FUNCTION]:
            raise conflict(f"Function already exist: {name}")
        config = self._new_configuration(name, request)
        code = _code.take(request.get("Code"), functions.store)
        self._set_code(config, code)
        tags = checked_tags(request.get("Tags"))
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
        if "Handler" not in config or "Runtime" not in config:
            raise invalid_parameter("Runtime and Handler are mandatory parameters for functions created with code.")
        if request.get("PackageType", "Zip") != "Zip":
            raise invalid_parameter("The local service runs zip archives and folders, not container images.")
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
            **_changed(),
        }

    @staticmethod
    def _set_code(config: Document, code: _code.Code) -> None:
        config.update(CodeSize=code.size, CodeSha256=code.sha256)

    def _layers(self, arns: Any) -> list[Document]:
        from durable_local._functions._registry import LAYER

        if arns is None:
            return []
        if not isinstance(arns, list) or len(arns) > checks.MAX_LAYERS:
            raise invalid_parameter(f"Layers must be a list of at most {checks.MAX_LAYERS} layer version ARNs")
        known = self.functions.documents[LAYER]
        for arn in arns:
            if not isinstance(arn, str) or arn not in known:
                raise invalid_parameter(f"Layer version {str(arn)[:200]} does not exist.")
        return [{"Arn": arn, "CodeSize": known[arn]["size"]} for arn in arns]

    def describe(self, name: str, version: str, qualifier: str | None = None) -> Document:
        """Return the ``FunctionConfiguration`` of one version."""
        functions = self.functions
        if version == LATEST:
            config = functions.documents[FUNCTION][name]["config"]
        else:
            config = functions.documents[VERSION][f"{name}:{version}"]["config"]
        return {
            **config,
            "FunctionArn": functions.arn(name, qualifier),
            "Version": version,
            "State": "Active",
            "LastUpdateStatus": "Successful",
        }

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
        items = [self.describe(name, LATEST, LATEST) for name in names]
        for item in items:
            item["FunctionArn"] = self.functions.arn(item["FunctionName"])
        if request.get("FunctionVersion") == "ALL":
            items = [version for name in names for version in self._versions(name)]
        return paged(items, request, "Functions")

    def delete_function(self, request: Document) -> Document:
        """Delete a function with all its versions and aliases, or one version."""
        functions = self.functions
        parts = _names.parse(str(request["FunctionName"]), request.get("Qualifier"))
        functions.document(parts)
        if parts.qualifier is not None:
            self._delete_version(parts)
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

    def _delete_version(self, parts: FunctionName) -> None:
        functions = self.functions
        if parts.qualifier == LATEST:
            raise invalid_parameter("$LATEST version cannot be deleted without deleting the function.")
        name = f"{parts.name}:{parts.qualifier}"
        if name not in functions.documents[VERSION]:
            raise functions.missing(parts.name, parts.qualifier)
        for alias in self._aliases(parts.name):
            if alias["FunctionVersion"] == parts.qualifier:
                raise conflict(f"Version {parts.qualifier} is in use by the alias {alias['Name']}")
        functions.put((VERSION, name, None))

    # --- update ---

    def _latest(self, request: Document) -> tuple[str, Document]:
        parts = _names.parse(str(request["FunctionName"]), request.get("Qualifier"))
        if parts.qualifier not in {None, LATEST}:
            raise invalid_parameter("Only $LATEST can be changed; a published version is final.")
        return parts.name, self.functions.document(parts)

    @staticmethod
    def _check_revision(request: Document, config: Document) -> None:
        revision = request.get("RevisionId")
        if revision is not None and revision != config["RevisionId"]:
            raise ApiError(
                412,
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id",
            )

    def update_function_configuration(self, request: Document) -> Document:
        """Change the configuration of ``$LATEST``; running executions keep theirs."""
        name, document = self._latest(request)
        config = document["config"]
        self._check_revision(request, config)
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
        new = {**config, **changes, **_changed()}
        checks.log_format(new)
        self.functions.put((FUNCTION, name, {**document, "config": new}))
        return self.describe(name, LATEST)

    def update_function_code(self, request: Document) -> Document:
        """Change the code of ``$LATEST``."""
        name, document = self._latest(request)
        self._check_revision(request, document["config"])
        code = _code.take(request, self.functions.store)
        if request.get("DryRun"):
            return self.describe(name, LATEST)
        config = {**document["config"], **_changed()}
        self._set_code(config, code)
        self.functions.put((FUNCTION, name, {**document, "config": config, "code": code.document}))
        if request.get("Publish"):
            return self.publish_version({"FunctionName": name})
        return self.describe(name, LATEST)

    # --- versions ---

    def publish_version(self, request: Document) -> Document:
        """Publish a version; unchanged code and configuration publish nothing new."""
        functions = self.functions
        name, document = self._latest(request)
        config = document["config"]
        expected = request.get("CodeSha256")
        if expected is not None and expected != config.get("CodeSha256"):
            raise invalid_parameter(
                f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST "
                f"({config.get('CodeSha256')}). Please try again with the CodeSHA256 in $LATEST."
            )
        self._check_revision(request, config)
        if document["published"] and document.get("published_revision") == config["RevisionId"]:
            return self.describe(name, str(document["published"]), str(document["published"]))
        number = str(document["published"] + 1)
        version = {
            "config": {**config, "Description": request.get("Description") or config.get("Description", "")},
            "code": document["code"],
        }
        published = {**document, "published": int(number), "published_revision": config["RevisionId"]}
        functions.put((VERSION, f"{name}:{number}", version), (FUNCTION, name, published))
        return self.describe(name, number, number)

    def _versions(self, name: str) -> list[Document]:
        prefix = f"{name}:"
        numbers = sorted(
            int(key.removeprefix(prefix)) for key in self.functions.documents[VERSION] if key.startswith(prefix)
        )
        return [self.describe(name, version, version) for version in [LATEST, *map(str, numbers)]]

    def list_versions_by_function(self, request: Document) -> Document:
        """List ``$LATEST`` and the published versions."""
        parts = _names.parse(str(request["FunctionName"]))
        self.functions.document(parts)
        return paged(self._versions(parts.name), request, "Versions")

    # --- aliases ---

    def _aliases(self, name: str) -> list[Document]:
        prefix = f"{name}:"
        return [alias for key, alias in sorted(self.functions.documents[ALIAS].items()) if key.startswith(prefix)]

    def _alias_version(self, name: str, request: Document, before: Document | None = None) -> str:
        version = request.get("FunctionVersion") or (before or {}).get("FunctionVersion")
        if version != LATEST and f"{name}:{version}" not in self.functions.documents[VERSION]:
            raise self.functions.missing(name, str(version))
        return str(version)

    def create_alias(self, request: Document) -> Document:
        """Create an alias."""
        parts = _names.parse(str(request["FunctionName"]))
        self.functions.document(parts)
        alias_name = _names.check_alias(request.get("Name"))
        key = f"{parts.name}:{alias_name}"
        if key in self.functions.documents[ALIAS]:
            raise conflict(f"Alias already exists: {self.functions.arn(parts.name, alias_name)}")
        return self._put_alias(parts.name, alias_name, request, None)

    def _put_alias(self, name: str, alias_name: str, request: Document, before: Document | None) -> Document:
        alias = {
            "AliasArn": self.functions.arn(name, alias_name),
            "Name": alias_name,
            "FunctionVersion": self._alias_version(name, request, before),
            "Description": checks.text(request, "Description") or (before or {}).get("Description", ""),
            "RevisionId": str(uuid.uuid4()),
        }
        routing = request.get("RoutingConfig") or (before or {}).get("RoutingConfig")
        if routing:
            alias["RoutingConfig"] = routing
        self.functions.put((ALIAS, f"{name}:{alias_name}", alias))
        return alias

    def _alias(self, request: Document) -> tuple[str, Document]:
        parts = _names.parse(str(request["FunctionName"]))
        self.functions.document(parts)
        alias = self.functions.documents[ALIAS].get(f"{parts.name}:{request['Name']}")
        if alias is None:
            arn = self.functions.arn(parts.name, request["Name"])
            raise not_found(f"Cannot find alias arn: {arn}")
        return parts.name, alias

    def get_alias(self, request: Document) -> Document:
        """Return an alias."""
        return self._alias(request)[1]

    def update_alias(self, request: Document) -> Document:
        """Point an alias at another version."""
        name, alias = self._alias(request)
        self._check_revision(request, alias)
        return self._put_alias(name, alias["Name"], request, alias)

    def delete_alias(self, request: Document) -> None:
        """Delete an alias."""
        parts = _names.parse(str(request["FunctionName"]))
        self.functions.document(parts)
        self.functions.put((ALIAS, f"{parts.name}:{request['Name']}", None))

    def list_aliases(self, request: Document) -> Document:
        """List the aliases of a function, or those of one version."""
        parts = _names.parse(str(request["FunctionName"]))
        self.functions.document(parts)
        version = request.get("FunctionVersion")
        found = [alias for alias in self._aliases(parts.name) if version in {None, alias["FunctionVersion"]}]
        return paged(found, request, "Aliases")


def checked_tags(tags: Any) -> dict[str, str]:
    """Return checked tags."""
    if tags is None:
        return {}
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise invalid_parameter("Tags must map strings to strings")
    return dict(tags)


def _changed() -> Document:
    return {"LastModified": timestamp(), "RevisionId": str(uuid.uuid4())}
