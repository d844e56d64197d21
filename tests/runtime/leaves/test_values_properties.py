"""Properties of values, with `json` and pydantic as oracles."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_runtime import _errors
from durable_runtime._restored import restore_error
from durable_runtime._tagged import read_timedelta, write_timedelta
from durable_runtime._values import decode, encode, round_trip
from durable_runtime.exceptions import SerDesError, StepError
from tests.runtime.leaves.shapes import Color, Item, Page, Point

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
DOLLARS = st.sampled_from(["$", "$decimal", "$any", "$object", "$map", "$type", "$stored", "$tuple", "value"])
HASHABLE = st.recursive(
    SCALARS
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.none() | st.just(dt.UTC))
    | st.timedeltas()
    | st.uuids()
    | st.binary(max_size=8),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(DOLLARS | TEXT, inner, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
ITEMS = st.builds(Item, DECIMALS, st.integers(), st.none() | st.datetimes())
POINTS = st.builds(Point, st.integers(), DECIMALS)


def same(left, right):
    """Equal, and of equal types all the way down, with 0.0 told from -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return all(map(same, left, right)) and all(map(same, left.values(), right.values()))
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return left == right


@given(JSON)
def test_json_values_are_written_as_json_writes_them(value):
    text, first = round_trip(value)
    if '"$' not in text:
        assert json.loads(text) == json.loads(json.dumps(value))
    assert same(first, value)
    assert same(decode(text), value)
    assert same(json.loads(encode(value, plain=True)), value)


@given(VALUES)
def test_any_value_of_the_known_types_survives_and_its_text_is_valid_json(value):
    text, first = round_trip(value)
    text.encode()
    assert same(first, decode(text))
    assert same(first, value)
    assert encode(first) == text or isinstance(value, set | frozenset) or "set" in text


@given(VALUES)
def test_output_for_others_is_valid_json_or_a_named_refusal(value):
    refusal = None
    try:
        text = encode(value, plain=True)
    except SerDesError as error:
        refusal = str(error)
    else:
        json.loads(text, parse_constant=pytest.fail)
    assert refusal is None or "cannot be written as text" in refusal


@given(st.timedeltas())
def test_every_timedelta_is_written_exactly(value):
    assert read_timedelta(write_timedelta(value)) == value


@given(
    st.one_of(
        st.tuples(st.just(list[Item]), st.lists(ITEMS, max_size=3)),
        st.tuples(st.just(Page[Item | Point]), st.builds(Page, st.lists(ITEMS | POINTS, max_size=3))),
        st.tuples(st.just(dict[Color, set[uuid.UUID]]), st.dictionaries(st.sampled_from(Color), st.sets(st.uuids()))),
        st.tuples(
            st.just(dict[int, tuple[dt.date | None, Decimal | bool]]),
            st.dictionaries(
                st.integers(),
                st.tuples(st.none() | st.dates(), st.booleans() | st.decimals(allow_nan=False)),
            ),
        ),
    ),
)
def test_annotated_values_survive(case):
    annotation, value = case
    text, first = round_trip(value, annotation)
    assert first == decode(text, annotation) == value


@given(st.lists(ITEMS, max_size=3))
def test_pydantic_reads_what_we_write_and_we_read_what_it_writes(value):
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(list[Item])
    assert adapter.validate_json(encode(value, list[Item])) == value
    assert decode(adapter.dump_json(value).decode(), list[Item], plain=True) == value


class DeclinedError(Exception):
    def __init__(self, code, **details):
        super().__init__(f"declined with {code}")
        self.code = code
        self.__dict__.update(details)


@given(VALUES, TEXT)
def test_an_error_comes_back_with_class_text_and_attributes_and_within_bounds(value, text):
    error = DeclinedError(value, note=text)
    record = _errors.error_object(error)
    assert len(json.dumps(record).encode()) <= _errors.ERROR_LIMIT
    restored = restore_error(json.loads(json.dumps(record)), StepError)
    assert isinstance(restored, DeclinedError)
    assert isinstance(restored, StepError)
    assert str(restored) == record["ErrorMessage"]
    if "ErrorData" in record:
        assert same(restored.code, value)
        assert restored.note == text
    assert _errors.error_object(restored) == record


@given(st.text(max_size=40_000))
def test_texts_of_any_length_and_content_are_bounded(text):
    record = _errors.error_object(ValueError(text))
    assert len(json.dumps(record, ensure_ascii=False).encode()) <= _errors.ERROR_LIMIT
