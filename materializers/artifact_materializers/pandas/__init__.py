"""Materializers of pandas: frames, series, indexes and scalars, exact or refused.

frame.py       FrameMaterializer: DataFrame as one Arrow IPC or Parquet file
series.py      SeriesMaterializer, IndexMaterializer
scalar.py      ScalarMaterializer: Timestamp, Timedelta, Period, Interval, NaT, NA, offsets
base.py        what the materializers of one Arrow file share
stream.py      chunks of one streamed frame
table.py       a frame, series or index as named Arrow columns and a sidecar, and back
axes.py        an index as columns and a specification
columns.py     one array or flat index as an Arrow array and a specification
plain.py       numpy arrays
extensions.py  times with zones, periods, masked numbers
text.py        string and Arrow dtypes
objects.py     object columns, element by element
tagged.py      one Python, numpy or pandas value as JSON that keeps its type
zones.py       time zones and offsets as JSON
encoded.py     Encoded: a column on its way to a file
ipc.py         Arrow IPC files written without a copy
parquet.py     Parquet files
foreign.py     tables of other writers as frames
source.py      a stored table opened for reading, whole or in part
memory.py      writable views into the bytes of a file
equality.py    strict equality
describe.py    metadata from a bounded sample
preview.py     the head as Markdown
refusal.py     how a part says that a value is not kept
"""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins import MaterializerOffer, hookimpl

_HERE = "artifact_materializers.pandas"


@hookimpl
def register_materializers() -> Sequence[MaterializerOffer]:
    """Offer the pandas types; imports no pandas."""
    return (
        MaterializerOffer(
            key="pandas.frame",
            target=f"{_HERE}.frame:FrameMaterializer",
            types=("pandas:DataFrame",),
            format="arrow/1",
            reads=("parquet/1",),
        ),
        MaterializerOffer(
            key="pandas.series",
            target=f"{_HERE}.series:SeriesMaterializer",
            types=("pandas:Series",),
            format="arrow/1",
        ),
        MaterializerOffer(
            key="pandas.index",
            target=f"{_HERE}.series:IndexMaterializer",
            types=(
                "pandas:Index",
                "pandas:RangeIndex",
                "pandas:DatetimeIndex",
                "pandas:TimedeltaIndex",
                "pandas:PeriodIndex",
                "pandas:IntervalIndex",
                "pandas:CategoricalIndex",
                "pandas:MultiIndex",
            ),
            format="arrow/1",
        ),
        MaterializerOffer(
            key="pandas.scalar",
            target=f"{_HERE}.scalar:ScalarMaterializer",
            types=(
                "pandas:Timestamp",
                "pandas:Timedelta",
                "pandas:Period",
                "pandas:Interval",
                "pandas.api.typing:NaTType",
                "pandas.api.typing:NAType",
            ),
            format="pandas-scalar/1",
        ),
        MaterializerOffer(
            key="pandas.offset",
            target=f"{_HERE}.scalar:ScalarMaterializer",
            types=("pandas._libs.tslibs.offsets:BaseOffset",),
            format="pandas-scalar/1",
            keeps_subclasses=True,
        ),
    )
