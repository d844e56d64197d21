"""What the service knows about functions, and how a name finds the version to run."""

from __future__ import annotations

import shutil
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_local import _rules as rules
from durable_local._errors import invalid_parameter, not_found, service_failure
from durable_local._functions import _names
from durable_local._functions._names import LATEST, LATEST_PUBLISHED
from durable_local._invocation import FunctionVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_local._functions._names import FunctionName
    from durable_local._rules import Settings
    from durable_local._store import Store

Document = dict[str, Any]

FUNCTION, VERSION, ALIAS, LAYER, MAPPING = "function", "version", "alias", "layer", "mapping"


class Target(NamedTuple):
    """What a name resolved to."""

    function: FunctionVersion
    qualified: bool
    invoked_arn: str
    """The ARN as the caller named it, with its alias."""


class Functions:
    """The registry. Documents live in the store; every kind is held in memory too."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.documents: dict[str, dict[str, Document]] = {
            kind: store.documents(kind) for kind in (FUNCTION, VERSION, ALIAS, LAYER, MAPPING)
        }
        self.on_retire: Callable[[str, str], None] | None = None
        self._versions: dict[tuple[str, str], FunctionVersion] = {}
        self._scratch: Path | None = None

    # --- documents ---

    def put(self, *changes: tuple[str, str, Document | None]) -> None:
        """Write documents (kind, name, body); a body of None deletes."""
        self.store.put_documents(changes)
        for kind, name, body in changes:
            if body is None:
                self.documents[kind].pop(name, None)
            else:
                self.documents[kind][name] = body
            if kind in {FUNCTION, VERSION}:
                self._forget(name if kind == VERSION else f"{name}:{LATEST}", body)

    def _forget(self, qualified: str, body: Document | None) -> None:
        """Drop a version that was read before, if this is a change of it."""
        name, _, version = qualified.partition(":")
        old = self._versions.get((name, version))
        if old is None or (body is not None and body["config"]["RevisionId"] == old.revision):
            return
        del self._versions[name, version]
        if self.on_retire is not None:
            self.on_retire(old.arn, old.revision)

    # --- names ---

    def arn(self, name: str, qualifier: str | None = None) -> str:
        """Return the ARN of a function, qualified if a qualifier is given."""
        settings = self.settings
        bare = f"arn:{settings.partition}:lambda:{settings.region}:{settings.account}:function:{name}"
        return bare if qualifier is None else f"{bare}:{qualifier}"

    def parse(self, text: str, qualifier: str | None) -> FunctionName:
        """Take a function name apart."""
        return _names.parse(text, qualifier)

    def missing(self, name: str, qualifier: str | None = None) -> Exception:
        """Build the 404 of a function, version or alias."""
        return not_found(rules.FUNCTION_NOT_FOUND.format(arn=self.arn(name, qualifier)))

    def document(self, parts: FunctionName) -> Document:
        """Return the document of a function or raise the 404; other accounts and regions have none here."""
        document = self.documents[FUNCTION].get(parts.name)
        own = (None, self.settings.account)
        if document is None or parts.account not in own or parts.region not in (None, self.settings.region):
            raise self.missing(parts.name, parts.qualifier)
        return document

    def version_named(self, parts: FunctionName) -> str:
        """Return the version a qualifier means: itself, or what the alias points at."""
        document = self.document(parts)
        qualifier = parts.qualifier or LATEST
        if qualifier == LATEST:
            return LATEST
        if qualifier == LATEST_PUBLISHED:
            if document["published"] == 0:
                raise self.missing(parts.name, qualifier)
            return str(document["published"])
        alias = self.documents[ALIAS].get(f"{parts.name}:{qualifier}")
        version = alias["FunctionVersion"] if alias else qualifier
        if version != LATEST and f"{parts.name}:{version}" not in self.documents[VERSION]:
            raise self.missing(parts.name, qualifier)
        return str(version)

    def resolve(self, text: str, qualifier: str | None) -> Target:
        """Find the version to invoke."""
        parts = self.parse(text, qualifier)
        version = self.version_named(parts)
        function = self.version(parts.name, version)
        if function is None:
            raise self.missing(parts.name, parts.qualifier)
        return Target(function, parts.qualifier is not None, self.arn(parts.name, parts.qualifier))

    def executions_of(self, text: str, qualifier: str | None) -> tuple[str, str | None]:
        """Return the function, and the version if one was named, whose executions are asked for."""
        parts = self.parse(text, qualifier)
        self.document(parts)
        return parts.name, None if parts.qualifier is None else self.version_named(parts)

    # --- versions ---

    def version(self, name: str, version: str) -> FunctionVersion | None:
        """Return one version of a function, or None when it is gone."""
        known = self._versions.get((name, version))
        if known is not None:
            return known
        if version == LATEST:
            document = self.documents[FUNCTION].get(name)
        else:
            document = self.documents[VERSION].get(f"{name}:{version}")
        if document is None:
            return None
        made = self._versions[name, version] = self._make(name, version, document)
        return made

    def _make(self, name: str, version: str, document: Document) -> FunctionVersion:
        config = document["config"]
        durable = config.get("DurableConfig") or {}
        return FunctionVersion(
            name=name,
            version=version,
            arn=self.arn(name, version),
            revision=config["RevisionId"],
            handler=config.get("Handler", ""),
            runtime=config.get("Runtime", ""),
            timeout=config["Timeout"],
            memory=config["MemorySize"],
            environment={**_logging(config), **((config.get("Environment") or {}).get("Variables") or {})},
            code=self.folder(document["code"]),
            layers=tuple(self._layer_folders(config)),
            execution_timeout=durable.get("ExecutionTimeout"),
            retention_days=durable.get("RetentionPeriodInDays", self.settings.retention_days),
            kms_key_arn=durable.get("KMSKeyArn", ""),
        )

    def _layer_folders(self, config: Document) -> list[Path]:
        folders = (self.folder(self.documents[LAYER][layer["Arn"]]["code"]) for layer in config.get("Layers", ()))
        return [folder for folder in folders if folder is not None]

    def folder(self, code: Document) -> Path | None:
        """Return the folder of some code, unpacked when it is an archive; None for code of this process."""
        if "folder" in code:
            return Path(code["folder"])
        if "sha256" not in code:
            return None
        from durable_local._workers._code import CodeError, CodeStore

        archive = self.store.archive(code["sha256"])
        if archive is None:
            raise not_found(f"The code archive {code['sha256']} is missing from the store.")
        try:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix="durable-local-code-"))
            return CodeStore(self._scratch).unpack(archive)
        except CodeError as error:
            raise invalid_parameter(str(error)) from error
        except zlib.error as error:
            raise invalid_parameter(f"Could not unzip uploaded file: {error}") from error
        except OSError as error:
            raise service_failure(f"The code could not be unpacked: {error}") from error

    def define(
        self,
        name: str,
        *,
        execution_timeout: int | None = None,
        retention_days: int | None = None,
        folder: Path | None = None,
        **config: Any,
    ) -> FunctionVersion:
        """Create or replace ``$LATEST`` of a function without an archive: code of this process, or of a folder.

        `config` takes members of ``FunctionConfiguration``: ``Handler``, ``Timeout``, ``Environment``, …
        """
        import uuid

        document: Document = {
            "config": {"Timeout": 3, "MemorySize": 128, "Runtime": "python3.13", "Handler": "", **config},
            "code": {} if folder is None else {"folder": str(folder)},
            "published": self.documents[FUNCTION].get(name, {}).get("published", 0),
            "tags": {},
        }
        document["config"].update(FunctionName=name, RevisionId=str(uuid.uuid4()))
        if execution_timeout is not None:
            days = self.settings.retention_days if retention_days is None else retention_days
            durable = {"ExecutionTimeout": execution_timeout, "RetentionPeriodInDays": days}
            document["config"]["DurableConfig"] = durable
        self.put((FUNCTION, name, document))
        function = self.version(name, LATEST)
        if function is None:
            raise self.missing(name)
        return function

    # --- asynchronous invocations ---

    def event_limits(self, name: str) -> tuple[int, int]:
        """Return how often an asynchronous invocation is retried, and its maximal age in seconds."""
        config = self.documents[FUNCTION].get(name, {}).get("event_invoke", {}).get(LATEST, {})
        return (
            config.get("MaximumRetryAttempts", rules.EVENT_RETRIES),
            config.get("MaximumEventAgeInSeconds", rules.EVENT_AGE),
        )

    def dead_letter_target(self, name: str) -> str | None:
        """Return the ARN of a function's dead letter queue or topic."""
        config = self.documents[FUNCTION].get(name, {}).get("config", {})
        target: str | None = (config.get("DeadLetterConfig") or {}).get("TargetArn")
        return target

    def close(self) -> None:
        """Remove the folders of unpacked archives."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None


def _logging(config: Document) -> dict[str, str]:
    """Return the variables by which Lambda tells a runtime how to log."""
    logging = config.get("LoggingConfig") or {}
    if logging.get("LogFormat") != "JSON":
        return {}
    level = logging.get("ApplicationLogLevel") or rules.DEFAULT_LOG_LEVEL
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}
