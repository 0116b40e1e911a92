"""Tables of other writers as frames: what pyarrow makes of them, without rounded integers."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

_EXACT = 2**53
"""From here on float64 has no place for every integer."""
_NULLABLE: dict[Any, Any] = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}


def foreign_frame(table: Any) -> pd.DataFrame:
    """Return what `table.to_pandas()` gives.

    pyarrow makes floats of integers with nulls. Where that would round one,
    the column becomes `Int64` or `UInt64` instead.
    """
    frame: pd.DataFrame = table.to_pandas()
    if frame.shape[1] != table.num_columns:
        return frame  # pandas metadata makes some of the columns the index
    for number, column in enumerate(table.columns):
        if _is_rounded(column) and frame.dtypes.iloc[number].kind == "f":
            frame.isetitem(number, column.to_pandas(types_mapper=_NULLABLE.get).array)
    return frame


def _is_rounded(column: Any) -> bool:
    if column.type not in _NULLABLE or not column.null_count:
        return False
    # Late: costs 30 ms, and only integers with nulls need it.
    import pyarrow.compute as pc

    found = pc.min_max(column).as_py()
    return found["min"] is not None and (found["min"] < -_EXACT or found["max"] > _EXACT)
