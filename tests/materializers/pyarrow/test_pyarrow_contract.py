"""The pyarrow materializers pass the contract tests that every author inherits."""

from __future__ import annotations

import pyarrow as pa

from artifact_materializers.pyarrow import register_materializers
from artifact_materializers.pyarrow.array import ArrayMaterializer, ScalarMaterializer
from artifact_materializers.pyarrow.batch import BatchMaterializer
from artifact_materializers.pyarrow.schema import SchemaMaterializer
from artifact_materializers.pyarrow.table import TableMaterializer
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.testing import MaterializerContract

NAN = float("nan")


class TestTable(MaterializerContract):
    materializer = TableMaterializer

    def values(self):
        return [
            pa.table({"a": list(range(10_000)), "s": ["x", None] * 5_000}),
            pa.table({"f": [1.5, NAN, None], "l": [[1], None, []]}),
            pa.table({"d": pa.array(["x", "y"]).dictionary_encode()}),
            pa.table({"a": pa.chunked_array([[1], [2]])}).replace_schema_metadata({"m": "n"}),
            pa.table({"a": [1, 2]}).select([]),
        ]


class TestParquetTable(MaterializerContract):
    materializer = TableMaterializer
    options = {"format": "parquet"}

    def values(self):
        return [
            pa.table({"a": list(range(10_000)), "s": ["x", None] * 5_000}),
            pa.table({"f": [1.5, NAN, None], "t": pa.array([1, 2, 3], pa.timestamp("s"))}),
        ]

    def refused(self):
        return [pa.table({"d": pa.array(["x", "y"]).dictionary_encode()})]


class TestBatch(MaterializerContract):
    materializer = BatchMaterializer

    def values(self):
        return [pa.RecordBatch.from_pydict({"a": [1.5, NAN, None]})]


class TestArray(MaterializerContract):
    materializer = ArrayMaterializer

    def values(self):
        return [
            pa.array([1, None]),
            pa.array([{"a": NAN}]),
            pa.chunked_array([["a"], [], ["b", None]]),
            pa.array(["x"]).dictionary_encode(),
        ]


class TestScalar(MaterializerContract):
    materializer = ScalarMaterializer

    def values(self):
        return [pa.scalar(1), pa.scalar(NAN), pa.scalar(None), pa.scalar([1, 2]), pa.scalar("é")]


class TestSchema(MaterializerContract):
    materializer = SchemaMaterializer

    def values(self):
        return [
            pa.schema([pa.field("a", pa.int8(), nullable=False)], metadata={"m": "n"}),
            pa.schema([]),
            pa.field("a", pa.list_(pa.string()), metadata={"k": "v"}),
            pa.timestamp("ns", "UTC"),
        ]


def test_offers_agree_with_their_classes():
    """Every offer names a class that exists and writes the format the offer says."""
    for offer in register_materializers():
        materializer = load_target(offer.target)

        assert materializer.format == offer.format
        assert set(offer.reads) <= {*materializer.reads, materializer.format}
        assert materializer.exact
