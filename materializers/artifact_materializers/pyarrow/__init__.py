"""Materializers of pyarrow: tables, batches, arrays, scalars, schemas.

table.py     Table: whole, by columns or rows, or as a stream; Arrow IPC or Parquet
batch.py     RecordBatch
array.py     Array and ChunkedArray of every class, and scalars
schema.py    Schema, Field, DataType
ipc.py       Arrow IPC files and streams, written without copying and mapped back
zeros.py     dictionaries that differ in the sign of a zero
stream.py    streams of tables and batches, with exact chunk boundaries
parquet.py   Parquet, checked before it is written
equality.py  equal by type and value, NaN equal to itself
summary.py   describe and preview from a bounded sample
"""

from __future__ import annotations

from artifact_plugins import MaterializerOffer, hookimpl

_HERE = "artifact_materializers.pyarrow"

_OFFERS = (
    MaterializerOffer(
        key="pyarrow.table",
        target=f"{_HERE}.table:TableMaterializer",
        types=("pyarrow:Table",),
        format="arrow/1",
        reads=("parquet/1",),
    ),
    MaterializerOffer(
        key="pyarrow.batch",
        target=f"{_HERE}.batch:BatchMaterializer",
        types=("pyarrow:RecordBatch",),
        format="arrow/1",
        reads=("parquet/1",),
    ),
    MaterializerOffer(
        key="pyarrow.array",
        target=f"{_HERE}.array:ArrayMaterializer",
        types=("pyarrow:Array", "pyarrow:ChunkedArray"),
        format="arrow/1",
        keeps_subclasses=True,
    ),
    MaterializerOffer(
        key="pyarrow.scalar",
        target=f"{_HERE}.array:ScalarMaterializer",
        types=("pyarrow:Scalar",),
        format="arrow/1",
        keeps_subclasses=True,
    ),
    MaterializerOffer(
        key="pyarrow.schema",
        target=f"{_HERE}.schema:SchemaMaterializer",
        types=("pyarrow:Schema", "pyarrow:Field", "pyarrow:DataType"),
        format="arrow-schema/1",
        keeps_subclasses=True,
    ),
)


@hookimpl
def register_materializers() -> tuple[MaterializerOffer, ...]:
    """Offer the materializers of Arrow values; imports no pyarrow."""
    return _OFFERS
