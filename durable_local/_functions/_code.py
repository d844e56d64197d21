"""Code handed in: a zip archive in the request, or a folder or archive of this machine."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_local._errors import invalid_parameter

if TYPE_CHECKING:
    from durable_local._functions._registry import Functions
    from durable_local._store import Store

LOCAL_BUCKET = "local-folder"
"""``S3Bucket`` with this name makes ``S3Key`` a path of this machine: a folder to run in place, or an archive."""


class Code(NamedTuple):
    """Where some code is, and what the API says about it."""

    document: dict[str, Any]
    size: int
    sha256: str


def take(request: Any, functions: Functions) -> Code:
    """Take in the ``Code`` of a function or the ``Content`` of a layer, and unpack it to know that it can be."""
    code = _source(request, functions.store)
    functions.folder(code.document)
    return code


def _source(request: Any, store: Store) -> Code:
    if not isinstance(request, dict):
        raise invalid_parameter("Code must be a structure with ZipFile, or S3Bucket and S3Key.")
    if request.get("ImageUri"):
        raise invalid_parameter("The local service runs zip archives and folders, not container images.")
    if request.get("S3Bucket"):
        return _local(request, store)
    text = request.get("ZipFile")
    if not isinstance(text, str):
        raise invalid_parameter("Please provide a source for function code.")
    try:
        archive = base64.b64decode(text, validate=True)
    except ValueError as error:  # of the alphabet, or not even ASCII
        raise invalid_parameter(f"ZipFile is not base64: {error}") from error
    return _archive(archive, store)


def _local(request: dict[str, Any], store: Store) -> Code:
    if request["S3Bucket"] != LOCAL_BUCKET:
        raise invalid_parameter(
            f"Error occurred while GetObject. The local service has no S3: pass ZipFile, or the bucket "
            f"`{LOCAL_BUCKET}` with the path of a folder or an archive as the key."
        )
    path = Path(str(request.get("S3Key") or ""))
    if not path.is_absolute() or not path.exists():
        raise invalid_parameter(f"S3Key must be the absolute path of a folder or archive; there is none at {path}.")
    if path.is_dir():
        digest = hashlib.sha256(str(path).encode()).digest()
        return Code({"folder": str(path)}, 0, base64.b64encode(digest).decode())
    return _archive(path.read_bytes(), store)


def _archive(archive: bytes, store: Store) -> Code:
    if not archive or not zipfile.is_zipfile(io.BytesIO(archive)):
        raise invalid_parameter("Could not unzip uploaded file. Please check your file, then try to upload again.")
    digest = hashlib.sha256(archive)
    store.put_archive(digest.hexdigest(), archive)
    return Code({"sha256": digest.hexdigest()}, len(archive), base64.b64encode(digest.digest()).decode())
