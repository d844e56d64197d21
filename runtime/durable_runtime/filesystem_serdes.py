"""A serdes that keeps values as files, for operations chosen one by one.

To keep only what is too large for a checkpoint, give ``durable_execution`` a ``store=`` instead: it serves every
step of the handler.
"""

from __future__ import annotations

import json
import os
from enum import StrEnum
from hashlib import sha256

from durable_runtime._offload import execution_folder, safe_name, write_atomically
from durable_runtime._record import Protocol, Record
from durable_runtime.exceptions import SerDesError
from durable_runtime.serdes import EXTENDED_TYPES_SERDES, SerDes, SerDesContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OVERFLOW_THRESHOLD_BYTES = 256 * 1024 - 1024
"""Largest text that OVERFLOW keeps in the checkpoint; 1 KB is left for the envelope."""


class FileSystemSerDesMode(StrEnum):
    """When a value goes to a file: always, or when it is too large for the checkpoint."""

    ALWAYS = "ALWAYS"
    OVERFLOW = "OVERFLOW"


class FileSystemPathEncoding(StrEnum):
    """How ARN and operation id become names: readable, or as hashes of fixed length."""

    URI = "URI"
    HASH = "HASH"


class GeneratePreview(Protocol):
    """Makes the preview that is stored beside the pointer."""

    def __call__(self, value: Any, /) -> dict[str, Any] | None:
        """Return the preview, or None for none."""


class FileSystemSerDesConfig(Record):
    """Options of `FileSystemSerDes`.

    Attributes:
        storage_mode: When a value goes to a file.
        path_encoding: How the file is named.
        generate_preview: ``value -> dict`` to store beside the pointer, see `durable_runtime.preview`.
        serdes: Writes and reads the text itself.
    """

    storage_mode: FileSystemSerDesMode = FileSystemSerDesMode.ALWAYS
    path_encoding: FileSystemPathEncoding = FileSystemPathEncoding.URI
    generate_preview: GeneratePreview | None = None
    serdes: SerDes[Any] = EXTENDED_TYPES_SERDES


class FileSystemSerDes(SerDes["Any"]):
    """Keeps values as files on a shared, durable file system such as EFS. Lambda's /tmp is neither.

    The checkpoint holds ``{"data": text}`` or ``{"file": path, "size", "sha256", "preview"?}``; the path is
    relative to ``base_path`` and unique to the content. Absolute paths, as AWS's SDK writes, are read too.
    """

    def __init__(self, base_path: str, config: FileSystemSerDesConfig | None = None) -> None:
        self._base_path = os.fspath(base_path)
        self._config = config or FileSystemSerDesConfig()

    def serialize(self, value: Any, serdes_context: SerDesContext) -> str:
        """Return the envelope to record, after writing the file if there is one."""
        config = self._config
        text = config.serdes.serialize(value, serdes_context)
        if config.storage_mode is FileSystemSerDesMode.OVERFLOW:
            envelope = json.dumps({"data": text}, ensure_ascii=False)
            if len(envelope.encode()) <= OVERFLOW_THRESHOLD_BYTES:
                return envelope
        data = text.encode()
        digest = sha256(data).hexdigest()
        path = f"{self._folder(serdes_context)}-{digest[:16]}.json"
        write_atomically(os.path.join(self._base_path, *path.split("/")), data)  # noqa: PTH118
        pointer: dict[str, Any] = {"file": path, "size": len(data), "sha256": digest}
        preview = config.generate_preview(value) if config.generate_preview else None
        if preview:
            pointer["preview"] = preview
        return json.dumps(pointer, ensure_ascii=False)

    def deserialize(self, data: str, serdes_context: SerDesContext) -> Any:
        """Return the value of an envelope."""
        envelope = json.loads(data)
        if "file" not in envelope:
            return self._config.serdes.deserialize(envelope["data"], serdes_context)
        path = os.path.join(self._base_path, envelope["file"])  # noqa: PTH118  an absolute path stays as it is
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read()
        if "sha256" in envelope and sha256(content).hexdigest() != envelope["sha256"]:
            raise SerDesError(f"the file {envelope['file']!r} is not what was recorded")
        return self._config.serdes.deserialize(content.decode(), serdes_context)

    def _folder(self, context: SerDesContext) -> str:
        """Return path and name of the file, without what makes it unique to its content."""
        if self._config.path_encoding is FileSystemPathEncoding.HASH:
            parts = (context.durable_execution_arn, context.operation_id)
            return "/".join(sha256(part.encode()).hexdigest() for part in parts)
        return f"{execution_folder(context.durable_execution_arn)}/{safe_name(context.operation_id)}"
