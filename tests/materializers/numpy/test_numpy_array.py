"""Arrays come back exactly, or are refused by name."""

from __future__ import annotations

import mmap
import tracemalloc

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_materializers.numpy.array import ArrayMaterializer
from artifact_materializers.numpy.dtypes import is_same
from artifact_plugins.errors import LoadFailedError, LossyConversionError, NotSerializableError
from artifact_plugins.testing import FolderFiles, MemoryFiles

ARRAYS = ArrayMaterializer()
MIB = 1024 * 1024


def _field(dtype, name="f"):
    return np.zeros(3, [(name, dtype), ("other", "i1")])[name]


EXACT = {
    "J1 0-d": lambda: np.array(3.5),
    "J2 empty": lambda: np.zeros(0),
    "J2 empty 3-d": lambda: np.zeros((3, 0, 2)),
    "J3 empty and wide": lambda: np.zeros((0, 10**12)),
    "J4 fortran": lambda: np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "J4 fortran empty": lambda: np.zeros((0, 3), order="F"),
    "J5 view": lambda: np.arange(10)[::2],
    "J5 transposed": lambda: np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "J5 broadcast": lambda: np.broadcast_to(np.float32(1), (3, 4)),
    "J6 negative strides": lambda: np.arange(12).reshape(3, 4)[::-1, ::-1],
    "J7 structured": lambda: np.array([(1, 2.5), (3, np.nan)], [("a", "i4"), ("b", "f8")]),
    "J7 nested": lambda: np.zeros(3, [("a", "i4"), ("n", [("x", "f8", (2, 2)), ("y", "U3")])]),
    "J7 titles": lambda: np.ones(2, [(("a title", "a"), "i4"), ("b", "i2")]),
    "J7 odd names": lambda: np.ones(2, [("é \n'\"#", "i4"), ("\ud800", "i2")]),
    "J7 no fields": lambda: np.zeros(3, []),
    "J8 aligned": lambda: np.ones(3, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "J8 padded": lambda: np.ones(2, {"names": ["a"], "formats": ["i4"], "itemsize": 9}),
    "J8 out of order": lambda: np.ones(
        2, {"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [4, 0]}
    ),
    "J8 overlapping": lambda: np.ones(
        2, {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 0]}
    ),
    "J8 unaligned": lambda: np.frombuffer(bytes(range(17)), "u1")[1:].view("f8"),
    "J10 bool": lambda: np.array([True, False]),
    "J11 float16": lambda: np.array([1, np.nan, -0.0, np.inf], np.float16),
    "J11 longdouble": lambda: np.array([1, np.nan], np.longdouble) / 3,
    "J11 clongdouble": lambda: np.array([1j, np.nan], np.clongdouble) / 3,
    "J11 big-endian longdouble": lambda: (np.ones(3, np.longdouble) / 3).astype(">g"),
    **{
        f"J12 datetime64[{unit}]": lambda unit=unit: np.array([0, -1, "NaT"], f"M8[{unit}]")
        for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as")
    },
    "J12 datetime64[25s]": lambda: np.array([0, -25], "i8").view("M8[25s]"),
    "J12 timedelta64": lambda: np.array([1, "NaT"], "m8[D]"),
    "J12 without unit": lambda: np.array(["NaT"], "m8"),
    "J13 S0": lambda: _field("S0"),
    "J13 U0": lambda: _field("U0"),
    "J13 text": lambda: np.array(["a", "", "\U0001f600"]),
    "J13 bytes": lambda: np.array([b"a", b"\0b"]),
    "J14 V0": lambda: _field("V0"),
    "J14 V5": lambda: np.frombuffer(b"abcd\0efghi", "V5"),
    "J15 big-endian": lambda: np.arange(3, dtype=">f4"),
    "J15 big-endian structure": lambda: np.ones(2, [("a", ">i4"), ("b", "<i4")]),
    "C long long": lambda: np.arange(3, dtype="q"),
    "big-endian C long long": lambda: np.arange(3, dtype=np.dtype("q").newbyteorder()),
    "record dtype": lambda: np.ones(2, np.dtype((np.record, [("a", "i4")]))),
    "NaN payload": lambda: np.array([0x7FF8000000000123], "u8").view("f8"),
    "negative zero": lambda: np.array([-0.0, 0.0]),
}


@pytest.mark.parametrize("name", EXACT)
def test_array_comes_back_exactly(round_trip, name):
    """Type, dtype to the last flag, shape and every bit survive."""
    array = EXACT[name]()

    loaded = round_trip(ARRAYS, array)

    assert type(loaded) is np.ndarray
    assert is_same(loaded.dtype, array.dtype)
    assert loaded.shape == array.shape
    assert ARRAYS.equal(loaded, array)
    assert ARRAYS.equal(array, loaded)


def test_equality_notices_a_changed_bit_dtype_or_shape():
    """The comparison that the tests rely on tells arrays apart."""
    array = np.arange(3.0)

    assert not ARRAYS.equal(array, np.array([0.0, 1.0, 2.0000000000000004]))
    assert not ARRAYS.equal(array, array.astype(">f8"))
    assert not ARRAYS.equal(array, array.reshape(1, 3))
    assert not ARRAYS.equal(np.array([0.0]), np.array([-0.0]))
    assert not ARRAYS.equal(np.arange(3, dtype="l"), np.arange(3, dtype="q"))


dtypes = st.one_of(
    npst.scalar_dtypes(),
    npst.nested_dtypes(max_itemsize=200),
    npst.nested_dtypes(max_itemsize=200).map(lambda d: np.dtype((np.record, d)) if d.names else d),
    st.sampled_from([np.dtype(c) for c in ("g", "G", ">g", ">G", "q", "Q", ">q", "V3", "S0")]),
)


@settings(max_examples=300)
@given(data=st.data())
def test_any_array_comes_back_exactly(round_trip, data):
    """Arrays of any dtype, shape, order and stride survive with every bit."""
    dtype = data.draw(dtypes)
    base = dtype.base
    shape = data.draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    raw = data.draw(st.binary(min_size=base.itemsize, max_size=base.itemsize))
    array = np.frombuffer((raw or b"\0") * max(1, int(np.prod(shape))), "u1")
    array = np.ndarray(shape, base, array.tobytes() + b"\0")
    if data.draw(st.booleans()):
        array = np.asfortranarray(array) if array.ndim else array
    elif array.ndim:
        array = array[data.draw(npst.basic_indices(array.shape, allow_ellipsis=False))]
        array = np.asarray(array) if isinstance(array, np.ndarray) else np.array(array)

    loaded = round_trip(ARRAYS, array)

    assert is_same(loaded.dtype, array.dtype)
    assert ARRAYS.equal(loaded, array)


REFUSED = {
    "J9 object": (lambda: np.array([1, "a"], object), NotSerializableError, "object"),
    "J9 object field": (lambda: np.zeros(2, [("a", "O")]), NotSerializableError, r"\['a'\]"),
    "J9 nested object": (
        lambda: np.zeros(2, [("n", [("a", "O", (2,))])]),
        NotSerializableError,
        r"\['n'\]\['a'\]",
    ),
    "J16 matrix": (lambda: np.zeros((2, 2)).view(np.matrix), LossyConversionError, "matrix"),
    "J16 masked": (lambda: np.ma.array([1]), LossyConversionError, "MaskedArray"),
    "J16 recarray": (
        lambda: np.zeros(1, [("a", "i4")]).view(np.recarray),
        LossyConversionError,
        "recarray",
    ),
    "metadata": (lambda: np.zeros(2, np.dtype("i4", metadata={"a": 1})), LossyConversionError, "a"),
    "field metadata": (
        lambda: np.zeros(2, [("x", np.dtype("i4", metadata={"a": 1}))]),
        LossyConversionError,
        r"\['x'\]",
    ),
    "a header over 10,000 bytes": (
        lambda: np.zeros(1, [(f"field_{n}", "f8") for n in range(1000)]),
        NotSerializableError,
        "1000 fields",
    ),
    "2^40 elements of nothing": (
        lambda: np.lib.stride_tricks.as_strided(_field("V0"), (2**40,), (0,)),
        NotSerializableError,
        "zero bytes",
    ),
    "not an array": (lambda: [1, 2], LossyConversionError, "list"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_array_that_would_change_is_refused(name):
    """What npy cannot keep is refused by name, before a file is begun."""
    make, error, words = REFUSED[name]
    files = MemoryFiles()

    with pytest.raises(error, match=words) as caught:
        ARRAYS.save_files(make(), files)

    assert caught.value.hint
    assert files.names() == files.unfinished() == ()


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="numpy 2 has it")
def test_strings_of_variable_width_are_refused():
    """StringDType is refused by name, with the dtype that works instead."""
    array = np.array(["a"], np.dtypes.StringDType())

    with pytest.raises(NotSerializableError, match="StringDType") as caught:
        ARRAYS.save_files(array, MemoryFiles())

    assert "astype(str)" in caught.value.hint


def test_memmap_is_refused(tmp_path):
    """A memmap, which would come back as an ndarray, is refused with what to do."""
    array = np.memmap(tmp_path / "data", "f8", "w+", shape=(3,))

    with pytest.raises(LossyConversionError, match="memmap") as caught:
        ARRAYS.save_files(array, MemoryFiles())

    assert "asarray" in caught.value.hint


def test_order_is_kept(round_trip):
    """Fortran order stays Fortran order, C order stays C order."""
    array = np.arange(6.0).reshape(2, 3)

    c, f = round_trip(ARRAYS, array), round_trip(ARRAYS, np.asfortranarray(array))

    assert c.flags.c_contiguous
    assert f.flags.f_contiguous
    assert not f.flags.c_contiguous


def test_loaded_array_is_writable_and_private(tmp_path):
    """Writing to a loaded array works, even of a read-only one, and changes no file."""
    array = np.arange(3.0)
    array.flags.writeable = False
    files = FolderFiles(tmp_path)
    ARRAYS.save_files(array, files)

    loaded = ARRAYS.load_files(files, np.ndarray)
    loaded[:] = 9

    assert ARRAYS.equal(ARRAYS.load_files(files, np.ndarray), array)


def test_array_in_read_only_memory_is_copied():
    """A record's own bytes are read-only; the array from them is writable all the same."""

    class Record(MemoryFiles):
        def buffer(self, name):
            return memoryview(self.content(name))

    files = Record()
    ARRAYS.save_files(np.arange(3.0), files)

    loaded = ARRAYS.load_files(files, np.ndarray)
    loaded[0] = 7

    assert loaded.flags.writeable
    assert ARRAYS.load_files(files, np.ndarray)[0] == 0


def test_load_is_a_view_of_the_map(tmp_path):
    """Nothing is copied on load: the array lies in the mapped file."""
    files = FolderFiles(tmp_path)
    ARRAYS.save_files(np.arange(1_000_000.0), files)

    tracemalloc.start()
    loaded = ARRAYS.load_files(files, np.ndarray)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 200_000
    assert isinstance(loaded.base, mmap.mmap)
    assert loaded.ctypes.data % 64 == 0


class _Counting(MemoryFiles):
    """A writer that keeps nothing but the sizes of what is written."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def open(self, name):
        return self

    def write(self, data):
        self.sizes.append(len(data))
        return len(data)

    def tell(self):
        return sum(self.sizes)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


@pytest.mark.parametrize("order", ["C", "F"])
def test_contiguous_array_is_written_in_one_piece_uncopied(order):
    """The data of a contiguous array is one write of its own memory."""
    array = np.zeros((1024, 1024), order=order)
    files = _Counting()

    tracemalloc.start()
    ARRAYS.save_files(array, files)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert files.sizes[1:] == [array.nbytes]
    assert peak < 100_000


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::-1],
        lambda a: a[:, ::2],
        lambda a: a.reshape(2, -1)[:, ::-1],
        lambda a: np.broadcast_to(a[0, 0], (20_000_000,)),
    ],
)
def test_strided_array_is_written_in_bounded_memory(view):
    """A view is copied 8 MiB at a time, however large it is."""
    array = view(np.zeros((1000, 20_000)))
    files = _Counting()

    tracemalloc.start()
    ARRAYS.save_files(array, files)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(files.sizes[1:]) == array.nbytes
    assert peak < 32 * MIB


def test_more_than_2_to_the_31_elements_load(tmp_path):
    """An array of over 2^31 elements is written in one piece and mapped back (J18)."""
    array = np.zeros(2**31 + 10, "u1")  # pages of zeros that nobody touches
    counting = _Counting()
    ARRAYS.save_files(array, counting)
    assert counting.sizes[1:] == [array.nbytes]

    head = MemoryFiles()
    ARRAYS.save_files(np.zeros(2**17, "u1"), head)
    header = head.content("array.npy")[:128].replace(b"131072", str(array.size).encode())
    header = header[:124].rstrip().ljust(127) + b"\n"
    with (tmp_path / "array.npy").open("wb") as file:
        file.write(header)
        file.truncate(128 + array.nbytes)
    loaded = ARRAYS.load_files(FolderFiles(tmp_path), np.ndarray)

    assert loaded.size == array.size
    assert loaded[-1] == 0


def test_padding_does_not_reach_the_store():
    """Equal structures give equal bytes, whatever lay in their padding."""
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    dirty = np.full(2 * dtype.itemsize, 0xEE, "u1").view(dtype)
    clean = np.zeros(2, dtype)
    clean["a"], clean["b"] = dirty["a"], dirty["b"]
    files = MemoryFiles(), MemoryFiles()

    ARRAYS.save_files(dirty, files[0])
    ARRAYS.save_files(clean, files[1])

    assert dirty.tobytes() != clean.tobytes()  # the control: the padding differs
    assert files[0].digests() == files[1].digests()


def test_rows_of_an_array(tmp_path):
    """A selection of rows is a view of them; the others stay unread."""
    files = FolderFiles(tmp_path)
    array = np.arange(40.0).reshape(10, 4)
    ARRAYS.save_files(array, files)

    for rows in (slice(2, 5), slice(None, None, -3), slice(8, 100), slice(5, 2)):
        part = ARRAYS.load_part(files, np.ndarray, rows=rows)

        assert np.array_equal(part, array[rows])
        assert isinstance(part.base, np.ndarray | memoryview)


def test_rows_of_a_0_d_array_are_refused():
    """There are no rows in an array without dimensions, and the error says so."""
    files = MemoryFiles()
    ARRAYS.save_files(np.array(1), files)

    with pytest.raises(LoadFailedError, match="0 dimensions"):
        ARRAYS.load_part(files, np.ndarray, rows=slice(1))


def test_folder_and_direct_io_give_the_same_files(tmp_path):
    """`save` and `load` with a path do what the direct way does."""
    array, files = np.arange(5), MemoryFiles()
    ARRAYS.save(array, tmp_path)
    ARRAYS.save_files(array, files)

    assert (tmp_path / "array.npy").read_bytes() == files.content("array.npy")
    assert ARRAYS.equal(ARRAYS.load(tmp_path, np.ndarray), array)
