"""Metadata of frames and series from a bounded sample; never fails, never reads it all."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from .columns import array_of

FULL_ROWS = 100_000
SAMPLED_ROWS = 10_000
MAX_COLUMNS = 50


def describe_frame(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what a listing shows of a frame, as JSON.

    Returns:
        `rows`, `column_count`, `bytes` (without the objects that an object
        column points to) and `columns`: for the first 50, `dtype`,
        `null_count` and, where they exist, `min`, `max` and `mean`. Above
        100,000 rows these come from every n-th row, and `sampled_rows` says
        how many that were.
    """
    found: dict[str, Any] = {"rows": len(frame), "column_count": frame.shape[1]}
    step = _step(len(frame), found)
    size_bytes = _index_size(frame.index)
    columns: dict[str, Any] = {}
    for number, (label, series) in enumerate(islice(frame.items(), MAX_COLUMNS)):
        name = _text(label)
        values = array_of(series)
        size_bytes += _size(values)
        columns[f"{name} ({number})" if name in columns else name] = _column(values[::step])
    if frame.shape[1] > MAX_COLUMNS:
        counts = frame.dtypes.iloc[MAX_COLUMNS:].value_counts().items()
        widths = sum(getattr(dtype, "itemsize", 8) * count for dtype, count in counts)
        size_bytes += int(widths) * len(frame)
    return found | {"bytes": size_bytes, "columns": columns}


def describe_series(series: pd.Series[Any] | pd.Index[Any]) -> dict[str, Any]:
    """Return rows, bytes, dtype, null count and range of a series or flat index, as JSON."""
    values = array_of(series)
    found: dict[str, Any] = {"rows": len(series), "bytes": _size(values)}
    if isinstance(series, pd.Series):
        found["bytes"] += _index_size(series.index)
    return found | _column(values[:: _step(len(series), found)])


def _index_size(index: pd.Index[Any]) -> int:
    if isinstance(index, pd.RangeIndex | pd.MultiIndex):
        return int(index.nbytes)
    return _size(array_of(index))


def _size(values: Any) -> int:
    try:
        if isinstance(values, pd.Categorical):
            # Their own sum warns when the categories have a time zone.
            return int(values.codes.nbytes) + _index_size(values.categories)
        return int(values.nbytes)
    except Exception:  # noqa: BLE001  # a foreign array may raise anything
        return 0


def _step(rows: int, found: dict[str, Any]) -> int:
    if rows <= FULL_ROWS:
        return 1
    step = -(-rows // SAMPLED_ROWS)
    found["sampled_rows"] = -(-rows // step)
    return step


def _column(values: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"dtype": _text(values.dtype)}
    try:
        nulls: Any = pd.isna(values)
        found["null_count"] = int(nulls.sum())
        if isinstance(values.dtype, pd.CategoricalDtype):
            found["categories"] = len(values.dtype.categories)
        else:
            found |= _range(values, nulls)
    except Exception:  # noqa: BLE001  # a description must never fail a save, whatever an element does
        return found
    return found


def _range(values: Any, nulls: Any) -> dict[str, Any]:
    kind = getattr(values.dtype, "kind", "O")
    if kind not in "iufmMb" or nulls.all():
        return {}
    if not isinstance(values, np.ndarray):
        found = {"min": _json(values._reduce("min")), "max": _json(values._reduce("max"))}
        return found | ({"mean": _json(values._reduce("mean"))} if kind in "iufb" else {})
    values = values[~nulls] if kind in "fmM" else values
    low, high = values.min(), values.max()
    if kind in "mM":
        box: Any = pd.Timestamp if kind == "M" else pd.Timedelta
        return {"min": _json(box(low)), "max": _json(box(high))}
    with np.errstate(over="ignore", invalid="ignore"):
        # A mean of float16 overflows in its own type.
        mean = values.mean(dtype=np.float64)
    return {"min": _json(low), "max": _json(high), "mean": _json(mean)}


def _json(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _text(value)


def _text(value: object) -> str:
    text = str(value)[:100]
    return text if text.isprintable() else ascii(text)[1:-1][:100]
