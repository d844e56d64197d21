"""Reads a synthesized cloud assembly (`cdk.out`): its Lambda functions with code, layers and environment resolved.

The stack you deploy is the stack you run locally. Values that exist only after a deployment (the name of a table, say)
get a placeholder and a note.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_local._cloudformation import Template, UnresolvedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Assembly", "AssemblyError", "AssemblyFunction", "read_assembly"]

REGION = "us-east-1"
ACCOUNT = "123456789012"
"""What an assembly without an environment of its own is resolved for."""

_LOGGING = frozenset({"LogFormat", "ApplicationLogLevel", "SystemLogLevel"})


_LOG_GROUP = "AWS::Logs::LogGroup"
"""Logs are kept by the service itself here, so a log group's name needs no note."""


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


@dataclass(slots=True)
class Assembly:
    """The functions of a cloud assembly."""

    folder: Path
    region: str = REGION
    account: str = ACCOUNT
    functions: list[AssemblyFunction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be taken over, one sentence each."""

    def function(self, name: str) -> AssemblyFunction:
        """Find a function by its name, its construct path or the end of either."""
        wanted = name.partition(":")[0]
        exact = [function for function in self.functions if wanted in (function.name, function.path)]
        near = [
            function
            for function in self.functions
            if f"/{function.path}/".find(f"/{wanted}/") >= 0 or wanted.lower() in function.name.lower()
        ]
        found = exact or near
        if len(found) == 1:
            return found[0]
        names = ", ".join(function.name for function in self.functions) or "none"
        problem = "more than one function matches" if found else "no function matches"
        raise AssemblyError(f"In {self.folder} {problem} `{name}`. Its functions: {names}.")


def read_assembly(folder: str | Path, *, region: str = REGION, account: str = ACCOUNT) -> Assembly:
    """Read the cloud assembly in `folder`."""
    root = Path(folder)
    stacks = [*_stacks(root, region, account)]
    environments = list(dict.fromkeys((stack.account, stack.region) for stack in stacks)) or [(account, region)]
    assembly = Assembly(root, environments[0][1], environments[0][0])
    if len(environments) > 1:
        others = ", ".join(f"{account}/{region}" for account, region in environments[1:])
        assembly.notes.append(
            f"The assembly deploys to several environments; calls across them ({others}) fail here as on AWS."
        )
    for stack in stacks:
        for template in stack.templates():
            stack.read_functions(template, assembly)
            assembly.notes += [
                f"{key} has no value before a deployment; {stand_in} stands in for it."
                for key, stand_in in sorted(template.placeholders.items())
                if _LOG_GROUP not in key
            ]
    if not assembly.functions:
        raise AssemblyError(f"{root} holds no Python Lambda function. {' '.join(assembly.notes)}".rstrip())
    return assembly


def _stacks(root: Path, region: str, account: str) -> Iterator[_Stack]:
    """Return all stacks of an assembly, those of its stages included, able to import from each other."""
    stacks: list[_Stack] = []

    def imports(name: str) -> Any:
        for stack in stacks:
            for template in stack.templates():
                try:
                    return template.export(name)
                except UnresolvedError:
                    continue
        raise AssemblyError(f"A stack imports `{name}`, which no stack of {root} exports.")

    for folder, artifact_id, artifact in _artifacts(root):
        document = _json(folder / artifact["properties"]["templateFile"])
        _, _, environment = artifact.get("environment", "").partition("aws://")
        own_account, _, own_region = environment.partition("/")
        name = artifact["properties"].get("stackName", artifact_id)
        stacks.append(
            _Stack(
                folder,
                name,
                document,
                region=region if own_region in {"", "unknown-region"} else own_region,
                account=account if own_account in {"", "unknown-account"} else own_account,
                paths=_construct_paths(folder, artifact),
                imports=imports,
            )
        )
    yield from stacks


def _artifacts(folder: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise AssemblyError(f"{folder} is not a cloud assembly: it has no manifest.json. Run `cdk synth` first.")
    for artifact_id, artifact in (_json(manifest).get("artifacts") or {}).items():
        if artifact.get("type") == "aws:cloudformation:stack":
            yield folder, artifact_id, artifact
        elif artifact.get("type") == "cdk:cloud-assembly":
            yield from _artifacts(folder / artifact["properties"]["directoryName"])


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AssemblyError(f"Cannot read {path}: {error}. Run `cdk synth` again.") from error
    if not isinstance(document, dict):
        raise AssemblyError(f"{path} is not a JSON object. Run `cdk synth` again.")
    return document


class _Stack:
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
                nested = _json(self._folder / asset)
                template.nested[logical_id] = self._template(f"{name}-{logical_id}", nested, given)
        return template

    def templates(self) -> Iterator[Template]:
        """Return the stack's template and those of its nested stacks."""
        waiting = [self.template]
        while waiting:
            template = waiting.pop(0)
            yield template
            waiting += template.nested.values()

    def read_functions(self, template: Template, assembly: Assembly) -> None:
        """Add the template's functions to the assembly, or a note about each that cannot run here."""
        for logical_id, resource in template.of_type("AWS::Lambda::Function").items():
            path = _construct_path(resource) or self._paths.get(logical_id) or f"{template.name}/{logical_id}"
            try:
                assembly.functions.append(self._function(template, logical_id, resource, path))
            except _NotServedError as reason:
                assembly.notes.append(f"{path} is not served: {reason}")

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
        for asset in (_json(manifest).get("files") or {}).values():
            for destination in asset["destinations"].values():
                if "path" in asset["source"]:
                    found[destination["objectKey"]] = folder / asset["source"]["path"]
    return found


def _construct_paths(folder: Path, artifact: Mapping[str, Any]) -> dict[str, str]:
    """Return the construct path of each logical id: an app that ran without the CLI keeps it beside the template."""
    metadata = artifact.get("metadata") or {}
    if "additionalMetadataFile" in artifact:
        metadata = _json(folder / artifact["additionalMetadataFile"])
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
