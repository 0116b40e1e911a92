"""Lists of objects of one class are written field by field, and nothing else changes."""

from __future__ import annotations

import json
import math
import struct
from collections import deque
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import python_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_materializers.python import decode
from artifact_materializers.python.decode import read_document
from artifact_materializers.python.encode import DocumentEncoder, write_document
from artifact_materializers.python.equality import deep_equal
from artifact_materializers.python.json_text import has_long_digits
from artifact_materializers.python.parts import NO_PARTS

COUNT = 12


def rowwise(value, parts=NO_PARTS, files=None) -> bytes:
    """Return the document without any table, as the first version of the format had it."""
    encoder = DocumentEncoder("value", by_rows=True)
    return encoder.encode(value, parts, files, with_classes=True)


def computed(number: int) -> samples.Computed:
    """Return an object whose fields were all set after `__init__`."""
    value = samples.Computed(number)
    value.total, value.label = -number, "late"
    return value


ROWS = {
    "dataclass": lambda i: samples.Record(i, f"n{i}", i / 7, ["a", i], {"k": i, "v": None}),
    "frozen": lambda i: samples.Frozen(i, (i,)),
    "slots": lambda i: samples.Slotted(i, b"x"),
    "frozen slots": lambda i: samples.Single(None if i % 2 else i),
    "own setattr": lambda i: samples.Base(i),
    "undecorated": lambda i: samples.Undecorated(i, -i),
    "generic": lambda i: samples.Generic1(f"{i}"),
    "computed": computed,
    "attrs": lambda i: samples.Point(i, hidden=[i]),
    "attrs frozen": lambda i: samples.Still(i, math.nan),
    "cached hash": samples.Hashed,
    "cached hash in dict": samples.HashedDict,
    "model": lambda i: samples.Order(number=i, items=[i], note="n"),
    "model with defaults": lambda i: (
        samples.Order(number=i) if i % 2 else samples.Order(number=i, note=None)
    ),
    "model with extra": lambda i: samples.Loose(a=i, more=i),
    "model with cached": lambda i: samples.Cached(a=i),
    "root model": lambda i: samples.Numbers([i]),
    "incomplete model": lambda i: samples.Order.model_construct(note=str(i)),
    "nested model": lambda i: samples.Nested(
        order=samples.Order(number=i), pair=samples.Pair(i), color=samples.Color.RED
    ),
    "namedtuple": lambda i: samples.Pair(i, {i}),
    "old namedtuple": lambda i: samples.Classic(i, i * 0.5),
    "open namedtuple": samples.Open,
    "enum": lambda i: [*samples.Color][i % 2],
    "flag": lambda i: samples.Right(i % 8),
    "no fields": lambda i: samples.Empty(),
    "objects in objects": lambda i: samples.Node(samples.Single(i), [samples.Pair(i, {})]),
    "long numbers": lambda i: samples.Single(2**70 + i),
    "not finite": lambda i: samples.Frozen(math.inf if i == 5 else i / 3, "NaN"),
    "surrogates": lambda i: samples.Frozen("\ud83d", "\ude00"),
    "surrogates in keys": lambda i: samples.Frozen({"\ud83d": i}, {"$": i}),
    "times": lambda i: samples.Frozen(datetime(2020, 1, 1, i, tzinfo=UTC), Decimal(i)),
    "plain dicts": lambda i: {"a": i, "b": None},
    "plain lists": lambda i: [i, "x", [i]],
    "mixed": lambda i: samples.Single(i) if i % 2 else samples.Frozen(i),
}
HOLDERS = {"list": list, "tuple": tuple, "deque": deque, "field": lambda v: samples.Node(list(v))}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_every_kind_come_back(name, holder):
    """Objects come back equal from a table and from rows, and as the very same bytes again."""
    value = HOLDERS[holder](ROWS[name](i) for i in range(COUNT))
    data = write_document(value, NO_PARTS, None)

    loaded = read_document(data, NO_PARTS, None)

    assert deep_equal(loaded, value)
    assert deep_equal(read_document(rowwise(value), NO_PARTS, None), value)
    assert write_document(loaded, NO_PARTS, None) == data


FIELDS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(2**62, 2**65), st.floats(),
    st.text(st.characters(), max_size=4), st.just("NaN"), st.binary(max_size=2),
    st.sampled_from([*samples.Color]), st.builds(samples.Single, st.integers()),
)  # fmt: skip
CELLS = st.one_of(
    FIELDS, st.lists(FIELDS, max_size=3), st.lists(FIELDS, max_size=3).map(tuple),
    st.dictionaries(st.text(st.characters(), max_size=2), FIELDS, max_size=2),
)  # fmt: skip
# Columns of one type, as they are in life, or of any.
COLUMNS = st.sampled_from([
    st.integers(), st.floats(), st.text(st.characters(), max_size=4),
    st.lists(st.floats(), max_size=2), st.dictionaries(st.sampled_from("ab$"), st.integers()),
    st.builds(samples.Single, st.floats()), st.integers().map(samples.Pair),
    st.sampled_from([*samples.Color]), st.none() | st.integers(), CELLS,
])  # fmt: skip
CLASSES = [samples.Frozen, samples.Slotted, samples.Node, samples.Pair, samples.Point]


@st.composite
def tables(draw):
    """Return a list or tuple of objects of one class, or of two."""
    cls, first, second = (draw(st.sampled_from(CLASSES)), draw(COLUMNS), draw(COLUMNS))
    rows = draw(
        st.lists(st.tuples(first, second).map(lambda pair: cls(*pair)), min_size=6, max_size=12)
    )
    if draw(st.integers(0, 9)) == 0:
        rows.append(samples.Single(1))
    return draw(st.sampled_from([list, tuple]))(rows)


@settings(max_examples=200, deadline=None)
@given(tables())
def test_any_table_comes_back_by_either_path(value):
    """Columns and rows give the same value, whichever of the two parsers reads the text."""
    columns, rows = write_document(value, NO_PARTS, None), rowwise(value)

    for data in (columns, rows):
        for bytes_per_step in (0, 10**9):  # walk the parsed text; call back from the parser
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(decode, "_BYTES_PER_STEP", bytes_per_step)
                assert deep_equal(read_document(data, NO_PARTS, None), value)


def test_table_holds_one_list_for_each_field(document, files):
    """The class stands once for all objects, and plain cells are plain JSON."""
    value = [samples.Record(i, "n", 0.5, ["t"], {"k": i}) for i in range(8)]

    document.save_files(value, files)

    assert json.loads(files.content["value.json"])["value"] == {
        "$": "rows",
        "of": 0,
        "v": [list(range(8)), ["n"] * 8, [0.5] * 8, [["t"]] * 8, [{"k": i} for i in range(8)]],
    }


@pytest.mark.parametrize(
    "value",
    [
        [samples.Single(i) for i in range(7)],
        [samples.Empty() for _ in range(20)],
        [samples.Order.model_construct(note="x") for _ in range(20)],
        [samples.Loose(a=1, more=2) for _ in range(20)],
        [samples.Right(3)] * 20,
        [samples.Single(1), samples.Frozen(1)] * 10,
        [samples.Node(samples.Single(i), b"x" * 70_000 if i == 9 else b"") for i in range(20)],
        [samples.Node(samples.Foreign(b"x"), i) for i in range(20)],
        [samples.Node({samples.Foreign(b"x"), i}, i) for i in range(20)],
        {samples.Single(i): samples.Frozen(i) for i in range(20)},
    ],
    ids=lambda value: f"{type(value).__name__}-{len(value)}",
)
def test_what_is_no_table_has_the_bytes_of_rows(document, new_files, value):
    """Few objects, objects that differ and objects with attachments are written one by one."""
    files, others = new_files(), new_files()

    document.save_files(value, files)
    others.content["value.json"] = rowwise(value, document.parts, others)

    assert files.content == others.content
    assert deep_equal(document.load_files(files, type(value)), value)


def test_attachments_are_numbered_by_rows(document, files):
    """Files beside the document follow the order of the objects, not that of their fields."""
    value = [samples.Node(bytes([i]) * 70_000, bytes([i + 100]) * 70_000) for i in range(8)]

    document.save_files(value, files)

    firsts = [files.content[f"bytes/{number}.bin"][0] for number in range(16)]
    assert firsts == [each for i in range(8) for each in (i, i + 100)]


def test_columns_run_no_code_of_the_class(round_trip):
    """Neither `__init__`, `__post_init__` nor `__setattr__` is called for objects of a table."""
    guarded = []
    for number in range(9):
        value = object.__new__(samples.Guarded)
        value.__dict__["secret"] = number
        guarded.append(value)
    made = [computed(i) for i in range(9)]
    samples.Computed.calls.clear()

    loaded = round_trip([guarded, made])

    assert [value.secret for value in loaded[0]] == list(range(9))
    assert deep_equal(loaded[1], made)
    assert samples.Computed.calls == []


def test_stream_has_no_tables(stream, files):
    """A line of a stream holds its objects one by one, as every reader of streams expects."""
    rows = [samples.Single(i) for i in range(9)]

    stream.save_files(iter([rows]), files)

    assert (
        files.content["stream.jsonl"].splitlines()[1]
        == json.dumps([{"$": 0, "v": [i]} for i in range(9)], separators=(",", ":")).encode()
    )
    assert stream.load_files(files, list) == [rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[1234567890123456789]", True),
        (b"[-12345678901234567890]", True),
        (b'{"a":1,"b":9223372036854775808}', True),
        (b"[0.000123456789012345678]", False),
        (b"[0.00012345678901234567,1234567890123456789012]", True),
        (b"[123456789012345678,1.5]", False),
        (b"1234567890123456789", True),
        (b"", False),
    ],
)
def test_long_numbers_are_told_from_small_fractions(text, expected):
    """Digits after a point make no long integer; 19 digits before one do."""
    assert has_long_digits(text) is expected


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_every_float_is_read_back_to_the_bit(patterns):
    """Floats of any bit pattern come back exactly through both writers and both readers."""
    floats = [struct.unpack(">d", pattern.to_bytes(8))[0] for pattern in patterns]

    for value in (floats, [*floats, 2**70], [samples.Single(x) for x in floats * 8]):
        loaded = read_document(write_document(value, NO_PARTS, None), NO_PARTS, None)
        assert deep_equal(loaded, value)
