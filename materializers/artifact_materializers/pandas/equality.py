"""Strict equality of frames, series and indexes.

Two values are the same when they would be stored as the same bytes: types,
dtypes, categories, time zones, freq, names, attrs, flags, which kind of
missing value stands where, and the bits of every float.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from artifact_plugins.errors import ArtifactPluginsError

from .encoded import Encoded
from .table import Encoding, encode_axis, encode_frame, encode_series


def same_frame(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """Tell whether two frames are the same."""
    if type(left) is not type(right) or left.shape != right.shape:
        return False
    try:
        return _same(encode_frame(left), encode_frame(right)) and _same_axes(left, right)
    except ArtifactPluginsError:
        return bool(left.equals(right)) and same_extras(left, right)


def same_series(left: pd.Series[Any], right: pd.Series[Any]) -> bool:
    """Tell whether two series are the same."""
    if type(left) is not type(right) or len(left) != len(right):
        return False
    try:
        return _same(encode_series(left), encode_series(right)) and _same_axes(left, right)
    except ArtifactPluginsError:
        return bool(left.equals(right)) and left.name == right.name and same_extras(left, right)


def same_index(left: pd.Index[Any], right: pd.Index[Any]) -> bool:
    """Tell whether two indexes are the same."""
    if type(left) is not type(right) or len(left) != len(right):
        return False
    if isinstance(left, pd.MultiIndex) and isinstance(right, pd.MultiIndex):
        # One index can have several pairs of levels and codes: compare what it shows.
        return left.nlevels == right.nlevels and all(
            same_index(left.get_level_values(n), right.get_level_values(n))
            for n in range(left.nlevels)
        )
    try:
        return _same(encode_axis(left), encode_axis(right))
    except ArtifactPluginsError:
        return bool(left.identical(right))


def same_extras(left: Any, right: Any) -> bool:
    """Tell whether attrs and flags of two frames or series are the same."""
    flags = left.flags.allows_duplicate_labels == right.flags.allows_duplicate_labels
    return bool(flags and left.attrs == right.attrs)


def _same_axes(left: Any, right: Any) -> bool:
    return all(same_index(a, b) for a, b in zip(left.axes, right.axes, strict=True))


_AXES = ("index", "labels")  # compared as indexes, not as stored


def _same(left: Encoding, right: Encoding) -> bool:
    count = len(left.sidecar["columns"]) or len(left.columns)
    others = [{k: v for k, v in e.sidecar.items() if k not in _AXES} for e in (left, right)]
    if left.sidecar["is"] == "index":
        others = [left.sidecar, right.sidecar]
    if left.names[:count] != right.names[:count] or others[0] != others[1]:
        return False
    pairs = zip(left.columns[:count], right.columns[:count], strict=True)
    return all(_same_column(a, b) for a, b in pairs)


def _same_column(left: Encoded, right: Encoded) -> bool:
    # The names of list items show in the text of a type, not in its ==.
    if left.type != right.type or str(left.type) != str(right.type) or left.spec != right.spec:
        return False
    return same_array(left.arrow(), right.arrow())


def same_array(left: Any, right: Any) -> bool:
    """Tell whether two Arrow arrays hold the same values, NaN by its bits."""
    kind = left.type
    if kind != right.type or len(left) != len(right) or left.null_count != right.null_count:
        return False
    if pa.types.is_floating(kind):
        whole = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[kind.bit_width]
        return bool(left.view(whole).equals(right.view(whole)))
    if pa.types.is_dictionary(kind):
        codes = same_array(left.indices, right.indices)
        return codes and same_array(left.dictionary, right.dictionary)
    if pa.types.is_struct(kind):
        sides = zip(left.flatten(), right.flatten(), strict=True)
        return bool(left.is_valid().equals(right.is_valid())) and all(
            same_array(a, b) for a, b in sides
        )
    if pa.types.is_fixed_size_list(kind) and not left.null_count:
        return same_array(left.flatten(), right.flatten())
    if left.equals(right):
        return True
    # NaN inside of lists and maps is unequal to itself; its text is not.
    return bool(kind.num_fields) and _texts(left) == _texts(right)


def _texts(array: Any) -> list[str]:
    return [repr(item) for item in array.to_pylist()]
