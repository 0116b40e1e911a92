"""Makers of pandas series and frames: put together anew from their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from artifact_materializers.pickle.safe.indexes import check_column, check_label
from artifact_materializers.pickle.safe.makers import (
    Draft,
    Inner,
    Maker,
    inner,
    is_int,
    need,
    refuse,
    state_of,
)

_STATE = {"_mgr", "_typ", "_metadata", "attrs", "_flags"}
_MAX_COLUMNS = 100_000
# What a column of a frame costs besides its cells.
_COLUMN_LEAVES = 50


def _block(values: Any, placement: Any, ndim: Any) -> Inner:
    need(ndim == 2, "a block of other dimensions")
    need(isinstance(values, np.ndarray | pd.api.extensions.ExtensionArray), "a block of no array")
    places = _positions(placement)
    count = 1 if values.ndim == 1 else values.shape[0]
    need(values.ndim in (1, 2) and count == len(places), "a block of another shape")
    return Inner("block", (values, places), leaves=count * _COLUMN_LEAVES)


def _positions(placement: Any) -> Sequence[int]:
    if type(placement) is slice:
        bounds = (placement.start, placement.stop, placement.step)
        need(all(is_int(bound) and 0 <= bound <= _MAX_COLUMNS for bound in bounds), "a place")
        return range(*bounds)
    need(isinstance(placement, np.ndarray) and placement.dtype.kind == "i", "a place of a block")
    need(placement.ndim == 1 and len(placement) <= _MAX_COLUMNS, "a place of a block")
    return [int(place) for place in placement]


def _block_manager(blocks: Any, axes: Any) -> Inner:
    need(isinstance(blocks, tuple) and type(axes) is list and len(axes) == 2, "such blocks")
    names, index = axes
    need(isinstance(names, pd.Index) and isinstance(index, pd.Index), "axes that are no indexes")
    columns: dict[int, Any] = {}
    for block in blocks:
        values, places = inner(block, "block")
        for place, column in zip(places, _columns(values), strict=True):
            need(len(column) == len(index), "a column of another length")
            columns[place] = column
    need(len(names) <= _MAX_COLUMNS, "too many columns")
    need(sorted(columns) == list(range(len(names))), "columns at other places than there are")
    return Inner("columns", (names, index, columns), leaves=len(names) * _COLUMN_LEAVES)


def _columns(values: Any) -> list[Any]:
    columns = list(values) if values.ndim == 2 else [values]
    for column in columns[:1]:
        check_column(column)
    return columns


def _single_block_manager() -> Draft:
    def finish(state: Any) -> Inner:
        need(type(state) is tuple and len(state) >= 2, "the state of a series")
        axes, blocks = state[0], state[1]
        need(type(axes) is list and type(blocks) is list, "the state of a series")
        need(len(axes) == 1 and len(blocks) == 1 and isinstance(axes[0], pd.Index), "such a series")
        check_column(blocks[0])
        need(len(blocks[0]) == len(axes[0]), "a series of another length")
        return Inner("column", (axes[0], blocks[0]))

    return Draft(finish)


def _data_frame() -> Draft:
    def finish(state: Any) -> Any:
        given = state_of(state, needed=_STATE)
        names, index, columns = inner(given["_mgr"], "columns")
        need(given["_typ"] == "dataframe" and given["_metadata"] == [], "a frame of another kind")
        series = {place: _series_of(columns[place], index) for place in range(len(names))}
        frame = pd.DataFrame(series, index=index, copy=False)
        frame.columns = names
        return _labelled(frame, given)

    return Draft(finish)


def _series() -> Draft:
    def finish(state: Any) -> Any:
        given = state_of(state, needed=_STATE | {"_name"})
        index, values = inner(given["_mgr"], "column")
        need(given["_typ"] == "series" and given["_metadata"] == ["_name"], "such a series")
        check_label(given["_name"])
        series = _series_of(values, index)
        series.name = given["_name"]
        return _labelled(series, given)

    return Draft(finish)


def _series_of(values: Any, index: Any) -> Any:
    # The dtype is said, so that nothing is inferred from objects.
    return pd.Series(values, index=index, dtype=values.dtype, copy=False)


def _labelled(found: Any, given: dict[str, Any]) -> Any:
    attrs, flags = given["attrs"], given["_flags"]
    if type(attrs) is not dict or type(flags) is not dict:
        refuse("attrs that are no dict")
    need(set(flags) == {"allows_duplicate_labels"}, "such flags")
    allows = flags["allows_duplicate_labels"]
    need(type(allows) is bool, "such flags")
    found.attrs = attrs
    if not allows:
        found.flags.allows_duplicate_labels = False
    return found


BLOCK = Maker("_unpickle_block", call=_block)
BLOCK_MANAGER = Maker("BlockManager", call=_block_manager)
SINGLE_BLOCK_MANAGER = Maker("SingleBlockManager", new=_single_block_manager)
DATA_FRAME = Maker("DataFrame", new=_data_frame)
SERIES = Maker("Series", new=_series)
