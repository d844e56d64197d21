"""Serdes, the stores for large values, and previews."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_runtime import _offload, filesystem_serdes, preview, serdes
from durable_runtime._codec import POINTER
from durable_runtime._offload import FileSystemStore, S3Store, fetch, offload
from durable_runtime._values import encode
from durable_runtime.exceptions import RetryableSerDesError, SerDesError, ValidationError
from durable_runtime.filesystem_serdes import (
    FileSystemPathEncoding,
    FileSystemSerDes,
    FileSystemSerDesConfig,
    FileSystemSerDesMode,
)
from durable_runtime.preview import FieldMatchMode, PreviewConfig, PreviewField, PreviewMode, build_preview
from durable_runtime.serdes import EXTENDED_TYPES_SERDES, SerDesContext, TypedSerDes
from tests.runtime.leaves.shapes import Item

ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders:1/durable-execution/order-1/0a1b"
CONTEXT = SerDesContext("op-1", ARN)
ENVELOPED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals(allow_nan=False) | st.uuids()
    | st.binary(max_size=5) | st.datetimes() | st.dates(),
    lambda inner: st.lists(inner, max_size=3)
    | st.tuples(inner)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(ENVELOPED)
def test_the_envelope_format_is_awss(value):
    rival = pytest.importorskip("aws_durable_execution_sdk_python.serdes")
    text = EXTENDED_TYPES_SERDES.serialize(value, CONTEXT)
    assert text == rival.EXTENDED_TYPES_SERDES.serialize(value, CONTEXT)
    assert EXTENDED_TYPES_SERDES.deserialize(text, CONTEXT) == value


@pytest.mark.parametrize("text", ['{"t":"zz","v":1}', '{"a":1}', '{"t":"d"}'])
def test_broken_envelopes_are_refused(text):
    with pytest.raises(SerDesError):
        EXTENDED_TYPES_SERDES.deserialize(text, CONTEXT)


@pytest.mark.parametrize("value", [object(), {(1, 2): 3}, {1, 2}])
def test_what_the_envelope_has_no_tag_for_is_refused(value):
    with pytest.raises(SerDesError):
        EXTENDED_TYPES_SERDES.serialize(value, CONTEXT)


def test_failures_of_a_serdes_become_serdes_errors():
    class Broken(serdes.SerDes):
        def serialize(self, value, serdes_context):
            raise value

        def deserialize(self, data, serdes_context):
            raise KeyError(data)

    with pytest.raises(SerDesError, match="Serialization failed for id: op, error: 'x'"):
        serdes.serialize(Broken(), KeyError("x"), "op", "arn")
    with pytest.raises(SerDesError, match="Deserialization failed for id: op"):
        serdes.deserialize(Broken(), "x", "op", "arn")
    for passing in (SerDesError("mine"), RetryableSerDesError("later")):
        with pytest.raises(type(passing), match=str(passing)):
            serdes.serialize(Broken(), passing, "op", "arn")


def test_a_typed_serdes_rebuilds_its_type():
    typed = TypedSerDes(list[Item])
    value = [Item(Decimal("1.0"))]
    assert typed.deserialize(typed.serialize(value, CONTEXT), CONTEXT) == value
    assert serdes.JsonSerDes().deserialize(serdes.JsonSerDes().serialize({"a": (1,)}, CONTEXT), CONTEXT) == {"a": [1]}
    assert serdes.PassThroughSerDes().deserialize(serdes.PassThroughSerDes().serialize("x", CONTEXT), CONTEXT) == "x"


# -- stores ----------------------------------------------------------------------------------------------------


class FakeS3:
    def __init__(self):
        self.objects = {}
        self.calls = []

    def put_object(self, **options):
        self.calls.append(options)
        self.objects[options["Bucket"], options["Key"]] = options["Body"]

    def get_object(self, Bucket, Key):
        import io

        return {"Body": io.BytesIO(self.objects[Bucket, Key])}


@pytest.fixture(params=["files", "s3"])
def store(request, tmp_path):
    return FileSystemStore(tmp_path) if request.param == "files" else S3Store("bucket", "/durable/", client=FakeS3())


def test_a_stored_text_comes_back_through_its_pointer(store):
    text = encode({"report": "é" * 300_000})
    pointer = offload(store, text, ARN, "op-1")
    assert pointer.startswith(POINTER)
    assert not text.startswith(POINTER)
    assert len(pointer) < 300
    assert fetch(store, pointer) == text
    key = json.loads(pointer)["$stored"]["key"]
    assert key.startswith("orders/order-1/0a1b/op-1-")


def test_another_content_of_the_same_operation_has_another_key(store):
    first, second = offload(store, '"a"', ARN, "op"), offload(store, '"b"', ARN, "op")
    assert first != second
    assert (fetch(store, first), fetch(store, second)) == ('"a"', '"b"')


def test_no_value_of_the_users_is_taken_for_a_pointer():
    stored = {"$stored": {"key": "../../etc/passwd", "size": 1, "sha256": "x"}}
    for value, annotation in ((stored, None), (stored, dict[str, dict]), ({"$stored": Decimal(1)}, dict[str, Decimal])):
        assert not encode(value, annotation).startswith(POINTER)


@pytest.mark.parametrize("damage", [b"", b'"changed!"', b'"a"x'])
def test_a_damaged_value_is_noticed(tmp_path, damage):
    store = FileSystemStore(tmp_path)
    pointer = offload(store, '"a"', ARN, "op")
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(damage)
    with pytest.raises(SerDesError, match="is not what was recorded"):
        fetch(store, pointer)


def test_a_pointer_without_store_or_content_says_what_is_missing(tmp_path):
    store = FileSystemStore(tmp_path)
    pointer = offload(store, '"a"', ARN, "op")
    with pytest.raises(SerDesError, match="this handler has none; give durable_execution the `store=`"):
        fetch(None, pointer)
    with pytest.raises(SerDesError, match="FileNotFoundError"):
        fetch(FileSystemStore(tmp_path / "elsewhere"), pointer)
    with pytest.raises(SerDesError, match="cannot be read"):
        fetch(store, '{"$stored":{"key":1}}')
    for key in ("../x", "a/../../x", "/etc/hostname", 5):
        with pytest.raises(SerDesError, match="leads out of the store"):
            fetch(store, json.dumps({"$stored": {"key": key, "size": 1, "sha256": "x"}}))


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    store = FileSystemStore(tmp_path)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_offload.os, "fsync", full)
    with pytest.raises(RetryableSerDesError, match="No space left"):
        offload(store, '"a"', ARN, "op")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def refused(status, code):
    error = Exception(code)
    error.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return error


def named(name):
    return type(name, (Exception,), {})(name)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(404, "NoSuchKey"), SerDesError),
        (refused(403, "AccessDenied"), SerDesError),
        (refused(403, "SignatureDoesNotMatch"), SerDesError),
        (refused(400, "KMS.DisabledException"), SerDesError),
        (refused(400, "ExpiredToken"), RetryableSerDesError),
        (refused(400, "RequestTimeout"), RetryableSerDesError),
        (refused(429, "TooManyRequests"), RetryableSerDesError),
        (refused(503, "SlowDown"), RetryableSerDesError),
        (refused(500, "InternalError"), RetryableSerDesError),
        (named("NoCredentialsError"), SerDesError),
        (named("EndpointConnectionError"), RetryableSerDesError),
        (ModuleNotFoundError("No module named 'boto3'"), SerDesError),
        (KeyError("k"), SerDesError),
        (TimeoutError("late"), RetryableSerDesError),
        (ConnectionResetError("gone"), RetryableSerDesError),
    ],
    ids=str,
)
def test_failures_that_pass_are_told_from_those_that_stay(error, expected):
    """A failure that passes repeats the invocation; one that stays would repeat it for ever."""

    class Failing:
        def get(self, key):
            raise error

    with pytest.raises(expected, match=r"Failing\.get of 'k' failed"):
        fetch(Failing(), '{"$stored":{"key":"k","size":1,"sha256":"x"}}')


def test_s3_gets_the_users_options():
    client = FakeS3()
    offload(S3Store("b", client=client, ServerSideEncryption="aws:kms"), '"a"', ARN, "op")
    assert client.calls[0]["ServerSideEncryption"] == "aws:kms"
    assert client.calls[0]["ContentType"] == "application/json"


def test_stores_refuse_nonsense():
    with pytest.raises(ValidationError, match="must be absolute"):
        FileSystemStore("relative/path")
    for bucket in ("", "a/b"):
        with pytest.raises(ValidationError, match="must be a bucket's name"):
            S3Store(bucket)


@pytest.mark.parametrize("arn", ["weird", "arn:aws:lambda:r:1:function:f:1/durable-execution/../..", "a/b/c"])
def test_folders_stay_inside_the_store(arn):
    parts = _offload.execution_folder(arn).split("/")
    assert ".." not in parts
    assert all(parts)


# -- the file-system serdes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", FileSystemPathEncoding)
def test_files_are_named_relative_and_by_content(tmp_path, encoding):
    config = FileSystemSerDesConfig(path_encoding=encoding)
    made = FileSystemSerDes(str(tmp_path / "first"), config)
    first, second = made.serialize({"a": 1}, CONTEXT), made.serialize({"a": 2}, CONTEXT)
    assert first != second
    assert not Path(json.loads(first)["file"]).is_absolute()
    (tmp_path / "first").rename(tmp_path / "moved")
    again = FileSystemSerDes(str(tmp_path / "moved"), config)
    assert (again.deserialize(first, CONTEXT), again.deserialize(second, CONTEXT)) == ({"a": 1}, {"a": 2})


def test_overflow_keeps_small_values_inline(tmp_path):
    made = FileSystemSerDes(str(tmp_path), FileSystemSerDesConfig(storage_mode=FileSystemSerDesMode.OVERFLOW))
    small, large = made.serialize("x", CONTEXT), made.serialize("é" * 200_000, CONTEXT)
    assert json.loads(small) == {"data": '"x"'}
    assert "file" in json.loads(large)
    assert made.deserialize(large, CONTEXT) == "é" * 200_000


def test_files_of_awss_sdk_are_read(tmp_path):
    rival = pytest.importorskip("aws_durable_execution_sdk_python.filesystem_serdes")
    value = {"when": dt.date(2026, 1, 1), "id": uuid.UUID(int=1)}
    text = rival.FileSystemSerDes(str(tmp_path)).serialize(value, CONTEXT)
    assert FileSystemSerDes(str(tmp_path)).deserialize(text, CONTEXT) == value


def test_a_changed_file_is_noticed_and_a_preview_is_stored(tmp_path):
    config = FileSystemSerDesConfig(generate_preview=lambda value: {"total": value["total"]})
    made = FileSystemSerDes(str(tmp_path), config)
    text = made.serialize({"total": 5, "lines": []}, CONTEXT)
    assert json.loads(text)["preview"] == {"total": 5}
    (tmp_path / json.loads(text)["file"]).write_text("{}")
    with pytest.raises(SerDesError, match="is not what was recorded"):
        made.deserialize(text, CONTEXT)


VALUE = {
    "id": 7,
    "customer": {"name": "Ann", "email": "a@b", "card": {"number": "4111"}},
    "lines": [{"sku": "x", "price": 1}, {"sku": "y", "email": "z"}],
    "a.b": 1,
    "none": None,
}
FIELD = PreviewField
PREVIEWS = [
    {"mode": PreviewMode.INCLUDE_ALL},
    {"mode": PreviewMode.EXCLUDE_ALL},
    {"mode": PreviewMode.INCLUDE_ALL, "exclude": ["card", "sku"]},
    {"mode": PreviewMode.INCLUDE_ALL, "mask": ["email", "card"], "mask_string": "?"},
    {"mode": PreviewMode.EXCLUDE_ALL, "include": ["name", "sku"], "mask": ["number"]},
    {"mode": PreviewMode.EXCLUDE_ALL, "include": [("customer.name",), ("id",)]},
    {"mode": PreviewMode.EXCLUDE_ALL, "include": ["customer"], "exclude": ["email"]},
    {"mode": PreviewMode.INCLUDE_ALL, "max_preview_bytes": 40},
    {"mode": PreviewMode.INCLUDE_ALL, "max_preview_bytes": 1},
]


@pytest.mark.parametrize("options", PREVIEWS, ids=str)
@pytest.mark.parametrize("value", [VALUE, [VALUE], "x", {}], ids=["dict", "list", "text", "empty"])
def test_previews_are_awss(options, value):
    rival = pytest.importorskip("aws_durable_execution_sdk_python.preview")

    def build(module):
        def field(choice):
            path = isinstance(choice, tuple)
            return module.PreviewField(
                choice[0] if path else choice, module.FieldMatchMode["PATH" if path else "ANYWHERE"]
            )

        made = {
            key: [field(each) for each in part] if isinstance(part, list) else part for key, part in options.items()
        }
        made["mode"] = module.PreviewMode[made["mode"].name]
        return module.build_preview(value, module.PreviewConfig(**made))

    assert build(preview) == build(rival)


def test_a_chosen_container_shows_what_is_inside():
    config = PreviewConfig(PreviewMode.EXCLUDE_ALL, include=[FIELD("customer", FieldMatchMode.PATH)])
    assert build_preview(VALUE, config) == {"customer": VALUE["customer"]}


def test_the_threshold_is_the_limit_of_a_step_less_the_envelope():
    assert filesystem_serdes.OVERFLOW_THRESHOLD_BYTES == 262_144 - 1024
