"""pandas arrays of times with zones, periods, and numbers with a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from .encoded import Encoded
from .memory import Memory
from .plain import (
    NAT,
    bitmap_of,
    decode_numpy,
    encode_numpy,
    expect_type,
    fixed,
    null_mask,
    ticks_of,
)
from .refusal import Refused
from .zones import arrow_zone, decode_zone, encode_zone


def encode_zoned(values: Any) -> Encoded:
    """Return an array of times with a zone: UTC ticks, the zone in the specification."""
    dtype = values.dtype
    spec = {"is": "zoned", "unit": dtype.unit, "zone": encode_zone(dtype.tz)}
    ticks = values.view(f"M8[{dtype.unit}]")
    ticks = ticks if isinstance(ticks, np.ndarray) else ticks.to_numpy()
    bitmap = bitmap_of(ticks.view(np.int64) != NAT)
    return fixed(ticks, pa.timestamp(dtype.unit, arrow_zone(dtype.tz)), spec, bitmap)


def decode_zoned(spec: Any, array: Any, memory: Memory) -> Any:
    """Return the array that `encode_zoned` took."""
    unit = spec["unit"]
    ticks = ticks_of(array, f"M8[{unit}]", memory)
    dtype = pd.DatetimeTZDtype(unit, decode_zone(spec["zone"]))
    return pd.array(ticks, dtype=ticks.dtype, copy=False).view(dtype)


def encode_period(values: Any) -> Encoded:
    """Return an array of periods: their ordinals."""
    freq = str(values.dtype)[len("period[") : -1]
    if pd.PeriodDtype(freq) != values.dtype:
        raise Refused(f"period frequency {freq!r} cannot be rebuilt from its alias")
    ordinals = values.asi8
    return fixed(ordinals, pa.int64(), {"is": "period", "freq": freq}, bitmap_of(ordinals != NAT))


def decode_period(spec: Any, array: Any, memory: Memory) -> Any:
    """Return the array that `encode_period` took."""
    expect_type(array, pa.int64())
    ordinals = ticks_of(array, np.int64, memory)
    return pd.arrays.PeriodArray(ordinals, dtype=pd.PeriodDtype(spec["freq"]), copy=False)


def encode_masked(values: Any) -> Encoded:
    """Return an Int64, Float32, boolean, ... array: values and validity."""
    # The public way to the parts copies both; these names hold since pandas 1.0.
    data, mask = values._data, values._mask
    bitmap = bitmap_of(~mask)
    if bitmap is not None:
        # What lies under a missing value is no part of the value.
        data = np.where(mask, data.dtype.type(0), data)
    plain = encode_numpy(data)
    spec = {"is": "masked", "dtype": str(values.dtype), "of": plain.spec}
    if plain.strided is not None:
        return Encoded(spec, plain.type, None, plain.strided, bitmap)
    buffer = plain.array.buffers()[1]
    array = pa.Array.from_buffers(plain.type, len(values), [bitmap, buffer], -1 if bitmap else 0)
    return Encoded(spec, plain.type, array)


def decode_masked(spec: Any, array: Any, memory: Memory) -> Any:
    """Return the array that `encode_masked` took."""
    data = decode_numpy(np.dtype(spec["of"]), array, memory)
    mask = null_mask(array)
    if data.dtype.kind == "b":
        found: Any = pd.arrays.BooleanArray(data, mask)
    elif data.dtype.kind == "f":
        found = pd.arrays.FloatingArray(data, mask)
    else:
        found = pd.arrays.IntegerArray(data, mask)
    if str(found.dtype) != spec["dtype"]:
        raise ValueError(f"a column of dtype {spec['dtype']!r} holds {found.dtype}")
    return found
