"""The safe loader gives plain values back exactly, and builds nothing from hostile states."""

from __future__ import annotations

import datetime as dt
import pickle
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from pickle_opcodes import (
    BUILD,
    EMPTY_DICT,
    EMPTY_LIST,
    MARK,
    MEMOIZE,
    NEXT_BUFFER,
    POP,
    PROTO_5,
    STOP,
    Code,
    build,
    call,
    make,
    name,
    pickle_of,
    push,
    raw,
)
from pickle_samples import Model

from artifact_materializers.pickle.equality import is_same
from artifact_materializers.pickle.safe.reading import read_plain
from artifact_materializers.pickle.safe.weights import MAX_DEPTH
from artifact_plugins.errors import UnsafeFormatError

UTC = dt.UTC
SHARED = [1, 2]

PLAIN = {
    "none": None,
    "numbers": [True, 0, -1, 255, 256, 65_536, 2**31, -(2**70), 1.5, float("inf"), -0.0],
    "nan": float("nan"),
    "text": ["", "a", "\0", "é\U0001f600", "\ud800", "x" * 70_000],
    "bytes": [b"", b"a" * 300, bytearray(b"abc")],
    "constants": [..., NotImplemented],
    "complex": 1 - 2j,
    "ranges": [range(3), range(10**30), slice(1, None, "a")],
    "containers": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {"a": {"b": [set()]}}],
    "sets": [{1, "a", (2, 3)}, frozenset({1}), frozenset({frozenset({1})})],
    "shared": [SHARED, SHARED, (SHARED, SHARED), {"a": SHARED}],
    "long list": list(range(5_000)),
    "long dict": {str(number): number for number in range(3_000)},
    "collections": [
        OrderedDict(b=1, a=2),
        OrderedDict(),
        defaultdict(list, a=[1]),
        defaultdict(None, a=1),
        Counter("abca"),
        deque([1, 2], 5),
        deque([[1], [2]]),
    ],
    "dates": [dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    "datetimes": [
        dt.datetime(2020, 2, 29, 23, 59, 59, 999_999),
        dt.datetime(2020, 1, 1, fold=1),
        dt.datetime(2020, 1, 1, tzinfo=UTC),
        dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3), "x")),
    ],
    "times": [dt.time(23, 59, 59, 1, fold=1), dt.time(1, tzinfo=UTC)],
    "timedeltas": [dt.timedelta(-1, 3, 5), dt.timedelta.max],
    "decimals": [Decimal("1.50"), Decimal("-0"), Decimal("1E+999999"), Decimal("sNaN1")],
    "fractions": Fraction(-7, 3),
    "uuid": uuid.UUID(int=5),
    "arrays": [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((2, 3, 4)).transpose(1, 0, 2),
        np.arange(10)[::2],
        np.array(5),
        np.zeros((0, 3)),
        np.array(["a", "bc"]),
        np.array([b"a"]),
        np.array(["2020", "NaT"], "M8[25s]"),
        np.array([1], "m8[ns]"),
        np.array([1, 2], ">i4"),
        np.array([True, False]),
        np.array([1, "a", None, [1, {2: 3}]], dtype=object),
        np.zeros(2, np.dtype([("a", "i1"), ("b", ">f8")], align=True)),
        np.zeros(1, [("a", "i4"), ("b", "M8[ns]", (2,)), ("c", [("d", "?")])]),
    ],
    "scalars": [np.float32(1.5), np.int8(-1), np.bool_(True), np.datetime64("2020", "s")],
    "dtypes": [np.dtype("f8"), np.dtype("U5"), np.dtype([("a", "i4")])],
    "indexes": [
        pd.Index([3, 1, 2], name="n"),
        pd.Index(["a", "b"]),
        pd.Index(["a", 1], dtype=object, name=("x", 1)),
        pd.RangeIndex(1, 10, 3),
        pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
        pd.date_range("2020", periods=3, freq="D"),
        pd.date_range("2020", periods=3, tz="UTC").tz_convert(UTC),
        pd.timedelta_range(0, periods=3, freq="h"),
        pd.period_range("2020", periods=3, freq="D"),
        pd.interval_range(0, 3),
        pd.CategoricalIndex(["a", "b", "a"]),
    ],
    "series": [
        pd.Series([1, 2], name="n", index=["a", "a"]),
        pd.Series([1.5, None]),
        pd.Series(["a", None]),
        pd.Series(["a", 1, [2]], dtype=object),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([True, None], dtype="boolean"),
        pd.Series([1.5, None], dtype="Float32"),
        pd.Series(["a", None], dtype=pd.StringDtype("python")),
        pd.Series(pd.Categorical(["b", None, "a"], ["b", "a"], ordered=True)),
        pd.Series(pd.date_range("2020", periods=2, tz=UTC)),
        pd.Series(pd.timedelta_range(0, periods=2)),
        pd.Series([], dtype="float64"),
    ],
    "frames": [
        pd.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", "y"], "d": [[1], {2: 3}]}),
        pd.DataFrame(
            {"a": pd.array([1, None], dtype="Int64"), "b": pd.date_range("2020", periods=2)}
        ),
        pd.DataFrame([[1, 2], [3, 4]], columns=["same", "same"], index=[7, 7]),
        pd.DataFrame(index=[1, 2]),
        pd.DataFrame(columns=["a"]),
        pd.DataFrame({("a", 1): [1], ("b", 2): ["x"]}),
    ],
    "pandas scalars": [
        pd.Timestamp("2020", tz=UTC),
        pd.Timestamp("2020-01-01 00:00:00.000000001"),
        pd.Timedelta(5, "ns"),
        pd.NaT,
        pd.NA,
        pd.Period("2020", "D"),
        pd.Interval(1, 2.5, "left"),
    ],
}


def pickled(value, protocol):
    buffers = []
    if protocol == 4:
        return pickle.dumps(value, 4), buffers
    data = pickle.dumps(value, 5, buffer_callback=buffers.append)
    return data, [memoryview(bytearray(buffer.raw())) for buffer in buffers]


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("kind", PLAIN)
def test_plain_values_come_back_exactly(kind, protocol):
    """Types, bits, order and shared parts are those of the value."""
    values = PLAIN[kind] if isinstance(PLAIN[kind], list) else [PLAIN[kind]]
    for value in values:
        data, buffers = pickled(value, protocol)

        loaded = read_plain(memoryview(data), buffers)

        assert _is_equal(loaded, value), (value, loaded)


def _is_equal(loaded, wanted):
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(loaded, wanted, check_freq=True)
        return type(loaded) is type(wanted)
    if isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(loaded, wanted)
        return type(loaded) is type(wanted)
    if isinstance(wanted, pd.Index):
        pd.testing.assert_index_equal(loaded, wanted, exact=True)
        return getattr(loaded, "freq", None) == getattr(wanted, "freq", None)
    return is_same(loaded, wanted)


def test_shared_parts_stay_shared():
    """What the pickle holds once is one object."""
    loaded = read_plain(memoryview(pickle.dumps([SHARED, SHARED], 5)), [])

    assert loaded[0] is loaded[1]


def test_loaded_arrays_are_writable_as_they_were():
    """A buffer that was read-only is read-only again, others are not."""
    fixed = np.arange(5)
    fixed.flags.writeable = False
    data, buffers = pickled([np.arange(5), fixed], 5)

    free, again = read_plain(memoryview(data), buffers)

    assert free.flags.writeable
    assert not again.flags.writeable


def refuse(body, buffers=()):
    with pytest.raises(UnsafeFormatError) as caught:
        read_plain(memoryview(bytes(body)), [memoryview(data) for data in buffers])
    assert "nothing was executed" in str(caught.value)
    return str(caught.value)


def dtype(code="f8", state=(3, "<", None, None, None, -1, -1, 0)):
    return build(call("numpy", "dtype", code, False, True), state)


def array(shape, dtype_, data, fortran=False):
    start = call("numpy._core.multiarray", "_reconstruct", name("numpy", "ndarray"), (0,), b"b")
    return build(start, (1, shape, dtype_, fortran, data))


def from_buffer(shape, dtype_, data=NEXT_BUFFER, order="C"):
    return call("numpy._core.numeric", "_frombuffer", Code(data), dtype_, shape, order)


FIELDS = (3, "|", None, ("a",), {"a": (dtype(), 4_000)}, 8, 1, 16)
OBJECT = (3, "|", None, None, None, -1, -1, 63)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(dtype("V8", FIELDS), id="field behind the item"),
        pytest.param(dtype("V8", (*FIELDS[:4], {"a": (dtype(), -8)}, 8, 1, 16)), id="field before"),
        pytest.param(dtype("V8", (*FIELDS[:5], -8, 1, 16)), id="item of negative size"),
        pytest.param(
            dtype("V8", (*FIELDS[:4], {"a": (dtype("O8", OBJECT), 0)}, 8, 1, 16)), id="object field"
        ),
        pytest.param(from_buffer((1,), dtype("O8", OBJECT), push(b"8" * 8)), id="objects of bytes"),
        pytest.param(array((1,), dtype("O8", OBJECT), b"8" * 8), id="object array of bytes"),
        pytest.param(array((2,), dtype("O8", OBJECT), [1]), id="object array of another length"),
        pytest.param(array((10**9,), dtype(), b"8" * 8), id="shape larger than its bytes"),
        pytest.param(array((-1,), dtype(), b""), id="negative shape"),
        pytest.param(array((2**31 - 1, 2**31 - 1, 2**31 - 1, 0), dtype("V0"), b""), id="overflow"),
        pytest.param(array((2**31 - 1, 2), dtype("S0"), b""), id="too many empty items"),
        pytest.param(array((1,), dtype("b1"), b"\x07"), id="bool of seven"),
        pytest.param(dtype("g16"), id="long double"),
        pytest.param(dtype("f8, O"), id="dtype from text"),
        pytest.param(
            dtype("f8", (3, "<", None, None, None, -1, -1, 63, {})), id="state of another version"
        ),
        pytest.param(
            dtype("M8", (4, "<", None, None, None, -1, -1, 0, (None, (b"x", 1, 1, 1)))), id="unit"
        ),
        pytest.param(call("numpy._core.multiarray", "scalar", dtype(), b"1"), id="short scalar"),
        pytest.param(
            call("numpy._core.multiarray", "scalar", dtype("O8", OBJECT), [1]), id="scalar object"
        ),
        pytest.param(call("numpy", "dtype", "f8", False, True), id="dtype without its state"),
        pytest.param(push([call("numpy", "dtype", "f8", False, True)]), id="half an array"),
        pytest.param(call("builtins", "bytearray", 10**9), id="bytearray of a number"),
        pytest.param(
            call("builtins", "list", call("builtins", "range", 10**9)), id="list of a range"
        ),
        pytest.param(call("builtins", "bytes", 10**9), id="bytes of a number"),
        pytest.param(call("builtins", "int", "9" * 10_000), id="int of text"),
        pytest.param(call("datetime", "date", b"\x07\xe4\x02\x1f"), id="31 February"),
        pytest.param(
            call("datetime", "datetime", b"\x07\xe4\x01\x01\xff\0\0\0\0\0"), id="hour 255"
        ),
        pytest.param(call("fractions", "Fraction", 1, 0), id="fraction of zero"),
        pytest.param(call("fractions", "Fraction", "1e999999999"), id="fraction of text"),
        pytest.param(build(make("uuid", "UUID"), {"int": -1}), id="uuid of a negative number"),
        pytest.param(build(make("uuid", "UUID"), {"int": 1, "is_safe": 0}), id="uuid with more"),
        pytest.param(build(name("pandas", "DataFrame"), (None, {"x": 1})), id="state for a class"),
        pytest.param(build(push({}), {"a": 1}), id="state for a dict"),
        pytest.param(name("builtins", "int"), id="a class as the value"),
        pytest.param(push([name("builtins", "int")]), id="a class in a list"),
        pytest.param(push({"a": name("builtins", "int")}), id="a class in a dict"),
        pytest.param(call("collections", "defaultdict", name("numpy", "ndarray")), id="a factory"),
        pytest.param(push({push((1, [3])): 1}), id="key without a hash"),
        pytest.param(call("pyarrow.lib", "py_buffer", b"abc"), id="an inner piece as the value"),
        pytest.param(
            push([call("pyarrow.lib", "py_buffer", b"abc")]), id="an inner piece in a list"
        ),
        pytest.param(
            call("collections", "deque", [call("pyarrow.lib", "py_buffer", b"abc")]),
            id="an inner piece as an argument",
        ),
    ],
)
def test_hostile_state_is_refused(body):
    """Nothing is built from what its class would not vouch for."""
    refuse(pickle_of(body))


def index(values=(1, 2)):
    return call(
        "pandas.core.indexes.base",
        "_new_Index",
        name("pandas", "RangeIndex"),
        {"name": None, "start": 0, "stop": len(values), "step": 1},
    )


def block(values, placement, ndim=2):
    return call("pandas._libs.internals", "_unpickle_block", values, placement, ndim)


def frame(*blocks, columns=(1, 2), rows=(1, 2)):
    manager = call(
        "pandas.core.internals.managers",
        "BlockManager",
        tuple(blocks),
        [index(columns), index(rows)],
    )
    state = {"_mgr": manager, "_typ": "dataframe", "_metadata": [], "attrs": {}}
    state["_flags"] = {"allows_duplicate_labels": True}
    return build(make("pandas", "DataFrame"), state)


def floats(*shape):
    return array(shape, dtype(), b"\0" * 8 * int(np.prod(shape)))


def places(start, stop):
    return call("builtins", "slice", start, stop, 1)


def test_frame_of_honest_blocks_is_built():
    """Negative control: the frames below are refused for what is wrong with them only."""
    body = frame(block(floats(2, 2), places(0, 2)))

    assert read_plain(memoryview(pickle_of(body)), []).shape == (2, 2)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(frame(block(floats(2, 2), places(5, 7))), id="columns that are not there"),
        pytest.param(frame(block(floats(2, 2), places(0, 1))), id="more columns than places"),
        pytest.param(frame(block(floats(1, 2), places(0, 1))), id="a column that is missing"),
        pytest.param(frame(block(floats(2, 3), places(0, 2))), id="more rows than the index"),
        pytest.param(frame(block(floats(4), places(0, 2))), id="a block of one dimension"),
        pytest.param(frame(block(floats(2, 2), places(0, 10**6))), id="a million columns"),
        pytest.param(frame(block([1, 2], places(0, 2))), id="a list as a block"),
        pytest.param(
            call(
                "pandas.core.indexes.base",
                "_new_Index",
                name("pandas", "MultiIndex"),
                {
                    "levels": [index((1, 2))],
                    "codes": [array((1,), dtype("i8"), (99).to_bytes(8, "little"))],
                    "names": [None],
                    "sortorder": None,
                },
            ),
            id="codes behind the levels",
        ),
        pytest.param(
            build(
                call(
                    "pandas._libs.arrays",
                    "__pyx_unpickle_NDArrayBacked",
                    name("pandas", "Categorical"),
                    1,
                    None,
                ),
                (
                    build(
                        make("pandas", "CategoricalDtype"),
                        {"categories": index((1, 2)), "ordered": False},
                    ),
                    array((1,), dtype("i8"), (99).to_bytes(8, "little")),
                ),
            ),
            id="codes behind the categories",
        ),
        pytest.param(
            build(
                make("pandas.arrays", "IntegerArray"),
                {
                    "_data": array((2,), dtype("i8"), b"\0" * 16),
                    "_mask": array((1,), dtype("b1"), b"\0"),
                },
            ),
            id="a mask of another length",
        ),
    ],
)
def test_hostile_pandas_is_refused(body):
    """Positions and codes that compiled code would follow unchecked are looked at."""
    refuse(pickle_of(body))


def arrow_text(length, offset, offsets, letters, bits=None):
    buffers = [
        call("pyarrow.lib", "py_buffer", data) if data is not None else None
        for data in (bits, offsets, letters)
    ]
    parts = (
        call("pyarrow.lib", "type_for_alias", "large_string"),
        length,
        0,
        offset,
        buffers,
        [],
        None,
    )
    strings = call("pyarrow.lib", "_restore_array", parts)
    kind = call("pandas", "StringDtype", "pyarrow", Code(b"G\x7f\xf8\0\0\0\0\0\0"))
    return build(
        make("pandas.arrays", "ArrowStringArray"),
        {"_pa_array": strings, "_dtype": kind, "_cache": {}},
    )


def offsets(*numbers):
    return b"".join(number.to_bytes(8, "little", signed=True) for number in numbers)


def test_honest_arrow_text_is_built():
    """Negative control: two strings."""
    body = arrow_text(2, 0, offsets(0, 1, 3), b"abc")

    assert list(read_plain(memoryview(pickle_of(body)), [])) == ["a", "bc"]


@pytest.mark.parametrize(
    ("length", "offset", "numbers", "letters", "bits"),
    [
        pytest.param(2, 0, (0, 1, 9_999), b"abc", None, id="behind the letters"),
        pytest.param(2, 0, (0, 5, 3), b"abc", None, id="backwards"),
        pytest.param(2, 0, (-9, 1, 3), b"abc", None, id="before the letters"),
        pytest.param(9_999, 0, (0, 1, 3), b"abc", None, id="too few offsets"),
        pytest.param(2, 10**6, (0, 1, 3), b"abc", None, id="an offset of offsets"),
        pytest.param(2, 0, (0, 1, 3), b"\xff\xfe\xfd", None, id="no text"),
        pytest.param(2, 0, (0, 1, 3), b"abc", b"", id="no bits"),
        pytest.param(-1, 0, (0, 1, 3), b"abc", None, id="negative length"),
    ],
)
def test_hostile_arrow_text_is_refused(length, offset, numbers, letters, bits):
    """Offsets are followed only after all of them were looked at."""
    refuse(pickle_of(arrow_text(length, offset, offsets(*numbers), letters, bits)))


def test_bomb_of_shared_lists_is_refused():
    """F20: 124 bytes that are 2^60 leaves to whoever prints them."""
    bomb = []
    for _ in range(60):
        bomb = [bomb, bomb]
    data = pickle.dumps(bomb, 5)

    assert len(data) < 1_000
    assert "over" in refuse(data)


def test_bomb_through_an_index_is_refused():
    """F20: arrays of objects and pandas objects weigh what is in them."""
    bomb = [1]
    for _ in range(40):
        bomb = [pd.Index([bomb, bomb], dtype=object)]

    refuse(pickle.dumps(bomb, 5))


def test_key_that_takes_for_ever_to_hash_is_refused():
    """A tuple of shared tuples has its hash computed anew each time."""
    key = (1,)
    for _ in range(20):
        key = (key, key)

    assert "key" in refuse(pickle.dumps({key: 1}, 5))


def test_deep_nesting_is_refused():
    """Deeper than a document may be."""
    chain = 1
    for _ in range(MAX_DEPTH + 1):
        chain = [chain]

    assert "nested" in refuse(pickle.dumps(chain, 5))


@pytest.mark.parametrize("ring", ["list", "dict", "through a tuple", "through a deque"])
def test_value_that_contains_itself_is_refused(ring):
    """A plain value has an end."""
    value = {"list": [], "dict": {}, "through a tuple": [], "through a deque": deque()}[ring]
    if isinstance(value, dict):
        value["a"] = value
    else:
        value.append((value,) if "tuple" in ring else value)

    refuse(pickle.dumps(value, 5))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(PROTO_5, id="no end"),
        pytest.param(PROTO_5 + STOP, id="no value"),
        pytest.param(PROTO_5 + b"NN" + STOP, id="two values"),
        pytest.param(PROTO_5 + b"N" + STOP + b"N", id="more behind"),
        pytest.param(b"N" + STOP, id="protocol 1"),
        pytest.param(b"\x80\x02N" + STOP, id="protocol 2"),
        pytest.param(b"\x80\x06N" + STOP, id="protocol 6"),
        pytest.param(PROTO_5 + b"(N" + STOP, id="an open mark"),
        pytest.param(PROTO_5 + b"t" + STOP, id="a mark that was never set"),
        pytest.param(PROTO_5 + b"h\x05" + STOP, id="a memo slot that was never filled"),
        pytest.param(PROTO_5 + b"\x8e" + b"\xff" * 8 + STOP, id="bytes of 2^64"),
        pytest.param(PROTO_5 + b"\x96" + b"\xff" * 7 + b"\x7f" + STOP, id="bytearray of 2^63"),
        pytest.param(PROTO_5 + b"\x8b\xff\xff\xff\xff" + STOP, id="an int of -1 bytes"),
        pytest.param(PROTO_5 + b"\x8c\x01\xff" + STOP, id="text that is none"),
        pytest.param(PROTO_5 + EMPTY_LIST + b"N" + BUILD + STOP, id="a state for a list"),
        pytest.param(PROTO_5 + b"Pabc\n" + STOP, id="a persistent id"),
        pytest.param(PROTO_5 + b"NQ" + STOP, id="a persistent id on the stack"),
        pytest.param(PROTO_5 + b"\x82\x01" + STOP, id="an extension"),
        pytest.param(PROTO_5 + b"\x84\x01\0\0\0" + STOP, id="a long extension"),
        pytest.param(PROTO_5 + EMPTY_DICT + b"NNNu" + STOP, id="pairs without a mark"),
        pytest.param(PROTO_5 + EMPTY_DICT + b"(NNNu" + STOP, id="a key without a value"),
        pytest.param(PROTO_5 + NEXT_BUFFER + STOP, id="a buffer that is not there"),
        pytest.param(PROTO_5 + b"N\x98" + STOP, id="a read-only None"),
        pytest.param(PROTO_5 + b"]\x94(NeN0h\x00(Ne" + STOP, id="added after it was fetched"),
    ],
)
def test_broken_stream_is_refused(data):
    """Every stream that is no whole pickle of plain values is named."""
    refuse(data)


def test_buffer_is_no_value():
    """A buffer means something to an array only."""
    refuse(PROTO_5 + NEXT_BUFFER + STOP, [b"abc"])


def test_object_of_a_user_is_refused_by_name():
    """The error says what is not on the list."""
    assert "pickle_samples.Model" in refuse(pickle.dumps(Model(), 5))


@pytest.mark.parametrize("step", range(7, 200, 7))
def test_every_cut_is_refused(step):
    """A pickle cut anywhere is refused or is not begun."""
    data = pickle.dumps(PLAIN["frames"][0], 4)

    refuse(data[: len(data) * step // 200])


def test_every_flipped_byte_gives_a_value_or_is_refused():
    """Nothing but `UnsafeFormatError` comes out of damaged bytes, and nothing hangs."""
    data = bytearray(pickle.dumps([{"a": (1.5, "x", b"y")}, np.arange(3), dt.date(2020, 1, 1)], 4))
    for place in range(len(data)):
        for bit in (1, 128):
            data[place] ^= bit
            try:
                read_plain(memoryview(bytes(data)), [])
            except UnsafeFormatError:
                pass
            finally:
                data[place] ^= bit
    assert len(data) > 100


def test_bomb_of_copies_is_refused():
    """A megabyte that is held once is not copied ten thousand times."""
    data = raw(b"\x01" * 1_000_000)
    copies = b"".join(name("builtins", "bytearray") + b"h\x00\x85R" for _ in range(10_000))

    assert "more than it holds" in refuse(
        PROTO_5 + data + MEMOIZE + POP + MARK + copies + b"t" + STOP
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            call(
                "pandas.core.indexes.interval",
                "_new_IntervalIndex",
                name("pandas", "IntervalIndex"),
                {
                    "left": index(range(2**31 - 1)),
                    "right": index(range(2**31 - 1)),
                    "closed": "left",
                    "name": None,
                },
            ),
            id="an interval index of two ranges",
        ),
        pytest.param(
            build(
                make("pandas", "CategoricalDtype"),
                {"categories": index(range(2**31 - 1)), "ordered": False},
            ),
            id="categories of a range",
        ),
        pytest.param(
            frame(
                block(array((2**31 - 1, 0), dtype(), b""), places(0, 2**31 - 1)),
                columns=range(2**31 - 1),
                rows=(),
            ),
            id="a frame of empty columns",
        ),
        pytest.param(
            call(
                "pandas.core.indexes.base",
                "_new_Index",
                name("pandas", "Index"),
                {
                    "data": array((2**30,), dtype("S0", (3, "|", None, None, None, 0, 1, 0)), b""),
                    "name": None,
                },
            ),
            id="an index of empty texts",
        ),
        pytest.param(
            call(
                "pandas.core.indexes.base",
                "_new_Index",
                name("pandas", "RangeIndex"),
                {"name": None, "start": 0, "stop": 2**31 - 1, "step": 0},
            ),
            id="a range without a step",
        ),
    ],
)
def test_small_pickle_of_much_memory_is_refused(body):
    """What a constructor would fill memory with is looked at before it is called."""
    refuse(pickle_of(body))


def test_fraction_of_long_ints_is_refused():
    """Its greatest common divisor takes the square of their length."""
    refuse(pickle.dumps(Fraction(3**100_000, 2**100_000), 5))


def test_frame_of_many_blocks_and_shared_index_is_built():
    """Negative control: honest values of many parts stay within what they may make."""
    frame_ = pd.DataFrame({f"c{n}": pd.array([n, None], dtype="Int64") for n in range(500)})
    data, buffers = pickled([frame_, frame_.iloc[:1], [frame_] * 10], 5)

    loaded = read_plain(memoryview(data), buffers)

    pd.testing.assert_frame_equal(loaded[0], frame_)
    assert loaded[2][9] is loaded[0]
