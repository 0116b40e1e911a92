"""What Arrow itself takes for equal, drops or crashes on."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest

from artifact_materializers.pyarrow.array import ArrayMaterializer
from artifact_materializers.pyarrow.batch import BatchMaterializer
from artifact_materializers.pyarrow.equality import is_same_array
from artifact_materializers.pyarrow.schema import SchemaMaterializer
from artifact_materializers.pyarrow.table import TableMaterializer
from artifact_plugins.errors import LossyConversionError
from artifact_plugins.testing import MemoryFiles


def coded(*values: float) -> pa.Array:
    return pa.DictionaryArray.from_arrays(list(range(len(values))), pa.array(values))


WRAPS = {
    "plain": lambda array: array,
    "list": lambda array: pa.ListArray.from_arrays([0, len(array)], array),
    "struct": lambda array: pa.StructArray.from_arrays([array], ["f"]),
    "map": lambda array: pa.MapArray.from_arrays([0, 1], ["k"], array),
    "fixed list": lambda array: pa.FixedSizeListArray.from_arrays(array, 1),
}


def stream(*tables: pa.Table) -> None:
    writer = TableMaterializer().open_stream(tables[0], MemoryFiles())
    for table in tables:
        writer.write(table)
    writer.close()


@pytest.mark.parametrize("name", WRAPS)
def test_another_zero_in_a_dictionary_stops_a_stream(name):
    """Dictionaries that differ in the sign of a zero are refused, equal ones are not."""
    plus, minus = (pa.table({"x": WRAPS[name](coded(zero))}) for zero in (0.0, -0.0))
    stream(plus, plus)
    stream(minus, minus)

    with pytest.raises(LossyConversionError, match="sign of a zero"):
        stream(plus, minus)


def test_another_zero_in_a_nested_dictionary_stops_a_save():
    """The chunks of one column are looked at too."""
    chunks = [WRAPS["list"](coded(zero)) for zero in (0.0, -0.0)]
    table = pa.table({"x": pa.chunked_array(chunks)})

    with pytest.raises(LossyConversionError, match="sign of a zero"):
        TableMaterializer().save_files(table, MemoryFiles())


@pytest.mark.parametrize("name", WRAPS)
def test_zeros_of_different_sign_are_not_the_same(name):
    """Our comparison tells 0.0 from -0.0, alone and inside of other types."""
    plus, minus = (WRAPS[name](pa.array([zero])) for zero in (0.0, -0.0))

    assert is_same_array(plus, plus)
    assert not is_same_array(plus, minus)


@pytest.mark.parametrize("key", ["artifact_plugins.pandas", "artifact_plugins.extensions"])
@pytest.mark.parametrize(
    ("materializer", "make"),
    [
        (TableMaterializer(), lambda: pa.table({"a": [1]})),
        (BatchMaterializer(), lambda: pa.record_batch({"a": [1]})),
        (SchemaMaterializer(), lambda: pa.schema([pa.field("a", pa.int8())])),
    ],
    ids=["table", "batch", "schema"],
)
def test_metadata_that_loading_takes_out_is_refused(materializer, make, key):
    """Keys that stored files use for themselves cannot be saved and then be missing."""
    value = make()
    change = getattr(value, "replace_schema_metadata", None) or value.with_metadata
    materializer.save_files(change({"other": "kept"}), MemoryFiles())

    with pytest.raises(LossyConversionError, match=key):
        materializer.save_files(change({key: "[]"}), MemoryFiles())


def test_table_of_extensions_has_no_metadata_afterwards():
    """A table without metadata comes back without, though its file names the types."""
    table = pa.table({"a": pa.array([b"x" * 16], pa.uuid())})
    files = MemoryFiles()
    TableMaterializer().save_files(table, files)

    assert TableMaterializer().load_files(files, pa.Table).schema.metadata is None


CRASH = """
import pyarrow as pa
from artifact_materializers.pyarrow.array import ArrayMaterializer
from artifact_materializers.pyarrow.table import TableMaterializer
union = pa.UnionArray.from_dense(
    pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["a"])]
)
for array in (union[:0], union[2:], pa.StructArray.from_arrays([union], ["f"])[:0]):
    assert ArrayMaterializer().describe(array)["bytes"] >= 0
    assert TableMaterializer().describe(pa.table({"x": array}))["bytes"] >= 0
"""


def test_empty_dense_union_is_described():
    """Describing an empty slice of a dense union does not end the process."""
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()


def test_union_is_described_in_bytes():
    """A union has a size like any other array (negative control)."""
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])

    assert ArrayMaterializer().describe(union)["bytes"] > 0
