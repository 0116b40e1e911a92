"""The safe loader builds no array, frame or text from what its class would not vouch for."""

from __future__ import annotations

import numpy as np
import pytest
from pickle_opcodes import NEXT_BUFFER, Code, build, call, make, name, pickle_of, push
from pickle_states import array, block, dtype, frame, index, places, refuse

from artifact_materializers.pickle.safe.reading import read_plain


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


def floats(*shape):
    return array(shape, dtype(), b"\0" * 8 * int(np.prod(shape)))


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
