"""Headers from elsewhere: read when they are npy, refused by name when they are not."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from artifact_materializers.numpy.array import ArrayMaterializer
from artifact_materializers.numpy.npy import read_array
from artifact_plugins.errors import LoadFailedError, ResourceLimitError, UnsafeFormatError
from artifact_plugins.testing import MemoryFiles

MAGIC = b"\x93NUMPY"


def _file(text, payload=b"", version=(1, 0)):
    raw = text.encode("latin-1") if isinstance(text, str) else text
    width = 2 if version == (1, 0) else 4
    return MAGIC + bytes(version) + len(raw).to_bytes(width, "little") + raw + payload


def _header(descr="'<f8'", order="False", shape="(2,)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


DAMAGED = {
    "I27 0 bytes": b"",
    "a few bytes of magic": MAGIC[:4],
    "magic alone": MAGIC + b"\x01\x00",
    "E4 a pickle": pickle.dumps([1, 2, 3]),
    "E4 a zip": b"PK\x03\x04" + bytes(100),
    "version 9": _file(_header(), bytes(16), (9, 0)),
    "cut in the header": _file(_header())[:30],
    "not a literal": _file("__import__('os').getpid()\n"),
    "a call in the dict": _file(_header(shape="tuple([2])"), bytes(16)),
    "not a dict": _file("[1]\n"),
    "a missing key": _file("{'descr': '<f8', 'shape': (2,)}\n", bytes(16)),
    "one key too many": _file(_header()[:-3] + "'more': 1}\n", bytes(16)),
    "shape is a list": _file(_header(shape="[2]"), bytes(16)),
    "a negative size": _file(_header(shape="(-2,)"), bytes(16)),
    "a bool as a size": _file(_header(shape="(True,)"), bytes(8)),
    "order is a number": _file(_header(order="1"), bytes(16)),
    "descr is no dtype": _file(_header("'nothing'"), bytes(16)),
    "descr is a number": _file(_header("7"), bytes(16)),
    "65 dimensions": _file(_header(shape="(" + "1," * 65 + ")"), bytes(8)),
    "deep nesting": _file("(" * 4000 + ")" * 4000),
    "bytes that are no text": _file(b"\xff\xfe{}\n", version=(3, 0)),
    "bytes behind the array": _file(_header(), bytes(24)),
    "a comment that is no dtype": _file(_header() + "# dtype: {'names': 3}\n", bytes(16)),
    "sizes over 64 bits": _file(_header(shape=f"(0, {2**70})")),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_file_is_a_named_error(name):
    """Whatever is wrong with a file, LoadFailedError says so."""
    with pytest.raises(LoadFailedError, match=r"array\.npy"):
        read_array(memoryview(bytearray(DAMAGED[name])), "array.npy")


TOO_LARGE = {
    "F21 10^13 numbers": _file(_header(shape="(10000000000000,)"), bytes(16)),
    "F21 10^10 elements of nothing": _file(_header("'|V0'", shape="(10000000000,)")),
    "F21 elements of 2 GB": _file(_header("'|V2000000000'", shape="(3,)"), bytes(16)),
    "sizes whose product is over 64 bits": _file(_header(shape=f"({2**40}, {2**40})"), bytes(16)),
    "one number short": _file(_header(), bytes(8)),
    "header of 20,000 bytes": _file(_header() + " " * 20_000, bytes(16)),
    "header of 4 GB": MAGIC + b"\x02\x00" + b"\xff" * 4,
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_claim_over_the_size_of_the_file_is_refused(name):
    """Shape and header length are held against the file before anything is allocated."""
    with pytest.raises(ResourceLimitError, match=r"array\.npy"):
        read_array(memoryview(bytearray(TOO_LARGE[name])), "array.npy")


def test_matching_sizes_load():
    """The control: the same header with its 16 bytes is an array."""
    array = read_array(memoryview(bytearray(_file(_header(), bytes(16)))), "array.npy")

    assert array.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [object, [("a", "i4"), ("b", "O")]])
def test_pickled_objects_are_not_unpickled(dtype):
    """E5: an array of objects is refused as unsafe, not executed."""
    file = io.BytesIO()
    np.save(file, np.zeros(2, dtype), allow_pickle=True)

    with pytest.raises(UnsafeFormatError, match="pickled"):
        read_array(memoryview(bytearray(file.getvalue())), "array.npy")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.ones(2, [("a", "i4"), ("b", ">f8")]),
        np.array(["a", "bc"]),
    ],
)
def test_numpy_reads_what_we_write_and_the_other_way_round(array):
    """`numpy.load` reads our files, and we read those of `numpy.save`."""
    files, theirs = MemoryFiles(), io.BytesIO()
    ArrayMaterializer().save_files(array, files)
    np.save(theirs, array)

    loaded = np.load(io.BytesIO(files.content("array.npy")))
    read = read_array(memoryview(bytearray(theirs.getvalue())), "array.npy")

    assert loaded.dtype == read.dtype == array.dtype
    assert np.array_equal(loaded, array)
    assert np.array_equal(read, array)


def test_numpy_reads_a_file_with_a_comment():
    """A dtype that `descr` cannot hold is in a comment, which `numpy.load` passes over."""
    array = np.ones(2, np.dtype([("a", "i1"), ("b", "f8")], align=True))
    files = MemoryFiles()
    ArrayMaterializer().save_files(array, files)

    loaded = np.load(io.BytesIO(files.content("array.npy")))

    assert b"# dtype:" in files.content("array.npy")
    assert loaded.tolist() == array.tolist()


def test_header_version_2_and_3_are_read():
    """Longer and UTF-8 headers, which other writers use, are read too."""
    two = _file(_header(), bytes(16), (2, 0))
    three = _file(_header("[('é', '<f8')]").encode(), bytes(16), (3, 0))

    assert read_array(memoryview(bytearray(two)), "array.npy").size == 2
    assert read_array(memoryview(bytearray(three)), "array.npy").dtype.names == ("é",)
