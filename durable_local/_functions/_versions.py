"""Versions and aliases of functions."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from durable_local._errors import ApiError, conflict, invalid_parameter, not_found
from durable_local._functions import _checks as checks
from durable_local._functions import _names
from durable_local._functions._names import LATEST
from durable_local._functions._registry import ALIAS, FUNCTION, VERSION

if TYPE_CHECKING:
    from durable_local._functions._names import FunctionName
    from durable_local._functions._registry import Functions

Document = dict[str, Any]


class VersionApi:
    """Publish versions, point aliases at them, describe them."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions

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

    def latest(self, request: Document) -> tuple[str, Document]:
        """Return the name and document of the function whose ``$LATEST`` is to be changed."""
        parts = _names.parse(str(request["FunctionName"]), request.get("Qualifier"))
        if parts.qualifier not in {None, LATEST}:
            raise invalid_parameter("Only $LATEST can be changed; a published version is final.")
        return parts.name, self.functions.document(parts)

    @staticmethod
    def check_revision(request: Document, config: Document) -> None:
        """Refuse a change that was meant for another revision."""
        revision = request.get("RevisionId")
        if revision is not None and revision != config["RevisionId"]:
            raise ApiError(
                412,
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id",
            )

    # --- versions ---

    def publish_version(self, request: Document) -> Document:
        """Publish a version; unchanged code and configuration publish nothing new."""
        functions = self.functions
        name, document = self.latest(request)
        config = document["config"]
        expected = request.get("CodeSha256")
        if expected is not None and expected != config.get("CodeSha256"):
            raise invalid_parameter(
                f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST "
                f"({config.get('CodeSha256')}). Please try again with the CodeSHA256 in $LATEST."
            )
        self.check_revision(request, config)
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

    def versions(self, name: str) -> list[Document]:
        """Describe ``$LATEST`` and the published versions of a function."""
        prefix = f"{name}:"
        numbers = sorted(
            int(key.removeprefix(prefix)) for key in self.functions.documents[VERSION] if key.startswith(prefix)
        )
        return [self.describe(name, version, version) for version in [LATEST, *map(str, numbers)]]

    def list_versions_by_function(self, request: Document) -> Document:
        """List ``$LATEST`` and the published versions."""
        parts = _names.parse(str(request["FunctionName"]))
        self.functions.document(parts)
        return checks.paged(self.versions(parts.name), request, "Versions")

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
        self.check_revision(request, alias)
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
        return checks.paged(found, request, "Aliases")

    def delete_version(self, parts: FunctionName) -> None:
        """Delete one published version, unless an alias points at it."""
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
