"""Metadata of frames and series from a bounded sample; never fails, never reads it all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

FULL_ROWS = 100_000
SAMPLED_ROWS = 10_000
MAX_COLUMNS = 50
_COUNTED_COLUMNS = 500


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
    found["bytes"] = _bytes(frame)
    sample = frame.iloc[:, :MAX_COLUMNS] if frame.shape[1] > MAX_COLUMNS else frame
    if len(frame) > FULL_ROWS:
        sample = sample.iloc[:: -(-len(frame) // SAMPLED_ROWS)]
        found["sampled_rows"] = len(sample)
    columns: dict[str, Any] = {}
    for number, (label, series) in enumerate(sample.items()):
        name = _text(label)
        columns[f"{name} ({number})" if name in columns else name] = _column(series)
    return found | {"columns": columns}


def describe_series(series: pd.Series[Any]) -> dict[str, Any]:
    """Return rows, bytes, dtype, null count and range of a series, as JSON."""
    found: dict[str, Any] = {"rows": len(series), "bytes": int(series.memory_usage(deep=False))}
    sample = series
    if len(series) > FULL_ROWS:
        sample = series.iloc[:: -(-len(series) // SAMPLED_ROWS)]
        found["sampled_rows"] = len(sample)
    return found | _column(sample)


def _bytes(frame: pd.DataFrame) -> int:
    index = int(frame.index.memory_usage(deep=False))
    if frame.shape[1] <= _COUNTED_COLUMNS:
        # With index=True pandas joins its labels, which fails on lone surrogates.
        return index + int(frame.memory_usage(index=False, deep=False).sum())
    sizes = ((getattr(dtype, "itemsize", 8), n) for dtype, n in frame.dtypes.value_counts().items())
    return index + int(sum(size * count for size, count in sizes)) * len(frame)


def _column(series: pd.Series[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"dtype": _text(series.dtype)}
    try:
        nulls = series.isna().to_numpy()
        found["null_count"] = int(nulls.sum())
        if isinstance(series.dtype, pd.CategoricalDtype):
            found["categories"] = len(series.dtype.categories)
        else:
            found |= _range(series, nulls)
    except Exception:  # a description must never fail a save, whatever an element does
        return found
    return found


def _range(series: pd.Series[Any], nulls: np.ndarray[Any, Any]) -> dict[str, Any]:
    dtype: Any = series.dtype
    if dtype.kind not in "iufmMb" or nulls.all():
        return {}
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        values: Any = series.to_numpy()
        values = values[~nulls] if dtype.kind == "f" else values
        with np.errstate(over="ignore", invalid="ignore"):
            # A mean of float16 overflows in its own type.
            mean = values.mean(dtype=np.float64)
        return {"min": _json(values.min()), "max": _json(values.max()), "mean": _json(mean)}
    found = {"min": _json(series.min()), "max": _json(series.max())}
    return found | ({"mean": _json(series.mean())} if dtype.kind in "iufb" else {})


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
