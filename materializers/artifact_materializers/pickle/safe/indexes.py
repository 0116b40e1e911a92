"""Makers of pandas indexes and scalars, through their public constructors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from artifact_materializers.pickle.safe.makers import Maker, is_int, need, refuse, state_of
from artifact_materializers.pickle.safe.plain import check_zone

# The numbers of numpy's time units, as pandas pickles them.
_UNITS = {7: "s", 8: "ms", 9: "us", 10: "ns"}
_LABELS = (str, bytes, int, float, bool, tuple, type(None))
# What pandas has columns of without making other objects of the items.
_KINDS = "biufcmMO"
_MAX_LEVELS = 1_000_000
_MAX_ROWS = 2**31
_CLOSED = ("left", "right", "both", "neither")


def _new_index(cls: Any, given: Any) -> Any:
    if not isinstance(cls, Maker) or cls.of not in _INDEXES:
        refuse("an index of another class")
    make, needed, allowed = _INDEXES[cls.of]
    return make(**state_of(given, needed=needed, allowed=allowed))


def check_label(label: Any) -> None:
    """Refuse the name of an index or column that is no plain label.

    Raises:
        UnsafeFormatError: It is none.
    """
    need(type(label) in _LABELS or isinstance(label, np.generic | pd.Timestamp), "such a label")


def check_column(values: Any) -> None:
    """Refuse what is no array of one dimension.

    Raises:
        UnsafeFormatError: It is none.
    """
    is_array = isinstance(values, np.ndarray | pd.api.extensions.ExtensionArray)
    need(is_array and values.ndim == 1, "a column of another shape")
    if isinstance(values, np.ndarray):
        need(values.dtype.kind in _KINDS, "a column of another kind")


def check_levels(levels: Any) -> None:
    """Refuse an index whose values would be many more than the bytes it has.

    Raises:
        UnsafeFormatError: It is a long range, or no index.
    """
    need(isinstance(levels, pd.Index), "levels that are no index")
    need(not isinstance(levels, pd.RangeIndex) or len(levels) <= _MAX_LEVELS, "too many levels")


def _index(data: Any, name: Any) -> pd.Index[Any]:
    check_column(data)
    check_label(name)
    index: pd.Index[Any] = pd.Index(data, dtype=data.dtype, name=name, copy=False)
    return index


def _range_index(start: Any, stop: Any, step: Any, name: Any) -> pd.RangeIndex:
    need(is_int(start) and is_int(stop) and is_int(step), "a RangeIndex of no ints")
    check_label(name)
    need(step != 0 and len(range(start, stop, step)) <= _MAX_ROWS, "a RangeIndex of such bounds")
    return pd.RangeIndex(start, stop, step, name=name)


def _multi_index(levels: Any, codes: Any, names: Any, sortorder: Any = None) -> pd.MultiIndex:
    for items in (levels, codes, names):
        need(type(items) in (list, tuple), "a MultiIndex of no lists")
    for level in levels:
        check_levels(level)
    for column in codes:
        need(isinstance(column, np.ndarray) and column.dtype.kind == "i", "such codes")
        check_column(column)
    for name in names:
        check_label(name)
    need(sortorder is None or is_int(sortorder), "a MultiIndex of this order")
    return pd.MultiIndex(
        levels=levels, codes=codes, names=names, sortorder=sortorder, verify_integrity=True
    )


def _datetime_index(data: Any, name: Any, freq: Any = None) -> pd.DatetimeIndex:
    need(isinstance(data, pd.arrays.DatetimeArray), "a DatetimeIndex of other data")
    _check_times(data, name, freq)
    return pd.DatetimeIndex(data, name=name, freq=freq)


def _timedelta_index(data: Any, name: Any, freq: Any = None) -> pd.TimedeltaIndex:
    need(isinstance(data, pd.arrays.TimedeltaArray), "a TimedeltaIndex of other data")
    _check_times(data, name, freq)
    return pd.TimedeltaIndex(data, name=name, freq=freq)


def _check_times(data: Any, name: Any, freq: Any) -> None:
    check_column(data)
    check_label(name)
    need(freq is None or isinstance(freq, _TICKS), "an index of this frequency")


def _period_index(data: Any, name: Any) -> pd.PeriodIndex:
    need(isinstance(data, pd.arrays.PeriodArray), "a PeriodIndex of other data")
    check_column(data)
    check_label(name)
    return pd.PeriodIndex(data, name=name)


def _interval_index(left: Any, right: Any, closed: Any, name: Any) -> pd.IntervalIndex:
    check_levels(left)
    check_levels(right)
    need(type(closed) is str and closed in _CLOSED, "an IntervalIndex closed this way")
    check_label(name)
    return pd.IntervalIndex.from_arrays(left, right, closed=closed, name=name)


def _categorical_index(data: Any, name: Any) -> pd.CategoricalIndex:
    need(isinstance(data, pd.Categorical), "a CategoricalIndex of other data")
    check_label(name)
    return pd.CategoricalIndex(data, name=name)


def _timestamp(value: Any, freq: Any, zone: Any, unit: Any) -> Any:
    need(is_int(value) and freq is None and unit in _UNITS, "a Timestamp of such parts")
    check_zone(zone)
    found = pd.Timestamp(_count(np.datetime64, value, unit))
    return found if zone is None else found.tz_localize("UTC").tz_convert(zone)


def _timedelta(value: Any, unit: Any) -> Any:
    need(is_int(value) and unit in _UNITS, "a Timedelta of such parts")
    return pd.Timedelta(_count(np.timedelta64, value, unit))


def _count(cls: Any, value: int, unit: int) -> Any:
    return cls(value, _UNITS[unit])


def _nat(nothing: Any) -> Any:
    need(nothing is None, "a NaT made from something")
    return pd.NaT


def _period(value: Any, freq: Any, ordinal: Any) -> Any:
    need(value is None and isinstance(freq, _TICKS) and is_int(ordinal), "a Period of such parts")
    return pd.Period(ordinal=ordinal, freq=freq)


def _interval(left: Any, right: Any, closed: Any) -> Any:
    plain = (int, float, pd.Timestamp, pd.Timedelta)
    need(type(left) in plain and type(right) in plain, "an Interval of such ends")
    need(type(closed) is str and closed in _CLOSED, "an Interval closed this way")
    return pd.Interval(left, right, closed=closed)


def _tick(name: str) -> Maker:
    cls = getattr(pd.offsets, name)

    def call(count: Any, normalize: Any = False) -> Any:
        need(is_int(count) and normalize is False, "an offset of such parts")
        return cls(count)

    return Maker(name, call=call)


_TICK_NAMES = ("Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano")
_TICKS = tuple(getattr(pd.offsets, name) for name in _TICK_NAMES)
DAY, HOUR, MINUTE, SECOND, MILLI, MICRO, NANO = map(_tick, _TICK_NAMES)

INDEX = Maker("Index", of="Index")
RANGE_INDEX = Maker("RangeIndex", of="RangeIndex")
MULTI_INDEX = Maker("MultiIndex", of="MultiIndex")
DATETIME_INDEX = Maker("DatetimeIndex", of="DatetimeIndex")
TIMEDELTA_INDEX = Maker("TimedeltaIndex", of="TimedeltaIndex")
PERIOD_INDEX = Maker("PeriodIndex", of="PeriodIndex")
INTERVAL_INDEX = Maker("IntervalIndex", of="IntervalIndex")
CATEGORICAL_INDEX = Maker("CategoricalIndex", of="CategoricalIndex")
NEW_INDEX = Maker("_new_Index", call=_new_index)

# What makes an index, the keys of its state, and those that may be missing.
_INDEXES: dict[Any, tuple[Callable[..., Any], set[str], set[str]]] = {
    "Index": (_index, {"data", "name"}, set()),
    "RangeIndex": (_range_index, {"name", "start", "stop", "step"}, set()),
    "MultiIndex": (_multi_index, {"levels", "codes", "names"}, {"sortorder"}),
    "DatetimeIndex": (_datetime_index, {"data", "name"}, {"freq"}),
    "TimedeltaIndex": (_timedelta_index, {"data", "name"}, {"freq"}),
    "PeriodIndex": (_period_index, {"data", "name"}, set()),
    "IntervalIndex": (_interval_index, {"left", "right", "closed", "name"}, set()),
    "CategoricalIndex": (_categorical_index, {"data", "name"}, set()),
}

TIMESTAMP = Maker("Timestamp", call=_timestamp)
TIMEDELTA = Maker("Timedelta", call=_timedelta)
NAT = Maker("NaT", call=_nat)
PERIOD = Maker("Period", call=_period)
INTERVAL = Maker("Interval", call=_interval)
NA = pd.NA
