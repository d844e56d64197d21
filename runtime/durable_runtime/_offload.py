"""Stores for results that are too large for a checkpoint.

The checkpoint then holds a pointer, ``{"$stored": {"key", "size", "sha256"}}``. The key is relative to the
store, so that a bucket or a mount may move, and ends in the content's hash, so that no attempt overwrites what
another has recorded. What comes back is checked against size and hash.

::

    from durable_runtime import S3Store, durable_execution

    @durable_execution(store=S3Store("my-results", prefix="durable"))
    def handler(event, ctx): ...

A store is any object with ``put(key, data)`` and ``get(key)``.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from hashlib import sha256

from durable_runtime._codec import POINTER
from durable_runtime.exceptions import RetryableSerDesError, SerDesError, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class ValueStore(Protocol):
        """Keeps texts by key."""

        def put(self, key: str, data: bytes) -> None:
            """Keep data; whole or not at all."""

        def get(self, key: str) -> bytes:
            """Return what was kept."""


_PASSING = frozenset({"ExpiredToken", "RequestExpired", "RequestTimeTooSkewed", "RequestTimeout", "SlowDown"})
_BUGS = (LookupError, TypeError, AttributeError, NotImplementedError, ValueError, ImportError)
_ABSENT = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError)
_UNSENT = frozenset({"NoCredentialsError", "NoRegionError", "ParamValidationError", "PartialCredentialsError"})


def offload(store: ValueStore, text: str, arn: str, operation_id: str) -> str:
    """Put a text into a store; answer with the pointer to record.

    Raises:
        RetryableSerDesError: The store failed for the moment.
        SerDesError: The store refused.
    """
    data = text.encode()
    digest = sha256(data).hexdigest()
    key = f"{execution_folder(arn)}/{operation_id}-{digest[:16]}.json"
    _guarded(store, "put", key, key, data)
    return f'{POINTER}{{"key":"{key}","size":{len(data)},"sha256":"{digest}"}}}}'


def fetch(store: ValueStore | None, pointer: str) -> str:
    """Return the text that a pointer stands for.

    Raises:
        RetryableSerDesError: The store failed for the moment.
        SerDesError: There is no store, or it holds something else.
    """
    import json

    try:
        parts = json.loads(pointer)["$stored"]
        key, size, digest = parts["key"], parts["size"], parts["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise SerDesError(f"the pointer to a stored value cannot be read: {pointer[:120]}") from error
    if not isinstance(key, str) or ".." in key.split("/") or key.startswith("/"):
        raise SerDesError(f"the pointer to a stored value leads out of the store: {pointer[:120]}")
    if store is None:
        raise SerDesError(
            f"the value is in a store under {key!r}, but this handler has none; "
            "give durable_execution the `store=` that the value was written with",
        )
    data: bytes = _guarded(store, "get", key, key)
    if len(data) != size or sha256(data).hexdigest() != digest:
        raise SerDesError(f"the store's value under {key!r} is not what was recorded ({len(data)} of {size} bytes)")
    return data.decode()


def execution_folder(arn: str) -> str:
    """Return the folder of an execution: function, execution name, execution id."""
    resource, *rest = arn.split("/")
    parts = [*resource.split(":")[6:7], *rest[1:]] or [arn]
    return "/".join(safe_name(part) for part in parts)


def safe_name(text: str) -> str:
    """Return a name that is safe in paths and keys."""
    from durable_runtime._sigv4 import quote

    return quote(text) if text not in ("", ".", "..") else sha256(text.encode()).hexdigest()


def _guarded(store: ValueStore, method: str, key: str, *arguments: Any) -> Any:
    """Call a store; what it raises becomes an error that says whether another try can help."""
    try:
        return getattr(store, method)(*arguments)
    except (SerDesError, RetryableSerDesError):
        raise
    except Exception as error:
        text = f"{type(store).__name__}.{method} of {key!r} failed: {type(error).__name__}: {error}"
        if _is_permanent(error):
            raise SerDesError(text) from error
        raise RetryableSerDesError(text) from error


def _is_permanent(error: Exception) -> bool:
    """Say whether another try would fail alike: what is missing, forbidden or a bug stays so.

    It matters, because a failure that passes repeats the invocation, and the step whose result could not be kept.
    """
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        from durable_runtime._service import error_fields

        status, code, _ = error_fields(error)
        return 400 <= status < 500 and status not in (408, 429) and code not in _PASSING
    return isinstance(error, _BUGS + _ABSENT) or type(error).__name__ in _UNSENT


class FileSystemStore:
    """Keeps values as files on a shared, durable file system such as EFS. Lambda's /tmp is neither."""

    def __init__(self, base_path: str | os.PathLike[str]) -> None:
        self.base_path = os.fspath(base_path)
        if not os.path.isabs(self.base_path):  # noqa: PTH117  pathlib costs cold start
            raise ValidationError(f"FileSystemStore: base_path is {self.base_path!r}; it must be absolute")

    def put(self, key: str, data: bytes) -> None:
        """Write a file whole: readers see all of it or nothing."""
        write_atomically(os.path.join(self.base_path, *key.split("/")), data)  # noqa: PTH118

    def get(self, key: str) -> bytes:
        """Read a file."""
        with open(os.path.join(self.base_path, *key.split("/")), "rb") as file:  # noqa: PTH118, PTH123
            return file.read()


class S3Store:
    """Keeps values as objects of an S3 bucket. Uses boto3, which is loaded with the first large value."""

    def __init__(self, bucket: str, prefix: str = "", *, client: Any = None, **put_options: Any) -> None:
        """Name the bucket.

        Args:
            bucket: The bucket.
            prefix: Comes before each key.
            client: A boto3 S3 client; the default makes one.
            put_options: Options of every PutObject, such as ``ServerSideEncryption="aws:kms"``.
        """
        if not bucket or "/" in bucket:
            raise ValidationError(f"S3Store: bucket is {bucket!r}; it must be a bucket's name")
        self.bucket = bucket
        self.prefix = prefix.strip("/")
        self._client = client
        self._lock = allocate_lock()
        self._put_options = put_options

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self._s3().put_object(
            Bucket=self.bucket,
            Key=self._key(key),
            Body=data,
            ContentType="application/json",
            **self._put_options,
        )

    def get(self, key: str) -> bytes:
        """Read an object."""
        data: bytes = self._s3().get_object(Bucket=self.bucket, Key=self._key(key))["Body"].read()
        return data

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _s3(self) -> Any:
        with self._lock:  # branches may meet here, and boto3's default session is made for one thread at a time
            if self._client is None:
                import boto3  # type: ignore[import-untyped,unused-ignore]

                self._client = boto3.client("s3")
            return self._client


def write_atomically(path: str, data: bytes) -> None:
    """Write a file under another name, bring it to the disk, then give it its name."""
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        if os.path.exists(temporary):  # noqa: PTH110
            os.unlink(temporary)  # noqa: PTH108
        raise
