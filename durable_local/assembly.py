"""Reads a synthesized cloud assembly (`cdk.out`): its Lambda functions with code, layers and environment resolved.

The stack you deploy is the stack you run locally. Values that exist only after a deployment (the name of a table, say)
get a placeholder and a note.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_local._cloudformation import UnresolvedError
from durable_local._stacks import AssemblyError, AssemblyFunction, Stack, construct_paths, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Assembly", "AssemblyError", "AssemblyFunction", "read_assembly"]

REGION = "us-east-1"
ACCOUNT = "123456789012"
"""What an assembly without an environment of its own is resolved for."""

_LOG_GROUP = "AWS::Logs::LogGroup"
"""Logs are kept by the service itself here, so a log group's name needs no note."""


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
            stack.read_functions(template, assembly.functions, assembly.notes)
            assembly.notes += [
                f"{key} has no value before a deployment; {stand_in} stands in for it."
                for key, stand_in in sorted(template.placeholders.items())
                if _LOG_GROUP not in key
            ]
    if not assembly.functions:
        raise AssemblyError(f"{root} holds no Python Lambda function. {' '.join(assembly.notes)}".rstrip())
    return assembly


def _stacks(root: Path, region: str, account: str) -> Iterator[Stack]:
    """Return all stacks of an assembly, those of its stages included, able to import from each other."""
    stacks: list[Stack] = []

    def imports(name: str) -> Any:
        for stack in stacks:
            for template in stack.templates():
                try:
                    return template.export(name)
                except UnresolvedError:
                    continue
        raise AssemblyError(f"A stack imports `{name}`, which no stack of {root} exports.")

    for folder, artifact_id, artifact in _artifacts(root):
        document = read_json(folder / artifact["properties"]["templateFile"])
        _, _, environment = artifact.get("environment", "").partition("aws://")
        own_account, _, own_region = environment.partition("/")
        name = artifact["properties"].get("stackName", artifact_id)
        stacks.append(
            Stack(
                folder,
                name,
                document,
                region=region if own_region in {"", "unknown-region"} else own_region,
                account=account if own_account in {"", "unknown-account"} else own_account,
                paths=construct_paths(folder, artifact),
                imports=imports,
            )
        )
    yield from stacks


def _artifacts(folder: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise AssemblyError(f"{folder} is not a cloud assembly: it has no manifest.json. Run `cdk synth` first.")
    for artifact_id, artifact in (read_json(manifest).get("artifacts") or {}).items():
        if artifact.get("type") == "aws:cloudformation:stack":
            yield folder, artifact_id, artifact
        elif artifact.get("type") == "cdk:cloud-assembly":
            yield from _artifacts(folder / artifact["properties"]["directoryName"])
