"""The list: exact pairs of module and name that a pickle may hold, and who stands for each."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any, Final

from artifact_materializers.pickle.safe.makers import refuse

# By module of this package, so that nothing is imported for what is not named.
_PLAIN = {
    ("builtins", "bool"): "BOOL",
    ("builtins", "int"): "INT",
    ("builtins", "float"): "FLOAT",
    ("builtins", "str"): "STR",
    ("builtins", "bytes"): "BYTES",
    ("builtins", "list"): "LIST",
    ("builtins", "tuple"): "TUPLE",
    ("builtins", "dict"): "DICT",
    ("builtins", "set"): "SET",
    ("builtins", "complex"): "COMPLEX",
    ("builtins", "range"): "RANGE",
    ("builtins", "slice"): "SLICE",
    ("builtins", "bytearray"): "BYTEARRAY",
    ("builtins", "Ellipsis"): "ELLIPSIS",
    ("builtins", "NotImplemented"): "NOT_IMPLEMENTED",
    ("collections", "OrderedDict"): "ORDERED_DICT",
    ("collections", "defaultdict"): "DEFAULTDICT",
    ("collections", "Counter"): "COUNTER",
    ("collections", "deque"): "DEQUE",
    ("datetime", "date"): "DATE",
    ("datetime", "datetime"): "DATETIME",
    ("datetime", "time"): "TIME",
    ("datetime", "timedelta"): "TIMEDELTA",
    ("datetime", "timezone"): "TIMEZONE",
    ("decimal", "Decimal"): "DECIMAL",
    ("fractions", "Fraction"): "FRACTION",
    ("uuid", "UUID"): "UUID",
}
# numpy 2 renamed its core.
_ARRAYS = {
    ("numpy", "dtype"): "DTYPE",
    ("numpy", "ndarray"): "NDARRAY",
    **{
        (f"numpy.{core}.{module}", name): maker
        for core in ("core", "_core")
        for module, name, maker in (
            ("numeric", "_frombuffer", "FROMBUFFER"),
            ("multiarray", "_reconstruct", "RECONSTRUCT"),
            ("multiarray", "scalar", "SCALAR"),
        )
    },
}
_INDEXES = {
    ("pandas.core.indexes.base", "_new_Index"): "NEW_INDEX",
    ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"): "NEW_INDEX",
    ("pandas.core.indexes.timedeltas", "_new_TimedeltaIndex"): "NEW_INDEX",
    ("pandas.core.indexes.interval", "_new_IntervalIndex"): "NEW_INDEX",
    ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"): "TIMESTAMP",
    ("pandas._libs.tslibs.timedeltas", "_timedelta_unpickle"): "TIMEDELTA",
    ("pandas._libs.tslibs.nattype", "_nat_unpickle"): "NAT",
    **{
        ("pandas._libs.tslibs.offsets", name): name.upper()
        for name in ("Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano")
    },
}
_COLUMNS = {
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): "BACKED",
}
_FRAMES = {
    ("pandas._libs.internals", "_unpickle_block"): "BLOCK",
    ("pandas.core.internals.managers", "BlockManager"): "BLOCK_MANAGER",
    ("pandas.core.internals.managers", "SingleBlockManager"): "SINGLE_BLOCK_MANAGER",
}
_TEXTS = {
    ("pyarrow.lib", "_restore_array"): "RESTORE_ARRAY",
    ("pyarrow.lib", "type_for_alias"): "TYPE_FOR_ALIAS",
    ("pyarrow.lib", "py_buffer"): "PY_BUFFER",
}
# pandas 3 says `pandas` where pandas 2 says in which file a class is.
_MOVED = (
    ("indexes", "pandas.core.indexes.base", "Index", "INDEX"),
    ("indexes", "pandas.core.indexes.range", "RangeIndex", "RANGE_INDEX"),
    ("indexes", "pandas.core.indexes.multi", "MultiIndex", "MULTI_INDEX"),
    ("indexes", "pandas.core.indexes.datetimes", "DatetimeIndex", "DATETIME_INDEX"),
    ("indexes", "pandas.core.indexes.timedeltas", "TimedeltaIndex", "TIMEDELTA_INDEX"),
    ("indexes", "pandas.core.indexes.period", "PeriodIndex", "PERIOD_INDEX"),
    ("indexes", "pandas.core.indexes.interval", "IntervalIndex", "INTERVAL_INDEX"),
    ("indexes", "pandas.core.indexes.category", "CategoricalIndex", "CATEGORICAL_INDEX"),
    ("indexes", "pandas._libs.tslibs.period", "Period", "PERIOD"),
    ("indexes", "pandas._libs.interval", "Interval", "INTERVAL"),
    ("indexes", "pandas._libs.missing", "NA", "NA"),
    ("columns", "pandas.core.arrays.categorical", "Categorical", "CATEGORICAL"),
    ("columns", "pandas.core.arrays.datetimes", "DatetimeArray", "DATETIME_ARRAY"),
    ("columns", "pandas.core.arrays.timedeltas", "TimedeltaArray", "TIMEDELTA_ARRAY"),
    ("columns", "pandas.core.arrays.period", "PeriodArray", "PERIOD_ARRAY"),
    ("columns", "pandas.core.arrays.string_", "StringArray", "STRING_ARRAY"),
    ("columns", "pandas.core.arrays.integer", "IntegerArray", "INTEGER_ARRAY"),
    ("columns", "pandas.core.arrays.floating", "FloatingArray", "FLOATING_ARRAY"),
    ("columns", "pandas.core.arrays.boolean", "BooleanArray", "BOOLEAN_ARRAY"),
    ("columns", "pandas.core.arrays.boolean", "BooleanDtype", "BOOLEAN_DTYPE"),
    ("columns", "pandas.core.arrays.string_", "StringDtype", "STRING_DTYPE"),
    ("columns", "pandas.core.arrays.string_arrow", "ArrowStringArray", "ARROW_STRING_ARRAY"),
    ("columns", "pandas.core.dtypes.dtypes", "CategoricalDtype", "CATEGORICAL_DTYPE"),
    ("columns", "pandas.core.dtypes.dtypes", "DatetimeTZDtype", "DATETIME_TZ_DTYPE"),
    ("columns", "pandas.core.dtypes.dtypes", "PeriodDtype", "PERIOD_DTYPE"),
    *(
        ("columns", f"pandas.core.arrays.{module}", f"{name}Dtype", name.upper())
        for module, names in (
            ("integer", "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64"),
            ("floating", "Float32 Float64"),
        )
        for name in names.split()
    ),
    ("frames", "pandas.core.frame", "DataFrame", "DATA_FRAME"),
    ("frames", "pandas.core.series", "Series", "SERIES"),
)

LISTED: Final[dict[tuple[str, str], tuple[str, str]]] = {
    **{
        pair: (group, maker)
        for group, table in (
            ("plain", _PLAIN),
            ("arrays", _ARRAYS),
            ("indexes", _INDEXES),
            ("columns", _COLUMNS),
            ("frames", _FRAMES),
            ("texts", _TEXTS),
        )
        for pair, maker in table.items()
    },
    **{
        (module, name): (group, maker)
        for group, old, name, maker in _MOVED
        for module in (old, "pandas", "pandas.arrays")
    },
}


@lru_cache(maxsize=256)
def stand_in(module: str, name: str) -> Any:
    """Return the maker or the constant that stands for a name of the list.

    Raises:
        UnsafeFormatError: The name is not on the list, or its library is not installed.
    """
    found = LISTED.get((module, name))
    if found is None:
        refuse(f"the name {module[:100]}.{name[:100]}")
    group, maker = found
    try:
        # Late: numpy, pandas and pyarrow are imported for pickles that name them.
        return getattr(
            importlib.import_module(f"artifact_materializers.pickle.safe.{group}"), maker
        )
    except ImportError:
        refuse(f"the name {module}.{name}, whose library is not installed")
