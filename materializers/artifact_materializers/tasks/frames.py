"""Where two DataFrames differ, down to dtypes, labels and the kind of missing value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def frame_difference(saved: pd.DataFrame, loaded: pd.DataFrame) -> str | None:
    """Say where a loaded frame differs from the saved one; None when it does not.

    Returns:
        A phrase that names the column, the index or what else differs.
    """
    if saved.shape != loaded.shape:
        return f"{saved.shape[0]} rows and {saved.shape[1]} columns come back as {loaded.shape}"
    found = _index_difference("the column labels", saved.columns, loaded.columns)
    found = found or _index_difference("the index", saved.index, loaded.index)
    if found is not None:
        return found
    for number, label in enumerate(saved.columns):
        why = _column_difference(saved.iloc[:, number], loaded.iloc[:, number])
        if why is not None:
            return f"column {label!r} {why}"
    if saved.attrs != loaded.attrs:
        return f"attrs {saved.attrs!r:.200} come back as {loaded.attrs!r:.200}"
    if saved.flags.allows_duplicate_labels != loaded.flags.allows_duplicate_labels:
        return "the flag allows_duplicate_labels is lost"
    return None


def _index_difference(what: str, saved: pd.Index[Any], loaded: pd.Index[Any]) -> str | None:
    if type(saved) is not type(loaded) or saved.dtype != loaded.dtype:
        return (
            f"{what} of {type(saved).__name__}[{saved.dtype}] come back as "
            f"{type(loaded).__name__}[{loaded.dtype}]"
        )
    if list(saved.names) != list(loaded.names):
        return f"the names {list(saved.names)} of {what} come back as {list(loaded.names)}"
    if isinstance(saved, pd.MultiIndex) and isinstance(loaded, pd.MultiIndex):
        for level in range(saved.nlevels):
            left, right = saved.get_level_values(level), loaded.get_level_values(level)
            found = _index_difference(f"level {level} of {what}", left, right)
            if found is not None:
                return found
        return None
    if getattr(saved, "freq", None) != getattr(loaded, "freq", None):
        return f"the freq of {what} is lost"
    if isinstance(saved, pd.RangeIndex) and isinstance(loaded, pd.RangeIndex):
        same = (saved.start, saved.stop, saved.step) == (loaded.start, loaded.stop, loaded.step)
        return None if same else f"{what} {saved} come back as {loaded}"
    return _array_difference(saved.array, loaded.array) and f"{what} come back with other values"


def _column_difference(saved: pd.Series[Any], loaded: pd.Series[Any]) -> str | None:
    if saved.dtype != loaded.dtype:
        return f"of {saved.dtype} comes back as {loaded.dtype}"
    # Unordered categories are equal in any order, but their codes are not.
    if isinstance(saved.dtype, pd.CategoricalDtype) and not saved.cat.categories.equals(
        loaded.cat.categories
    ):
        return "comes back with other categories"
    return _array_difference(saved.array, loaded.array)


def _array_difference(saved: Any, loaded: Any) -> str | None:
    if saved.dtype == object:
        pairs = zip(saved, loaded, strict=True)
        for row, (left, right) in enumerate(pairs):
            if not _same_object(left, right):
                return f"comes back with {right!r:.60} for {left!r:.60} in row {row}"
        return None
    if isinstance(saved.dtype, np.dtype):
        left, right = np.asarray(saved), np.asarray(loaded)
        same = np.array_equal(left, right, equal_nan=left.dtype.kind in "fcmM")
        if same and left.dtype.kind == "f":  # 0.0 equals -0.0
            same = bool((np.signbit(left) == np.signbit(right))[~np.isnan(left)].all())
        return None if same else "comes back with other values"
    return None if saved.equals(loaded) else "comes back with other values"


def _same_object(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left == right or (left != left and right != right)  # NaN
    try:
        return bool(left is right or left == right)
    except Exception:  # noqa: BLE001  # a value's own `==` may raise anything
        return False
