"""One stack of a cloud assembly, and the functions in its templates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_local._cloudformation import Template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOGGING = frozenset({"LogFormat", "ApplicationLogLevel", "SystemLogLevel"})


class AssemblyError(ValueError):
    """The folder is not a usable cloud assembly; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class AssemblyFunction:
    """One function of the assembly, ready to be created in the local service."""

    name: str
    path: str
    """The construct path when the template names it, else stack and logical id."""
    handler: str
    runtime: str
    code: Path | str
    """The folder or zip file of the code; text when the template holds the code itself."""
    layers: tuple[Path, ...]
    """Folders or zip files of the layers, in the function's order."""
    environment: dict[str, str]
    logging: dict[str, str]
    """`LogFormat` and the log levels, where the template sets them."""
    timeout: int
    memory: int
    execution_timeout: int | None
    retention_days: int | None
    aliases: dict[str, str]
    """Alias name to version."""
    versions: int
    """How many versions the template publishes."""

    @property
    def durable(self) -> bool:
        """Return whether the function has a durable configuration."""
        return self.execution_timeout is not None

    @property
    def target(self) -> str:
        """Return what to invoke: the function with its alias, its newest version or ``$LATEST``."""
        newest = str(self.versions) if self.versions else "$LATEST"
        return f"{self.name}:{next(iter(self.aliases), newest)}"


class Stack:
    """A stack, its nested stacks and its assets."""

    def __init__(
        self,
        folder: Path,
        name: str,
        document: Mapping[str, Any],
        *,
        region: str,
        account: str,
        paths: Mapping[str, str],
        **context: Any,
    ) -> None:
        self.region, self.account = region, account
        self._paths = paths
        self._folder = folder
        self._context = {"region": region, "account": account, **context}
        self._assets = _assets(folder)
        self.template = self._template(name, document, None)

    def _template(self, name: str, document: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> Template:
        template = Template(name, document, parameters=parameters, **self._context)
        for logical_id, resource in template.of_type("AWS::CloudFormation::Stack").items():
            asset = (resource.get("Metadata") or {}).get("aws:asset:path")
            if asset:
                given = template.resolve(resource["Properties"].get("Parameters") or {})
                nested = read_json(self._folder / asset)
                template.nested[logical_id] = self._template(f"{name}-{logical_id}", nested, given)
        return template

    def templates(self) -> Iterator[Template]:
        """Return the stack's template and those of its nested stacks."""
        waiting = [self.template]
        while waiting:
            template = waiting.pop(0)
            yield template
            waiting += template.nested.values()

    def read_functions(self, template: Template, functions: list[AssemblyFunction], notes: list[str]) -> None:
        """Add the template's functions, or a note about each that cannot run here."""
        for logical_id, resource in template.of_type("AWS::Lambda::Function").items():
            path = _construct_path(resource) or self._paths.get(logical_id) or f"{template.name}/{logical_id}"
            try:
                functions.append(self._function(template, logical_id, resource, path))
            except _NotServedError as reason:
                notes.append(f"{path} is not served: {reason}")

    def _function(
        self, template: Template, logical_id: str, resource: Mapping[str, Any], path: str
    ) -> AssemblyFunction:
        properties = resource["Properties"]
        runtime = str(template.resolve(properties.get("Runtime", "")))
        if not runtime.startswith("python"):
            raise _NotServedError(f"its runtime is {runtime or 'a container image'}, not Python.")
        durable = template.resolve(properties.get("DurableConfig") or {})
        variables = template.resolve((properties.get("Environment") or {}).get("Variables") or {})
        return AssemblyFunction(
            name=template.function_name(logical_id),
            path=path,
            handler=str(template.resolve(properties["Handler"])),
            runtime=runtime,
            code=self._code(template, properties["Code"]),
            layers=tuple(self._layer(template, layer) for layer in properties.get("Layers") or ()),
            environment={name: str(value) for name, value in variables.items() if value is not None},
            logging={
                name: str(value)
                for name, value in template.resolve(properties.get("LoggingConfig") or {}).items()
                if name in _LOGGING
            },
            timeout=int(template.resolve(properties.get("Timeout", 3))),
            memory=int(template.resolve(properties.get("MemorySize", 128))),
            execution_timeout=int(durable["ExecutionTimeout"]) if durable else None,
            retention_days=int(durable["RetentionPeriodInDays"]) if "RetentionPeriodInDays" in durable else None,
            aliases=_aliases(template, logical_id),
            versions=len(template.versions_of(logical_id)),
        )

    def _layer(self, template: Template, reference: Any) -> Path:
        logical_id = reference.get("Ref") if isinstance(reference, dict) else None
        layers = template.of_type("AWS::Lambda::LayerVersion")
        if logical_id not in layers:
            arn = template.resolve(reference)
            raise _NotServedError(f"its layer {arn} is not part of the assembly, so its content is not here.")
        code = self._code(template, layers[logical_id]["Properties"]["Content"])
        assert isinstance(code, Path)  # noqa: S101  a layer cannot hold inline code
        return code

    def _code(self, template: Template, code: Mapping[str, Any]) -> Path | str:
        if "ZipFile" in code:
            return str(template.resolve(code["ZipFile"]))
        key = str(template.resolve(code.get("S3Key", "")))
        source = self._assets.get(key)
        if source is None:
            raise _NotServedError(f"its code ({key or 'a container image'}) is not an asset of the assembly.")
        if not source.exists():
            raise AssemblyError(f"The asset {source} is gone. Run `cdk synth` again.")
        return source


class _NotServedError(Exception):
    """A function cannot run locally; the text says why."""


def _assets(folder: Path) -> dict[str, Path]:
    """Return the files and folders that would be uploaded, by their key in the asset bucket."""
    found = {}
    for manifest in folder.glob("*.assets.json"):
        for asset in (read_json(manifest).get("files") or {}).values():
            for destination in asset["destinations"].values():
                if "path" in asset["source"]:
                    found[destination["objectKey"]] = folder / asset["source"]["path"]
    return found


def construct_paths(folder: Path, artifact: Mapping[str, Any]) -> dict[str, str]:
    """Return the construct path of each logical id: an app that ran without the CLI keeps it beside the template."""
    metadata = artifact.get("metadata") or {}
    if "additionalMetadataFile" in artifact:
        metadata = read_json(folder / artifact["additionalMetadataFile"])
    return {
        str(entry["data"]): path.strip("/").removesuffix("/Resource")
        for path, entries in metadata.items()
        for entry in entries
        if entry.get("type") == "aws:cdk:logicalId"
    }


def _construct_path(resource: Mapping[str, Any]) -> str:
    path = str((resource.get("Metadata") or {}).get("aws:cdk:path", ""))
    return path.removesuffix("/Resource")


def _aliases(template: Template, function_id: str) -> dict[str, str]:
    rows = [row["Properties"] for row in template.of_type("AWS::Lambda::Alias").values()]
    return {
        str(template.resolve(row["Name"])): str(template.resolve(row["FunctionVersion"]))
        for row in rows
        if template.function_of(row["FunctionName"]) == function_id
    }


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object of the assembly."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AssemblyError(f"Cannot read {path}: {error}. Run `cdk synth` again.") from error
    if not isinstance(document, dict):
        raise AssemblyError(f"{path} is not a JSON object. Run `cdk synth` again.")
    return document
