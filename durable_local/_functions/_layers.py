"""Layers: folders of code that functions share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_local._errors import not_found
from durable_local._functions import _checks as checks
from durable_local._functions import _code
from durable_local._functions._registry import LAYER

if TYPE_CHECKING:
    from durable_local._functions._registry import Functions

Document = dict[str, Any]


class LayerApi:
    """Publish, find, list and delete layer versions."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions

    def _layer_arn(self, name: str) -> str:
        if name.startswith("arn:"):
            return name
        settings = self.functions.settings
        return f"arn:{settings.partition}:lambda:{settings.region}:{settings.account}:layer:{name}"

    def _versions_of(self, name: str) -> list[Document]:
        prefix = self._layer_arn(name) + ":"
        found = [layer for arn, layer in self.functions.documents[LAYER].items() if arn.startswith(prefix)]
        return sorted(found, key=lambda layer: -layer["Version"])

    def publish_layer_version(self, request: Document) -> Document:
        """Publish a version of a layer."""
        name = str(request["LayerName"])
        code = _code.take(request.get("Content"), self.functions)
        versions = self._versions_of(name)
        number = versions[0]["Version"] + 1 if versions else 1
        arn = f"{self._layer_arn(name)}:{number}"
        layer = {
            "code": code.document,
            "size": code.size,
            "sha256": code.sha256,
            "Version": number,
            "Description": checks.text(request, "Description") or "",
            "CreatedDate": checks.timestamp(),
            "CompatibleRuntimes": request.get("CompatibleRuntimes") or [],
            "LicenseInfo": checks.text(request, "LicenseInfo", limit=512) or "",
        }
        self.functions.put((LAYER, arn, layer))
        return self._describe_layer(arn, layer)

    def _describe_layer(self, arn: str, layer: Document) -> Document:
        members = ("Version", "Description", "CreatedDate", "CompatibleRuntimes", "LicenseInfo")
        location = layer["code"].get("folder") or layer["code"].get("sha256", "")
        return {
            "Content": {"Location": f"file://{location}", "CodeSha256": layer["sha256"], "CodeSize": layer["size"]},
            "LayerArn": arn.rpartition(":")[0],
            "LayerVersionArn": arn,
            **{member: layer[member] for member in members},
        }

    def _layer(self, arn: str) -> Document:
        layer = self.functions.documents[LAYER].get(arn)
        if layer is None:
            raise not_found("The resource you requested does not exist.")
        return self._describe_layer(arn, layer)

    def get_layer_version(self, request: Document) -> Document:
        """Return one version of a layer."""
        return self._layer(f"{self._layer_arn(str(request['LayerName']))}:{request['VersionNumber']}")

    def delete_layer_version(self, request: Document) -> None:
        """Delete one version of a layer; functions that use it keep it."""
        arn = f"{self._layer_arn(str(request['LayerName']))}:{request['VersionNumber']}"
        used = any(
            layer["Arn"] == arn
            for kind in ("function", "version")
            for document in self.functions.documents[kind].values()
            for layer in document["config"].get("Layers", ())
        )
        if not used:
            self.functions.put((LAYER, arn, None))

    def list_layer_versions(self, request: Document) -> Document:
        """List the versions of a layer, newest first."""
        name = str(request["LayerName"])
        items = [
            self._describe_layer(f"{self._layer_arn(name)}:{layer['Version']}", layer)
            for layer in self._versions_of(name)
        ]
        return checks.paged(items, request, "LayerVersions")

    def list_layers(self, request: Document) -> Document:
        """List layers, or find one layer version by its ARN."""
        if request.get("find") == "LayerVersion":
            return self._layer(str(request.get("Arn")))
        newest: dict[str, Document] = {}
        for arn, layer in self.functions.documents[LAYER].items():
            bare = arn.rpartition(":")[0]
            if bare not in newest or newest[bare]["Version"] < layer["Version"]:
                newest[bare] = self._describe_layer(arn, layer)
        items = [
            {"LayerName": arn.rpartition(":")[2], "LayerArn": arn, "LatestMatchingVersion": layer}
            for arn, layer in sorted(newest.items())
        ]
        return checks.paged(items, request, "Layers")
