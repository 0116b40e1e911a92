"""The safe loader gives plain values back exactly, and refuses what is no whole pickle of them."""

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
from pickle_opcodes import BUILD, EMPTY_DICT, EMPTY_LIST, NEXT_BUFFER, PROTO_5, STOP
from pickle_samples import Model
from pickle_states import refuse

from artifact_materializers.pickle.equality import is_same
from artifact_materializers.pickle.safe.reading import read_plain
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


def test_frame_of_many_blocks_and_shared_index_is_built():
    """Negative control: honest values of many parts stay within what they may make."""
    frame_ = pd.DataFrame({f"c{n}": pd.array([n, None], dtype="Int64") for n in range(500)})
    data, buffers = pickled([frame_, frame_.iloc[:1], [frame_] * 10], 5)

    loaded = read_plain(memoryview(data), buffers)

    pd.testing.assert_frame_equal(loaded[0], frame_)
    assert loaded[2][9] is loaded[0]


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean"])
def test_a_dtype_that_has_made_an_index_still_loads(dtype):
    """Pandas keeps the class of that index in the dtype, and pickles it from then on."""
    series = pd.Series([1, None], dtype=dtype)
    assert pd.Index(series).dtype.index_class is pd.Index
    data, buffers = pickled(series, 5)
    assert b"index_class" in data

    pd.testing.assert_series_equal(read_plain(memoryview(data), buffers), series)


@pytest.mark.parametrize(
    "value",
    [
        {"index_class": pd.Index},
        [{"index_class": pd.Index}],
        ({"index_class": pd.Index},),
        {"_cache": {"index_class": pd.Index}},
    ],
)
def test_a_class_is_no_plain_value_all_the_same(value):
    """Negative control: only a dtype may be given a dict with one, which it throws away."""
    with pytest.raises(UnsafeFormatError, match="as a value"):
        read_plain(memoryview(pickle.dumps(value, 5)), [])


def test_a_class_among_the_attributes_of_a_frame_is_refused():
    """Nor may a frame be given one."""
    frame_ = pd.DataFrame({"a": [1]})
    frame_.attrs = {"index_class": pd.Index}
    data, buffers = pickled(frame_, 5)
    with pytest.raises(UnsafeFormatError, match="a class as a value"):
        read_plain(memoryview(data), buffers)
