"""Makers of pandas extension arrays and their dtypes, through constructors that check codes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from artifact_materializers.pickle.safe.indexes import check_column, check_levels
from artifact_materializers.pickle.safe.makers import Draft, Maker, inner, need, refuse, state_of
from artifact_materializers.pickle.safe.plain import check_zone

MASKED_DTYPES = [
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Float32",
    "Float64",
]
_TIME_UNITS = ("s", "ms", "us", "ns")
_SIDE = {"_cache", "_readonly"}
_PERIOD = re.compile(r"period\[-?[A-Za-z0-9-]{1,20}\]")


def _backed(cls: Any, checksum: Any, state: Any) -> Draft:
    need(isinstance(cls, Maker) and cls.of in _BACKED and state is None, "such an extension array")
    need(type(checksum) is int, "such an extension array")
    make = _BACKED[cls.of]

    def finish(given: Any) -> Any:
        need(type(given) is tuple and len(given) in (2, 3), "the state of an extension array")
        dtype, values = given[:2]
        need(isinstance(values, np.ndarray), "an extension array of no array")
        return _marked(make(dtype, values), given[2] if len(given) == 3 else {})

    return Draft(finish)


def _datetime_array(dtype: Any, values: Any) -> Any:
    unit = dtype.unit if type(dtype) is pd.DatetimeTZDtype else None
    need(values.dtype == (dtype if unit is None else np.dtype(f"M8[{unit}]")), "other times")
    return _times(pd.arrays.DatetimeArray, "M", dtype, values)


def _timedelta_array(dtype: Any, values: Any) -> Any:
    need(values.dtype == dtype, "other times")
    return _times(pd.arrays.TimedeltaArray, "m", dtype, values)


def _times(cls: Any, kind: str, dtype: Any, values: Any) -> Any:
    # Byte orders and units that pandas has no code for are refused.
    need(values.dtype.kind == kind and values.dtype.isnative, "times of another kind")
    need(
        np.datetime_data(values.dtype) in [(unit, 1) for unit in _TIME_UNITS], "times of this unit"
    )
    need(values.ndim in (1, 2), "times of this shape")
    return cls._simple_new(values, dtype=dtype)


def _period_array(dtype: Any, values: Any) -> Any:
    need(type(dtype) is pd.PeriodDtype and values.dtype == np.int64, "such periods")
    check_column(values)
    return pd.arrays.PeriodArray(values, dtype=dtype)


def _categorical(dtype: Any, values: Any) -> Any:
    need(type(dtype) is pd.CategoricalDtype and values.dtype.kind == "i", "such categories")
    check_column(values)
    return pd.Categorical.from_codes(values, dtype=dtype)  # looks at every code


def _string_array(dtype: Any, values: Any) -> Any:
    need(type(dtype) is pd.StringDtype and dtype.storage == "python", "such strings")
    need(values.dtype == object, "strings of no objects")
    check_column(values)
    missing = dtype.na_value
    for item in values:
        is_nan = type(item) is float and item != item
        need(type(item) is str or item is missing or item is None or is_nan, "no string")
    return dtype.construct_array_type()._from_sequence(values, dtype=dtype)


def _masked(cls: Any) -> Any:
    def finish(state: Any) -> Any:
        given = state_of(state, needed={"_data", "_mask"}, allowed={"_dtype", *_SIDE})
        data, mask = given["_data"], given["_mask"]
        need(isinstance(data, np.ndarray) and isinstance(mask, np.ndarray), "no masked array")
        need(data.ndim == 1 and data.shape == mask.shape, "a masked array of other shapes")
        return _marked(cls(data, mask), given)

    return lambda: Draft(finish)


def _arrow_strings() -> Draft:
    def finish(state: Any) -> Any:
        given = state_of(state, needed={"_pa_array", "_dtype"}, allowed=_SIDE)
        array, dtype = inner(given["_pa_array"], "Arrow array"), given["_dtype"]
        need(type(dtype) is pd.StringDtype and dtype.storage == "pyarrow", "such strings")
        return _marked(dtype.construct_array_type()._from_sequence(array, dtype=dtype), given)

    return Draft(finish)


def _marked(found: Any, given: Any) -> Any:
    """Return an extension array that is read-only if the saved one was."""
    is_readonly = given.get("_readonly", False) if type(given) is dict else None
    need(type(is_readonly) is bool, "the state of an extension array")
    if is_readonly:
        found._readonly = True
    return found


def _categorical_dtype() -> Draft:
    def finish(state: Any) -> Any:
        given = state_of(state, needed={"categories", "ordered"})
        categories, ordered = given["categories"], given["ordered"]
        if categories is not None:
            check_levels(categories)
        need(ordered is None or type(ordered) is bool, "categories in such an order")
        return pd.CategoricalDtype(categories, ordered=ordered)

    return Draft(finish)


def _datetime_tz_dtype() -> Draft:
    def finish(state: Any) -> Any:
        given = state_of(state, needed={"unit", "tz"})
        need(given["unit"] in _TIME_UNITS and given["tz"] is not None, "such a time dtype")
        check_zone(given["tz"])
        return pd.DatetimeTZDtype(given["unit"], given["tz"])

    return Draft(finish)


def _period_dtype(text: Any) -> Any:
    if type(text) is not str or not _PERIOD.fullmatch(text):
        refuse("such a period")
    return pd.PeriodDtype(text[len("period[") : -1])


def _string_dtype(storage: Any, *missing: Any) -> Any:
    need(storage in ("python", "pyarrow") and len(missing) <= 1, "such a string dtype")
    if not missing or missing[0] is pd.NA:
        return pd.StringDtype(storage)
    need(type(missing[0]) is float and missing[0] != missing[0], "such a string dtype")
    return pd.StringDtype(storage, na_value=np.nan)


_BACKED = {
    "DatetimeArray": _datetime_array,
    "TimedeltaArray": _timedelta_array,
    "PeriodArray": _period_array,
    "Categorical": _categorical,
    "StringArray": _string_array,
}
BACKED = Maker("__pyx_unpickle_NDArrayBacked", call=_backed)
DATETIME_ARRAY, TIMEDELTA_ARRAY, PERIOD_ARRAY, CATEGORICAL, STRING_ARRAY = (
    Maker(name, of=name) for name in _BACKED
)
INTEGER_ARRAY = Maker("IntegerArray", new=_masked(pd.arrays.IntegerArray))
FLOATING_ARRAY = Maker("FloatingArray", new=_masked(pd.arrays.FloatingArray))
BOOLEAN_ARRAY = Maker("BooleanArray", new=_masked(pd.arrays.BooleanArray))
ARROW_STRING_ARRAY = Maker("ArrowStringArray", new=_arrow_strings)
INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, FLOAT32, FLOAT64 = (
    Maker(f"{name}Dtype", new=getattr(pd, f"{name}Dtype"), is_stateless=True)
    for name in MASKED_DTYPES
)
BOOLEAN_DTYPE = Maker("BooleanDtype", new=pd.BooleanDtype, is_stateless=True)
STRING_DTYPE = Maker("StringDtype", call=_string_dtype)
CATEGORICAL_DTYPE = Maker("CategoricalDtype", new=_categorical_dtype)
DATETIME_TZ_DTYPE = Maker("DatetimeTZDtype", new=_datetime_tz_dtype)
PERIOD_DTYPE = Maker("PeriodDtype", call=_period_dtype)
